//! The bytes of one Append, in frames.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::{Stream, StreamExt as _};

/// Frames of a segment, read a few ahead. Nothing is read before the first is asked for.
pub type Frames = Pin<Box<dyn Stream<Item = Result<Bytes, PayloadError>> + Send>>;

/// Why a segment's bytes could not be had. The driver tells the engine; a backend only stops sending.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the source could not be read: {reason}")]
pub struct PayloadError {
    reason: Arc<str>,
}

impl PayloadError {
    /// With a reason for people.
    pub fn new(reason: impl Into<Arc<str>>) -> Self {
        Self { reason: reason.into() }
    }
}

/// The bytes that an operation sends: their exact length, and the frames they come in.
///
/// It counts the bytes that were taken from it, so that a stall can be seen from outside. A payload that ends
/// early, or holds more than its length, fails instead of sending something else than was announced.
pub struct Payload {
    len: u64,
    left: u64,
    frames: Option<Frames>,
    before: Option<Before>,
    taken: Arc<AtomicU64>,
}

/// Gives the same bytes as the frames do, beforehand.
type Before = Box<dyn FnOnce() -> Frames + Send>;

impl Payload {
    /// Without a byte.
    pub fn empty() -> Self {
        Self { len: 0, left: 0, frames: None, before: None, taken: Arc::default() }
    }

    /// Of bytes that are in memory already, as one frame.
    pub fn from_bytes(bytes: Bytes) -> Self {
        let (len, again) = (bytes.len() as u64, bytes.clone());
        let one = |bytes| Box::pin(futures::stream::iter([Ok(bytes)])) as Frames;
        Self::from_frames(len, one(bytes)).readable_before(move || one(again))
    }

    /// Of frames that hold `len` bytes together.
    pub fn from_frames(len: u64, frames: Frames) -> Self {
        Self { len, left: len, frames: Some(frames), before: None, taken: Arc::default() }
    }

    /// The same, whose bytes can also be read before they are sent: by the frames that this gives, the same bytes.
    #[must_use]
    pub fn readable_before(mut self, frames: impl FnOnce() -> Frames + Send + 'static) -> Self {
        self.before = Some(Box::new(frames));
        self
    }

    /// Reads all of it before it is sent, for a digest that goes first. It costs a second reading and counts as nothing
    /// taken. At most once, and before the first frame.
    ///
    /// # Errors
    ///
    /// [`PayloadError`] if its bytes can't be read twice, or are not as many as announced.
    pub async fn read_before(&mut self, mut look: impl FnMut(&[u8])) -> Result<(), PayloadError> {
        if self.len == 0 {
            return Ok(());
        }
        let before = self.before.take().ok_or_else(|| PayloadError::new("it can't be read twice"))?;
        let (mut frames, mut left) = (before(), self.len);
        while let Some(frame) = frames.next().await {
            let frame = frame?;
            left = left
                .checked_sub(frame.len() as u64)
                .ok_or_else(|| PayloadError::new("it gave more bytes than announced"))?;
            look(&frame);
            // A digest of many frames that are all at hand must not hold up everybody else.
            drop(frame);
            tokio::task::yield_now().await;
        }
        if left > 0 { Err(PayloadError::new("it ended early")) } else { Ok(()) }
    }

    /// The exact number of bytes in it.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is no byte in it.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bytes have not been taken yet.
    pub const fn left(&self) -> u64 {
        self.left
    }

    /// The number of bytes taken so far, to be sampled from outside.
    ///
    /// A frame counts as taken when the *next* one is asked for (or the end): by then the wire has swallowed it.
    pub fn taken(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.taken)
    }

    /// The next frame, or `None` behind the last one.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, PayloadError>>> {
        self.taken.store(self.len - self.left, Ordering::Relaxed);
        self.before = None;
        let Some(frames) = self.frames.as_mut() else { return Poll::Ready(None) };
        if self.left == 0 {
            self.frames = None;
            return Poll::Ready(None);
        }
        let frame = match frames.as_mut().poll_next(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(frame) => frame,
        };
        let result = match frame {
            Some(Ok(frame)) if frame.len() as u64 <= self.left => {
                self.left -= frame.len() as u64;
                return Poll::Ready(Some(Ok(frame)));
            }
            Some(Ok(_)) => PayloadError::new("it gave more bytes than announced"),
            Some(Err(error)) => error,
            None => PayloadError::new("it ended early"),
        };
        self.frames = None;
        Poll::Ready(Some(Err(result)))
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload").field("len", &self.len).field("left", &self.left).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(pieces: &[&'static [u8]]) -> Frames {
        Box::pin(futures::stream::iter(pieces.iter().map(|p| Ok(Bytes::from_static(p))).collect::<Vec<_>>()))
    }

    fn next(payload: &mut Payload) -> Option<Result<Bytes, PayloadError>> {
        match payload.poll_frame(&mut Context::from_waker(std::task::Waker::noop())) {
            Poll::Ready(frame) => frame,
            Poll::Pending => panic!("these frames are always ready"),
        }
    }

    #[test]
    fn a_frame_counts_once_the_next_is_asked_for() {
        let mut payload = Payload::from_frames(5, frames(&[b"abc", b"de"]));
        let taken = payload.taken();
        assert_eq!(next(&mut payload).unwrap().unwrap(), "abc");
        assert_eq!(taken.load(Ordering::Relaxed), 0);
        assert_eq!(next(&mut payload).unwrap().unwrap(), "de");
        assert_eq!(taken.load(Ordering::Relaxed), 3);
        assert!(next(&mut payload).is_none());
        assert_eq!(taken.load(Ordering::Relaxed), 5);
    }

    #[tokio::test]
    async fn it_can_be_read_before_it_is_sent_and_that_counts_as_nothing() {
        let before = || frames(&[b"ab", b"cde"]);
        let mut payload = Payload::from_frames(5, frames(&[b"abc", b"de"])).readable_before(before);
        let mut seen = Vec::new();
        payload.read_before(|frame| seen.extend_from_slice(frame)).await.unwrap();
        assert_eq!((seen, payload.taken().load(Ordering::Relaxed)), (b"abcde".to_vec(), 0));
        assert_eq!(next(&mut payload).unwrap().unwrap(), "abc");
        for piece in [b"abc".as_slice(), b"abcdef"] {
            let mut payload = Payload::from_frames(5, frames(&[])).readable_before(move || frames(&[piece]));
            assert!(payload.read_before(|_| ()).await.is_err());
        }
        let mut once = Payload::from_frames(5, frames(&[b"abcde"]));
        assert!(once.read_before(|_| ()).await.is_err());
        assert!(Payload::empty().read_before(|_| ()).await.is_ok());
    }

    #[test]
    fn an_early_end_is_an_error_and_not_a_short_body() {
        let mut payload = Payload::from_frames(5, frames(&[b"abc"]));
        assert!(next(&mut payload).unwrap().is_ok());
        assert!(next(&mut payload).unwrap().is_err());
    }

    #[test]
    fn too_many_bytes_are_an_error_and_not_sent() {
        let mut payload = Payload::from_frames(4, frames(&[b"abc", b"de"]));
        assert!(next(&mut payload).unwrap().is_ok());
        assert!(next(&mut payload).unwrap().is_err());
        assert!(next(&mut payload).is_none());
    }
}
