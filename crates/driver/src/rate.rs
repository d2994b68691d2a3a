//! The bandwidth cap of a process.

use std::num::NonZeroU64;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use chunkwise_transport::{Frames, PayloadError};
use futures::Stream;
use tokio::time::{Instant, Sleep};

/// How far the schedule may lag behind and still be caught up with: timers fire up to a few milliseconds late.
const SLACK: Duration = Duration::from_millis(50);

/// Hands out points in time at which bytes may be sent, first come first served.
///
/// Frames are cut into pieces of an eighth of a second each, so that at a low rate every operation still moves
/// every now and then: a cap must not look like a stall.
#[derive(Debug)]
pub(crate) struct RateLimit {
    bytes_per_second: NonZeroU64,
    next: Mutex<Instant>,
}

impl RateLimit {
    pub(crate) fn new(bytes_per_second: NonZeroU64) -> Self {
        Self { bytes_per_second, next: Mutex::new(Instant::now()) }
    }

    /// The most bytes to be sent at once.
    fn piece(&self) -> usize {
        usize::try_from((self.bytes_per_second.get() / 8).max(1)).unwrap_or(usize::MAX)
    }

    /// Books the sending of so many bytes and says when it may be done.
    fn book(&self, bytes: usize) -> Instant {
        let nanos = (bytes as u128).saturating_mul(1_000_000_000) / u128::from(self.bytes_per_second.get());
        let takes = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let now = Instant::now();
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let at = (*next).max(now.checked_sub(SLACK).unwrap_or(now));
        *next = at.checked_add(takes).unwrap_or(at);
        at
    }

    /// The same frames in pieces, none of them before its time.
    pub(crate) fn limit(self: &Arc<Self>, frames: Frames) -> Frames {
        Box::pin(Limited { limit: Arc::clone(self), frames, rest: Bytes::new(), waiting: None })
    }
}

struct Limited {
    limit: Arc<RateLimit>,
    frames: Frames,
    rest: Bytes,
    waiting: Option<(Bytes, Pin<Box<Sleep>>)>,
}

impl Stream for Limited {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some((_, sleep)) = &mut this.waiting {
                ready!(sleep.as_mut().poll(cx));
            }
            if let Some((piece, _)) = this.waiting.take() {
                return Poll::Ready(Some(Ok(piece)));
            }
            if this.rest.is_empty() {
                match ready!(this.frames.as_mut().poll_next(cx)) {
                    Some(Ok(frame)) => this.rest = frame,
                    end => return Poll::Ready(end),
                }
            }
            let piece = this.rest.split_to(this.rest.len().min(this.limit.piece()));
            let at = this.limit.book(piece.len());
            this.waiting = Some((piece, Box::pin(tokio::time::sleep_until(at))));
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;

    use super::*;

    fn frames(count: usize, len: usize) -> Frames {
        Box::pin(futures::stream::iter((0..count).map(move |_| Ok(Bytes::from(vec![7; len])))))
    }

    async fn drain(mut frames: Frames) -> (usize, Duration) {
        let (mut bytes, mut longest, mut last) = (0, Duration::ZERO, Instant::now());
        while let Some(frame) = frames.next().await {
            bytes += frame.unwrap().len();
            longest = longest.max(last.elapsed());
            last = Instant::now();
        }
        (bytes, longest)
    }

    #[tokio::test(start_paused = true)]
    async fn several_streams_share_the_rate() {
        let limit = Arc::new(RateLimit::new(NonZeroU64::new(1_000_000).unwrap()));
        let begin = Instant::now();
        let all = futures::future::join_all((0..4).map(|_| drain(limit.limit(frames(10, 250_000))))).await;
        assert!(all.iter().all(|(bytes, _)| *bytes == 2_500_000));
        let took = begin.elapsed().as_secs_f64();
        assert!((9.7..=10.1).contains(&took), "10 MB at 1 MB/s took {took} s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_low_rate_still_moves_every_stream_often() {
        let limit = Arc::new(RateLimit::new(NonZeroU64::new(1_000).unwrap()));
        let all = futures::future::join_all((0..8).map(|_| drain(limit.limit(frames(1, 20_000))))).await;
        let longest = all.iter().map(|(_, longest)| *longest).max().unwrap();
        assert!(longest <= Duration::from_secs(2), "a stream stood still for {longest:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_high_rate_is_reached_in_spite_of_coarse_timers() {
        let limit = Arc::new(RateLimit::new(NonZeroU64::new(1 << 30).unwrap()));
        let begin = Instant::now();
        drain(limit.limit(frames(4096, 256 << 10))).await;
        let took = begin.elapsed().as_secs_f64();
        assert!((0.9..=1.1).contains(&took), "1 GiB at 1 GiB/s took {took} s");
    }
}
