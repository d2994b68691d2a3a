//! The byte budget: one bound on the memory of every upload in the process.
//!
//! It counts frames, each of a buffer of its own: what is allotted is what may be allocated. An Append takes its
//! allotment before it reads, whole or not at all, first come first served; after that it waits for nothing but the
//! wire, so the budget can't deadlock. A frame gives its place back when its memory is let go of by whoever holds
//! it last, deep in an HTTP stack's write buffer included.
//!
//! One-pass streams hold what they have read until the server has it, and may wait long for their next byte. They have a
//! share of their own, half of the budget: what they hold there, others never wait for. A stream takes the places of a
//! whole segment before it reads the first byte of it, and takes more only when all that it holds can go out: so it
//! waits for nothing but its source and the wire, and several streams take turns. The one exception is a stream whose
//! cut was changed by a size that the server refused: it holds a part of a segment and needs places for the rest. Those it
//! takes from the half that streams don't fill, where nobody stays.

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
    /// The places that streams may have, of those.
    share: Arc<Semaphore>,
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
            share: Arc::new(Semaphore::new(frames as usize / 2)),
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
        self.allotment(Places { of_all: permit, of_streams: None }, reads)
    }

    fn allotment(self: &Arc<Self>, places: Places, reads: u64) -> Allotment {
        let state = State { free: Some(places), unread: reads, waker: None };
        Allotment(Arc::new(Shared { budget: Arc::clone(self), state: Mutex::new(state) }))
    }

    /// The most bytes that a stream may hold.
    pub(crate) const fn streams_share(&self) -> u64 {
        (self.frames / 2) as u64 * self.frame_size as u64
    }

    /// Waits for its turn among streams and takes the places for so many bytes, whole or not at all, out of their share.
    pub(crate) async fn allot_stream(self: Arc<Self>, bytes: u64) -> Allotment {
        let frames = self.frames_for(bytes);
        let Ok(of_streams) = Arc::clone(&self.share).acquire_many_owned(frames).await else {
            return std::future::pending().await;
        };
        let Ok(of_all) = Arc::clone(&self.places).acquire_many_owned(frames).await else {
            return std::future::pending().await;
        };
        self.allotment(Places { of_all, of_streams: Some(of_streams) }, frames.into())
    }

    /// The same beside the share, for the rest of a segment of which a stream holds the beginning.
    pub(crate) async fn allot_rest(self: Arc<Self>, bytes: u64) -> Allotment {
        let frames = self.frames_for(bytes);
        let Ok(of_all) = Arc::clone(&self.places).acquire_many_owned(frames).await else {
            return std::future::pending().await;
        };
        self.allotment(Places { of_all, of_streams: None }, frames.into())
    }

    /// Never more than the share: segments that don't fit are not planned.
    fn frames_for(&self, bytes: u64) -> u32 {
        let frames = bytes.div_ceil(self.frame_size as u64);
        u32::try_from(frames).unwrap_or(u32::MAX).min(self.frames / 2)
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

/// Places in the budget; those of a stream are in its share as well.
#[derive(Debug)]
struct Places {
    of_all: OwnedSemaphorePermit,
    of_streams: Option<OwnedSemaphorePermit>,
}

impl Places {
    fn count(&self) -> u64 {
        self.of_all.num_permits() as u64
    }

    fn split_one(&mut self) -> Option<Self> {
        let of_all = self.of_all.split(1)?;
        Some(Self { of_all, of_streams: self.of_streams.as_mut().and_then(|share| share.split(1)) })
    }

    fn merge(&mut self, other: Self) {
        self.of_all.merge(other.of_all);
        match (&mut self.of_streams, other.of_streams) {
            (Some(mine), Some(share)) => mine.merge(share),
            (mine @ None, share) => *mine = share,
            (Some(_), None) => {}
        }
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
    free: Option<Places>,
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
        let Some(place) = state.free.as_mut().and_then(Places::split_one) else {
            state.waker = Some(cx.waker().clone());
            return None;
        };
        state.unread -= 1;
        drop(state);
        let buffer = self.0.budget.buffer();
        Some(Frame { buffer, len: 0, place: Some(place), allotment: Arc::clone(&self.0) })
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

    fn give_back(&self, place: Places) {
        let mut state = self.lock();
        let free = state.free.as_ref().map_or(0, Places::count);
        if state.unread <= free {
            // Others can use it, this Append can't any more.
            drop(state);
            drop(place);
            return;
        }
        match &mut state.free {
            Some(free) => free.merge(place),
            None => state.free = Some(place),
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
    place: Option<Places>,
    allotment: Arc<Shared>,
}

impl Frame {
    /// The buffer for its next `len` bytes, at most the whole frame.
    pub(crate) fn fill(&mut self, len: usize) -> &mut [u8] {
        self.len = len.min(self.buffer.len());
        &mut self.buffer[..self.len]
    }

    /// The whole buffer: it is filled bit by bit, and then said to hold so many bytes by [`Frame::holds`].
    pub(crate) fn space(&mut self) -> &mut [u8] {
        &mut self.buffer
    }

    /// Its first so many bytes are what it holds.
    pub(crate) fn holds(mut self, len: usize) -> Self {
        self.len = len.min(self.buffer.len());
        self
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
        if let Some(place) = self.place.take() {
            self.allotment.give_back(place);
        }
    }
}

#[cfg(test)]
mod tests;
