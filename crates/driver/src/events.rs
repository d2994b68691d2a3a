//! What happens to an upload, told to whoever listens.
//!
//! A channel with its places made in advance would take more memory than all else that an upload of a few segments has; this
//! one holds what has happened, and no more than [`KEPT`] of it.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use chunkwise_core::Event;
use futures::Stream;
use futures::future::BoxFuture;
use tokio::sync::watch;

/// How many events a slow listener may fall behind.
const KEPT: usize = 256;

/// Tells events; dropped, it has told the last one.
#[derive(Debug)]
pub(crate) struct Teller {
    log: Arc<Log>,
    news: watch::Sender<()>,
}

/// Makes listeners.
#[derive(Debug)]
pub(crate) struct Listeners {
    log: Arc<Log>,
    news: watch::Receiver<()>,
    /// Where the next one begins; the first has everything.
    begins: Mutex<Option<u64>>,
}

/// The last events, and how many went before them.
#[derive(Debug, Default)]
struct Log(Mutex<(u64, VecDeque<Event>)>);

impl Log {
    fn lock(&self) -> MutexGuard<'_, (u64, VecDeque<Event>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The event with this number, or the oldest there is after it; and its number.
    fn at(&self, number: u64) -> Option<(u64, Event)> {
        let log = self.lock();
        let (forgotten, kept) = &*log;
        let number = number.max(*forgotten);
        let at = usize::try_from(number - forgotten).ok()?;
        kept.get(at).map(|event| (number, event.clone()))
    }

    fn len(&self) -> u64 {
        let log = self.lock();
        log.0 + log.1.len() as u64
    }
}

/// A teller, and what makes its listeners.
pub(crate) fn channel() -> (Teller, Listeners) {
    let (log, (sender, receiver)) = (Arc::<Log>::default(), watch::channel(()));
    let listeners = Listeners { log: Arc::clone(&log), news: receiver, begins: Mutex::new(Some(0)) };
    (Teller { log, news: sender }, listeners)
}

impl Teller {
    pub(crate) fn tell(&self, event: Event) {
        {
            let mut log = self.log.lock();
            let (forgotten, kept) = &mut *log;
            if kept.len() == KEPT {
                kept.pop_front();
                *forgotten += 1;
            }
            kept.push_back(event);
        }
        self.news.send_replace(());
    }
}

impl Listeners {
    /// The first stream has everything from the start; further ones begin where they are made.
    pub(crate) fn listen(&self) -> Events {
        let first = self.begins.lock().unwrap_or_else(PoisonError::into_inner).take();
        let next = first.unwrap_or_else(|| self.log.len());
        let listener = Listener { log: Arc::clone(&self.log), news: self.news.clone(), next };
        Events(Some(listener.next()))
    }
}

struct Listener {
    log: Arc<Log>,
    news: watch::Receiver<()>,
    next: u64,
}

type NextEvent = BoxFuture<'static, Option<(Event, Listener)>>;

impl Listener {
    fn next(mut self) -> NextEvent {
        Box::pin(async move {
            let mut ended = false;
            loop {
                // Before the log is looked at, so that no news of it is missed.
                self.news.mark_unchanged();
                if let Some((number, event)) = self.log.at(self.next) {
                    self.next = number + 1;
                    return Some((event, self));
                }
                if ended {
                    return None;
                }
                // What was told before the end is still to be had.
                ended = self.news.changed().await.is_err();
            }
        })
    }
}

/// The events of an upload; see [`UploadHandle::events`](crate::UploadHandle::events).
pub struct Events(Option<NextEvent>);

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let Some(next) = &mut self.0 else { return Poll::Ready(None) };
        let next = std::task::ready!(next.as_mut().poll(cx));
        let (event, rest) = next.unzip();
        self.0 = rest.map(Listener::next);
        Poll::Ready(event)
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt as _, StreamExt as _};

    use super::*;

    const fn window(size: u32) -> Event {
        Event::Window { size }
    }

    #[tokio::test]
    async fn the_first_hears_everything_and_a_later_one_what_comes_then() {
        let (teller, listeners) = channel();
        teller.tell(window(1));
        let (first, later) = (listeners.listen(), listeners.listen());
        teller.tell(window(2));
        drop(teller);
        let after = listeners.listen();
        assert_eq!(first.collect::<Vec<_>>().await, [window(1), window(2)]);
        assert_eq!(later.collect::<Vec<_>>().await, [window(2)]);
        assert_eq!(after.count().await, 0);
    }

    #[tokio::test]
    async fn who_waits_is_woken_by_news_and_by_the_end() {
        let (teller, listeners) = channel();
        let mut events = listeners.listen();
        assert!(events.next().now_or_never().is_none());
        let waiting = tokio::spawn(async move { (events.next().await, events.next().await) });
        tokio::task::yield_now().await;
        teller.tell(window(1));
        tokio::task::yield_now().await;
        drop(teller);
        assert_eq!(waiting.await.unwrap(), (Some(window(1)), None));
    }

    #[tokio::test]
    async fn who_falls_behind_misses_the_oldest() {
        let (teller, listeners) = channel();
        let events = listeners.listen();
        (0..300).for_each(|size| teller.tell(window(size)));
        drop(teller);
        let heard = events.collect::<Vec<_>>().await;
        assert_eq!(heard, (44..300).map(window).collect::<Vec<_>>());
    }
}
