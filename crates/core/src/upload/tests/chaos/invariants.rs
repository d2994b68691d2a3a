//! The invariants, each as a function of what can be seen from outside: the outputs and the inputs of one process.
//!
//! The ledger writes down what was seen, the functions named `invariant_…` judge it. None of them looks into the
//! engine; of a checkpoint they read what it says.

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use super::super::script::*;
use crate::checkpoint::{Saved, SavedStage};
use crate::*;

/// One thing to do: an operation's kind, and the segment's index if it is an Append.
type Thing = (OperationKind, Option<u32>);

pub(super) fn thing(op: &Operation) -> Thing {
    (op.kind(), op.action.segment().map(SegmentIndex::get))
}

/// What was seen of one process.
pub(super) struct Ledger {
    profile: Profile,
    policy: Policy,
    spec: UploadSpec,
    /// Under way, and whether it has started.
    pub(super) live: BTreeMap<OpId, (Operation, bool)>,
    last_id: Option<OpId>,
    session: Option<Session>,
    sessions: u32,
    /// Segments that the server is known to hold: by index.
    acked: BTreeMap<u32, ByteRange>,
    receipts: BTreeMap<u32, Receipt>,
    /// Segments that it may hold.
    frozen: BTreeMap<u32, ByteRange>,
    /// The smallest size that was answered "too large".
    refused: Option<u64>,
    /// The first segment of a new size was not stored yet.
    alone: bool,
    /// Not before then.
    earliest: BTreeMap<Thing, Timestamp>,
    earliest_of_kind: BTreeMap<OperationKind, Timestamp>,
    /// What failed last: a "retrying" event is about that.
    failed: Option<Thing>,
    charged: u32,
    grown: u32,
    /// Appends that may be stored, of a protocol that must be asked first.
    unprobed: BTreeSet<u32>,
    listing: BTreeMap<u32, Part>,
    /// A Finalize may have been done: when "not committed" was seen since.
    unsure: Option<Vec<Timestamp>>,
    durable: Option<Checkpoint>,
    resumed_with: RangeSet,
    writing: bool,
    paused: bool,
    discarding: bool,
    released: RangeSet,
    progress: Progress,
    most_acked: u64,
    closed: bool,
    processing_since: Option<Timestamp>,
}

const APPEND: OperationKind = OperationKind::Append;

impl Ledger {
    pub(super) fn new(profile: Profile, policy: Policy, spec: UploadSpec, from: Option<&Checkpoint>) -> Self {
        let mut ledger = Self {
            profile,
            policy,
            spec,
            live: BTreeMap::new(),
            last_id: None,
            session: None,
            sessions: 1,
            acked: BTreeMap::new(),
            receipts: BTreeMap::new(),
            frozen: BTreeMap::new(),
            refused: None,
            alone: false,
            earliest: BTreeMap::new(),
            earliest_of_kind: BTreeMap::new(),
            failed: None,
            charged: 0,
            grown: 0,
            unprobed: BTreeSet::new(),
            listing: BTreeMap::new(),
            unsure: None,
            durable: from.cloned(),
            resumed_with: RangeSet::new(),
            writing: false,
            paused: false,
            discarding: false,
            released: RangeSet::new(),
            progress: Progress::default(),
            most_acked: 0,
            closed: false,
            processing_since: None,
        };
        ledger.sessions = from.map_or(1, |checkpoint| checkpoint.sessions);
        if let Some(Saved::Open(open)) = from.map(|checkpoint| &checkpoint.state) {
            ledger.session = Some(open.session.clone());
            ledger.resumed_with = open.stored.clone();
            ledger.receipts = open.receipts.clone();
            let held = from.into_iter().flat_map(|checkpoint| checkpoint.plan.segments());
            ledger.acked = held
                .filter(|s| open.stored.contains(s.range))
                .filter(|s| !s.range.is_empty() || open.stage == SavedStage::FinalizeSent)
                .map(|s| (s.index.get(), s.range))
                .collect();
            // What was sent and not acknowledged may be stored as well.
            let sent = from.into_iter().flat_map(|checkpoint| checkpoint.plan.segments());
            let sent = sent.take(open.sent_to as usize).map(|s| (s.index.get(), s.range));
            ledger.frozen = sent.chain(ledger.acked.clone()).collect();
            if open.stage == SavedStage::FinalizeSent {
                ledger.unsure = Some(Vec::new());
            }
        }
        ledger
    }

