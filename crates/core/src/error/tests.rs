//! What is said of every end.

use alloc::string::ToString as _;

use super::*;

#[test]
fn nothing_is_said_twice() {
    let server = || {
        ServerError::new(crate::ServerErrorFields {
            status: "HTTP 401".into(),
            name: "Unauthorized".into(),
            message: "Unauthorized".into(),
            ..Default::default()
        })
    };
    let answered = |kind| Failure::answered(kind, server());
    let operation = OperationKind::Init;
    for (kind, told) in [
        (
            ErrorKind::Credentials { failure: answered(crate::ProblemKind::CredentialsExpired) },
            "the credentials were refused: HTTP 401, Unauthorized",
        ),
        (
            ErrorKind::Refused {
                operation,
                failure: answered(crate::ProblemKind::Refused(crate::Refusal::Invalid)),
            },
            "the server refused Init: HTTP 401, Unauthorized",
        ),
        (
            ErrorKind::Protocol {
                operation,
                violation: Violation::Unreadable(answered(crate::ProblemKind::Broken)),
            },
            "the server broke its protocol in answer to Init: HTTP 401, Unauthorized",
        ),
        (
            ErrorKind::Exhausted { operation, attempts: 2, failure: answered(crate::ProblemKind::Transient) },
            "Init failed 2 times; the last time transient: HTTP 401, Unauthorized",
        ),
    ] {
        assert_eq!(kind.to_string(), told);
    }
}

