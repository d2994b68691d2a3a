//! The error table: which bad answer means what. First match wins.
//!
//! Source: tus 1.0.0, and what servers in use answer beyond it (upload protocol study §2.2): 423 and 409 for an upload that
//! is locked, 400 for a PATCH that a newer request has interrupted. Every row is shown by a
//! vector in `vectors.rs`.

use std::fmt;

use chunkwise_core::{Cut, Detail, Failure, Problem, ProblemKind, Refusal, ServerError, Timestamp};
use chunkwise_transport::http::{Response, retry_after, said};
use http::HeaderMap;

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A new upload, or what the server can do.
    Create,
    /// A new upload with all its bytes.
    Part,
    /// More bytes.
    Append,
    /// How far it is.
    Ask,
    /// The length of an upload that has all its bytes.
    Declare,
    /// One upload of many.
    Join,
    /// To forget an upload.
    Terminate,
}

/// A row of the error table: at which steps, with which status and words, an answer means what.
#[derive(Debug)]
pub struct ErrorRow {
    name: &'static str,
    steps: &'static [Step],
    /// The first and the last status it is for.
    status: (u16, u16),
    /// Phrases of which the answer must have one, in lower case; none: whatever it says.
    says: &'static [&'static str],
    means: Means,
}

/// What an answer means.
#[derive(Clone, Copy, Debug)]
enum Means {
    Transient,
    Throttled,
    Busy,
    OffsetConflict,
    SegmentRejected,
    SegmentsMissing,
    TooLarge,
    SessionGone,
    CredentialsExpired,
    Refused(Refusal),
    Broken,
    /// The server may have done it, or a part of it.
    Ambiguous,
}

use Means::{
    Ambiguous, Broken, Busy, CredentialsExpired, OffsetConflict, Refused, SegmentRejected, SegmentsMissing,
    SessionGone, Throttled, TooLarge, Transient,
};
use Refusal::{Forbidden, Invalid, Quota};
use Step::{Append, Ask, Create, Declare, Join, Part, Terminate};

const EVERY: &[Step] = &[Create, Part, Append, Ask, Declare, Join, Terminate];
/// What goes to the URL of an upload.
const NAMING: &[Step] = &[Append, Ask, Declare, Terminate];
const CHANGING: &[Step] = &[Create, Part, Append, Declare, Join, Terminate];

/// The table of what every bad answer means, in the order it is searched; for documentation and for tests.
pub const fn error_table() -> &'static [ErrorRow] {
    TABLE
}

#[rustfmt::skip]
const TABLE: &[ErrorRow] = &[
    // Who we are and what we may.
    row("unauthorized",   EVERY,             (401, 401), &[], CredentialsExpired),
    row("payment",        EVERY,             (402, 402), &[], Refused(Quota)),
    // Of an upload that is not there any more a server may say 403, too ("HEAD"). It is not read so: a firewall or a token
    // of too small a scope says it as well, of an upload that is there, and taking that for gone would throw it away.
    row("gone",           NAMING,            (404, 404), &[], SessionGone),
    row("gone-for-good",  NAMING,            (410, 410), &[], SessionGone),
    row("part-gone",      &[Join],           (404, 404), &[], SessionGone),
    row("part-expired",   &[Join],           (410, 410), &[], SessionGone),
    row("forbidden",      EVERY,             (403, 403), &[], Refused(Forbidden)),
    row("proxy",          EVERY,             (407, 407), &[], Refused(Forbidden)),
    // What passes.
    row("timeout-asking", &[Ask],            (408, 408), &[], Transient),
    row("timeout",        CHANGING,          (408, 408), &[], Ambiguous),
    row("too-early",      EVERY,             (425, 425), &[], Transient),
    row("throttled",      EVERY,             (429, 429), &[], Throttled),
    row("locked",         EVERY,             (423, 423), &[], Busy),
    // Some servers say 409 of a lock.
    row("lock-conflict",  NAMING,            (409, 409), &["updated", "locked", "in use"], Busy),
    row("offset",         &[Append],         (409, 409), &[], OffsetConflict),
    row("shorter",        &[Declare],        (409, 409), &[], SegmentsMissing),
    row("busy-conflict",  &[Ask, Terminate], (409, 409), &[], Busy),
    row("interrupted",    &[Append],         (400, 400), &["err_upload_interrupted"], Ambiguous),
    row("checksum",       &[Append, Part],   (460, 460), &[], SegmentRejected),
    row("append-large",   &[Append, Part],   (413, 413), &[], TooLarge),
    // A partial upload that the server holds to be unfinished.
    row("unfinished",     &[Join],           (400, 499), &["not finished", "not_finished", "unfinished"], SegmentsMissing),
    // 412 (another version of tus), 413 (the whole is too large), 415, a wrong endpoint and the rest.
    row("refused",        EVERY,             (400, 499), &[], Refused(Invalid)),
    // Whoever only asks leaves nothing behind.
    row("asked-in-vain",  &[Ask],            (500, 599), &[], Transient),
    row("unavailable",    &[Create, Join],   (503, 503), &[], Transient),
    // Of a PATCH a part may be stored by then, whatever is said.
    row("server-error",   CHANGING,          (500, 599), &[], Ambiguous),
    // Redirects are not followed: the request has credentials on it. That of a creation says that the endpoint is another.
    row("moved",          &[Create, Part],   (300, 399), &[], Refused(Invalid)),
    row("redirect",       EVERY,             (300, 399), &[], Broken),
    row("no-such-status", EVERY,             (100, 999), &[], Broken),
];

