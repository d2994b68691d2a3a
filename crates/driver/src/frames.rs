//! A segment's bytes as frames, within an allotment: what can be had without waiting is read as it is asked for, the rest a
//! few frames ahead on threads made for blocking.
//!
//! A hop to such a thread and back costs more than copying a frame out of the page cache does, and leaves it in another
//! core's caches. The first and the last frame of a segment take it all the same: with them goes the look whether the
//! source is still what it was.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use chunkwise_core::ByteRange;
use chunkwise_transport::{Frames, PayloadError};
use futures::Stream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::budget::{Allotment, Frame};
use crate::source::{Source, SourceError, read_exact};

/// The bytes in memory already, in slices of `frame_size` at the most.
pub(crate) fn slices(pieces: Vec<Bytes>, frame_size: usize) -> Frames {
    let mut pieces = pieces.into_iter();
    let mut bytes = Bytes::new();
    Box::pin(futures::stream::poll_fn(move |_| {
        while bytes.is_empty() {
            match pieces.next() {
                Some(next) => bytes = next,
                None => return Poll::Ready(None),
            }
        }
        Poll::Ready(Some(Ok(bytes.split_to(bytes.len().min(frame_size)))))
    }))
}

/// Reads a range of a source. Nothing is read before the first frame is asked for; from then on as far ahead as the
/// allotment goes.
pub(crate) struct SegmentFrames {
    source: Arc<dyn Source>,
    range: ByteRange,
    next: u64,
    frame_size: usize,
    allotment: Allotment,
    ahead: VecDeque<Ahead>,
    fault: Option<oneshot::Sender<SourceError>>,
}

impl SegmentFrames {
    /// Of this range. What goes wrong with the source is told by `fault`, apart from the stream's own end.
    pub(crate) fn new(
        source: Arc<dyn Source>,
        range: ByteRange,
        frame_size: usize,
        allotment: Allotment,
        fault: oneshot::Sender<SourceError>,
    ) -> Self {
        let (next, ahead) = (range.start(), VecDeque::new());
        Self { source, range, next, frame_size, allotment, ahead, fault: Some(fault) }
    }

    fn read_ahead(&mut self, cx: &Context<'_>) {
        while self.next < self.range.end() {
            let (offset, left) = (self.next, self.range.end() - self.next);
            let len = usize::try_from(left).unwrap_or(usize::MAX).min(self.frame_size);
            let (first, last) = (offset == self.range.start(), len as u64 == left);
            match self.ahead.back() {
                // As far as can be seen, the next one will be at hand as well when it is wanted.
                Some(Ahead::Read(_)) if !last => return,
                Some(Ahead::Read(_) | Ahead::Reading(_)) | None => {}
            }
            let Some(mut frame) = self.allotment.take(cx) else { return };
            self.next += len as u64;
            let buffer = frame.fill(len);
            let here = if first || last { 0 } else { self.source.read_now(offset, buffer).min(len) };
            if here == len {
                self.ahead.push_back(Ahead::Read(frame));
                continue;
            }
            let source = Arc::clone(&self.source);
            self.ahead.push_back(Ahead::Reading(Reading(crate::spawn_blocking(move || {
                if first {
                    source.check()?;
                }
                read_exact(&*source, offset + here as u64, &mut frame.fill(len)[here..])?;
                if last {
                    source.check()?;
                }
                Ok(frame)
            }))));
        }
    }
}