    fn must_probe(&self) -> bool {
        matches!(self.profile.transfer, Transfer::Parts(Parts { resend: Resend::ProbeFirst, .. }))
    }

    fn wants_receipts(&self) -> bool {
        self.profile.finalize == Finalize::Call { receipts: Receipts::Required }
    }

    // What is seen.

    pub(super) fn saw_perform(&mut self, now: Timestamp, op: &Operation) {
        self.contract_names_are_never_used_twice(op);
        self.invariant_1_finalize_only_when_everything_is_stored(op);
        self.invariant_2_window_and_one_live_attempt(op);
        self.invariant_3_frozen_ranges_and_refused_sizes(op);
        self.invariant_4_nothing_before_its_time(now, op);
        self.invariant_5_attempts_are_bounded(op);
        self.invariant_7_find_out_before_repeating(op);
        self.invariant_8_barriers_and_nothing_stored_again(op);
        self.invariant_9_pause_discard_and_closed(op);
        if let Action::Probe { page: None, .. } = op.action {
            self.listing.clear();
        }
        if op.kind() == OperationKind::Finalize {
            self.unsure = None;
        }
        self.live.insert(op.id, (op.clone(), false));
    }

    pub(super) fn saw_cancel(&mut self, id: OpId) {
        let (op, started) = self.live.remove(&id).expect("only what is under way is given up");
        self.failed = Some(thing(&op));
        if started {
            self.may_be_done(&op);
        }
    }

    pub(super) fn saw_persist(&mut self) {
        assert!(!self.writing, "one checkpoint is written at a time");
        assert!(!self.closed);
        self.writing = true;
    }

    pub(super) fn saw_written(&mut self, checkpoint: Option<&Checkpoint>) {
        self.writing = false;
        if let Some(checkpoint) = checkpoint {
            self.durable = Some(checkpoint.clone());
        }
    }

    pub(super) fn saw_release(&mut self, range: ByteRange) {
        assert_eq!(self.spec.rewind, Rewind::UntilReleased);
        assert!(self.acked.values().any(|acked| *acked == range), "{range} is released but not stored");
        self.released.insert(range);
    }

    pub(super) fn saw_event(&mut self, now: Timestamp, event: &Event) {
        match event {
            Event::Retrying { kind, at, failure, .. } => {
                let failed = self.failed.expect("something failed before");
                assert_eq!(failed.0, *kind);
                let earliest = self.earliest.entry(failed).or_default();
                *earliest = (*earliest).max(*at);
                self.invariant_5_retries_are_charged(*kind, failure);
            }
            Event::NewSession { .. } => {
                assert!(self.live.is_empty(), "what belongs to the old session is given up first");
                self.session = None;
                self.sessions += 1;
                self.forget_session();
                (self.progress, self.most_acked) = (Progress::default(), 0);
                // The ceiling is kept, and the first of its size goes alone.
                self.alone = self.refused.is_some();
            }
            Event::Opened { session } => {
                self.session = Some(session.clone());
                self.forget_session();
            }
            Event::Replanned { .. } => self.alone = true,
            Event::Paused => self.paused = true,
            Event::Resumed => self.paused = false,
            Event::Phase(phase) => {
                self.processing_since = (*phase == Phase::Processing).then_some(now);
            }
            Event::Stored(_)
            | Event::Held { .. }
            | Event::SessionLeakSuspected
            | Event::Window { .. }
            | Event::Processing { .. }
            | Event::PersistFailed => {}
        }
    }

    fn forget_session(&mut self) {
        self.acked.clear();
        self.receipts.clear();
        self.frozen.clear();
        self.unprobed.clear();
        self.unsure = None;
        self.resumed_with.clear();
        self.earliest.clear();
    }

