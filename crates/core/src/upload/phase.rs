//! The lifecycle: every transition of an upload is in this file.
//!
//! ```text
//!             ┌───────────── a new session, at most policy.sessions ─────────────┐
//!             ▼                                                                  │
//!  Opening ──────► Transferring ◄──────► Probing        (any) ──► Aborting ──► Closed, or a new session
//!                       │  ▲                                          ▲
//!        all is stored  ▼  │ segments are missing                     │ discard
//!                   Finalizing ──────────────────► Processing ────────┤
//!            answer lost │  ▲ not committed, seen     ▲   │ ready     │
//!                        ▼  │ twice                   │   ▼           │
//!                     Verifying ──────────────────────┘  Closed ◄─────┘
//! ```

use alloc::boxed::Box;

use super::Upload;
use super::aborting::{Aborting, Purpose};
use super::finishing::{Earlier, Finalizing, Verifying, WhyVerify};
use super::probing::Probing;
use super::processing::Polling;
use super::shared::{Changed, Tries};
use super::step::Step;
use super::transfer::Transfer;
use crate::checkpoint::{Saved, SavedStage};
use crate::error::{Discard, ErrorKind, Kept, UploadError};
use crate::event::{Event, Phase, SessionEnd};
use crate::failure::Failure;
use crate::io::Completed;
use crate::operation::OperationKind;
use crate::outcome::{Commitment, Final, Percent, Processing, Verdict};
use crate::plan::Plan;
use crate::profile::{Abort, Finalize, Profile, Verify};
use crate::retry::backoff;
use crate::spec::Rewind;
use crate::time::Timestamp;
use crate::token::Session;

/// Where an upload is, with all that belongs there and nothing else.
#[derive(Clone, Debug, Hash)]
pub(super) enum State {
    Opening(Step),
    Open(Box<Open>),
    Closed(Box<Ended>),
}

/// An open session.
#[derive(Clone, Debug, Hash)]
pub(super) struct Open {
    pub(super) session: Session,
    pub(super) expires: Option<Timestamp>,
    pub(super) transfer: Transfer,
    /// How often Finalize was found to lack segments.
    pub(super) repairs: u32,
    pub(super) stage: Stage,
}

/// What is under way in an open session.
#[derive(Clone, Debug, Hash)]
pub(super) enum Stage {
    Transferring,
    Probing(Probing),
    Finalizing(Finalizing),
    Verifying(Verifying),
    Processing(Polling),
    Aborting(Aborting),
}

/// How it ended, and what a resume could go on from.
#[derive(Clone, Debug, Hash)]
pub(super) struct Ended {
    pub(super) result: Result<Completed, UploadError>,
    pub(super) saved: Saved,
}

/// What a phase wants to happen next.
#[derive(Clone, Debug)]
pub(super) enum Transition {
    /// Nothing.
    Stay,
    /// The session is open.
    Opened(Session, Option<Timestamp>),
    /// The session expires then.
    Expires(Timestamp),
    /// Ask what the server holds, then at the earliest.
    Probe(Timestamp),
    /// Send what is not stored.
    Transfer,
    /// Segments are missing at the server, though all were acknowledged.
    Repair(Failure),
    /// Everything is stored (or Finalize is to be tried again): make one object of it, then at the earliest.
    Finalize(Tries, Timestamp, Earlier),
    /// Everything is stored, and no object came of it, though the last Append should have made one.
    Unfinished,
    /// Finalize may have been done: find out.
    Verify(WhyVerify),
    /// What a Verify found out, believed.
    Verdict(Verdict, WhyVerify),
    /// The object is committed and being processed.
    Process(Processing),
    /// The object is ready.
    Complete(Final),
    /// The session can't be used any longer; if there can be no other, the error (or "session lost") ends it all.
    Restart(SessionEnd, Option<ErrorKind>),
    /// It can't go on.
    Fail(ErrorKind),
    /// The session was given up, for this reason, with this result.
    Aborted(Purpose, Discard),
}

/// What a session that can't be used any longer leaves at the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// Nothing, as far as is known, or what the server forgets by itself.
    Nothing,
    /// Where the server says where it is: perhaps another's upload, which is not for us to remove.
    NotOurs,
    /// A session of ours, with what was sent to it.
    Session,
}

/// How often in a session the server may lack what it acknowledged.
pub(super) const REPAIRS: u32 = 2;