impl Stream for SegmentFrames {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        this.read_ahead(cx);
        let Some(ahead) = this.ahead.pop_front() else {
            // Either all is read, or the wire holds every frame of the allotment and wakes us when it lets one go.
            return if this.next < this.range.end() { Poll::Pending } else { Poll::Ready(None) };
        };
        let read = match ahead {
            Ahead::Read(frame) => Ok(frame),
            Ahead::Reading(mut reading) => match Pin::new(&mut reading.0).poll(cx) {
                Poll::Pending => {
                    this.ahead.push_front(Ahead::Reading(reading));
                    return Poll::Pending;
                }
                Poll::Ready(Ok(read)) => read,
                Poll::Ready(Err(panicked)) => {
                    Err(SourceError::unreadable(this.source.name(), std::io::Error::other(panicked)))
                }
            },
        };
        let error = match read {
            Ok(frame) => return Poll::Ready(Some(Ok(Bytes::from_owner(frame)))),
            Err(error) => error,
        };
        let told = PayloadError::new(error.to_string());
        this.next = this.range.end();
        this.ahead.clear();
        if let Some(fault) = this.fault.take() {
            // Nobody listens once the operation was given up.
            let _ = fault.send(error);
        }
        Poll::Ready(Some(Err(told)))
    }
}

/// A frame that comes next.
enum Ahead {
    /// It was at hand.
    Read(Frame),
    /// It is waited for.
    Reading(Reading),
}

