//! The error table: which bad answer means what. First match wins.
//!
//! Source: RFC 9110 §15, RFC 6585; the Idempotency-Key header draft (draft-ietf-httpapi-idempotency-key-header §2.7) for
//! 409. Every row is shown by a vector in `vectors.rs`.

use chunkwise_core::{Cut, Detail, Failure, Problem, ProblemKind, Refusal, Timestamp};
use chunkwise_transport::http::{Response, retry_after, said};

use crate::Repeat;

/// A row of the error table.
#[derive(Debug)]
pub struct ErrorRow {
    name: &'static str,
    /// The first and the last status it is for.
    status: (u16, u16),
    means: Means,
}

/// What an answer means.
#[derive(Debug)]
enum Means {
    /// This, and nothing was done.
    No(ProblemKind),
    /// The first request with this key is still under way; without a key, no.
    KeyInUse,
    /// It passes; but a proxy may have said so that had sent the request on, which does no harm with a key alone.
    SentOn,
    /// It may have been done.
    Unknown,
}

use Means::{KeyInUse, No, SentOn, Unknown};
use ProblemKind::{CredentialsExpired, Refused, Throttled, TooLarge, Transient};

static TABLE: [ErrorRow; 13] = [
    row("unauthorized", (401, 401), No(CredentialsExpired)),
    row("payment", (402, 402), No(Refused(Refusal::Quota))),
    row("forbidden", (403, 403), No(Refused(Refusal::Forbidden))),
    row("proxy", (407, 407), No(Refused(Refusal::Forbidden))),
    row("timeout", (408, 408), SentOn),
    row("key-in-use", (409, 409), KeyInUse),
    row("too-large", (413, 413), No(TooLarge { ceiling: None })),
    row("too-early", (425, 425), No(Transient)),
    row("throttled", (429, 429), No(Throttled)),
    row("unavailable", (503, 503), SentOn),
    row("server-error", (500, 599), Unknown),
    // Redirects are not followed: the request has credentials on it.
    row("refused", (300, 499), No(Refused(Refusal::Invalid))),
    row("no-such-status", (100, 999), Unknown),
];

const fn row(name: &'static str, status: (u16, u16), means: Means) -> ErrorRow {
    ErrorRow { name, status, means }
}

/// The table of what every bad answer means, in the order it is searched.
pub fn error_table() -> &'static [ErrorRow] {
    &TABLE
}

impl ErrorRow {
    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

/// The row that a status falls under.
pub(crate) fn find(status: u16) -> Option<&'static ErrorRow> {
    TABLE.iter().find(|row| (row.status.0..=row.status.1).contains(&status))
}

/// What a bad answer means.
pub(crate) fn failure(response: &Response, repeat: &Repeat, now: Timestamp) -> Failure {
    let after = retry_after(response.headers()).filter(|after| after.until(now) > now);
    let kind = match (find(response.status().as_u16()).map(|row| &row.means), repeat) {
        (Some(No(kind)), _) => kind.clone(),
        (Some(KeyInUse), Repeat::ByKey(_)) => ProblemKind::Busy,
        (Some(KeyInUse), Repeat::Never) => Refused(Refusal::Invalid),
        (Some(SentOn), Repeat::ByKey(_)) => Transient,
        (Some(SentOn), Repeat::Never) | (Some(Unknown) | None, _) => {
            let detail = Detail::new(said(response).to_string());
            return Failure::Unknown { cut: Cut::Ambiguous { after }, detail };
        }
    };
    Failure::Answered(Problem { kind, after, server: said(response) })
}