    pub(super) fn saw_started(&mut self, id: OpId) {
        if let Some((_, started)) = self.live.get_mut(&id) {
            *started = true;
        }
    }

    /// An outcome is about to be told. Says whether anybody waits for it.
    pub(super) fn saw_outcome(&mut self, now: Timestamp, id: OpId, outcome: &Outcome, plan: &Plan) -> bool {
        let Some((op, _)) = self.live.remove(&id) else { return false };
        self.failed = Some(thing(&op));
        if let Some(pace) = outcome.pace.filter(|pace| pace.remaining == 0) {
            self.hold(op.kind(), pace.reset);
        }
        match &outcome.result {
            Ok(reply) => self.saw_reply(now, &op, reply, plan),
            Err(failure) => self.saw_failure(now, &op, failure),
        }
        true
    }

    fn saw_reply(&mut self, now: Timestamp, op: &Operation, reply: &Reply, plan: &Plan) {
        match (&op.action, reply) {
            (Action::Init { .. }, Reply::Opened { .. }) => {}
            (Action::Append { segment, .. }, Reply::Stored { receipt, .. }) => {
                self.stored(*segment, receipt.clone());
            }
            (Action::Probe { .. }, Reply::Probed(page)) => {
                for part in &page.parts {
                    self.listing.insert(part.index.get(), part.clone());
                }
                if page.next.is_none() {
                    self.listed(plan);
                }
            }
            (Action::Verify { .. }, Reply::Verified(Verdict::NotCommitted)) => {
                if let Some(seen) = &mut self.unsure {
                    seen.push(now);
                }
            }
            (Action::Status { .. }, Reply::Processing(Processing::Running { after, .. }))
            | (Action::Finalize { .. }, Reply::Processing(Processing::Running { after, .. })) => {
                // A hint is honoured within the floor and the ceiling.
                let policy = &self.policy.processing;
                let hint = after.map_or(policy.default_delay, |after| after.until(now).since(now));
                let at = now.after(hint.max(policy.floor).min(policy.ceiling));
                self.earliest.insert((OperationKind::Status, None), at);
            }
            (Action::Init { .. } | Action::Append { .. } | Action::Finalize { .. }, Reply::Completed(_))
            | (Action::Status { .. } | Action::Verify { .. }, _)
            | (Action::Abort { .. }, Reply::Aborted | Reply::AbortPending) => {}
            // An answer to something else: it may have done anything.
            (
                Action::Init { .. }
                | Action::Append { .. }
                | Action::Probe { .. }
                | Action::Finalize { .. }
                | Action::Abort { .. },
                _,
            ) => self.may_be_done(op),
        }
    }

    fn saw_failure(&mut self, now: Timestamp, op: &Operation, failure: &Failure) {
        match failure {
            Failure::NotSent { .. } => {}
            Failure::Unknown { .. } => self.may_be_done(op),
            Failure::Answered(problem) => {
                if let Some(after) = problem.after {
                    let at = after.until(now);
                    self.earliest.insert(thing(op), at);
                    if problem.kind == ProblemKind::Throttled {
                        self.hold(op.kind(), at);
                    }
                }
                match (&problem.kind, &op.action) {
                    (ProblemKind::AlreadyStored { receipt }, Action::Append { segment, .. }) => {
                        self.stored(*segment, receipt.clone());
                    }
                    (ProblemKind::TooLarge { .. }, Action::Append { segment, .. }) => {
                        let size = segment.range.len();
                        self.refused = Some(self.refused.map_or(size, |known| known.min(size)));
                    }
                    (ProblemKind::SegmentsMissing, Action::Finalize { .. }) if !self.must_probe() => {
                        self.acked.clear();
                        self.resumed_with.clear();
                    }
                    (ProblemKind::Broken, _) => self.may_be_done(op),
                    _ => {}
                }
            }
        }
    }

