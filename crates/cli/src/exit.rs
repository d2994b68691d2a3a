//! Exit codes by kind of error. A total function: a new kind of error does not compile before it has a code.

use std::process::ExitCode;

use chunkwise::core::{Discard, ErrorKind, Failure, NotSent, PlanError, ProblemKind, Refusal, ResumeError};
use chunkwise::driver::{DriverError, SourceError, StartError, StoreError};
use chunkwise::media::MediaErrorKind;

/// What a program that started us can act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Exit {
    /// All done.
    Ok,
    /// The command line is wrong.
    Usage,
    /// The media is of the wrong type, too large, damaged, changed meanwhile, or X could not process it.
    BadMedia,
    /// There is no such file or no such upload, or it may not be read; or a URL leads to nothing that may be fetched.
    NoInput,
    /// The server can't be reached, or has no capacity for this account.
    Unavailable,
    /// A bug in chunkwise.
    Bug,
    /// This machine's disk: checkpoints can't be written, the file can't be read to its end.
    Io,
    /// It did not work this time; the same command, or resume, may work later.
    Temporary,
    /// The server does not speak its own protocol.
    Protocol,
    /// The credentials are missing, refused, or not allowed to do this.
    Auth,
    /// The settings can't be used.
    Config,
    /// Stopped by Ctrl-C or SIGTERM; the checkpoint is kept.
    Interrupted,
}

impl Exit {
    #[cfg(test)]
    const ALL: [Self; 12] = [
        Self::Ok,
        Self::Usage,
        Self::BadMedia,
        Self::NoInput,
        Self::Unavailable,
        Self::Bug,
        Self::Io,
        Self::Temporary,
        Self::Protocol,
        Self::Auth,
        Self::Config,
        Self::Interrupted,
    ];