impl Upload {
    pub(super) fn apply(&mut self, transition: Transition) {
        match transition {
            Transition::Stay => {}
            Transition::Opened(session, expires) => self.opened(session, expires),
            Transition::Expires(at) => {
                if let State::Open(open) = &mut self.state {
                    open.expires = Some(at);
                }
            }
            Transition::Probe(due) => self.enter(Stage::Probing(Probing::due_at(due))),
            Transition::Transfer => self.enter(Stage::Transferring),
            Transition::Repair(failure) => self.repair(failure),
            Transition::Finalize(tries, due, earlier) => {
                self.shared.persist.barrier();
                self.enter(Stage::Finalizing(Finalizing::new(tries, due, earlier)));
            }
            Transition::Unfinished => self.unfinished(),
            Transition::Verify(why) => self.verify(why),
            Transition::Verdict(verdict, why) => self.found_out(verdict, why),
            Transition::Process(processing) => self.process(processing),
            Transition::Complete(result) => self.complete(result),
            Transition::Restart(reason, otherwise) => self.restart(reason, otherwise),
            Transition::Fail(kind) => self.fail(kind),
            Transition::Aborted(purpose, discard) => self.aborted(purpose, discard),
        }
    }

    /// The phase of a stage in an open session changes.
    fn enter(&mut self, stage: Stage) {
        let State::Open(open) = &mut self.state else { return };
        let (before, after) = (open.stage.phase(), stage.phase());
        open.stage = stage;
        if before != after {
            self.shared.notify(Event::Phase(after));
        }
    }

    fn opened(&mut self, session: Session, expires: Option<Timestamp>) {
        let transfer = Transfer::new(&self.shared);
        self.state = State::Open(Box::new(Open {
            session: session.clone(),
            expires,
            transfer,
            repairs: 0,
            stage: Stage::Transferring,
        }));
        // Invariant 8: the session is on disk before the first byte goes to it.
        self.shared.persist.barrier();
        self.shared.notify(Event::Opened { session });
        self.shared.notify(Event::Phase(Phase::Transferring));
    }

    fn repair(&mut self, failure: Failure) {
        if self.shared.changed == Changed::Yes {
            return self.fail(ErrorKind::SourceChanged);
        }
        let State::Open(open) = &mut self.state else { return };
        open.repairs += 1;
        // A list may show that all is there after all, with other receipts (a late repetition was stored over it).
        let gone = match self.shared.spec.rewind {
            Rewind::Possible => false,
            Rewind::UntilReleased => !is_listed(&self.shared.profile),
        };
        if open.repairs > REPAIRS || gone {
            let operation = crate::operation::OperationKind::Finalize;
            let violation = crate::error::Violation::Unreadable(failure);
            let error = ErrorKind::Protocol { operation, violation };
            if gone {
                // What it lacks is released, and no resume has it either.
                return self.fail_keeping(error, Kept::Nothing);
            }
            if is_listed(&self.shared.profile) {
                return self.fail(error);
            }
            // It may hold what a process before this one sent of another cut, and no repair takes that out again. A
            // session of our own does.
            return self.restart(SessionEnd::Foreign, Some(error));
        }
        self.shared.persist.changed();
        if is_listed(&self.shared.profile) {
            return self.enter(Stage::Probing(Probing::new()));
        }
        match &mut open.transfer {
            Transfer::Parts(parts) => parts.forget_all(),
            // It is always asked.
            Transfer::Append(_) => {}
        }
        self.enter(Stage::Transferring);
    }

    /// Asks what the server holds, a few times at most: an answer that was lost may have said that it is done.
    fn unfinished(&mut self) {
        let State::Open(open) = &mut self.state else { return };
        open.repairs += 1;
        if open.repairs > REPAIRS || !is_listed(&self.shared.profile) {
            let operation = crate::operation::OperationKind::Append;
            let name = match open.transfer {
                Transfer::Parts(_) => "Stored",
                Transfer::Append(_) => "Advanced",
            };
            let violation = crate::error::Violation::UnexpectedReply(name);
            return self.fail(ErrorKind::Protocol { operation, violation });
        }
        let wait = backoff(&self.shared.policy.retry, open.repairs, &mut self.shared.rng);
        let due = self.shared.now.after(wait);
        self.enter(Stage::Probing(Probing::due_at(due)));
    }

    fn verify(&mut self, why: WhyVerify) {
        match self.shared.profile.verify {
            Verify::Call => self.enter(Stage::Verifying(Verifying::new(why))),
            Verify::Unsupported => self.found_out(Verdict::CannotTell, why),
        }
    }