const fn row(
    name: &'static str,
    steps: &'static [Step],
    status: (u16, u16),
    says: &'static [&'static str],
    means: Means,
) -> ErrorRow {
    ErrorRow { name, steps, status, says, means }
}

impl ErrorRow {
    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    fn counts(&self, step: Step, status: u16, text: &str) -> bool {
        let (first, last) = self.status;
        self.steps.contains(&step)
            && (first..=last).contains(&status)
            && (self.says.is_empty() || self.says.iter().any(|phrase| text.contains(phrase)))
    }
}

impl fmt::Display for ErrorRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = self.status;
        write!(f, "{}: HTTP {first}", self.name)?;
        if last != first {
            write!(f, "–{last}")?;
        }
        if !self.says.is_empty() {
            write!(f, " saying {:?}", self.says)?;
        }
        write!(f, " at {:?} means {:?}", self.steps, self.means)
    }
}

/// The row that an answer falls under. The last row takes what no other does.
pub(crate) fn find(step: Step, response: &Response) -> Option<&'static ErrorRow> {
    let text = said(response).fields().raw.as_str().to_lowercase();
    TABLE.iter().find(|row| row.counts(step, response.status().as_u16(), &text))
}

/// What a bad answer means.
pub(crate) fn failure(step: Step, response: &Response, received_at: Timestamp) -> Failure {
    let headers = response.headers();
    let after = retry_after(headers).filter(|after| after.until(received_at) > received_at);
    let kind = match find(step, response).map_or(Broken, |row| row.means) {
        Transient => ProblemKind::Transient,
        Throttled => ProblemKind::Throttled,
        Busy => ProblemKind::Busy,
        OffsetConflict => ProblemKind::OffsetConflict { cursor: number(headers, "upload-offset") },
        SegmentRejected => ProblemKind::SegmentRejected,
        SegmentsMissing => ProblemKind::SegmentsMissing,
        TooLarge => ProblemKind::TooLarge { ceiling: None },
        SessionGone => ProblemKind::SessionGone,
        CredentialsExpired => ProblemKind::CredentialsExpired,
        Refused(refusal) => ProblemKind::Refused(refusal),
        Broken => ProblemKind::Broken,
        Ambiguous => {
            let detail = Detail::new(said(response).to_string());
            return Failure::Unknown { cut: Cut::Ambiguous { after }, detail };
        }
    };
    Failure::Answered(Problem { kind, after, server: said(response) })
}

/// A good answer that is none, and why.
pub(crate) fn broken(response: &Response, why: &str) -> Failure {
    objection(ProblemKind::Broken, response, why)
}

/// What is wrong with an answer, in our words.
pub(crate) fn objection(kind: ProblemKind, response: &Response, why: &str) -> Failure {
    let mut fields = said(response).fields().clone();
    fields.message = Detail::new(why);
    Failure::answered(kind, ServerError::new(fields))
}

/// A header that is a number: digits and nothing else.
pub(crate) fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    let text = headers.get(name)?.to_str().ok()?;
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}
