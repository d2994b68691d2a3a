//! The error table: which bad answer means what. First match wins.
//!
//! Source: S3 API Reference, "Error responses" (the codes), and upload protocol study §2.4 (what they mean for an upload).
//! Where a row goes beyond them, the row says so. Every row is shown by a vector in `tests/vectors/responses`, under the row's
//! name. A status of 200 with an error in its body goes through it like any other: Complete answers so.

use std::fmt;

use chunkwise_core::{Action, Cut, Detail, Failure, Problem, ProblemKind, Refusal};
use chunkwise_transport::http::{Response, retry_after};

use crate::said::{SKEWED, Said};

/// What was asked for; the operations that S3 has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Init,
    Append,
    Probe,
    Finalize,
    Verify,
    Abort,
}

impl Step {
    /// The step that performs an action; none for what S3 can't do.
    pub(crate) const fn of(action: &Action) -> Option<Self> {
        match action {
            Action::Init { .. } => Some(Self::Init),
            Action::Append { .. } => Some(Self::Append),
            Action::Probe { .. } => Some(Self::Probe),
            Action::Finalize { .. } => Some(Self::Finalize),
            Action::Verify { .. } => Some(Self::Verify),
            Action::Abort { .. } => Some(Self::Abort),
            Action::Status { .. } => None,
        }
    }
}

/// A row of the error table: at which steps, with which status and words, an answer means what.
#[derive(Debug)]
pub struct ErrorRow {
    /// Its name, by which the vectors refer to it.
    name: &'static str,
    /// At which steps it counts.
    steps: &'static [Step],
    /// The first and the last status it is for.
    status: (u16, u16),
    /// What the answer must say.
    says: Says,
    /// What that means.
    means: Means,
}

/// What an answer must say for a row to count.
#[derive(Debug)]
enum Says {
    /// Whatever it says.
    Anything,
    /// One of these codes of S3.
    Code(&'static [&'static str]),
    /// One of these phrases in its message, in lower case.
    Phrase(&'static [&'static str]),
}

/// What an answer means.
#[derive(Clone, Copy, Debug)]
enum Means {
    Transient,
    Throttled,
    SegmentRejected,
    SegmentsMissing,
    TooLarge,
    SessionGone,
    CredentialsExpired,
    Refused(Refusal),
    Broken,
    /// The store may have done it.
    Ambiguous,
}

use Means::{
    Ambiguous, Broken, CredentialsExpired, Refused, SegmentRejected, SegmentsMissing, SessionGone, Throttled,
    TooLarge, Transient,
};
use Refusal::{Forbidden, Invalid, Quota};
use Says::{Anything, Code, Phrase};
use Step::{Abort, Append, Finalize, Init, Probe, Verify};

const EVERY: &[Step] = &[Init, Append, Probe, Finalize, Verify, Abort];
/// What asks or may be repeated at will: an error of the store leaves nothing behind.
const HARMLESS: &[Step] = &[Probe, Verify, Abort];
/// What changes something at the store.
const CHANGING: &[Step] = &[Init, Append, Finalize];
/// What names an upload id.
const NAMING: &[Step] = &[Append, Probe, Finalize, Abort];

/// The table of what every bad answer of S3 means, in the order it is searched; for documentation and for tests.
pub const fn error_table() -> &'static [ErrorRow] {
    TABLE
}