    fn found_out(&mut self, verdict: Verdict, why: WhyVerify) {
        match (verdict, why) {
            (
                Verdict::Committed(Commitment::Ready(result)),
                WhyVerify::Lost { .. } | WhyVerify::Refused { .. } | WhyVerify::Gone,
            ) => self.complete(result),
            (
                Verdict::Committed(Commitment::Processing(processing)),
                WhyVerify::Lost { .. } | WhyVerify::Refused { .. } | WhyVerify::Gone,
            ) => self.process(processing),
            (Verdict::NotCommitted | Verdict::CannotTell, WhyVerify::Refused { failure }) => {
                self.fail(ErrorKind::Refused { operation: OperationKind::Finalize, failure });
            }
            (Verdict::NotCommitted | Verdict::CannotTell, WhyVerify::Gone) => {
                self.restart(SessionEnd::Gone, None);
            }
            (Verdict::NotCommitted, WhyVerify::Lost { finalize, due, .. }) => {
                self.apply(Transition::Finalize(finalize, due, Earlier::Unknown));
            }
            (Verdict::CannotTell, WhyVerify::Lost { failure, .. }) => {
                self.fail(ErrorKind::FinalizeUnknown { failure });
            }
            (Verdict::Committed(Commitment::Ready(result)), WhyVerify::Discard) => {
                self.discarded(Discard::AlreadyCommitted(Some(result)));
            }
            (Verdict::Committed(Commitment::Processing(_)), WhyVerify::Discard) => {
                self.discarded(Discard::AlreadyCommitted(None));
            }
            (Verdict::NotCommitted, WhyVerify::Discard) => self.abort(Purpose::Discard),
            (Verdict::CannotTell, WhyVerify::Discard) => self.discarded(Discard::Unknown),
        }
    }

    fn process(&mut self, processing: Processing) {
        if !matches!(self.state, State::Open(_)) {
            return;
        }
        self.committed();
        match processing {
            Processing::Failed(error) => self.fail(ErrorKind::ProcessingFailed { error }),
            Processing::Running { after, percent } => {
                self.shared.persist.changed();
                let polling = Polling::new(&self.shared, after, percent);
                self.enter(Stage::Processing(polling));
                self.shared.notify(Event::Processing { percent });
            }
        }
    }

    /// The server has made the object: the four numbers say so from here on.
    const fn committed(&mut self) {
        self.committed = self.shared.plan.total();
    }

    fn complete(&mut self, result: Final) {
        let expected = self.shared.plan.total();
        if let Some(found) = result.size.filter(|found| *found != expected) {
            return self.fail(ErrorKind::Integrity { expected, found });
        }
        self.committed();
        self.processed = Percent::FULL;
        let session = self.session().cloned();
        self.close(Ok(Completed { session, result }));
    }

    /// Invariant 3, 7: a further session, if there may be one.
    fn restart(&mut self, reason: SessionEnd, otherwise: Option<ErrorKind>) {
        let left = self.left_by(reason);
        if let Err(reason) = self.shared.may_restart() {
            let kind = otherwise.unwrap_or(ErrorKind::SessionLost { reason });
            return match left {
                Left::NotOurs => {
                    self.shared.notify(Event::SessionLeakSuspected);
                    let kept = self.kept(&kind);
                    self.close_with(kind, kept);
                }
                // Giving up what is not there costs nothing, and the server may have been wrong.
                Left::Nothing | Left::Session => self.fail(kind),
            };
        }
        match (self.shared.planned_anew(otherwise.as_ref()), left) {
            (Err(kind), _) => self.fail(kind),
            (Ok(plan), Left::Nothing | Left::NotOurs) => self.anew(reason, plan),
            (Ok(_), Left::Session) => {
                self.abort(Purpose::Replaced { reason, otherwise: otherwise.map(Box::new) });
            }
        }
    }

    fn anew(&mut self, reason: SessionEnd, plan: Plan) {
        self.cancel_live();
        let shared = &mut self.shared;
        shared.plan = plan;
        shared.sessions += 1;
        (shared.sent_mark, shared.stored_mark) = (0, 0);
        shared.persist.changed();
        shared.notify(Event::NewSession { reason });
        if shared.ceiling.is_some() {
            let chunk_size = shared.plan.chunk_size();
            shared.notify(Event::Replanned { chunk_size });
        }
        shared.notify(Event::Phase(Phase::Opening));
        self.state = State::Opening(Step::at_once());
        self.begin();
    }

