//! The error table: which bad answer means what. First match wins.
//!
//! Source: X fact sheet §7 (the catalogue), §1.4, §1.5, §2.10 (the shapes). Where a row goes beyond it, the row says
//! so. Every row is shown by a vector in `tests/vectors/responses`, under the row's name.

use std::fmt;

use chunkwise_core::{Action, Cut, Detail, Failure, Problem, ProblemKind, Refusal, Timestamp};
use chunkwise_transport::http::{Response, retry_after};

use crate::limits;
use crate::said::Said;

/// What was asked for; the operations that X has, and the alt text and the post, which are none of the engine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Init,
    Append,
    Finalize,
    Status,
    Verify,
    Metadata,
    Post,
}

impl Step {
    /// The step that performs an action; none for what X can't do.
    pub(crate) const fn of(action: &Action) -> Option<Self> {
        match action {
            Action::Init { .. } => Some(Self::Init),
            Action::Append { .. } => Some(Self::Append),
            Action::Finalize { .. } => Some(Self::Finalize),
            Action::Status { .. } => Some(Self::Status),
            Action::Verify { .. } => Some(Self::Verify),
            Action::Probe { .. } | Action::Abort { .. } => None,
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
    /// One of these codes of X.
    Code(&'static [u64]),
    /// One of these phrases, in lower case.
    Phrase(&'static [&'static str]),
    /// That the media id means nothing.
    UnknownMedia,
}

/// What an answer means.
#[derive(Clone, Copy, Debug)]
enum Means {
    Transient,
    Throttled,
    TooLarge,
    SizeMismatch,
    SessionGone,
    CredentialsExpired,
    Refused(Refusal),
    Broken,
    /// The server may have done it.
    Ambiguous,
}

use Means::{
    Ambiguous, Broken, CredentialsExpired, Refused, SessionGone, SizeMismatch, Throttled, TooLarge, Transient,
};
use Refusal::{Forbidden, Invalid, Quota};
use Says::{Anything, Code, Phrase, UnknownMedia};
use Step::{Append, Finalize, Init, Metadata, Post, Status, Verify};

const EVERY: &[Step] = &[Init, Append, Finalize, Status, Verify, Metadata, Post];
/// What asks or may be repeated at will: an error of the server leaves nothing behind.
const HARMLESS: &[Step] = &[Status, Verify, Metadata];
/// What changes something at the server.
const CHANGING: &[Step] = &[Init, Append, Finalize, Post];
/// What names a media id.
const NAMING: &[Step] = &[Append, Finalize, Status, Verify, Metadata];

/// The table of what every bad answer of X means, in the order it is searched; for documentation and for tests.
pub const fn error_table() -> &'static [ErrorRow] {
    TABLE
}

#[rustfmt::skip]
const TABLE: &[ErrorRow] = &[
    // Rate limits. Code 88 is believed whatever the status.
    row("throttled-code",       EVERY,                (400, 599), Code(&[88]),                        Throttled),
    // A monthly cap: no reset of any window helps (X's documented problem type).
    row("usage-capped",         EVERY,                (429, 429), Phrase(&["problems/usage-capped"]), Refused(Quota)),
    row("throttled",            EVERY,                (429, 429), Anything,                           Throttled),
    // The status v1.1 used for it in its early days.
    row("calm",                 EVERY,                (420, 420), Anything,                           Throttled),
    // Who we are and what we may.
    row("unauthorized",         EVERY,                (401, 401), Anything,                           CredentialsExpired),
    row("unauthorized-code",    EVERY,                (400, 499), Code(&[32, 89, 215]),               CredentialsExpired),
    row("payment",              EVERY,                (402, 402), Anything,                           Refused(Quota)),
    row("forbidden",            EVERY,                (403, 403), Anything,                           Refused(Forbidden)),
    row("proxy",                EVERY,                (407, 407), Anything,                           Refused(Forbidden)),
    // What passes.
    row("timeout",              EVERY,                (408, 408), Anything,                           Transient),
    row("too-early",            EVERY,                (425, 425), Anything,                           Transient),
    row("over-capacity",        EVERY,                (400, 599), Code(&[130]),                       Transient),
    row("internal-code",        EVERY,                (400, 499), Code(&[131]),                       Transient),
    row("unavailable",          EVERY,                (503, 503), Anything,                           Transient),
    row("server-error-asking",  HARMLESS,             (500, 599), Anything,                           Transient),
    // 500, 502, 504 and their like: the server may have done it before it broke down (code 131 among them).
    row("server-error",         CHANGING,             (500, 599), Anything,                           Ambiguous),
    // Init. The incidents of 2025 and 2026 were 404s.
    row("init-not-found",       &[Init],              (404, 404), Anything,                           Transient),
    // Append. A proxy's 431 for a large body is of the same sort.
    row("append-too-large",     &[Append],            (413, 413), Anything,                           TooLarge),
    row("append-header",        &[Append],            (431, 431), Anything,                           TooLarge),
    row("append-index",         &[Append],            (400, 499), Phrase(&["segmentindex must be"]),  Refused(Invalid)),
    // Finalize.
    row("finalize-size",        &[Finalize],          (400, 499), Phrase(&["segments do not add up"]), SizeMismatch),
    row("finalize-body",        &[Finalize],          (400, 499), Phrase(&["body must be a json object", "body is not valid json"]), Refused(Invalid)),
    row("finalize-category",    &[Finalize],          (400, 499), Phrase(&["finalized synchronously"]), Refused(Invalid)),
    // The media id means nothing (any more). At Verify a 404 without X's own words may be an outage.
    row("unknown-media",        NAMING,               (400, 499), UnknownMedia,                       SessionGone),
    row("verify-not-found",     &[Verify],            (404, 404), Anything,                           Transient),
    row("not-found",            NAMING,               (404, 404), Anything,                           SessionGone),
    // The rest. 410 among them: X answers so where an API has been turned off.
    row("refused",              EVERY,                (400, 499), Anything,                           Refused(Invalid)),
    // Redirects are not followed: the request has credentials on it.
    row("redirect",             EVERY,                (300, 399), Anything,                           Broken),
    row("no-such-status",       EVERY,                (100, 999), Anything,                           Broken),
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
                Code(codes) => said.has_code(codes),
                Phrase(phrases) => said.has_phrase(phrases),
                UnknownMedia => said.names_unknown_media(),
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
            UnknownMedia => f.write_str(" naming an unknown media id")?,
        }
        write!(f, " at {:?} means {:?}", self.steps, self.means)
    }
}