    /// The number, after sysexits.h where that has one.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Usage => 2,
            Self::BadMedia => 65,
            Self::NoInput => 66,
            Self::Unavailable => 69,
            Self::Bug => 70,
            Self::Io => 74,
            Self::Temporary => 75,
            Self::Protocol => 76,
            Self::Auth => 77,
            Self::Config => 78,
            Self::Interrupted => 130,
        }
    }

    /// Of several uploads: interrupted if any was, for then not all was tried; otherwise the first failure.
    pub(crate) fn worst(exits: impl IntoIterator<Item = Self>) -> Self {
        exits.into_iter().fold(Self::Ok, |worst, exit| match (worst, exit) {
            (Self::Ok, exit) => exit,
            (_, Self::Interrupted) => Self::Interrupted,
            (worst, _) => worst,
        })
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The codes in one line, for `-h`.
pub(crate) const TABLE: &str = "Exit codes: 0 ok · 2 usage · 65 bad media · 66 no input · 69 server unavailable · 70 bug · \
    74 I/O · 75 temporary, safe to run again · 76 protocol · 77 auth · 78 config · 130 interrupted, checkpoint kept";

/// The same for `--help`, with what to do.
pub(crate) const LONG_HELP: &str = "\
Exit codes:
    0  All done.
    2  The command line is wrong.
   65  Bad media: wrong type, too large, damaged, changed meanwhile, or X could not process it.
   66  There is no such file or upload, or it may not be read; a URL that could not be fetched.
   69  The server can't be reached, or has no capacity for this account. What was sent is kept.
   70  A bug in chunkwise.
   74  I/O on this machine: checkpoints can't be written, the file can't be read to its end.
   75  Temporary: safe to run again; resume goes on from the checkpoint, if one was kept.
   76  The server does not speak its protocol: check the address.
   77  Credentials missing, expired, or without the right scope. What was sent is kept.
   78  Settings that can't be used: file, environment, proxy, certificates, chunk size.
  130  Interrupted by Ctrl-C or SIGTERM; the checkpoint is kept. A second one stops at once.

Settings: a flag --chunk-size is CHUNKWISE_CHUNK_SIZE in the environment and chunk-size in the settings file; the
flag goes first, then the environment, then the file. Tokens: CHUNKWISE_TOKEN, --token-file or --token-stdin; OAuth
1.0a: CHUNKWISE_CONSUMER_KEY, CHUNKWISE_CONSUMER_SECRET, CHUNKWISE_ACCESS_TOKEN and CHUNKWISE_ACCESS_SECRET, or
--credentials-file.";

/// What an error means to whoever started us.
pub(crate) trait Exits {
    fn exit(&self) -> Exit;
}

impl Exits for MediaErrorKind {
    fn exit(&self) -> Exit {
        match self {
            Self::BadMedia => Exit::BadMedia,
            Self::NoInput => Exit::NoInput,
            Self::Io => Exit::Io,
        }
    }
}

impl Exits for PlanError {
    fn exit(&self) -> Exit {
        match self {
            Self::EmptySource | Self::SourceTooLarge { .. } | Self::TooManySegments { .. } => Exit::BadMedia,
            // A stream keeps its segments in memory.
            Self::ChunkTooLarge { .. } | Self::Policy(_) | Self::Unsupported(_) => Exit::Config,
            // Streams don't go to X, and all else that is uploaded there has a length.
            Self::LengthRequired => Exit::Bug,
        }
    }
}

impl Exits for SourceError {
    fn exit(&self) -> Exit {
        match self {
            Self::Missing { .. } | Self::NotAFile { .. } | Self::Absent => Exit::NoInput,
            Self::Unreadable { error, .. } => match error.kind() {
                std::io::ErrorKind::PermissionDenied => Exit::NoInput,
                _ => Exit::Io,
            },
            Self::Changed { .. } | Self::Broken { .. } => Exit::BadMedia,
        }
    }
}

impl Exits for StoreError {
    fn exit(&self) -> Exit {
        match self {
            Self::NotFound { .. } => Exit::NoInput,
            Self::Locked { .. } => Exit::Temporary,
            Self::Newer { .. } => Exit::Config,
            Self::Damaged { .. } | Self::Unreadable { .. } | Self::Unwritable { .. } => Exit::Io,
        }
    }
}

impl Exits for ResumeError {
    fn exit(&self) -> Exit {
        match self {
            Self::Newer { .. } | Self::OtherProtocol { .. } => Exit::Config,
            Self::Damaged(_) => Exit::Io,
            // What came from standard input is gone with its process.
            Self::NotRewindable => Exit::NoInput,
            Self::Plan(error) => error.exit(),
        }
    }
}

impl Exits for StartError {
    fn exit(&self) -> Exit {
        match self {
            Self::Plan(error) => error.exit(),
            Self::Source(error) => error.exit(),
            Self::Store(error) => error.exit(),
            Self::Resume { error, .. } => error.exit(),
            Self::SourceChanged { .. } => Exit::BadMedia,
            Self::Exists { .. } => Exit::Temporary,
            Self::ShutDown => Exit::Interrupted,
            Self::Random(_) => Exit::Io,
        }
    }
}

impl Exits for DriverError {
    fn exit(&self) -> Exit {
        match self {
            Self::Upload { fault: Some(fault), error, .. } => match &*error.kind {
                ErrorKind::SourceChanged | ErrorKind::SourceUnreadable { .. } => fault.exit(),
                kind => kind.exit(),
            },
            Self::Upload { fault: None, error, .. } => error.kind.exit(),
            Self::Panicked(_) => Exit::Bug,
        }
    }
}

impl Exits for ErrorKind {
    fn exit(&self) -> Exit {
        match self {
            Self::Refused { failure, .. } => refused(failure),
            Self::Misconfigured { .. } => Exit::Config,
            Self::Credentials { .. } => Exit::Auth,
            Self::Exhausted { failure, .. } | Self::StatusLost { failure } => exhausted(failure),
            Self::Throttled { .. }
            | Self::Deadline { .. }
            | Self::SessionLost { .. }
            | Self::FinalizeUnknown { .. }
            | Self::StillProcessing { .. } => Exit::Temporary,
            Self::SourceChanged | Self::ProcessingFailed { .. } => Exit::BadMedia,
            Self::SourceUnreadable { .. } | Self::Persist => Exit::Io,
            Self::TooLarge { .. }
            | Self::Integrity { .. }
            | Self::SizeMismatch { .. }
            | Self::Protocol { .. } => Exit::Protocol,
            Self::Cancelled => Exit::Interrupted,
            Self::Discarded(discard) => discard.exit(),
        }
    }
}

impl Exits for Discard {
    fn exit(&self) -> Exit {
        match self {
            Self::NothingToDo
            | Self::Confirmed
            | Self::ExpiresByItself
            | Self::LeftBehind
            | Self::AlreadyCommitted(_) => Exit::Ok,
            Self::Unconfirmed { .. } | Self::Unknown => Exit::Temporary,
        }
    }
}

/// Of a request by which nothing that was sent is lost: whatever is not final may work later.
impl Exits for Failure {
    fn exit(&self) -> Exit {
        match self {
            Self::Answered(problem) => match &problem.kind {
                ProblemKind::Refused(Refusal::Forbidden) | ProblemKind::CredentialsExpired => Exit::Auth,
                ProblemKind::Refused(Refusal::Invalid) => Exit::BadMedia,
                ProblemKind::Refused(Refusal::Quota)
                | ProblemKind::Transient
                | ProblemKind::Throttled
                | ProblemKind::Busy
                | ProblemKind::OffsetConflict { .. }
                | ProblemKind::AlreadyStored { .. }
                | ProblemKind::SegmentRejected
                | ProblemKind::SegmentsMissing
                | ProblemKind::SizeMismatch
                | ProblemKind::TooLarge { .. }
                | ProblemKind::SessionGone
                | ProblemKind::Broken => Exit::Temporary,
            },
            Self::NotSent { cause: NotSent::Misconfigured, .. } => Exit::Config,
            Self::NotSent { cause: NotSent::Unreachable, .. } | Self::Unknown { .. } => Exit::Temporary,
        }
    }
}

/// The server said no, for good.
fn refused(failure: &Failure) -> Exit {
    match failure {
        Failure::NotSent { .. } | Failure::Unknown { .. } => exhausted(failure),
        Failure::Answered(problem) => match &problem.kind {
            ProblemKind::Refused(Refusal::Forbidden) | ProblemKind::CredentialsExpired => Exit::Auth,
            ProblemKind::Refused(Refusal::Quota) => Exit::Unavailable,
            ProblemKind::Refused(Refusal::Invalid) => Exit::BadMedia,
            ProblemKind::Transient
            | ProblemKind::Throttled
            | ProblemKind::Busy
            | ProblemKind::OffsetConflict { .. }
            | ProblemKind::AlreadyStored { .. }
            | ProblemKind::SegmentRejected
            | ProblemKind::SegmentsMissing
            | ProblemKind::SizeMismatch
            | ProblemKind::TooLarge { .. }
            | ProblemKind::SessionGone
            | ProblemKind::Broken => Exit::Protocol,
        },
    }
}

/// It was tried often enough.
const fn exhausted(failure: &Failure) -> Exit {
    match failure {
        Failure::NotSent { cause: NotSent::Unreachable, .. } => Exit::Unavailable,
        Failure::NotSent { cause: NotSent::Misconfigured, .. } => Exit::Config,
        Failure::Unknown { .. } | Failure::Answered(_) => Exit::Temporary,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chunkwise::core::{Cut, Detail, OperationKind, ServerError, SessionLoss, Timestamp, Violation};

    use super::*;

    #[test]
    fn every_code_is_in_both_helps() {
        let codes: std::collections::BTreeSet<_> = Exit::ALL.map(Exit::code).into();
        assert_eq!(codes.len(), Exit::ALL.len());
        let short = TABLE.split(['·', ':']).filter_map(|part| part.split_whitespace().next()?.parse().ok());
        assert_eq!(short.collect::<std::collections::BTreeSet<u8>>(), codes);
        let long = LONG_HELP.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok());
        assert_eq!(long.collect::<std::collections::BTreeSet<u8>>(), codes);
    }

    #[test]
    fn of_several_the_first_failure_counts_unless_it_was_interrupted() {
        assert_eq!(Exit::worst([]), Exit::Ok);
        assert_eq!(Exit::worst([Exit::Ok, Exit::BadMedia, Exit::Auth]), Exit::BadMedia);
        assert_eq!(Exit::worst([Exit::BadMedia, Exit::Interrupted, Exit::Ok]), Exit::Interrupted);
    }

    #[test]
    fn the_code_of_an_alt_text_that_could_not_be_set_follows_from_the_failure() {
        let answered = |kind| Failure::answered(kind, ServerError::message("no"));
        let not_sent = |cause| Failure::NotSent { cause, detail: Detail::EMPTY };
        for (failure, exit) in [
            (answered(ProblemKind::Refused(Refusal::Forbidden)), Exit::Auth),
            (answered(ProblemKind::CredentialsExpired), Exit::Auth),
            (answered(ProblemKind::Refused(Refusal::Invalid)), Exit::BadMedia),
            (answered(ProblemKind::Refused(Refusal::Quota)), Exit::Temporary),
            (answered(ProblemKind::Throttled), Exit::Temporary),
            (answered(ProblemKind::Transient), Exit::Temporary),
            (not_sent(NotSent::Misconfigured), Exit::Config),
            (not_sent(NotSent::Unreachable), Exit::Temporary),
            (Failure::Unknown { cut: Cut::Reset, detail: Detail::EMPTY }, Exit::Temporary),
        ] {
            assert_eq!(failure.exit(), exit, "{failure}");
        }
    }

    /// One row for every kind of error that ends an upload.
    #[test]
    fn the_code_follows_from_the_kind() {
        let server = || ServerError::message("no");
        let answered = |kind| Failure::answered(kind, server());
        let not_sent = |cause| Failure::NotSent { cause, detail: Detail::EMPTY };
        let lost = || Failure::Unknown { cut: Cut::Reset, detail: Detail::EMPTY };
        let operation = OperationKind::Append;
        let refused =
            |refusal| ErrorKind::Refused { operation, failure: answered(ProblemKind::Refused(refusal)) };
        let exhausted = |failure| ErrorKind::Exhausted { operation, attempts: 8, failure };
        let second = Duration::from_secs(1);
        for (kind, exit) in [
            (refused(Refusal::Forbidden), Exit::Auth),
            (refused(Refusal::Quota), Exit::Unavailable),
            (refused(Refusal::Invalid), Exit::BadMedia),
            (ErrorKind::Misconfigured { operation, failure: not_sent(NotSent::Misconfigured) }, Exit::Config),
            (ErrorKind::Credentials { failure: answered(ProblemKind::CredentialsExpired) }, Exit::Auth),
            (exhausted(not_sent(NotSent::Unreachable)), Exit::Unavailable),
            (exhausted(lost()), Exit::Temporary),
            (exhausted(answered(ProblemKind::Transient)), Exit::Temporary),
            (ErrorKind::Throttled { operation, until: Timestamp::EPOCH }, Exit::Temporary),
            (ErrorKind::Deadline { deadline: second }, Exit::Temporary),
            (ErrorKind::TooLarge { refused: 2, smallest: 2 }, Exit::Protocol),
            (ErrorKind::SessionLost { reason: SessionLoss::SessionsExhausted }, Exit::Temporary),
            (ErrorKind::SourceChanged, Exit::BadMedia),
            (ErrorKind::SourceUnreadable { detail: Detail::EMPTY }, Exit::Io),
            (ErrorKind::Integrity { expected: 1, found: 2 }, Exit::Protocol),
            (ErrorKind::SizeMismatch { failure: answered(ProblemKind::SizeMismatch) }, Exit::Protocol),
            (ErrorKind::FinalizeUnknown { failure: lost() }, Exit::Temporary),
            (ErrorKind::ProcessingFailed { error: server() }, Exit::BadMedia),
            (ErrorKind::StillProcessing { waited: second }, Exit::Temporary),
            (ErrorKind::StatusLost { failure: not_sent(NotSent::Unreachable) }, Exit::Unavailable),
            (ErrorKind::Protocol { operation, violation: Violation::EndlessListing }, Exit::Protocol),
            (ErrorKind::Persist, Exit::Io),
            (ErrorKind::Cancelled, Exit::Interrupted),
            (ErrorKind::Discarded(Discard::Confirmed), Exit::Ok),
            (ErrorKind::Discarded(Discard::Unconfirmed { failure: None }), Exit::Temporary),
        ] {
            assert_eq!(kind.exit(), exit, "{kind}");
        }
    }
}