    /// What a session that ends for this reason leaves at the server.
    fn left_by(&self, reason: SessionEnd) -> Left {
        let State::Open(open) = &self.state else { return Left::Nothing };
        match (reason, &open.transfer, self.shared.profile.abort) {
            (SessionEnd::Gone | SessionEnd::Foreign, Transfer::Append(_), Abort::Call) => Left::NotOurs,
            (SessionEnd::Gone | SessionEnd::Expired, ..) | (_, _, Abort::Expires) => Left::Nothing,
            (
                SessionEnd::Foreign
                | SessionEnd::Unplannable
                | SessionEnd::SizeMismatch
                | SessionEnd::RepetitionRefused,
                Transfer::Parts(_) | Transfer::Append(_),
                Abort::Call | Abort::Unsupported,
            ) => Left::Session,
        }
    }

    /// What needs no server: where the protocol opens no session by request, there is one at once; where it can't
    /// verify, what became of a Finalize stays unknown.
    pub(super) fn begin(&mut self) {
        match &self.state {
            State::Opening(_) if self.shared.profile.open == crate::profile::Open::None => {
                self.opened(Session::new(""), None);
            }
            State::Open(open) => {
                if let (Stage::Verifying(verifying), Verify::Unsupported) =
                    (&open.stage, self.shared.profile.verify)
                {
                    self.found_out(Verdict::CannotTell, verifying.why.clone());
                }
            }
            State::Opening(_) | State::Closed(_) => {}
        }
    }

    pub(super) fn fail(&mut self, kind: ErrorKind) {
        let kept = self.kept(&kind);
        let kind = match (&self.state, kept) {
            (State::Open(open), Kept::Nothing) => open.transfer.told(&self.shared, kind),
            (State::Opening(_) | State::Closed(_), _)
            | (State::Open(_), Kept::Checkpoint | Kept::AbortOwed) => kind,
        };
        self.fail_keeping(kind, kept);
    }

    pub(super) fn fail_keeping(&mut self, kind: ErrorKind, kept: Kept) {
        // What can't go on must not be left behind either, unless it is an object by now.
        let leftover = kept == Kept::Nothing
            && self.shared.profile.abort == Abort::Call
            && matches!(&self.state, State::Open(open) if !matches!(open.stage, Stage::Aborting(_)))
            && self.committed == 0
            && !matches!(
                kind,
                ErrorKind::Integrity { .. }
                    | ErrorKind::FinalizeUnknown { .. }
                    | ErrorKind::ProcessingFailed { .. }
                    | ErrorKind::Discarded(Discard::AlreadyCommitted(_))
            );
        if leftover {
            return self.abort(Purpose::Failed(Box::new(kind)));
        }
        self.close_with(kind, kept);
    }

    fn close_with(&mut self, kind: ErrorKind, kept: Kept) {
        let session = self.session().cloned();
        self.close(Err(UploadError { kind: Box::new(kind), session, kept }));
    }

    /// Closed is absorbing.
    fn close(&mut self, result: Result<Completed, UploadError>) {
        let settled = self.is_finalize_settled(&result);
        let owed = result.as_ref().is_err_and(|error| error.kept == Kept::AbortOwed);
        let mut saved = self.saved();
        if let Saved::Open(open) = &mut saved {
            if owed {
                open.stage = SavedStage::Aborting;
            } else if settled {
                open.stage = SavedStage::Transferring;
            }
        }
        self.processed = self.processed.max(self.progress().processed);
        self.shared.persist.changed();
        self.cancel_live();
        self.state = State::Closed(Box::new(Ended { result, saved }));
        self.shared.notify(Event::Phase(Phase::Closed));
    }

    pub(super) fn cancel_keep(&mut self) {
        if let State::Closed(_) = self.state {
            return;
        }
        self.fail(ErrorKind::Cancelled);
    }

    pub(super) fn cancel_discard(&mut self) {
        match &mut self.state {
            State::Closed(_) => {}
            State::Opening(_) => self.discarded(Discard::NothingToDo),
            State::Open(open) => match &mut open.stage {
                Stage::Transferring | Stage::Probing(_) => self.abort(Purpose::Discard),
                Stage::Finalizing(finalizing) => {
                    if finalizing.is_settled() {
                        self.abort(Purpose::Discard);
                    } else {
                        self.cancel_live();
                        self.verify(WhyVerify::Discard);
                    }
                }
                Stage::Verifying(verifying) => verifying.why = WhyVerify::Discard,
                Stage::Processing(_) => self.discarded(Discard::AlreadyCommitted(None)),
                Stage::Aborting(aborting) => {
                    aborting.purpose = Purpose::Discard;
                    self.shared.persist.changed();
                }
            },
        }
    }