/// A read under way; dropped, it does not begin if it has not yet.
struct Reading(JoinHandle<Result<Frame, SourceError>>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use chunkwise_core::UploadSpec;
    use futures::{FutureExt as _, StreamExt as _};

    use super::*;
    use crate::budget::ByteBudget;

    /// Byte `i` is `i % 251`; reads that may block are counted, and fail from some offset on. What is before another
    /// offset needs no such read.
    struct Numbers {
        fails_from: u64,
        at_hand_to: u64,
        reads: AtomicUsize,
    }

    impl Numbers {
        fn new(fails_from: u64) -> Arc<Self> {
            Self::at_hand_to(0, fails_from)
        }

        fn at_hand_to(at_hand_to: u64, fails_from: u64) -> Arc<Self> {
            Arc::new(Self { fails_from, at_hand_to, reads: AtomicUsize::new(0) })
        }

        fn fill(offset: u64, buffer: &mut [u8]) {
            for (i, byte) in buffer.iter_mut().enumerate() {
                *byte = ((offset + i as u64) % 251) as u8;
            }
        }
    }

    impl Source for Numbers {
        fn spec(&self) -> UploadSpec {
            UploadSpec::whole(10_000)
        }

        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
            self.reads.fetch_add(1, Ordering::Relaxed);
            if offset >= self.fails_from {
                return Err(io::Error::other("the disk is on fire"));
            }
            Self::fill(offset, buffer);
            Ok(buffer.len())
        }

        fn read_now(&self, offset: u64, buffer: &mut [u8]) -> usize {
            let here = self.at_hand_to.saturating_sub(offset).min(buffer.len() as u64) as usize;
            Self::fill(offset, &mut buffer[..here]);
            here
        }
    }

    async fn frames(
        source: &Arc<Numbers>,
        budget: &Arc<ByteBudget>,
        ahead: u32,
    ) -> (SegmentFrames, oneshot::Receiver<SourceError>) {
        let range = ByteRange::new(100, 1150).unwrap();
        let allotment = budget.allot(ahead, range.len().div_ceil(budget.frame_size() as u64)).await;
        let (sender, fault) = oneshot::channel();
        (SegmentFrames::new(Arc::clone(source) as _, range, budget.frame_size(), allotment, sender), fault)
    }

    #[tokio::test]
    async fn frames_are_full_in_order_and_exact() {
        for ahead in [1, 3, 100] {
            let (source, budget) = (Numbers::new(u64::MAX), ByteBudget::new(8, 100));
            let (frames, _fault) = frames(&source, &budget, ahead).await;
            let mut at = 100u64;
            let mut lengths = Vec::new();
            let mut frames = std::pin::pin!(frames);
            while let Some(frame) = frames.next().await {
                let frame = frame.unwrap();
                lengths.push(frame.len());
                for byte in frame {
                    assert_eq!(u64::from(byte), at % 251);
                    at += 1;
                }
            }
            assert_eq!(at, 1150);
            assert_eq!(lengths, [&[100; 10][..], &[50]].concat());
            assert_eq!(budget.free(), 8);
            assert!(budget.usage().peak <= ahead as usize * 100);
        }
    }

    /// Eleven frames: the first and the last are waited for, since the source is looked at then.
    #[tokio::test]
    async fn what_is_at_hand_is_not_waited_for_and_the_rest_of_a_frame_is() {
        for (at_hand_to, waits, ahead) in
            [(u64::MAX, 2, 4), (u64::MAX, 2, 1), (250, 11, 4), (640, 7, 4), (1100, 2, 2), (0, 11, 3)]
        {
            let (source, budget) = (Numbers::at_hand_to(at_hand_to, u64::MAX), ByteBudget::new(8, 100));
            let (frames, _fault) = frames(&source, &budget, ahead).await;
            let frames = frames.map(|frame| frame.unwrap().to_vec()).collect::<Vec<_>>().await.concat();
            assert!(
                frames.iter().zip(100u64..).all(|(byte, at)| u64::from(*byte) == at % 251),
                "{at_hand_to}"
            );
            assert_eq!(frames.len(), 1050, "{at_hand_to}");
            assert_eq!(source.reads.load(Ordering::Relaxed), waits, "{at_hand_to}");
            assert_eq!(budget.free(), 8);
        }
    }

    #[tokio::test]
    async fn what_is_at_hand_fills_no_more_places_than_it_needs() {
        let (source, budget) = (Numbers::at_hand_to(u64::MAX, u64::MAX), ByteBudget::new(8, 100));
        let (mut frames, _fault) = frames(&source, &budget, 8).await;
        while let Some(frame) = frames.next().await {
            drop(frame.unwrap());
        }
        assert!(budget.usage().peak <= 300, "{:?}", budget.usage());
    }

    #[tokio::test]
    async fn nothing_is_read_before_it_is_asked_for_and_then_only_so_far_ahead() {
        let (source, budget) = (Numbers::new(u64::MAX), ByteBudget::new(8, 100));
        let (mut frames, _fault) = frames(&source, &budget, 3).await;
        assert_eq!(source.reads.load(Ordering::Relaxed), 0);
        let held = [frames.next().await.unwrap().unwrap(), frames.next().await.unwrap().unwrap()];
        let third = frames.next().await.unwrap().unwrap();
        assert!(frames.next().now_or_never().is_none(), "the wire holds all it may");
        assert_eq!(source.reads.load(Ordering::Relaxed), 3);
        let next = tokio::spawn(async move { frames.next().await.unwrap().unwrap() });
        tokio::task::yield_now().await;
        drop(third);
        assert_eq!(next.await.unwrap().len(), 100, "woken by the frame that came back");
        drop(held);
    }

    #[tokio::test]
    async fn a_read_error_is_told_twice_and_ends_the_frames() {
        let (source, budget) = (Numbers::new(300), ByteBudget::new(8, 100));
        let (mut frames, fault) = frames(&source, &budget, 4).await;
        assert!(frames.next().await.unwrap().is_ok());
        assert!(frames.next().await.unwrap().is_ok());
        assert!(frames.next().await.unwrap().is_err());
        assert!(frames.next().await.is_none());
        assert!(fault.await.unwrap().to_string().contains("on fire"));
    }

    #[tokio::test(start_paused = true)]
    async fn dropped_in_the_middle_all_places_come_back() {
        for after in 0..6 {
            let (source, budget) = (Numbers::new(u64::MAX), ByteBudget::new(8, 100));
            let (mut frames, _fault) = frames(&source, &budget, 4).await;
            for _ in 0..after {
                frames.next().await.unwrap().unwrap();
            }
            let _ = frames.next().now_or_never();
            drop(frames);
            // Reads that had begun end on their own threads; time stands still until they have.
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            assert_eq!((budget.free(), budget.usage().in_use), (8, 0), "after {after} frames");
        }
    }
}
