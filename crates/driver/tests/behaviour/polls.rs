//! A probe that counts the polls of uploads and their operations, strikes at the n-th, and tells what is left.
//!
//! The driver polls an upload's task, and every future of an operation, within a span of its own; so whoever listens
//! to the spans sees each poll, and a span that is not closed is a future that was not dropped.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread::ThreadId;

use tokio::runtime::Runtime;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Clones are the same probe.
#[derive(Clone)]
pub(crate) struct Probe(Arc<Shared>);

struct Shared {
    thread: ThreadId,
    strikes_at: u64,
    polls: AtomicU64,
    next_span: AtomicU64,
    /// How often each open span is held.
    open: Mutex<HashMap<u64, (&'static str, u32)>>,
    waker: Mutex<Option<Waker>>,
}

impl Probe {
    /// Strikes at the n-th poll on this thread, counted from 1.
    pub(crate) fn at(strikes_at: u64) -> Self {
        Self(Arc::new(Shared {
            thread: std::thread::current().id(),
            strikes_at,
            polls: AtomicU64::new(0),
            next_span: AtomicU64::new(1),
            open: Mutex::default(),
            waker: Mutex::default(),
        }))
    }

    fn polled(&self) {
        // Blocking work runs in the span of who ordered it, on threads of its own: that is no poll.
        if std::thread::current().id() != self.0.thread {
            return;
        }
        if self.0.polls.fetch_add(1, Ordering::Relaxed) + 1 == self.0.strikes_at
            && let Some(waker) = self.0.waker.lock().unwrap().take()
        {
            waker.wake();
        }
    }

    fn has_struck(&self) -> bool {
        self.0.polls.load(Ordering::Relaxed) >= self.0.strikes_at
    }

    /// Drives a future until the probe strikes: then it is dropped, right after that poll. Its own polls count.
    pub(crate) async fn until<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if self.has_struck() {
                return Poll::Ready(None);
            }
            *self.0.waker.lock().unwrap() = Some(cx.waker().clone());
            self.polled();
            match future.as_mut().poll(cx) {
                Poll::Ready(output) => Poll::Ready(Some(output)),
                Poll::Pending if self.has_struck() => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// The names of the futures that are not dropped yet.
    pub(crate) fn open(&self) -> Vec<&'static str> {
        self.0.open.lock().unwrap().values().map(|(name, _)| *name).collect()
    }
}

impl Subscriber for Probe {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = self.0.next_span.fetch_add(1, Ordering::Relaxed);
        self.0.open.lock().unwrap().insert(id, (span.metadata().name(), 1));
        Id::from_u64(id)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {
        self.polled();
    }

    fn exit(&self, _: &Id) {}

    fn clone_span(&self, id: &Id) -> Id {
        if let Some((_, held)) = self.0.open.lock().unwrap().get_mut(&id.into_u64()) {
            *held += 1;
        }
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let mut open = self.0.open.lock().unwrap();
        let Some((_, held)) = open.get_mut(&id.into_u64()) else { return false };
        *held -= 1;
        let closed = *held == 0;
        if closed {
            open.remove(&id.into_u64());
        }
        closed
    }
}

/// A runtime in paused time that looks at its root future after every single poll of a task.
pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .event_interval(1)
        .build()
        .unwrap()
}