    fn hold(&mut self, kind: OperationKind, until: Timestamp) {
        let held = self.earliest_of_kind.entry(kind).or_default();
        *held = (*held).max(until);
    }

    fn stored(&mut self, segment: Segment, receipt: Option<Receipt>) {
        self.acked.insert(segment.index.get(), segment.range);
        self.frozen.insert(segment.index.get(), segment.range);
        if let Some(receipt) = receipt {
            self.receipts.insert(segment.index.get(), receipt);
        }
        self.alone = false;
        self.grown += 1;
    }

    /// A listing is complete: it is believed, if it is one of our segments.
    fn listed(&mut self, plan: &Plan) {
        let listed = core::mem::take(&mut self.listing);
        let ours = |(index, part): (u32, Part)| {
            let segment = plan.segment(SegmentIndex::new(index))?;
            (segment.range.len() == part.len).then_some((segment, part.receipt))
        };
        let Some(listed) = listed.into_iter().map(ours).collect::<Option<Vec<_>>>() else { return };
        self.acked.clear();
        self.receipts.clear();
        for (segment, receipt) in listed {
            let index = segment.index.get();
            self.acked.insert(index, segment.range);
            self.frozen.insert(index, segment.range);
            self.receipts.extend(receipt.map(|receipt| (index, receipt)));
        }
        // What the list lacks may be sent again, whatever was known before.
        self.resumed_with.clear();
        self.unprobed.clear();
    }

    fn may_be_done(&mut self, op: &Operation) {
        match &op.action {
            Action::Append { segment, .. } => {
                self.frozen.insert(segment.index.get(), segment.range);
                if self.must_probe() {
                    self.unprobed.insert(segment.index.get());
                }
            }
            Action::Finalize { .. } => self.unsure = Some(Vec::new()),
            Action::Init { .. }
            | Action::Probe { .. }
            | Action::Status { .. }
            | Action::Verify { .. }
            | Action::Abort { .. } => {}
        }
    }

    pub(super) fn saw_hold(&mut self, kind: OperationKind, until: Timestamp) {
        self.hold(kind, until);
    }

    pub(super) fn saw_discard(&mut self) {
        self.discarding = true;
        self.paused = false;
    }

    pub(super) fn saw_closed(&mut self) {
        assert!(self.live.is_empty(), "what is under way is given up before the end: {:?}", self.live);
        self.closed = true;
    }

    // The invariants.

    fn contract_names_are_never_used_twice(&mut self, op: &Operation) {
        assert!(self.last_id < Some(op.id), "{} after {:?}", op.id, self.last_id);
        self.last_id = Some(op.id);
        if let Some(session) = op.action.session() {
            assert_eq!(Some(session), self.session.as_ref(), "of the session that is open");
        }
    }

    fn invariant_1_finalize_only_when_everything_is_stored(&self, op: &Operation) {
        let Action::Finalize { total, receipts, .. } = &op.action else { return };
        assert!(self.live.is_empty(), "data in flight: {:?}", self.live);
        let mut end = 0;
        for range in self.acked.values() {
            assert_eq!(range.start(), end, "the committed ranges tile the source: {:?}", self.acked);
            end = range.end();
        }
        assert_eq!(end, *total);
        assert!(self.acked.keys().copied().eq(0..self.acked.len() as u32), "indexes without a gap");
        if *total == 0 && self.profile.sizing.empty == Empty::OneSegment {
            assert_eq!(self.acked.len(), 1, "the empty segment too");
        }
        match receipts {
            Some(receipts) => {
                assert!(self.wants_receipts());
                let held: Vec<_> = self.acked.keys().map(|index| &self.receipts[index]).collect();
                assert_eq!(
                    receipts.iter().collect::<Vec<_>>(),
                    held,
                    "every receipt, in order, and the newest"
                );
            }
            None => assert!(!self.wants_receipts()),
        }
    }