    fn abort(&mut self, purpose: Purpose) {
        self.cancel_live();
        match self.shared.profile.abort {
            Abort::Unsupported | Abort::Expires if self.may_be_an_object() => {
                self.aborted(purpose, Discard::Unknown);
            }
            Abort::Unsupported => self.aborted(purpose, Discard::LeftBehind),
            Abort::Expires => self.aborted(purpose, Discard::ExpiresByItself),
            Abort::Call => {
                self.shared.persist.changed();
                let aborting = Aborting::new(purpose, self.shared.now);
                self.enter(Stage::Aborting(aborting));
            }
        }
    }

    /// Whether the last Append makes the object, and may have been sent.
    fn may_be_an_object(&self) -> bool {
        let State::Open(open) = &self.state else { return false };
        self.shared.profile.finalize == Finalize::Implicit && open.transfer.is_all_sent(&self.shared.plan)
    }

    fn aborted(&mut self, purpose: Purpose, discard: Discard) {
        match purpose {
            Purpose::Discard => self.discarded(discard),
            Purpose::Failed(kind) => self.close_with(*kind, owed(&discard)),
            Purpose::Replaced { reason, otherwise } => match self.shared.planned_anew(otherwise.as_deref()) {
                Ok(plan) => {
                    if may_be_left(&discard) {
                        self.shared.notify(Event::SessionLeakSuspected);
                    }
                    self.anew(reason, plan);
                }
                Err(kind) => self.close_with(kind, owed(&discard)),
            },
        }
    }

    fn discarded(&mut self, discard: Discard) {
        self.fail(ErrorKind::Discarded(discard));
    }

    /// Gives up every operation under way.
    pub(super) fn cancel_live(&mut self) {
        let shared = &mut self.shared;
        let step = match &mut self.state {
            State::Closed(_) => None,
            State::Opening(step) => {
                if step.live().is_some_and(super::live::LiveOp::is_started) {
                    shared.notify(Event::SessionLeakSuspected);
                }
                Some(step)
            }
            State::Open(open) => {
                open.transfer.cancel_all(shared);
                open.stage.step_mut()
            }
        };
        if let Some(live) = step.and_then(Step::take_live) {
            shared.cancel(live.id);
        }
    }
}

/// What is kept of an upload that failed, by how giving up its session ended.
const fn owed(discard: &Discard) -> Kept {
    match discard {
        Discard::Unconfirmed { .. } => Kept::AbortOwed,
        Discard::NothingToDo
        | Discard::Confirmed
        | Discard::ExpiresByItself
        | Discard::LeftBehind
        | Discard::AlreadyCommitted(_)
        | Discard::Unknown => Kept::Nothing,
    }
}

/// Whether a session that ended so may still be at the server, for good.
const fn may_be_left(discard: &Discard) -> bool {
    match discard {
        Discard::Unconfirmed { .. } | Discard::LeftBehind | Discard::Unknown => true,
        Discard::NothingToDo
        | Discard::Confirmed
        | Discard::ExpiresByItself
        | Discard::AlreadyCommitted(_) => false,
    }
}

/// Whether the server can list the segments it holds.
pub(super) const fn is_listed(profile: &Profile) -> bool {
    use crate::profile::{Listing, Transfer};
    match profile.transfer {
        Transfer::Parts(parts) => matches!(parts.listing, Listing::Complete),
        Transfer::Append(_) => true,
    }
}

impl Stage {
    pub(super) const fn phase(&self) -> Phase {
        match self {
            Self::Transferring => Phase::Transferring,
            Self::Probing(_) => Phase::Probing,
            Self::Finalizing(_) => Phase::Finalizing,
            Self::Verifying(_) => Phase::Verifying,
            Self::Processing(_) => Phase::Processing,
            Self::Aborting(_) => Phase::Aborting,
        }
    }

    /// The one operation of the stage; the transfer has many.
    pub(super) const fn step_mut(&mut self) -> Option<&mut Step> {
        match self {
            Self::Transferring => None,
            Self::Probing(probing) => Some(&mut probing.step),
            Self::Finalizing(finalizing) => Some(&mut finalizing.step),
            Self::Verifying(verifying) => Some(&mut verifying.step),
            Self::Processing(polling) => Some(&mut polling.step),
            Self::Aborting(aborting) => Some(&mut aborting.step),
        }
    }
}

impl State {
    pub(super) const fn phase(&self) -> Phase {
        match self {
            Self::Opening(_) => Phase::Opening,
            Self::Open(open) => open.stage.phase(),
            Self::Closed(_) => Phase::Closed,
        }
    }
}
