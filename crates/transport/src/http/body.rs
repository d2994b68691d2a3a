//! The request body: a head, the segment's own frames, and a tail. Exact length, nothing copied.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::task::AtomicWaker;
use http_body::{Frame, SizeHint};

use super::{RequestBody, Tail};
use crate::{Payload, PayloadError};

/// The body of one request.
///
/// Made anew for every attempt; it is not `Clone`, so no HTTP stack can replay it behind the engine's back.
#[derive(Debug)]
pub struct Body {
    head: Bytes,
    payload: Payload,
    tail: Tail,
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
            RequestBody::Empty => (Bytes::new(), Payload::empty(), Tail::Fixed(Bytes::new())),
            RequestBody::Bytes(bytes) => (bytes, Payload::empty(), Tail::Fixed(Bytes::new())),
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
            Poll::Ready(Some(frame)) => {
                if let (Ok(frame), Tail::Computed(tail)) = (&frame, &mut this.tail) {
                    tail.update(frame);
                }
                return Poll::Ready(Some(frame.map(Frame::data)));
            }
            Poll::Ready(None) => {}
        }
        let announced = this.tail.len();
        let tail = match std::mem::replace(&mut this.tail, Tail::Fixed(Bytes::new())) {
            Tail::Fixed(bytes) => bytes,
            Tail::Computed(mut tail) => tail.finish(),
        };
        if tail.len() != announced {
            let reason = "what goes behind it is not as long as announced";
            return Poll::Ready(Some(Err(PayloadError::new(reason))));
        }
        Poll::Ready(Some(tail).filter(|tail| !tail.is_empty()).map(|tail| Ok(Frame::data(tail))))
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
    use crate::http::ComputeTail;

    fn payload() -> Payload {
        Payload::from_bytes(Bytes::from_static(b"payload"))
    }

    fn collect(body: Body) -> Result<Bytes, PayloadError> {
        futures::executor::block_on(body.collect()).map(http_body_util::Collected::to_bytes)
    }

    #[test]
    fn the_length_is_exact_and_the_order_kept() {
        let parts =
            RequestBody::Payload { head: Bytes::from_static(b"<"), tail: Bytes::from_static(b">").into() };
        let body = Body::new(parts, payload());
        assert_eq!(body.len(), 9);
        assert_eq!(http_body::Body::size_hint(&body).exact(), Some(9));
        assert_eq!(collect(body).unwrap(), "<payload>");
    }

    /// A tail that counts: as many digits as it says, or not.
    #[derive(Clone)]
    struct Counted {
        announced: usize,
        bytes: usize,
    }

    impl ComputeTail for Counted {
        fn len(&self) -> usize {
            self.announced
        }

        fn update(&mut self, frame: &[u8]) {
            self.bytes += frame.len();
        }

        fn finish(&mut self) -> Bytes {
            format!("{:04}", self.bytes).into()
        }

        fn boxed_clone(&self) -> Box<dyn ComputeTail> {
            Box::new(self.clone())
        }
    }

    fn counted(announced: usize, payload: Payload) -> Body {
        let tail = Tail::Computed(Box::new(Counted { announced, bytes: 0 }));
        Body::new(RequestBody::Payload { head: Bytes::from_static(b"<"), tail }, payload)
    }

    #[test]
    fn a_computed_tail_sees_every_frame_and_nothing_else() {
        let frames = ["pay", "load"].map(|frame| Ok(Bytes::from_static(frame.as_bytes())));
        let payload = Payload::from_frames(7, Box::pin(futures::stream::iter(frames)));
        let body = counted(4, payload);
        assert_eq!((body.len(), http_body::Body::size_hint(&body).exact()), (12, Some(12)));
        assert_eq!(collect(body).unwrap(), "<payload0007");
        assert_eq!(collect(counted(4, Payload::empty())).unwrap(), "<0000");
    }

    #[test]
    fn frames_go_by_a_computed_tail_without_a_copy() {
        let frame = Bytes::from(vec![7; 1000]);
        let home = frame.as_ptr();
        let mut body = counted(4, Payload::from_bytes(frame));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut data = || match http_body::Body::poll_frame(Pin::new(&mut body), &mut cx) {
            Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap(),
            other => panic!("{other:?}"),
        };
        assert_eq!(data(), "<");
        assert_eq!(data().as_ptr(), home);
        assert_eq!(data(), "1000");
    }

    #[test]
    fn a_computed_tail_of_another_length_than_announced_is_an_error_and_not_sent() {
        for announced in [0, 3, 5] {
            assert!(collect(counted(announced, payload())).is_err(), "{announced}");
        }
    }

    #[test]
    fn a_payload_that_ends_early_has_no_computed_tail() {
        let frames = futures::stream::iter([Ok(Bytes::from_static(b"pay"))]);
        assert!(collect(counted(4, Payload::from_frames(7, Box::pin(frames)))).is_err());
    }

    #[test]
    fn a_body_of_bytes_takes_no_payload() {
        let body = Body::new(RequestBody::Bytes(Bytes::from_static(b"{}")), payload());
        assert_eq!(collect(body).unwrap(), "{}");
    }

    #[test]
    fn held_sending_waits_and_its_end_wakes_it() {
        let mut body =
            Body::new(RequestBody::Payload { head: Bytes::new(), tail: Bytes::new().into() }, payload());
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
        let body =
            Body::new(RequestBody::Payload { head: Bytes::new(), tail: Bytes::new().into() }, payload());
        body.sending_end().end();
        assert!(collect(body).is_err());
    }
}
