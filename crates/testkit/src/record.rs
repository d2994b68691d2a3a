//! The record: what can be seen of one process that drives an upload, from outside.
//!
//! Whoever drives an [`Upload`] tells what it does and hears as [`Seen`]; the record keeps the facts that follow from
//! it. None of them is asked of the engine: that is what makes the invariants an opinion of their own.

use std::collections::BTreeMap;

use chunkwise_core::{
    Action, ByteRange, Checkpoint, CheckpointStage, Completed, CredentialEpoch, Event, Failure, Finalize,
    Listing, OpId, Operation, OperationKind, Outcome, Part, Parts, Plan, Policy, ProblemKind, Profile,
    Progress, RangeSet, Receipt, Receipts, Reply, Resend, Rewind, Segment, SegmentIndex, Session, Timestamp,
    Transfer, Upload, UploadError, UploadSpec,
};

/// One thing to do: an operation's kind, and the segment's index if it is an Append.
pub type Thing = (OperationKind, Option<u32>);

/// What an operation is about.
pub const fn thing(op: &Operation) -> Thing {
    let index = match op.action.segment() {
        Some(index) => Some(index.get()),
        None => None,
    };
    (op.kind(), index)
}

/// Something that was seen: an output of the engine, or an input that is about to be given to it.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// It gave out an operation.
    Perform(&'a Operation),
    /// It gave one up.
    Cancel(OpId),
    /// It wants a checkpoint written.
    Persist,
    /// It released source bytes.
    Release(ByteRange),
    /// It wants new credentials.
    Refresh(CredentialEpoch),
    /// It told of an event.
    Notify(&'a Event),
    /// It has nothing to do until then, after so many outputs.
    Idle {
        /// How many outputs came since the last input.
        outputs: usize,
        /// When it wants to be polled again.
        wake_at: Option<Timestamp>,
        /// What else is awaited than an outcome or the disk.
        awaits: Awaits,
    },
    /// It is over.
    Closed(&'a Result<Completed, UploadError>),
    /// How far it says it is, once it was drained.
    Progress(Progress),
    /// It is told that an operation has started.
    Started(OpId),
    /// It is told what became of an operation.
    Outcome(OpId, &'a Outcome),
    /// It was told of an operation that was not under way: before and after.
    Stale {
        /// As it was.
        before: &'a Upload,
        /// As it is now.
        after: &'a Upload,
    },
    /// It is told what became of the write: the checkpoint that is on disk now, or none.
    Written(Option<&'a Checkpoint>),
    /// It is told of new credentials, or that there are none.
    Refreshed,
    /// It is told that a kind of operation is held back.
    Hold(OperationKind, Timestamp),
    /// It is told to give the upload up.
    Discard,
}

/// What an idle upload may be waiting for, beside outcomes and the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Awaits {
    /// Nothing.
    Nothing,
    /// More of the source.
    Source,
}

/// What follows from something seen.
#[derive(Clone, Debug)]
pub enum Fact {
    /// The server acknowledged a whole segment (parts family).
    Stored(Segment),
    /// The server's cursor moved on (append family).
    Advanced {
        /// From there.
        from: u64,
        /// To there.
        to: u64,
    },
    /// The server was asked what it holds, and told.
    FoundOut,
    /// The server may have done this, nobody knows.
    MayBeDone(Operation),
    /// What was known of a session does not count any more.
    SessionForgotten,
}

/// What is known of one process that drives an upload.
#[derive(Clone, Debug, Hash)]
pub struct Record {
    /// The profile it was made with.
    pub profile: Profile,
    /// The policy it was made with.
    pub policy: Policy,
    /// What it uploads.
    pub spec: UploadSpec,
    /// What is under way, and whether it has started.
    pub live: BTreeMap<OpId, (Operation, bool)>,
    /// The session that is open.
    pub session: Option<Session>,
    /// How many were used.
    pub sessions: u32,
    /// Parts family: the segments that the server acknowledged.
    pub acked: BTreeMap<u32, ByteRange>,
    /// Their receipts.
    pub receipts: BTreeMap<u32, Receipt>,
    /// Append family: the server's cursor, as far as it is known.
    pub cursor: u64,
    /// Append family: the offset behind the last byte at the server that can be ours.
    pub ours_end: u64,
    /// Append family: the offset behind the last byte that was surely sent in this session, or may have been under way
    /// when the checkpoint was written.
    sent_end: u64,
    /// What was under way on disk when a Finalize or data may go out.
    pub durable: Option<(CheckpointStage, Option<Session>)>,
    /// The cut of the source that is on disk.
    pub durable_plan: Option<Plan>,
    /// Up to which segment it is on disk that they are about to be sent; zero unless it must be.
    pub durable_sent_to: u32,
    /// Whether a checkpoint is being written.
    pub writing: bool,
    /// Whether new credentials are awaited.
    pub refreshing: bool,
    /// Whether nothing new may start.
    pub paused: bool,
    /// Whether it was told to give the upload up.
    pub discarding: bool,
    /// Whether it is over.
    pub closed: bool,
    /// What was answered or given up last: a "retrying" event is about that.
    pub failed: Option<Thing>,
    listing: Vec<Part>,
    /// Whether a process before this one may have sent what this one does not know of.
    heir: bool,
}

impl Record {
    /// Of a process that begins anew, or from a checkpoint.
    pub fn new(profile: Profile, policy: Policy, spec: UploadSpec, from: Option<&Checkpoint>) -> Self {
        let mut record = Self {
            profile,
            policy,
            spec,
            live: BTreeMap::new(),
            session: None,
            sessions: 1,
            acked: BTreeMap::new(),
            receipts: BTreeMap::new(),
            cursor: 0,
            ours_end: 0,
            sent_end: 0,
            durable: None,
            durable_plan: None,
            durable_sent_to: 0,
            writing: false,
            refreshing: false,
            paused: false,
            discarding: false,
            closed: false,
            failed: None,
            listing: Vec::new(),
            heir: false,
        };
        let Some(checkpoint) = from else { return record };
        record.sessions = checkpoint.sessions();
        record.durable = Some((checkpoint.stage(), checkpoint.session().cloned()));
        record.durable_plan = Some(checkpoint.plan().clone());
        record.durable_sent_to = record.announced_by(checkpoint);
        record.session = checkpoint.session().cloned();
        record.receipts = checkpoint.receipts().cloned().unwrap_or_default();
        record.acked = acknowledged(checkpoint).map(|s| (s.index.get(), s.range)).collect();
        record.cursor = checkpoint.stored();
        // The process before may have sent anything after it wrote this; surely it may have sent this much.
        let plan = checkpoint.plan();
        record.ours_end = if plan.is_open() { u64::MAX } else { plan.total() };
        let end = |segment: Option<Segment>| segment.map_or(0, |segment| segment.range.end());
        let sent = checkpoint.sent_to().checked_sub(1).map(SegmentIndex::new);
        let sent = end(sent.and_then(|last| plan.planned(last)));
        record.sent_end = record.cursor.max(end(plan.planned_at(record.cursor))).max(sent);
        record.heir = true;
        record
    }

    /// Whether it is of the append family.
    pub const fn is_append(&self) -> bool {
        matches!(self.profile.transfer, Transfer::Append(_))
    }

    /// Whether the server must be asked before an Append of unknown fate is repeated.
    pub const fn must_find_out(&self) -> bool {
        match self.profile.transfer {
            Transfer::Append(_) => true,
            Transfer::Parts(Parts { resend, .. }) => matches!(resend, Resend::ProbeFirst | Resend::Never),
        }
    }

    /// Whether an Append that may have been done is never repeated.
    pub const fn sends_once(&self) -> bool {
        matches!(self.profile.transfer, Transfer::Parts(Parts { resend: Resend::Never, .. }))
    }

    /// Up to which segment a checkpoint announces that they are sent, where that must be.
    pub const fn announced_by(&self, checkpoint: &Checkpoint) -> u32 {
        if self.sends_once() { checkpoint.sent_to() } else { 0 }
    }

    /// Whether the server can be asked what it holds.
    pub const fn can_ask(&self) -> bool {
        match self.profile.transfer {
            Transfer::Append(_) => true,
            Transfer::Parts(Parts { listing, .. }) => matches!(listing, Listing::Complete),
        }
    }

    /// Whether Finalize lists the receipts.
    pub fn wants_receipts(&self) -> bool {
        self.profile.finalize == Finalize::Call { receipts: Receipts::Required }
    }

    /// How many bytes the server acknowledged.
    pub fn acknowledged_bytes(&self) -> u64 {
        if self.is_append() { self.cursor } else { self.acked.values().map(|range| range.len()).sum() }
    }

    /// The live Appends.
    pub fn live_appends(&self) -> impl Iterator<Item = &Operation> {
        self.live.values().map(|(op, _)| op).filter(|op| op.kind() == OperationKind::Append)
    }

    /// Takes in what was seen; says what follows from it.
    pub fn take_in(&mut self, seen: &Seen<'_>, plan: &Plan) -> Vec<Fact> {
        let mut facts = Vec::new();
        match *seen {
            Seen::Perform(op) => {
                if let Action::Probe { page: None, .. } = op.action {
                    self.listing.clear();
                }
                if let Some(range) = op.payload() {
                    self.sent_end = self.sent_end.max(range.end());
                    self.ours_end = self.ours_end.max(range.end());
                }
                self.live.insert(op.id, (op.clone(), false));
            }
            Seen::Cancel(id) => {
                if let Some((op, started)) = self.live.remove(&id) {
                    self.failed = Some(thing(&op));
                    if started {
                        facts.push(Fact::MayBeDone(op));
                    }
                }
            }
            Seen::Persist => self.writing = true,
            Seen::Written(checkpoint) => {
                self.writing = false;
                if let Some(checkpoint) = checkpoint {
                    self.durable = Some((checkpoint.stage(), checkpoint.session().cloned()));
                    self.durable_plan = Some(checkpoint.plan().clone());
                    self.durable_sent_to = self.announced_by(checkpoint);
                }
            }
            Seen::Refresh(_) => self.refreshing = true,
            Seen::Refreshed => self.refreshing = false,
            Seen::Notify(event) => self.event(event, &mut facts),
            Seen::Closed(_) => self.closed = true,
            Seen::Started(id) => {
                if let Some((_, started)) = self.live.get_mut(&id) {
                    *started = true;
                }
            }
            Seen::Outcome(id, outcome) => {
                if let Some((op, _)) = self.live.remove(&id) {
                    self.failed = Some(thing(&op));
                    match &outcome.result {
                        Ok(reply) => self.reply(op, reply, plan, &mut facts),
                        Err(failure) => self.failure(op, failure, &mut facts),
                    }
                }
            }
            Seen::Discard => {
                self.discarding = true;
                self.paused = false;
            }
            Seen::Release(_)
            | Seen::Idle { .. }
            | Seen::Progress(_)
            | Seen::Stale { .. }
            | Seen::Hold(..) => {}
        }
        facts
    }

    fn event(&mut self, event: &Event, facts: &mut Vec<Fact>) {
        match event {
            Event::NewSession { .. } => {
                self.session = None;
                self.sessions += 1;
                self.forget(facts);
            }
            Event::Opened { session } => {
                self.session = Some(session.clone());
                self.forget(facts);
            }
            Event::Paused => self.paused = true,
            Event::Resumed => self.paused = false,
            Event::Phase(_)
            | Event::Stored(_)
            | Event::Retrying { .. }
            | Event::Held { .. }
            | Event::Replanned { .. }
            | Event::SessionLeakSuspected
            | Event::Window { .. }
            | Event::Processing { .. }
            | Event::PersistFailed => {}
        }
    }

    fn forget(&mut self, facts: &mut Vec<Fact>) {
        self.acked.clear();
        self.receipts.clear();
        (self.cursor, self.sent_end, self.ours_end) = (0, 0, 0);
        self.heir = false;
        facts.push(Fact::SessionForgotten);
    }

    fn reply(&mut self, op: Operation, reply: &Reply, plan: &Plan, facts: &mut Vec<Fact>) {
        match (&op.action, reply) {
            (Action::Append { segment, .. }, Reply::Stored { receipt, .. }) if !self.is_append() => {
                self.stored(*segment, receipt.clone(), facts);
            }
            (Action::Append { segment, .. }, Reply::Advanced { cursor, .. }) if self.is_append() => {
                let range = segment.range;
                if range.is_empty() && *cursor == range.start() {
                    self.acked.insert(segment.index.get(), range);
                } else if *cursor > range.start() && *cursor <= range.end() {
                    facts.push(Fact::Advanced { from: self.cursor, to: *cursor });
                    self.cursor = *cursor;
                } else if *cursor != range.start() {
                    facts.push(Fact::MayBeDone(op));
                }
            }
            (Action::Probe { .. }, Reply::Advanced { cursor, .. }) if self.is_append() => {
                // No segment could be planned so far, whoever sent it.
                let most = SegmentIndex::new(self.profile.sizing.max_count.saturating_sub(1));
                let planned = plan.planned(most).map_or(u64::MAX, |last| last.range.end());
                let reach = if plan.is_open() { planned } else { plan.total() };
                if *cursor <= self.ours_end.min(reach) {
                    self.sent_end = self.sent_end.max(*cursor);
                    self.ours_end = self.sent_end;
                    if *cursor > self.cursor {
                        facts.push(Fact::Advanced { from: self.cursor, to: *cursor });
                    }
                    self.cursor = *cursor;
                    facts.push(Fact::FoundOut);
                }
            }
            (Action::Probe { .. }, Reply::Probed(page)) if !self.is_append() => {
                self.listing.extend(page.parts.iter().cloned());
                if page.next.is_none() && self.listed(plan) {
                    facts.push(Fact::FoundOut);
                }
            }
            (Action::Init { .. }, Reply::Opened { .. })
            | (
                Action::Init { .. } | Action::Append { .. } | Action::Probe { .. } | Action::Finalize { .. },
                Reply::Completed(_),
            )
            | (Action::Finalize { .. }, Reply::Processing(_))
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
            ) => facts.push(Fact::MayBeDone(op)),
        }
    }

    fn failure(&mut self, op: Operation, failure: &Failure, facts: &mut Vec<Fact>) {
        match failure {
            Failure::NotSent { .. } => {}
            Failure::Unknown { .. } => facts.push(Fact::MayBeDone(op)),
            Failure::Answered(problem) => match (&problem.kind, &op.action) {
                (ProblemKind::AlreadyStored { receipt }, Action::Append { segment, .. })
                    if !self.is_append() =>
                {
                    self.stored(*segment, receipt.clone(), facts);
                }
                (ProblemKind::SegmentsMissing, Action::Finalize { .. }) if !self.must_find_out() => {
                    self.acked.clear();
                }
                (
                    ProblemKind::Broken
                    | ProblemKind::OffsetConflict { .. }
                    | ProblemKind::AlreadyStored { .. },
                    _,
                ) => facts.push(Fact::MayBeDone(op)),
                _ => {}
            },
        }
    }

    fn stored(&mut self, segment: Segment, receipt: Option<Receipt>, facts: &mut Vec<Fact>) {
        if receipt.is_none() && self.wants_receipts() {
            return;
        }
        self.acked.insert(segment.index.get(), segment.range);
        if let Some(receipt) = receipt {
            self.receipts.insert(segment.index.get(), receipt);
        }
        facts.push(Fact::Stored(segment));
    }

    /// A list is complete: it is believed, if it is one of our segments.
    fn listed(&mut self, plan: &Plan) -> bool {
        let listed = std::mem::take(&mut self.listing);
        let receipts = self.wants_receipts();
        let mut listed = listed;
        if self.heir && plan.is_open() {
            // A segment that is shorter than planned is the end, which the process before knew. It is not taken over.
            listed.retain(|part| {
                let beyond = plan.segment(part.index).is_none();
                !(beyond && plan.planned(part.index).is_some_and(|planned| part.len < planned.range.len()))
            });
        }
        if receipts {
            // A receipt from the answer of its own is as good. Of what has none nobody knows whether it is whole: it goes again.
            for part in &mut listed {
                part.receipt = part.receipt.take().or_else(|| self.receipts.get(&part.index.get()).cloned());
            }
            listed.retain(|part| {
                let planned =
                    plan.segment(part.index).or_else(|| plan.planned(part.index).filter(|_| self.heir));
                let may_be = |range: ByteRange| {
                    let held = ByteRange::at(range.start(), part.len);
                    held.end() <= range.end() && part.range.is_none_or(|told| told == held)
                };
                part.receipt.is_some() || !planned.is_some_and(|segment| may_be(segment.range))
            });
        }
        let ours = |part: Part| {
            let known = plan.segment(part.index);
            let segment = known.or_else(|| plan.planned(part.index).filter(|_| self.heir))?;
            let same =
                segment.range.len() == part.len && part.range.is_none_or(|range| range == segment.range);
            (same && (!receipts || part.receipt.is_some())).then_some((segment, part.receipt))
        };
        let Some(listed) = listed.into_iter().map(ours).collect::<Option<Vec<_>>>() else { return false };
        let lacks = |index: &u32| listed.iter().all(|(segment, _)| segment.index.get() != *index);
        let released = |(index, range): (&u32, &ByteRange)| !range.is_empty() && lacks(index);
        if self.spec.rewind == Rewind::UntilReleased && self.acked.iter().any(released) {
            // What was released can't be sent again: such a list is the end, and not taken over.
            return false;
        }
        self.acked.clear();
        self.receipts.clear();
        for (segment, receipt) in listed {
            let index = segment.index.get();
            self.acked.insert(index, segment.range);
            self.receipts.extend(receipt.map(|receipt| (index, receipt)));
        }
        true
    }
}

/// The segments that a checkpoint holds as stored.
pub(crate) fn acknowledged(checkpoint: &Checkpoint) -> impl Iterator<Item = Segment> {
    let nothing = RangeSet::new();
    let stored = checkpoint.stored_ranges().cloned().unwrap_or(nothing);
    let finalized = matches!(checkpoint.stage(), CheckpointStage::FinalizeSent | CheckpointStage::Processing);
    let plan = checkpoint.plan();
    // Of a source whose end is not known one more may be there than is sure to be whole.
    let one_more = plan.planned(SegmentIndex::new(plan.count())).filter(|_| plan.is_open());
    plan.segments()
        .chain(one_more)
        .filter(move |s| if s.range.is_empty() { finalized } else { stored.contains(s.range) })
}