    fn invariant_2_window_and_one_live_attempt(&self, op: &Operation) {
        let Action::Append { segment, .. } = &op.action else { return };
        let appends = self.live.values().filter(|(op, _)| op.kind() == APPEND);
        assert!((appends.clone().count() as u32) < self.policy.window.max(), "the window is kept");
        for (other, _) in appends {
            assert_ne!(other.action.segment(), Some(segment.index), "two live attempts of one segment");
        }
        assert!(
            !self.acked.contains_key(&segment.index.get()),
            "stored segments are not sent: {}",
            segment.index
        );
    }

    fn invariant_3_frozen_ranges_and_refused_sizes(&self, op: &Operation) {
        let Action::Append { segment, .. } = &op.action else { return };
        let (index, range) = (segment.index.get(), segment.range);
        for (frozen, held) in &self.frozen {
            if *frozen == index {
                assert_eq!(*held, range, "segment {index} may be stored as it was");
            } else {
                let apart = range.end() <= held.start() || held.end() <= range.start();
                assert!(apart || held.is_empty(), "{index} {range} overlaps {frozen} {held}");
                assert_eq!(*frozen < index, held.start() < range.start(), "{index} {range}, {frozen} {held}");
            }
        }
        if let Some(refused) = self.refused {
            assert!(range.len() < refused, "{} bytes, but {refused} were refused", range.len());
        }
        let live = self.live.values().filter(|(op, _)| op.kind() == APPEND).count();
        assert!(!self.alone || live == 0, "the first segment of a new size goes alone");
    }

    fn invariant_4_nothing_before_its_time(&self, now: Timestamp, op: &Operation) {
        if let Some(at) = self.earliest.get(&thing(op)) {
            assert!(*at <= now, "{:?} at {now}, but not before {at}", thing(op));
        }
        if let Some(at) = self.earliest_of_kind.get(&op.kind()) {
            assert!(*at <= now, "{} at {now}, but the kind is held until {at}", op.kind());
        }
    }

    fn invariant_5_attempts_are_bounded(&self, op: &Operation) {
        let retry = &self.policy.retry;
        let polls = self.policy.processing.failures.get();
        let most = retry.attempts.get().max(polls) + retry.throttles.get();
        assert!(op.attempt <= most, "attempt {}", op.attempt);
    }

    fn invariant_5_retries_are_charged(&mut self, kind: OperationKind, failure: &Failure) {
        let waits = match failure {
            Failure::Answered(problem) => {
                matches!(problem.kind, ProblemKind::Throttled | ProblemKind::Busy)
            }
            Failure::NotSent { .. } | Failure::Unknown { .. } => false,
        };
        match kind {
            OperationKind::Init | OperationKind::Append | OperationKind::Probe | OperationKind::Finalize
                if !waits =>
            {
                self.charged += 1;
            }
            _ => {}
        }
        let most = self.policy.retry.budget + self.grown;
        assert!(self.charged <= most, "{} retries, but {} segments were stored", self.charged, self.grown);
    }

    /// A late, duplicate or unknown outcome changed nothing.
    pub(super) fn invariant_6_stale_outcomes_change_nothing(before: &Upload, after: &Upload) {
        assert_eq!(before.checkpoint(), after.checkpoint());
        assert_eq!(before.progress(), after.progress());
        assert_eq!(before.phase(), after.phase());
        let (before, after) = (before.stats(), after.stats());
        assert_eq!(Stats { ignored: before.ignored + 1, ..*before }, *after, "and it is counted");
    }

    fn invariant_7_find_out_before_repeating(&self, op: &Operation) {
        match &op.action {
            Action::Append { segment, .. } => {
                assert!(
                    !self.unprobed.contains(&segment.index.get()),
                    "segment {} may be stored",
                    segment.index
                );
            }
            Action::Finalize { .. } => {
                let Some(seen) = &self.unsure else { return };
                let apart = match seen.as_slice() {
                    [first, .., last] => last.since(*first),
                    [_] | [] => panic!("it was not found out: {seen:?}"),
                };
                assert!(apart >= Duration::from_secs(1), "seen twice, but not apart");
            }
            Action::Verify { .. } => assert_eq!(self.profile.verify, Verify::Call),
            Action::Init { .. } | Action::Probe { .. } | Action::Status { .. } | Action::Abort { .. } => {}
        }
    }

