//! Whether the end of an upload is a right one: the object, the reasons, and what is said to be left.

use super::server::Stage;
use super::world::{Coming, World};
use super::{Ending, Kind, Limit, Source};
use crate::*;

impl World {
    /// Whether the end is a right one; its name.
    pub(super) fn judge(&mut self, result: Result<Completed, UploadError>) -> &'static str {
        let log = || self.log.join("\n");
        let error = match result {
            Ok(completed) => {
                let session = completed.session.expect("it has one");
                let held = self.server.held(&session).expect("the server knows it");
                assert_eq!(held.state, Stage::Committed, "{}", log());
                self.the_object_is_right(&session);
                assert!(
                    self.case.crashes > 0 || held.finalized_again == 0,
                    "Finalize was sent again\n{}",
                    log()
                );
                assert_eq!(self.upload.progress().committed, self.case.len);
                return "completed";
            }
            Err(error) => error,
        };
        self.what_was_committed_is_right();
        let well = self.met < 2
            && matches!(self.case.kind, Kind::Plain | Kind::Uniform | Kind::Listed)
            && self.case.limit == Limit::None
            && self.case.expires.is_none()
            && self.case.crashes == 0
            && self.case.ending == Ending::Waits
            && !self.case.processing_fails
            && self.excuses.is_empty()
            && (self.case.source != Source::Once || !self.forgot());
        assert!(!well, "nothing to speak of went wrong, and yet: {error:?}\n{}", log());
        self.the_discard_tells_the_truth(&error);
        self.what_is_kept_is_true(&error);
        name(&error.kind)
    }

    fn forgot(&self) -> bool {
        self.log.iter().any(|line| line.contains("segments missing"))
    }

    fn the_object_is_right(&self, session: &Session) {
        let mut end = 0;
        for range in self.server.object(session) {
            assert_eq!(range.start(), end, "{}", self.log.join("\n"));
            end = range.end();
        }
        assert_eq!(end, self.case.len, "{}", self.log.join("\n"));
    }

    fn what_was_committed_is_right(&self) {
        for session in self.server.sessions() {
            if self.server.held(&session).is_some_and(|held| held.state == Stage::Committed) {
                self.the_object_is_right(&session);
            }
        }
    }

    fn the_discard_tells_the_truth(&self, error: &UploadError) {
        let ErrorKind::Discarded(discard) = &*error.kind else { return };
        if self.excuses.contains(&"older checkpoint") {
            // Nothing is known of what was done behind it.
            return;
        }
        let state =
            error.session.as_ref().and_then(|session| self.server.held(session)).map(|held| held.state);
        let log = || self.log.join("\n");
        match discard {
            Discard::NothingToDo => assert_eq!(error.session, None),
            Discard::Confirmed => {
                let left = error.session.as_ref().is_some_and(|s| self.server.is_left_open(self.now, s));
                assert!(!left, "{}", log());
            }
            Discard::ExpiresByItself => assert_eq!(state, Some(Stage::Open), "{}", log()),
            Discard::AlreadyCommitted(_) => assert_eq!(state, Some(Stage::Committed), "{}", log()),
            Discard::Unconfirmed { .. } | Discard::Unknown => {}
        }
    }

    /// What an error says to be left is what a resume finds.
    fn what_is_kept_is_true(&mut self, error: &UploadError) {
        match error.kept {
            Kept::Nothing => {
                // Where a session can be given up, none is left open that the upload could name.
                let left = error.session.as_ref().is_some_and(|s| self.server.is_left_open(self.now, s));
                let open = left && self.case.kind == Kind::Listed;
                assert!(!open, "left open by {error:?}\n{}", self.log.join("\n"));
            }
            Kept::AbortOwed => {
                self.go_on();
                let end = self.closed.clone().and_then(Result::err).expect("an abort is no success");
                assert_eq!(*end.kind, ErrorKind::Discarded(Discard::Confirmed), "{}", self.log.join("\n"));
            }
            Kept::Checkpoint => {
                if self.case.source == Source::Once && self.upload.checkpoint().needs_source() {
                    return;
                }
                self.go_on();
                let log = || self.log.join("\n");
                match self.closed.clone().expect("it went on to the end") {
                    Ok(completed) => {
                        assert!(completed.session.is_some());
                        self.the_object_is_right(&completed.session.expect("it has one"));
                    }
                    Err(again) => match *again.kind {
                        ErrorKind::ProcessingFailed { .. } => assert!(self.case.processing_fails),
                        ErrorKind::TooLarge { .. } | ErrorKind::Exhausted { .. } => {
                            assert_ne!(self.case.limit, Limit::None, "{}", log());
                        }
                        ErrorKind::FinalizeUnknown { .. } => {
                            assert!(matches!(self.case.kind, Kind::Mute | Kind::Blind), "{}", log());
                        }
                        // Both sessions are used up.
                        ErrorKind::SessionLost { .. } | ErrorKind::SizeMismatch { .. } => {
                            assert!(
                                self.upload.progress().session > 1 || self.case.source == Source::Once,
                                "{}",
                                log()
                            );
                        }
                        _ => panic!("it can't go on from {error:?}: {again:?}\n{}", log()),
                    },
                }
            }
        }
    }

    /// Another process goes on from the end, and all is well.
    fn go_on(&mut self) {
        self.note("another process goes on".into());
        self.faults_left = 0;
        self.queue.retain(|_, coming| matches!(coming, Coming::Grown(_)));
        let checkpoint = self.upload.checkpoint();
        self.restart(Some(checkpoint));
        self.drain();
        for _ in 0..20_000 {
            if self.closed.is_some() {
                return;
            }
            self.step();
        }
        panic!("it does not end:\n{}", self.log.join("\n"));
    }
}

fn name(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Refused { .. } => "refused",
        ErrorKind::Misconfigured { .. } => "misconfigured",
        ErrorKind::Credentials { .. } => "credentials",
        ErrorKind::Exhausted { .. } => "exhausted",
        ErrorKind::Throttled { .. } => "throttled",
        ErrorKind::Deadline { .. } => "deadline",
        ErrorKind::TooLarge { .. } => "too large",
        ErrorKind::SessionLost { .. } => "session lost",
        ErrorKind::SourceChanged => "source changed",
        ErrorKind::SourceUnreadable { .. } => "source unreadable",
        ErrorKind::Integrity { .. } => "integrity",
        ErrorKind::SizeMismatch { .. } => "size mismatch",
        ErrorKind::FinalizeUnknown { .. } => "finalize unknown",
        ErrorKind::ProcessingFailed { .. } => "processing failed",
        ErrorKind::StillProcessing { .. } => "still processing",
        ErrorKind::StatusLost { .. } => "status lost",
        ErrorKind::Protocol { .. } => "protocol",
        ErrorKind::Persist => "persist",
        ErrorKind::Cancelled => "cancelled",
        ErrorKind::Discarded(_) => "discarded",
    }
}