/// The row that an answer falls under. The last row takes what no other does.
pub(crate) fn find(step: Step, status: u16, said: &Said) -> Option<&'static ErrorRow> {
    TABLE.iter().find(|row| row.counts(step, status, said))
}

/// What a bad answer means.
pub(crate) fn failure(step: Step, response: &Response, said: Said, now: Timestamp) -> Failure {
    let headers = response.headers();
    let means = find(step, response.status().as_u16(), &said).map_or(Broken, |row| row.means);
    let after = match means {
        Throttled => limits::throttled(headers, now),
        Transient | TooLarge | SizeMismatch | SessionGone | CredentialsExpired | Refused(_) | Broken
        | Ambiguous => retry_after(headers),
    };
    let kind = match means {
        Transient => ProblemKind::Transient,
        Throttled => ProblemKind::Throttled,
        TooLarge => ProblemKind::TooLarge { ceiling: None },
        SizeMismatch => ProblemKind::SizeMismatch,
        SessionGone => ProblemKind::SessionGone,
        CredentialsExpired => ProblemKind::CredentialsExpired,
        Refused(refusal) => ProblemKind::Refused(refusal),
        Broken => ProblemKind::Broken,
        Ambiguous => {
            // A gateway that does not know what became of the request may still know when to come back.
            let cut = Cut::Ambiguous { after };
            return Failure::Unknown { cut, detail: Detail::new(said.server.to_string()) };
        }
    };
    Failure::Answered(Problem { kind, after, server: said.server })
}
