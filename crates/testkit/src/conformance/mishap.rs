//! What goes wrong between the engine and the transport.

use bytes::Bytes;
use chunkwise_core::{
    Action, ByteRange, CredentialEpoch, Cut, Detail, Failure, NotSent, OpId, Operation, OperationKind,
    Outcome, Reply, Session, Taken,
};
use chunkwise_transport::{Payload, PayloadError, Transport};

/// What goes wrong with one operation, whatever carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mishap {
    /// Nothing of it goes out, and that is known.
    Unreachable,
    /// It never arrives, and nobody knows whether it did.
    RequestLost,
    /// It is done, and its answer is lost.
    ReplyLost,
    /// It arrives twice; what the second one is answered is heard.
    Twice,
    /// Its payload breaks off halfway.
    Cut,
    /// Before it arrives the server has forgotten its session.
    SessionForgotten,
}

impl Mishap {
    /// In a few words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "the server can't be reached",
            Self::RequestLost => "the request is lost",
            Self::ReplyLost => "the answer is lost",
            Self::Twice => "it arrives twice",
            Self::Cut => "it breaks off halfway",
            Self::SessionForgotten => "the session is forgotten",
        }
    }
}

/// A mishap, and which operation it befalls: the n-th of its kind that goes out, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strike {
    /// The kind.
    pub kind: OperationKind,
    /// Which of that kind.
    pub nth: u32,
    /// What happens to it.
    pub mishap: Mishap,
}

/// The bytes that an operation sends.
pub(super) fn bytes_of(content: &Bytes, range: Option<ByteRange>) -> Bytes {
    let index = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
    range.map_or(Bytes::new(), |range| content.slice(index(range.start())..index(range.end())))
}

/// In frames, as a driver sends them.
fn payload(bytes: &Bytes, upto: usize) -> Payload {
    if bytes.is_empty() {
        return Payload::empty();
    }
    let frames: Vec<_> =
        (0..upto).step_by(FRAME).map(|at| Ok(bytes.slice(at..upto.min(at + FRAME)))).collect();
    let broken = (upto < bytes.len()).then(|| Err(PayloadError::new("the suite breaks it off here")));
    Payload::from_frames(
        bytes.len() as u64,
        Box::pin(futures::stream::iter(frames.into_iter().chain(broken))),
    )
}

const FRAME: usize = 4 << 10;

/// Performs an operation, with what goes wrong on the way.
///
/// # Errors
///
/// What the transport did that none may do.
pub(super) async fn perform(
    transport: &dyn Transport,
    op: &Operation,
    bytes: &Bytes,
    mishap: Option<Mishap>,
) -> Result<Outcome, String> {
    let once = || transport.perform(op, payload(bytes, bytes.len()));
    Ok(match mishap {
        None => once().await,
        Some(Mishap::Unreachable) => {
            let detail = Detail::new("the suite keeps it back");
            Failure::NotSent { cause: NotSent::Unreachable, detail }.into()
        }
        Some(Mishap::RequestLost) => lost(),
        Some(Mishap::ReplyLost) => {
            once().await;
            lost()
        }
        Some(Mishap::Twice) => {
            once().await;
            once().await
        }
        Some(Mishap::Cut) if bytes.is_empty() => lost(),
        Some(Mishap::Cut) => {
            let outcome = transport.perform(op, payload(bytes, bytes.len() / 2)).await;
            if let Ok(reply) = &outcome.result {
                return Err(format!("an Append whose payload broke off was answered {}", reply.name()));
            }
            outcome
        }
        Some(Mishap::SessionForgotten) => {
            if let Some(session) = op.action.session() {
                forget(transport, session).await?;
            }
            once().await
        }
    })
}

fn lost() -> Outcome {
    Failure::Unknown { cut: Cut::Reset, detail: Detail::new("the suite loses it") }.into()
}

/// Has the server forget a session.
pub(super) async fn forget(transport: &dyn Transport, session: &Session) -> Result<(), String> {
    let mut taken = Taken::No;
    for attempt in 1..=8 {
        match abort(transport, session, attempt, &mut taken).await {
            Ok(Reply::Aborted) => return Ok(()),
            Ok(Reply::AbortPending) => {}
            other => return Err(format!("an Abort of an open session came to {other:?}")),
        }
    }
    Err("eight Aborts of an open session did not give it up".into())
}

/// One Abort, and whether it was taken, for the next.
pub(super) async fn abort(
    transport: &dyn Transport,
    session: &Session,
    attempt: u32,
    taken: &mut Taken,
) -> Result<Reply, Failure> {
    let abort = operation(attempt, Action::Abort { session: session.clone(), taken: *taken });
    let result = transport.perform(&abort, Payload::empty()).await.result;
    *taken = if result == Ok(Reply::AbortPending) { Taken::Yes } else { Taken::No };
    result
}

/// An operation of the suite's own, beside those of an upload.
pub(super) const fn operation(attempt: u32, action: Action) -> Operation {
    Operation { id: OpId::from_raw(u64::MAX), attempt, epoch: CredentialEpoch::new(0), action }
}
