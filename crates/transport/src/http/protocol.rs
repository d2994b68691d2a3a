//! The pure codec of a wire protocol.

use chunkwise_core::{Operation, Outcome, Profile, Timestamp};

use super::{Request, Response};

/// A pure codec: operation → HTTP request, HTTP response → outcome. It knows nothing of retries, time or async.
pub trait Protocol: Send + Sync {
    /// What the protocol can and cannot do for this destination.
    fn profile(&self) -> Profile;

    /// The request that performs the operation.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] if the operation can't be said in this protocol.
    fn encode(&self, operation: &Operation, context: &EncodeContext) -> Result<Request, EncodeError>;

    /// Who looks at the payload of an operation before its request goes out, for a digest of it in the request's head. The
    /// payload is read twice then: once for this, at the speed of its source, and once to be sent.
    ///
    /// Default: nobody. A digest that may go behind the payload is better off there.
    fn preview(&self, operation: &Operation) -> Option<Box<dyn Preview>> {
        let _ = operation;
        None
    }

    /// What a response means. Total: any status, headers and body give an outcome.
    ///
    /// `received_at` is the time of receipt by the [`Authorizer`](super::Authorizer)'s clock, to turn dates and resets into waits.
    fn decode(&self, operation: &Operation, response: &Response, received_at: Timestamp) -> Outcome;
}

/// Looks at a payload before it is sent.
pub trait Preview: Send {
    /// The next bytes of it, in order.
    fn bytes(&mut self, bytes: &[u8]);

    /// That was all: puts what came of it into the request.
    fn finish(self: Box<Self>, request: &mut Request);
}

/// What encoding needs and a pure codec can't make itself.
#[derive(Clone, Copy, Debug)]
pub struct EncodeContext {
    /// The wall-clock time.
    pub now: Timestamp,
    /// A number that nobody can guess, new for every request: for multipart boundaries and nonces.
    pub nonce: u128,
}

/// Why an operation can't be said in a protocol.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}")]
pub struct EncodeError {
    reason: String,
}

impl EncodeError {
    /// With a reason for people.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}