/// Every error: who is at fault, what is said, and what to do where a checkpoint is kept.
#[test]
fn every_error_says_who_what_and_what_next() {
    use Fault::{Caller, Machine, Network, Nobody, Server};

    let operation = OperationKind::Finalize;
    let lost = || Failure::Unknown { cut: crate::Cut::Reset, detail: "connection reset".into() };
    let refused = || {
        Failure::answered(crate::ProblemKind::Refused(crate::Refusal::Quota), ServerError::message("broke"))
    };
    let protocol = |violation| ErrorKind::Protocol { operation, violation };
    let right_server = "Check that the address is that of the right server, then resume.";
    let anew = "Start the upload anew.";
    let resume = "The media id is valid; resume to go on waiting for it to become usable.";
    let all = [
        (
            ErrorKind::Refused { operation, failure: refused() },
            Server,
            "the server refused Finalize: \"broke\"",
            "Change what the server objects to, then resume.",
        ),
        (
            ErrorKind::Misconfigured { operation, failure: lost() },
            Caller,
            "Finalize can't be sent: the answer was lost: connection reset",
            "Check the address, the proxy and the certificates, then resume.",
        ),
        (
            ErrorKind::Credentials { failure: refused() },
            Caller,
            "the credentials were refused: \"broke\"",
            "Get new credentials with the right scope, then resume.",
        ),
        (
            ErrorKind::Exhausted { operation, attempts: 1, failure: refused() },
            Network,
            "Finalize failed 1 time; the last time refused: quota: \"broke\"",
            "Resume when the server can be reached again.",
        ),
        (
            ErrorKind::Throttled { operation, until: Timestamp::from_micros(1_000_500_000) },
            Server,
            "the server takes no Finalize before 1000.500000s (Unix time), which is too long to wait",
            "Resume after the time that the server named.",
        ),
        (
            ErrorKind::Deadline { deadline: Duration::from_secs(90) },
            Network,
            "the upload took longer than its deadline of 90 s",
            "Resume when the server can be reached again.",
        ),
        (
            ErrorKind::TooLarge { refused: 10, smallest: 4 },
            Server,
            "the server refuses segments of 10 bytes, and the smallest that can be planned has 4 bytes",
            "Ask whoever runs the server or the proxy before it for a higher limit.",
        ),
        (
            ErrorKind::SessionLost { reason: SessionLoss::SessionsExhausted },
            Server,
            "the server lost the session, and no further one is allowed",
            anew,
        ),
        (
            ErrorKind::SessionLost { reason: SessionLoss::NotRewindable },
            Server,
            "the server lost the session, and the source can't be read a second time",
            anew,
        ),
        (
            ErrorKind::SourceChanged,
            Caller,
            "the source changed during the upload",
            "Start the upload anew, with a source that does not change meanwhile.",
        ),
        (
            ErrorKind::SourceUnreadable { detail: "no such file".into() },
            Caller,
            "the source can't be read: no such file",
            "Make the source readable, then resume.",
        ),
        (
            ErrorKind::Integrity { expected: 25, found: 24 },
            Server,
            "the server committed 24 bytes, but the source has 25",
            "Do not use the object; start the upload anew.",
        ),
        (
            ErrorKind::SizeMismatch { failure: refused() },
            Server,
            "the stored segments do not add up, the source may have changed: \"broke\"",
            "Check that the source does not change meanwhile, then start anew.",
        ),
        (
            ErrorKind::FinalizeUnknown { failure: lost() },
            Network,
            "nobody can tell whether the object was committed: the answer was lost: connection reset",
            "Try to use the media id, or resume to ask once more; if the server does not know it, start the \
             upload anew.",
        ),
        (
            ErrorKind::ProcessingFailed { error: ServerError::message("bad codec") },
            Server,
            "the server could not process the media: \"bad codec\"",
            "Check the media against the server's rules.",
        ),
        (
            ErrorKind::StillProcessing { waited: Duration::from_secs(90) },
            Server,
            "the server was still processing the media after 90 s",
            resume,
        ),
        (
            ErrorKind::StatusLost { failure: lost() },
            Network,
            "the media is committed, but its processing can't be followed: the answer was lost: \
             connection reset",
            resume,
        ),
        (
            protocol(Violation::UnexpectedReply("Opened")),
            Server,
            "the server broke its protocol in answer to Finalize: Opened is no answer to that",
            right_server,
        ),
        (
            protocol(Violation::CursorBeyondEnd),
            Server,
            "the server broke its protocol in answer to Finalize: its cursor lies behind the end of the \
             source",
            right_server,
        ),
        (
            protocol(Violation::ReceiptMissing),
            Server,
            "the server broke its protocol in answer to Finalize: it stored a segment without a receipt",
            right_server,
        ),
        (
            protocol(Violation::ForeignSegment(7)),
            Server,
            "the server broke its protocol in answer to Finalize: it lists segment 7, which is not as we \
             sent it",
            right_server,
        ),
        (
            protocol(Violation::EndlessListing),
            Server,
            "the server broke its protocol in answer to Finalize: its list of segments does not end",
            right_server,
        ),
        (
            ErrorKind::Persist,
            Machine,
            "the checkpoint could not be written",
            "Make room or permissions for the checkpoints, then resume.",
        ),
        (ErrorKind::Cancelled, Nobody, "cancelled; the upload is kept", "Resume to go on."),
    ];
    let discards = [
        (Discard::NothingToDo, "there was no session to give up"),
        (Discard::Confirmed, "the server gave the session up"),
        (Discard::ExpiresByItself, "the session expires by itself"),
        (Discard::LeftBehind, "the server keeps what it has, nobody can tell it to forget"),
        (Discard::AlreadyCommitted(None), "it was too late, the object had been committed"),
        (Discard::Unknown, "it may have been too late, nobody can tell whether the object was committed"),
    ];
    for (kind, fault, told, advice) in all {
        assert_eq!(kind.fault(), fault, "{kind}");
        let error = UploadError { kind: Box::new(kind), session: None, kept: Kept::Checkpoint };
        assert_eq!((&*error.to_string(), &*error.advice()), (told, advice));
    }
    let owed =
        (Discard::Unconfirmed { failure: None }, "the server did not confirm it, an abort is still owed");
    for (discard, told) in discards.into_iter().chain([owed]) {
        let advice = match discard {
            Discard::Unconfirmed { .. } => "Sweep later to give the session up for good.",
            Discard::AlreadyCommitted(_) => "The object is there; remove it if it must not stay.",
            Discard::Unknown => "Look whether the object is there, and remove it if it must not stay.",
            Discard::NothingToDo | Discard::Confirmed | Discard::ExpiresByItself => {
                "There is nothing left to do."
            }
            Discard::LeftBehind => "Whoever runs the server can remove what it has, if it must not stay.",
        };
        let kind = ErrorKind::Discarded(discard);
        assert_eq!((kind.fault(), kind.to_string()), (Nobody, format!("cancelled and discarded: {told}")));
        let error = UploadError { kind: Box::new(kind), session: None, kept: Kept::Nothing };
        assert_eq!(error.advice(), advice);
    }
}

#[test]
fn an_abort_that_is_owed_is_never_kept_secret() {
    let owed = |kind| UploadError { kind: Box::new(kind), session: None, kept: Kept::AbortOwed }.advice();
    let sweep = "Sweep later to give the session up for good.";
    assert_eq!(owed(ErrorKind::Cancelled), sweep, "there is nothing to go on with");
    assert_eq!(owed(ErrorKind::Discarded(Discard::Unconfirmed { failure: None })), sweep);
    let reason = SessionLoss::SessionsExhausted;
    let lost = owed(ErrorKind::SessionLost { reason });
    assert_eq!(lost, "Start the upload anew. Sweep later to give the session up for good.");
}

#[test]
fn nobody_is_told_to_resume_what_is_not_kept() {
    let failure = Failure::answered(crate::ProblemKind::CredentialsExpired, ServerError::message("no"));
    let mut error = UploadError {
        kind: Box::new(ErrorKind::Credentials { failure }),
        session: None,
        kept: Kept::Checkpoint,
    };
    assert_eq!(error.advice(), "Get new credentials with the right scope, then resume.");
    error.kept = Kept::Nothing;
    assert_eq!(error.advice(), "Get new credentials with the right scope, then upload again.");
    *error.kind = ErrorKind::Deadline { deadline: Duration::from_secs(1) };
    assert_eq!(error.advice(), "Upload again when the server can be reached again.");
}