#[rustfmt::skip]
const TABLE: &[ErrorRow] = &[
    // Too much at once. Beyond the source: other stores' codes.
    row("throttled-code",       EVERY,       (200, 599), Code(&["SlowDown", "SlowDownRead", "SlowDownWrite", "Throttling", "ThrottlingException", "TooManyRequests", "RequestLimitExceeded", "BandwidthLimitExceeded"]), Throttled),
    row("throttled",            EVERY,       (429, 429), Anything, Throttled),
    row("unavailable",          EVERY,       (503, 503), Anything, Throttled),
    // Who we are and what we may. The signer corrects its clock, or gets new credentials, when it is asked for them.
    row("clock-skew",           EVERY,       (200, 599), Code(&[SKEWED, "RequestExpired"]), CredentialsExpired),
    row("expired-code",         EVERY,       (200, 599), Code(&["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken", "InvalidAccessKeyId"]), CredentialsExpired),
    row("presigned-expired",    EVERY,       (403, 403), Phrase(&["request has expired"]), CredentialsExpired),
    row("unauthorized",         EVERY,       (401, 401), Anything, CredentialsExpired),
    // An answer to HEAD has no code; an expired token comes as 400.
    row("verify-bad-request",   &[Verify],   (400, 400), Anything, CredentialsExpired),
    row("signature",            EVERY,       (200, 599), Code(&["SignatureDoesNotMatch"]), Refused(Forbidden)),
    row("payment",              EVERY,       (402, 402), Anything, Refused(Quota)),
    row("quota-code",           EVERY,       (200, 599), Code(&["QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "AccountProblem", "NotSignedUp"]), Refused(Quota)),
    row("storage-full",         EVERY,       (507, 507), Anything, Refused(Quota)),
    row("proxy",                EVERY,       (407, 407), Anything, Refused(Forbidden)),
    row("denied",               EVERY,       (200, 299), Code(&["AccessDenied"]), Refused(Forbidden)),
    row("forbidden",            EVERY,       (403, 403), Anything, Refused(Forbidden)),
    // Where we are: another region, endpoint or bucket. Another region is a setting's fault, as wrong keys are: what is stored
    // is kept for whoever comes back with the right one.
    row("region",               EVERY,       (200, 599), Code(&["AuthorizationHeaderMalformed", "AuthorizationQueryParametersError", "PermanentRedirect", "TemporaryRedirect", "Redirect", "IllegalLocationConstraintException"]), Refused(Forbidden)),
    row("no-bucket",            EVERY,       (200, 599), Code(&["NoSuchBucket", "InvalidBucketName"]), Refused(Invalid)),
    // The session: aborted, expired, or completed already.
    row("gone",                 NAMING,      (200, 599), Code(&["NoSuchUpload"]), SessionGone),
    // A conditional write lost to another: all parts have to be sent again (S3 User Guide, "Conditional writes").
    row("conflict",             &[Finalize], (200, 499), Code(&["ConditionalRequestConflict"]), SessionGone),
    // What passes.
    row("timeout-code",         EVERY,       (200, 499), Code(&["RequestTimeout", "RequestTimeoutException", "OperationAborted"]), Transient),
    row("timeout",              EVERY,       (408, 408), Anything, Transient),
    row("too-early",            EVERY,       (425, 425), Anything, Transient),
    // Parts.
    row("part-rejected",        &[Append],   (200, 499), Code(&["BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "InvalidDigest", "IncompleteBody"]), SegmentRejected),
    row("part-too-large-code",  &[Append],   (200, 499), Code(&["EntityTooLarge", "MaxMessageLengthExceeded"]), TooLarge),
    row("part-too-large",       &[Append],   (413, 413), Anything, TooLarge),
    // A part that is listed is not there, or its ETag is another.
    row("part-missing",         &[Finalize], (200, 499), Code(&["InvalidPart"]), SegmentsMissing),
    row("parts-unacceptable",   &[Finalize], (200, 499), Code(&["InvalidPartOrder", "EntityTooSmall", "EntityTooLarge", "MalformedXML", "BadDigest", "InvalidRequest"]), Refused(Invalid)),
    // Not everything of S3 is everywhere: a trailer that a store does not know, for instance.
    row("not-implemented",      EVERY,       (501, 501), Anything, Refused(Invalid)),
    row("not-implemented-code", EVERY,       (200, 599), Code(&["NotImplemented"]), Refused(Invalid)),
    // The store broke down over it, and may have done it; Complete says so in a 200 too.
    row("server-error-asking",  HARMLESS,    (500, 599), Anything, Transient),
    row("server-error",         CHANGING,    (500, 599), Anything, Ambiguous),
    row("error-in-200",         CHANGING,    (200, 299), Anything, Ambiguous),
    row("error-in-200-asking",  HARMLESS,    (200, 299), Anything, Transient),
    // The rest. A 404 in words that are not S3's is somebody's between us and the store; at the first request it is the wrong
    // endpoint.
    row("init-not-found",       &[Init],     (404, 404), Anything, Refused(Invalid)),
    row("not-found",            EVERY,       (404, 404), Anything, Transient),
    row("refused",              EVERY,       (400, 499), Anything, Refused(Invalid)),
    // Redirects are not followed: the request has a signature on it. That of a Create says that the endpoint is another.
    row("moved",                &[Init],     (300, 399), Anything, Refused(Invalid)),
    row("redirect",             EVERY,       (300, 399), Anything, Broken),
    row("no-such-status",       EVERY,       (100, 999), Anything, Broken),
];

const fn row(
    name: &'static str,
    steps: &'static [Step],
    status: (u16, u16),
    says: Says,
    means: Means,
) -> ErrorRow {
    ErrorRow { name, steps, status, says, means }
}

impl ErrorRow {
    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    fn counts(&self, step: Step, status: u16, said: &Said) -> bool {
        let (first, last) = self.status;
        self.steps.contains(&step)
            && (first..=last).contains(&status)
            && match self.says {
                Anything => true,
                Code(codes) => codes.contains(&said.code.as_str()),
                Phrase(phrases) => said.has_phrase(phrases),
            }
    }
}

impl fmt::Display for ErrorRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = self.status;
        write!(f, "{}: HTTP {first}", self.name)?;
        if last != first {
            write!(f, "–{last}")?;
        }
        match self.says {
            Anything => {}
            Code(codes) => write!(f, " with code {codes:?}")?,
            Phrase(phrases) => write!(f, " saying {phrases:?}")?,
        }
        write!(f, " at {:?} means {:?}", self.steps, self.means)
    }
}

/// The row that an answer falls under. The last row takes what no other does.
pub(crate) fn find(step: Step, status: u16, said: &Said) -> Option<&'static ErrorRow> {
    TABLE.iter().find(|row| row.counts(step, status, said))
}

/// What a bad answer means.
pub(crate) fn failure(step: Step, response: &Response, said: Said) -> Failure {
    let means = find(step, response.status().as_u16(), &said).map_or(Broken, |row| row.means);
    let after = retry_after(response.headers());
    let kind = match means {
        Transient => ProblemKind::Transient,
        Throttled => ProblemKind::Throttled,
        SegmentRejected => ProblemKind::SegmentRejected,
        SegmentsMissing => ProblemKind::SegmentsMissing,
        TooLarge => ProblemKind::TooLarge { ceiling: said.ceiling },
        SessionGone => ProblemKind::SessionGone,
        CredentialsExpired => ProblemKind::CredentialsExpired,
        Refused(refusal) => ProblemKind::Refused(refusal),
        Broken => ProblemKind::Broken,
        Ambiguous => {
            let cut = Cut::Ambiguous { after };
            return Failure::Unknown { cut, detail: Detail::new(said.server.to_string()) };
        }
    };
    Failure::Answered(Problem { kind, after, server: said.server })
}
