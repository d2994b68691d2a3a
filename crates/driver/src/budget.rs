//! The byte budget: one bound on the memory of every upload in the process.
//!
//! It counts frames, each of a buffer of its own: what is allotted is what may be allocated. An Append takes its
//! allotment before it reads, whole or not at all, first come first served; after that it waits for nothing but the
//! wire, so the budget can't deadlock. A frame gives its place back when its memory is let go of by whoever holds
//! it last, deep in an HTTP stack's write buffer included.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One budget, shared by all uploads of a driver.
pub(crate) struct ByteBudget {
    frame_size: usize,
    frames: u32,
    places: Arc<Semaphore>,
    /// Buffers to be used again. With those in use they are never more than there were places taken at once.
    idle: Mutex<Vec<Box<[u8]>>>,
    in_use: AtomicUsize,
    peak: AtomicUsize,
}

/// How much of the byte budget is used, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetUse {
    /// The budget, rounded down to whole frames.
    pub limit: usize,
    /// In frames that exist at the moment.
    pub in_use: usize,
    /// The most that was ever in use.
    pub peak: usize,
}

impl ByteBudget {
    /// A budget of so many frames of this size.
    pub(crate) fn new(frames: u32, frame_size: usize) -> Arc<Self> {
        Arc::new(Self {
            frame_size,
            frames,
            places: Arc::new(Semaphore::new(frames as usize)),
            idle: Mutex::default(),
            in_use: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
        })
    }

    pub(crate) const fn frame_size(&self) -> usize {
        self.frame_size
    }

    pub(crate) fn usage(&self) -> BudgetUse {
        BudgetUse {
            limit: self.frames as usize * self.frame_size,
            in_use: self.in_use.load(Ordering::Relaxed) * self.frame_size,
            peak: self.peak.load(Ordering::Relaxed) * self.frame_size,
        }
    }

    /// Places that nobody has.
    #[cfg(test)]
    pub(crate) fn free(&self) -> usize {
        self.places.available_permits()
    }

    /// Waits for its turn and takes `frames` places at once (as many as there are, if that is fewer), to read
    /// `reads` frames through them.
    pub(crate) async fn allot(self: &Arc<Self>, frames: u32, reads: u64) -> Allotment {
        let wanted = u32::try_from(reads).unwrap_or(u32::MAX).min(frames).min(self.frames);
        let Ok(permit) = Arc::clone(&self.places).acquire_many_owned(wanted).await else {
            // The semaphore is never closed; if it were, there would be no turn to wait for.
            return std::future::pending().await;
        };
        let state = State { free: Some(permit), unread: reads, waker: None };
        Allotment(Arc::new(Shared { budget: Arc::clone(self), state: Mutex::new(state) }))
    }

    /// Gives the buffers back that nobody uses.
    pub(crate) fn trim(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn buffer(&self) -> Box<[u8]> {
        let in_use = self.in_use.fetch_add(1, Ordering::Relaxed) + 1;
        self.peak.fetch_max(in_use, Ordering::Relaxed);
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(|| vec![0; self.frame_size].into_boxed_slice())
    }

    fn reuse(&self, buffer: Box<[u8]>) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
        self.in_use.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for ByteBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.usage().fmt(f)
    }
}

/// What one Append may hold. Dropping it gives back what is free; frames still out give their places back one by
/// one.
#[derive(Debug)]
pub(crate) struct Allotment(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    budget: Arc<ByteBudget>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    free: Option<OwnedSemaphorePermit>,
    /// How many frames are still to be taken; places beyond that are of no use to this Append.
    unread: u64,
    waker: Option<Waker>,
}

impl Allotment {
    /// An empty frame to read into, or none: the waker is called when there is one.
    pub(crate) fn take(&self, cx: &Context<'_>) -> Option<Frame> {
        let mut state = self.0.lock();
        if state.unread == 0 {
            return None;
        }
        let Some(permit) = state.free.as_mut().and_then(|free| free.split(1)) else {
            state.waker = Some(cx.waker().clone());
            return None;
        };
        state.unread -= 1;
        drop(state);
        let buffer = self.0.budget.buffer();
        Some(Frame { buffer, len: 0, permit: Some(permit), allotment: Arc::clone(&self.0) })
    }
}