    fn invariant_8_barriers_and_nothing_stored_again(&self, op: &Operation) {
        let durable = self.durable.as_ref().map(|checkpoint| &checkpoint.state);
        match &op.action {
            Action::Append { session, segment, .. } => {
                match durable {
                    Some(Saved::Open(open)) => assert_eq!(open.session, *session, "this session is on disk"),
                    Some(Saved::Opening) | None => panic!("no session is on disk"),
                }
                let again = !segment.range.is_empty() && self.resumed_with.contains(segment.range);
                assert!(!again, "{} was stored when this process began", segment.range);
            }
            Action::Finalize { session, .. } => match durable {
                Some(Saved::Open(open)) => {
                    assert_eq!((&open.session, open.stage), (session, SavedStage::FinalizeSent));
                }
                Some(Saved::Opening) | None => panic!("no session is on disk"),
            },
            Action::Init { .. }
            | Action::Probe { .. }
            | Action::Status { .. }
            | Action::Verify { .. }
            | Action::Abort { .. } => {}
        }
    }

    fn invariant_9_pause_discard_and_closed(&self, op: &Operation) {
        assert!(!self.paused, "nothing starts in a pause");
        assert!(!self.closed, "nothing starts behind the end");
        let released = op.payload().is_some_and(|range| self.released.overlaps(range));
        assert!(!released, "released bytes are not asked for again");
        match op.kind() {
            OperationKind::Init | OperationKind::Append | OperationKind::Probe | OperationKind::Finalize => {
                assert!(!self.discarding, "a discard sends nothing new");
            }
            OperationKind::Status | OperationKind::Verify | OperationKind::Abort => {}
        }
    }

    /// Processing ends by its deadline; `paused` is the time it stood still.
    pub(super) fn invariant_10_processing_is_bounded(&self, now: Timestamp, paused: Duration) {
        if let Some(since) = self.processing_since {
            let most = self.policy.processing.deadline + paused;
            assert!(now.since(since) <= most, "processing since {since}, now it is {now}");
        }
    }

    pub(super) fn invariant_11_progress_never_goes_back(&mut self, progress: Progress) {
        let before = core::mem::replace(&mut self.progress, progress);
        assert_eq!(progress.session, self.sessions, "a new session is an event of its own");
        assert!(progress.sent >= before.sent, "{before:?} {progress:?}");
        assert!(progress.stored >= before.stored, "{before:?} {progress:?}");
        assert!(progress.committed >= before.committed, "{before:?} {progress:?}");
        assert!(progress.processed >= before.processed, "{before:?} {progress:?}");
        let total = progress.total.expect("it is known");
        assert!(progress.stored <= progress.sent && progress.sent <= total, "{progress:?}");
        self.most_acked = self.most_acked.max(self.acked.values().map(|range| range.len()).sum());
        assert_eq!(progress.stored, self.most_acked, "as many bytes as were acknowledged in this session");
        assert!(progress.committed == 0 || progress.committed == total, "{progress:?}");
        assert!(self.sessions <= self.policy.sessions.get(), "sessions are bounded");
    }

    /// A hostile server gets no endless loop and no unbounded memory: a drain is finite, and waits for something.
    pub(super) fn invariant_12_a_drain_is_finite_and_waits_for_something(
        &self,
        outputs: usize,
        now: Timestamp,
        wake_at: Option<Timestamp>,
        waits_for_input: bool,
    ) {
        assert!(outputs < 200, "{outputs} outputs without a pause");
        assert!(wake_at.is_none_or(|at| at > now), "a wake-up in the past");
        let something = !self.live.is_empty() || self.writing || self.paused || waits_for_input;
        // A far deadline is no answer to "what next?".
        let soon = wake_at.is_some_and(|at| at.since(now) <= self.policy.retry.longest_wait / 2);
        assert!(something || soon, "it waits for nothing: {now}, {wake_at:?}");
    }
}
