//! Idle connections, kept for the next request to the same origin.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::connect::Connection;
use crate::origin::Origin;

/// Idle connections by origin.
#[derive(Debug)]
pub(crate) struct Pool {
    idle_timeout: Duration,
    max_idle: usize,
    shelf: Mutex<Shelf>,
}

#[derive(Debug, Default)]
struct Shelf {
    /// The longest idle first.
    idle: HashMap<Origin, VecDeque<Idle>>,
    /// The task that closes what has been idle for too long, while there is anything.
    reaper: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    until: Instant,
}

impl Pool {
    pub(crate) fn new(idle_timeout: Duration, max_idle: usize) -> Arc<Self> {
        Arc::new(Self { idle_timeout, max_idle, shelf: Mutex::default() })
    }

    /// The connection that was used last and is still alive.
    pub(crate) fn take(&self, origin: &Origin) -> Option<Connection> {
        let mut shelf = self.shelf();
        let idle = shelf.idle.get_mut(origin)?;
        let now = Instant::now();
        while let Some(Idle { connection, until }) = idle.pop_back() {
            if until > now && connection.is_alive() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection for later.
    pub(crate) fn put(self: &Arc<Self>, origin: Origin, connection: Connection) {
        if self.max_idle == 0 || self.idle_timeout.is_zero() {
            return;
        }
        let mut shelf = self.shelf();
        let idle = shelf.idle.entry(origin).or_default();
        idle.push_back(Idle { connection, until: Instant::now() + self.idle_timeout });
        if idle.len() > self.max_idle {
            idle.pop_front();
        }
        if shelf.reaper.as_ref().is_none_or(JoinHandle::is_finished) {
            shelf.reaper = Some(tokio::spawn(reap(Arc::downgrade(self), self.idle_timeout)));
        }
    }

    /// Closes what has been idle for too long; says when to look again, unless nothing is left.
    fn sweep(&self) -> Option<Instant> {
        let mut shelf = self.shelf();
        let now = Instant::now();
        for idle in shelf.idle.values_mut() {
            idle.retain(|idle| idle.until > now);
        }
        shelf.idle.retain(|_, idle| !idle.is_empty());
        let next = shelf.idle.values().flatten().map(|idle| idle.until).min();
        if next.is_none() {
            shelf.reaper = None;
        }
        next
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn reap(pool: Weak<Pool>, first: Duration) {
    let mut next = Instant::now() + first;
    loop {
        tokio::time::sleep_until(next).await;
        let Some(pool) = pool.upgrade() else { return };
        match pool.sweep() {
            Some(later) => next = later,
            None => return,
        }
    }
}