impl Drop for Allotment {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.unread = 0;
        let free = state.free.take();
        drop(state);
        drop(free);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_back(&self, permit: OwnedSemaphorePermit) {
        let mut state = self.lock();
        let free = state.free.as_ref().map_or(0, OwnedSemaphorePermit::num_permits) as u64;
        if state.unread <= free {
            // Others can use it, this Append can't any more.
            drop(state);
            drop(permit);
            return;
        }
        match &mut state.free {
            Some(free) => free.merge(permit),
            None => state.free = Some(permit),
        }
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A buffer with a place in the budget.
#[derive(Debug)]
pub(crate) struct Frame {
    buffer: Box<[u8]>,
    len: usize,
    permit: Option<OwnedSemaphorePermit>,
    allotment: Arc<Shared>,
}

impl Frame {
    /// The buffer for its next `len` bytes, at most the whole frame.
    pub(crate) fn fill(&mut self, len: usize) -> &mut [u8] {
        self.len = len.min(self.buffer.len());
        &mut self.buffer[..self.len]
    }
}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.len]
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        // The buffer first: whoever gets the place finds it and does not allocate another.
        self.allotment.budget.reuse(std::mem::take(&mut self.buffer));
        if let Some(permit) = self.permit.take() {
            self.allotment.give_back(permit);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn noop() -> Context<'static> {
        Context::from_waker(Waker::noop())
    }

    #[tokio::test]
    async fn an_allotment_is_whole_or_not_at_all_and_first_come_first_served() {
        let budget = ByteBudget::new(4, 16);
        let first = budget.allot(3, 9).await;
        let mut second = Box::pin(budget.allot(2, 9));
        assert!(second.as_mut().now_or_never().is_none());
        // One place is free, but the second came first.
        let mut third = Box::pin(budget.allot(1, 9));
        assert!(third.as_mut().now_or_never().is_none());
        drop(first);
        let _second = second.await;
        let _third = third.await;
        assert_eq!(budget.free(), 1);
    }

    #[tokio::test]
    async fn more_than_there_is_means_all_of_it() {
        let budget = ByteBudget::new(2, 16);
        let allotment = budget.allot(100, 100).await;
        assert_eq!(budget.free(), 0);
        drop(allotment);
        assert_eq!(budget.free(), 2);
    }

    #[tokio::test]
    async fn places_come_back_when_the_memory_does_and_not_before() {
        let budget = ByteBudget::new(2, 16);
        let allotment = budget.allot(2, 5).await;
        let mut frame = allotment.take(&noop()).unwrap();
        frame.fill(16).fill(7);
        let bytes = bytes::Bytes::from_owner(frame);
        let slice = bytes.slice(3..5);
        let _other = allotment.take(&noop()).unwrap();
        assert!(allotment.take(&noop()).is_none(), "the wire holds both");
        drop(bytes);
        assert!(allotment.take(&noop()).is_none(), "a slice still holds the memory");
        drop(slice);
        assert!(allotment.take(&noop()).is_some());
    }

    #[tokio::test]
    async fn frames_outlive_their_allotment() {
        let budget = ByteBudget::new(2, 16);
        let allotment = budget.allot(2, 5).await;
        let frame = allotment.take(&noop()).unwrap();
        drop(allotment);
        assert_eq!(budget.free(), 1);
        assert_eq!(budget.usage().in_use, 16);
        drop(frame);
        assert_eq!(budget.free(), 2);
        assert_eq!(budget.usage(), BudgetUse { limit: 32, in_use: 0, peak: 16 });
    }

    #[tokio::test]
    async fn nothing_is_held_once_the_last_frame_was_read() {
        let budget = ByteBudget::new(4, 16);
        let allotment = budget.allot(4, 5).await;
        let mut frames: Vec<_> = (0..4).map(|_| allotment.take(&noop()).unwrap()).collect();
        frames.pop();
        assert_eq!(budget.free(), 0, "one more read is to come");
        frames.push(allotment.take(&noop()).unwrap());
        assert!(allotment.take(&noop()).is_none());
        frames.pop();
        assert_eq!(budget.free(), 1, "no more reads: places go to others at once");
        frames.clear();
        assert_eq!(budget.free(), 4, "while the answer is awaited nothing is held");
        drop(allotment);
    }

    #[tokio::test]
    async fn buffers_are_used_again() {
        let budget = ByteBudget::new(2, 16);
        for _ in 0..10 {
            let allotment = budget.allot(2, 2).await;
            let _frames = [allotment.take(&noop()).unwrap(), allotment.take(&noop()).unwrap()];
        }
        assert_eq!(budget.idle.lock().unwrap().len(), 2);
        budget.trim();
        assert_eq!(budget.idle.lock().unwrap().len(), 0);
    }
}
