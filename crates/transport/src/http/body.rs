//! The request body: a head, the segment's own frames, and a tail. Exact length, nothing copied.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::task::AtomicWaker;
use http_body::{Frame, SizeHint};

use super::RequestBody;
use crate::{Payload, PayloadError};

/// The body of one request.
///
/// Made anew for every attempt; it is not `Clone`, so no HTTP stack can replay it behind the engine's back.
#[derive(Debug)]
pub struct Body {
    head: Bytes,
    payload: Payload,
    tail: Bytes,
    end: SendingEnd,
}

/// A switch that ends the sending of a body, for backends that see an early answer: the rest of the segment is not
/// sent in vain.
///
/// It has two steps, because an HTTP stack drops its connection as soon as a body fails, and with it what it has not
/// read yet of the answer: [`hold`](Self::hold) when the head of the answer is there, [`end`](Self::end) when its
/// body is.
#[derive(Clone, Debug, Default)]
pub struct SendingEnd(Arc<Switch>);

#[derive(Debug, Default)]
struct Switch {
    step: AtomicU8,
    sender: AtomicWaker,
}

const HELD: u8 = 1;
const ENDED: u8 = 2;

impl SendingEnd {
    /// Gives no further frame; the body waits, and the connection stays for the rest of the answer.
    pub fn hold(&self) {
        self.0.step.fetch_max(HELD, Ordering::AcqRel);
    }

    /// Ends the sending: the frame that is waited for, or the next one asked for, is an error, so that the connection
    /// is dropped.
    pub fn end(&self) {
        self.0.step.store(ENDED, Ordering::Release);
        self.0.sender.wake();
    }
}

impl Body {
    /// From what a protocol encoded and the operation's payload.
    pub fn new(body: RequestBody, payload: Payload) -> Self {
        let (head, payload, tail) = match body {
            RequestBody::Empty => (Bytes::new(), Payload::empty(), Bytes::new()),
            RequestBody::Bytes(bytes) => (bytes, Payload::empty(), Bytes::new()),
            RequestBody::Payload { head, tail } => (head, payload, tail),
        };
        Self { head, payload, tail, end: SendingEnd::default() }
    }

    /// Its exact length in bytes.
    pub fn len(&self) -> u64 {
        self.head.len() as u64 + self.payload.left() + self.tail.len() as u64
    }

    /// Whether there is no byte in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The switch that ends its sending.
    pub fn sending_end(&self) -> SendingEnd {
        self.end.clone()
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = PayloadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, PayloadError>>> {
        let this = &mut *self;
        this.end.0.sender.register(cx.waker());
        match this.end.0.step.load(Ordering::Acquire) {
            ENDED => {
                let reason = "the answer came before the end of the body";
                return Poll::Ready(Some(Err(PayloadError::new(reason))));
            }
            HELD => return Poll::Pending,
            _ => {}
        }
        if !this.head.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut this.head)))));
        }
        match this.payload.poll_frame(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(frame)) => return Poll::Ready(Some(frame.map(Frame::data))),
            Poll::Ready(None) => {}
        }
        if this.tail.is_empty() {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut this.tail)))))
    }

    fn is_end_stream(&self) -> bool {
        // The payload must be asked once more after its last frame: only then does that frame count as taken.
        // Without a tail nobody would ask, so a body with a payload never says that it has ended.
        self.payload.is_empty() && self.head.is_empty() && self.tail.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len())
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    fn payload() -> Payload {
        Payload::from_bytes(Bytes::from_static(b"payload"))
    }

    fn collect(body: Body) -> Result<Bytes, PayloadError> {
        futures::executor::block_on(body.collect()).map(http_body_util::Collected::to_bytes)
    }

    #[test]
    fn the_length_is_exact_and_the_order_kept() {
        let parts = RequestBody::Payload { head: Bytes::from_static(b"<"), tail: Bytes::from_static(b">") };
        let body = Body::new(parts, payload());
        assert_eq!(body.len(), 9);
        assert_eq!(http_body::Body::size_hint(&body).exact(), Some(9));
        assert_eq!(collect(body).unwrap(), "<payload>");
    }

    #[test]
    fn a_body_of_bytes_takes_no_payload() {
        let body = Body::new(RequestBody::Bytes(Bytes::from_static(b"{}")), payload());
        assert_eq!(collect(body).unwrap(), "{}");
    }

    #[test]
    fn held_sending_waits_and_its_end_wakes_it() {
        let mut body = Body::new(RequestBody::Payload { head: Bytes::new(), tail: Bytes::new() }, payload());
        let (waker, woken) = counting_waker();
        let mut cx = Context::from_waker(&waker);
        let end = body.sending_end();
        end.hold();
        assert!(http_body::Body::poll_frame(Pin::new(&mut body), &mut cx).is_pending());
        end.end();
        assert!(woken.load(Ordering::Relaxed) > 0);
        end.hold();
        assert!(matches!(
            http_body::Body::poll_frame(Pin::new(&mut body), &mut cx),
            Poll::Ready(Some(Err(_)))
        ));
    }

    /// A waker that counts.
    fn counting_waker() -> (std::task::Waker, Arc<AtomicU8>) {
        struct Counter(Arc<AtomicU8>);
        impl std::task::Wake for Counter {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let count = Arc::<AtomicU8>::default();
        (std::task::Waker::from(Arc::new(Counter(Arc::clone(&count)))), count)
    }

    #[test]
    fn ended_sending_is_an_error() {
        let body = Body::new(RequestBody::Payload { head: Bytes::new(), tail: Bytes::new() }, payload());
        body.sending_end().end();
        assert!(collect(body).is_err());
    }
}
