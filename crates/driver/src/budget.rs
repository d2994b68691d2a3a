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
    lent: AtomicUsize,
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
    /// Lent for something else ([`Driver::lend`](crate::Driver::lend)), in whole frames.
    pub lent: usize,
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
            lent: AtomicUsize::new(0),
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
            lent: self.lent.load(Ordering::Relaxed) * self.frame_size,
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

    /// Lends so many bytes, rounded up to frames, for something else than frames; none if they are not there now.
    pub(crate) fn lend(self: &Arc<Self>, bytes: u64) -> Option<Loan> {
        let mut loan = Loan { budget: Arc::clone(self), places: None };
        loan.grow_to(bytes).then_some(loan)
    }

    /// Lets go of buffers that nobody uses, as far as they and what is lent are more than the budget.
    fn make_room(&self) {
        let lent = self.lent.load(Ordering::Relaxed);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // No frame begins or ends its use of a buffer unseen: both go through `idle`.
        let most = (self.frames as usize).saturating_sub(lent + self.in_use.load(Ordering::Relaxed));
        idle.truncate(most);
    }

    /// Gives the buffers back that nobody uses.
    pub(crate) fn trim(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn buffer(&self) -> Box<[u8]> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let in_use = self.in_use.fetch_add(1, Ordering::Relaxed) + 1;
        self.peak.fetch_max(in_use, Ordering::Relaxed);
        let buffer = idle.pop();
        drop(idle);
        buffer.unwrap_or_else(|| vec![0; self.frame_size].into_boxed_slice())
    }

    fn reuse(&self, buffer: Box<[u8]>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(buffer);
        self.in_use.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for ByteBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.usage().fmt(f)
    }
}

/// Bytes of a driver's budget that are used for something else; see [`Driver::lend`](crate::Driver::lend). Dropped, they
/// come back.
#[derive(Debug)]
pub struct Loan {
    budget: Arc<ByteBudget>,
    /// None for no frame.
    places: Option<OwnedSemaphorePermit>,
}

impl Loan {
    fn frames(&self) -> usize {
        self.places.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }

    /// How many bytes it is of: whole frames.
    pub fn bytes(&self) -> u64 {
        (self.frames() * self.budget.frame_size) as u64
    }

    /// Makes it a loan of so many bytes at least; false, and nothing changed, if they are not there.
    pub fn grow_to(&mut self, bytes: u64) -> bool {
        let wanted = bytes.div_ceil(self.budget.frame_size as u64);
        let Ok(more) = usize::try_from(wanted).map(|wanted| wanted.saturating_sub(self.frames())) else {
            return false;
        };
        if more == 0 {
            return true;
        }
        let Ok(count) = u32::try_from(more) else { return false };
        let Ok(places) = Arc::clone(&self.budget.places).try_acquire_many_owned(count) else { return false };
        match &mut self.places {
            Some(mine) => mine.merge(places),
            None => self.places = Some(places),
        }
        self.budget.lent.fetch_add(more, Ordering::Relaxed);
        self.budget.make_room();
        true
    }

    /// Gives back what is beyond so many bytes, in whole frames.
    pub fn shrink_to(&mut self, bytes: u64) {
        let kept = usize::try_from(bytes.div_ceil(self.budget.frame_size as u64)).unwrap_or(usize::MAX);
        let spare = self.frames().saturating_sub(kept);
        let places = self.places.as_mut().and_then(|places| places.split(spare));
        self.budget.lent.fetch_sub(spare, Ordering::Relaxed);
        drop(places);
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        self.shrink_to(0);
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

impl Allotment {
    /// So many frames more are to be taken than were said: the same bytes are read once more.
    pub(crate) fn expect(&self, frames: u64) {
        self.0.lock().unread += frames;
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
        assert_eq!(budget.usage(), BudgetUse { limit: 32, in_use: 0, peak: 16, lent: 0 });
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

    #[tokio::test]
    async fn what_is_lent_nobody_else_has_and_buffers_make_room_for_it() {
        let budget = ByteBudget::new(4, 16);
        let allotment = budget.allot(4, 4).await;
        assert!(budget.lend(1).is_none(), "all of it is taken");
        let frames: Vec<_> = (0..4).map(|_| allotment.take(&noop()).unwrap()).collect();
        drop(frames);
        drop(allotment);
        assert_eq!(budget.idle.lock().unwrap().len(), 4);
        let mut loan = budget.lend(17).unwrap();
        assert_eq!((loan.bytes(), budget.free(), budget.idle.lock().unwrap().len()), (32, 2, 2));
        assert!(!loan.grow_to(65), "there are four frames in all");
        assert!(loan.grow_to(48));
        assert_eq!((budget.usage().lent, budget.idle.lock().unwrap().len()), (48, 1));
        loan.shrink_to(16);
        assert_eq!((budget.usage().lent, budget.free()), (16, 3));
        drop(loan);
        assert_eq!((budget.usage().lent, budget.free()), (0, 4));
    }
}
