//! Persisting: level-triggered, one under way, and the two barriers that wait for the disk.

use core::hash::{Hash, Hasher};

use crate::io::CheckpointSeq;
use crate::time::Timestamp;

/// What has to be written, what is being written, what is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Persist {
    /// The number of the state as it is now.
    current: u64,
    /// The number of the newest state on disk.
    durable: u64,
    under_way: Option<u64>,
    /// Nothing that depends on this state is done before it is on disk.
    barrier: u64,
    failures: u32,
    retry_at: Timestamp,
}

/// Numbers only grow: what it does next depends on how far they are from what is on disk, and on whether anything is.
impl Hash for Persist {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { current, durable, under_way, barrier, failures, retry_at } = self;
        let ahead = |number: u64| number.saturating_sub(*durable);
        (ahead(*current), under_way.map(ahead), ahead(*barrier), *durable > 0).hash(state);
        (failures, retry_at).hash(state);
    }
}

/// How often a checkpoint that a barrier waits for may fail to be written.
const BARRIER_TRIES: u32 = 3;

impl Persist {
    /// With the state of this number on disk.
    pub(super) const fn new(durable: CheckpointSeq) -> Self {
        let CheckpointSeq(durable) = durable;
        let retry_at = Timestamp::EPOCH;
        Self { current: durable, durable, under_way: None, barrier: durable, failures: 0, retry_at }
    }

    pub(super) const fn seq(&self) -> CheckpointSeq {
        CheckpointSeq(self.current)
    }

    /// The state changed in a way that a resume wants to know.
    pub(super) const fn changed(&mut self) {
        self.current += 1;
    }

    /// The state changed, and what follows must wait until that is on disk. Earlier failures don't count against it.
    pub(super) const fn barrier(&mut self) {
        self.current += 1;
        self.barrier = self.current;
        self.failures = 0;
    }

    pub(super) const fn is_blocked(&self) -> bool {
        self.durable < self.barrier
    }

    pub(super) const fn has_any(&self) -> bool {
        self.durable > 0
    }

    /// What to write now, if there is something.
    pub(super) fn begin(&mut self, now: Timestamp) -> Option<CheckpointSeq> {
        if self.under_way.is_some() || self.current <= self.durable || self.retry_at > now {
            return None;
        }
        self.under_way = Some(self.current);
        Some(CheckpointSeq(self.current))
    }

    pub(super) fn persisted(&mut self, seq: CheckpointSeq) {
        let Some(wanted) = self.under_way.take_if(|wanted| *wanted <= seq.0) else { return };
        self.durable = self.durable.max(wanted.max(seq.0.min(self.current)));
        self.failures = 0;
    }

    /// A write failed; says whether that was once too often for a barrier. `wait` gives the time until the next try.
    pub(super) fn failed(
        &mut self,
        now: Timestamp,
        wait: impl FnOnce(u32) -> core::time::Duration,
    ) -> Failed {
        if self.under_way.take().is_none() {
            return Failed::Ignored;
        }
        self.failures = self.failures.saturating_add(1);
        self.retry_at = now.after(wait(self.failures));
        if self.is_blocked() && self.failures >= BARRIER_TRIES { Failed::Fatal } else { Failed::TryAgain }
    }

    /// When a write that failed is tried again; a time that has passed if none is to be.
    pub(super) const fn retry_at(&self) -> Timestamp {
        self.retry_at
    }
}

/// What a failed write means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// None was under way.
    Ignored,
    /// It will be tried again.
    TryAgain,
    /// A barrier can't be passed.
    Fatal,
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1);

    #[test]
    fn one_is_under_way_and_the_newest_state_wins() {
        let mut persist = Persist::new(CheckpointSeq(0));
        assert_eq!(persist.begin(NOW), None);
        persist.changed();
        assert_eq!(persist.begin(NOW), Some(CheckpointSeq(1)));
        persist.changed();
        persist.changed();
        assert_eq!(persist.begin(NOW), None);
        persist.persisted(CheckpointSeq(1));
        assert_eq!(persist.begin(NOW), Some(CheckpointSeq(3)));
        persist.persisted(CheckpointSeq(2));
        assert_eq!(persist.begin(NOW), None, "an older number than the one wanted does not end the wait");
        persist.persisted(CheckpointSeq(9));
        assert_eq!(persist.durable, 3, "what was never there is not on disk");
        persist.changed();
        persist.begin(NOW);
        persist.changed();
        persist.persisted(CheckpointSeq(5));
        assert_eq!(
            persist.begin(NOW),
            None,
            "what was written is the state as it is now, not as it was asked for"
        );
        persist.persisted(CheckpointSeq(9));
    }

    #[test]
    fn what_goes_on_alike_hashes_alike_whatever_its_numbers() {
        let hash = |persist: &Persist| {
            let mut hasher = std::hash::DefaultHasher::new();
            persist.hash(&mut hasher);
            hasher.finish()
        };
        let made = |durable, steps: &[fn(&mut Persist)]| {
            let mut persist = Persist::new(CheckpointSeq(durable));
            steps.iter().for_each(|step| step(&mut persist));
            hash(&persist)
        };
        let begun = |persist: &mut Persist| assert!(persist.begin(NOW).is_some());
        assert_eq!(made(1, &[Persist::changed, begun]), made(70, &[Persist::changed, begun]));
        let all = [
            made(0, &[]),
            made(1, &[]),
            made(1, &[Persist::changed]),
            made(1, &[Persist::changed, begun]),
            made(1, &[Persist::changed, Persist::changed]),
            made(1, &[Persist::barrier]),
        ];
        let different: std::collections::BTreeSet<_> = all.into_iter().collect();
        assert_eq!(different.len(), all.len());
    }

    #[test]
    fn a_barrier_blocks_until_its_state_is_on_disk() {
        let mut persist = Persist::new(CheckpointSeq(0));
        persist.changed();
        persist.begin(NOW);
        persist.barrier();
        persist.persisted(CheckpointSeq(1));
        assert!(persist.is_blocked());
        persist.begin(NOW);
        persist.persisted(CheckpointSeq(2));
        assert!(!persist.is_blocked());
    }

    #[test]
    fn a_barrier_that_cannot_be_written_is_fatal_after_three_tries() {
        let mut persist = Persist::new(CheckpointSeq(0));
        persist.barrier();
        let wait = |_| Duration::from_secs(1);
        assert_eq!(persist.failed(NOW, wait), Failed::Ignored);
        let mut now = NOW;
        for expected in [Failed::TryAgain, Failed::TryAgain, Failed::Fatal] {
            assert!(persist.begin(now).is_some());
            assert_eq!(persist.failed(now, wait), expected);
            assert_eq!(persist.begin(now), None, "not before the wait is over");
            now = now.after(Duration::from_secs(1));
        }
    }
}
