//! Failures: how an operation can go wrong, as a closed list.
//!
//! A protocol maps every bad answer to one of these; the engine's reaction follows from the name alone.
//! What the server may have seen is part of the type: nothing ([`Failure::NotSent`]), nobody knows
//! ([`Failure::Unknown`]), or all of it, for it answered ([`Failure::Answered`]).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use crate::time::Delay;
use crate::token::Receipt;

/// Why an operation has no good answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The server has certainly not seen it.
    NotSent {
        /// What stood in the way.
        cause: NotSent,
        /// For people: what happened.
        detail: Detail,
    },
    /// The server may have done it; its answer was lost or says nothing about it.
    Unknown {
        /// How the answer was lost.
        cut: Cut,
        /// For people: what happened.
        detail: Detail,
    },
    /// The server answered, and it was no.
    Answered(Problem),
}

impl Failure {
    /// A bad answer of this kind without a wait.
    pub const fn answered(kind: ProblemKind, server: ServerError) -> Self {
        Self::Answered(Problem { kind, after: None, server })
    }

    /// Whether the server found the request itself not acceptable.
    pub(crate) const fn is_invalid(&self) -> bool {
        matches!(self, Self::Answered(Problem { kind: ProblemKind::Refused(Refusal::Invalid), .. }))
    }

    /// How long the server wants us to wait, if it said so.
    pub const fn after(&self) -> Option<Delay> {
        match self {
            Self::Answered(problem) => problem.after,
            Self::Unknown { cut: Cut::Ambiguous { after }, .. } => *after,
            Self::NotSent { .. } | Self::Unknown { cut: Cut::Reset | Cut::TimedOut, .. } => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent { detail, .. } => write!(f, "could not reach the server: {detail}"),
            Self::Unknown { detail, .. } => write!(f, "the answer was lost: {detail}"),
            Self::Answered(problem) => problem.fmt(f),
        }
    }
}

/// What stood in the way of a request that was never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotSent {
    /// The server or a proxy could not be reached; it may work in a moment.
    Unreachable,
    /// It can't work as things are set: a bad address, a proxy that refuses the credentials, a certificate
    /// that nobody trusts, a request that can't be encoded.
    Misconfigured,
}

/// How an answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cut {
    /// The connection was reset or broke while sending or waiting.
    Reset,
    /// No progress or no answer in time; the engine cancelled the operation.
    TimedOut,
    /// Something between us and the server answered in its place (502, 504), or the server broke down over it
    /// (500), or its answer could not be read.
    Ambiguous {
        /// How long it wants us to wait, if it said so.
        after: Option<Delay>,
    },
}

/// A bad answer: its kind, the wait it asked for, and what it said.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    /// What it means for the engine.
    pub kind: ProblemKind,
    /// How long the server wants us to wait.
    pub after: Option<Delay>,
    /// What it said, for people and logs.
    pub server: ServerError,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.server)
    }
}

/// The closed list of what a bad answer can mean.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ProblemKind {
    /// It failed for a reason that passes; nothing was done.
    Transient,
    /// Too many requests; wait.
    Throttled,
    /// The session is locked or not ready; wait.
    Busy,
    /// Append family: the bytes do not start at the server's cursor.
    OffsetConflict {
        /// Where the server's cursor is, if it said so.
        cursor: Option<u64>,
    },
    /// The server holds this segment already.
    AlreadyStored {
        /// Its receipt, if the answer had one.
        receipt: Option<Receipt>,
    },
    /// The bytes did not arrive as they were sent (a digest did not match); nothing was stored.
    SegmentRejected,
    /// At Finalize: the server does not hold all segments.
    SegmentsMissing,
    /// At Finalize: the stored bytes do not add up to the announced length.
    ///
    /// A kind of its own beside the design's list, since its cause is told from the history (invariant 7): after an
    /// unknown Append was repeated it is the server's doing, otherwise the source has changed.
    SizeMismatch,
    /// The segment is too large; it was not stored.
    TooLarge {
        /// The largest size that the server takes, in bytes, if it said so.
        ceiling: Option<u64>,
    },
    /// The server does not know the session (any more).
    SessionGone,
    /// The credentials are not valid (any more).
    CredentialsExpired,
    /// No, and asking again will not help.
    Refused(Refusal),
    /// The answer breaks the protocol.
    Broken,
}

impl ProblemKind {
    /// Its name as in logs, tables and errors.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Throttled => "throttled",
            Self::Busy => "busy",
            Self::OffsetConflict { .. } => "offset conflict",
            Self::AlreadyStored { .. } => "already stored",
            Self::SegmentRejected => "segment rejected",
            Self::SegmentsMissing => "segments missing",
            Self::SizeMismatch => "size mismatch",
            Self::TooLarge { .. } => "too large",
            Self::SessionGone => "session gone",
            Self::CredentialsExpired => "credentials expired",
            Self::Refused(refusal) => refusal.name(),
            Self::Broken => "protocol broken",
        }
    }
}

/// Why a server refuses for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// A quota or a bill stands in the way.
    Quota,
    /// These credentials may not do this.
    Forbidden,
    /// The request or the media is not acceptable.
    Invalid,
}

impl Refusal {
    /// Its name as in logs, tables and errors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quota => "refused: quota",
            Self::Forbidden => "refused: forbidden",
            Self::Invalid => "refused: invalid",
        }
    }
}

/// The longest text kept of anything a server said, in bytes.
pub const MAX_DETAIL: usize = 512;

/// A bounded, human-readable text. What is longer than [`MAX_DETAIL`] bytes is cut off, control characters
/// are replaced: it can be printed to a terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Detail(Option<Arc<str>>);

impl Detail {
    /// Nothing.
    pub const EMPTY: Self = Self(None);

    /// The text, bounded and made printable.
    pub fn new(text: impl AsRef<str>) -> Self {
        let text = text.as_ref();
        if text.is_empty() {
            return Self(None);
        }
        let mut kept = String::with_capacity(text.len().min(MAX_DETAIL));
        for c in text.chars() {
            let c = if c.is_control() { ' ' } else { c };
            if kept.len() + c.len_utf8() > MAX_DETAIL {
                break;
            }
            kept.push(c);
        }
        Self(Some(kept.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or("")
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.as_str().is_empty()
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<&str> for Detail {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

/// What a server said about an error. Every field is bounded and printable.
///
/// It is boxed: good answers must not pay for its size.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ServerError(Box<ServerErrorFields>);

/// The fields of a [`ServerError`]; each may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ServerErrorFields {
    /// The status line or its like, as in `HTTP 403`.
    pub status: Detail,
    /// The server's own code, as in `88` or `InvalidPart`.
    pub code: Detail,
    /// The server's name for it, as in `InvalidMedia`.
    pub name: Detail,
    /// The server's message.
    pub message: Detail,
    /// The server's id of the request, for its support.
    pub request_id: Detail,
    /// The body as it came, redacted and cut.
    pub raw: Detail,
}

impl ServerError {
    /// From its fields.
    pub fn new(fields: ServerErrorFields) -> Self {
        Self(Box::new(fields))
    }

    /// With nothing but a message.
    pub fn message(message: impl AsRef<str>) -> Self {
        Self::new(ServerErrorFields { message: Detail::new(message), ..ServerErrorFields::default() })
    }

    /// Its fields.
    pub const fn fields(&self) -> &ServerErrorFields {
        &self.0
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = &*self.0;
        let mut separator = "";
        if !fields.status.is_empty() {
            write!(f, "{}", fields.status)?;
            separator = ", ";
        }
        if !fields.code.is_empty() {
            write!(f, "{separator}code {}", fields.code)?;
            separator = ", ";
        }
        if !fields.name.is_empty() {
            write!(f, "{separator}{}", fields.name)?;
            separator = ", ";
        }
        // Many servers name an error by its message.
        let named = fields.message.as_str().eq_ignore_ascii_case(fields.name.as_str());
        if !fields.message.is_empty() && !named {
            write!(f, "{separator}\"{}\"", fields.message)?;
            separator = ", ";
        }
        if separator.is_empty() {
            f.write_str("without a reason")?;
        }
        if !fields.request_id.is_empty() {
            write!(f, " (request {})", fields.request_id)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    #[test]
    fn a_server_error_is_told_in_one_line_from_what_there_is() {
        let all = ServerErrorFields {
            status: "HTTP 403".into(),
            code: "88".into(),
            name: "Forbidden".into(),
            message: "Not you".into(),
            request_id: "r1".into(),
            raw: "{}".into(),
        };
        let named = ServerErrorFields { message: "FORBIDDEN".into(), ..all.clone() };
        let anonymous =
            ServerErrorFields { request_id: "r1".into(), raw: "{}".into(), ..ServerErrorFields::default() };
        let code = ServerErrorFields { code: "88".into(), ..ServerErrorFields::default() };
        for (fields, told) in [
            (all, "HTTP 403, code 88, Forbidden, \"Not you\" (request r1)"),
            (named, "HTTP 403, code 88, Forbidden (request r1)"),
            (anonymous, "without a reason (request r1)"),
            (code, "code 88"),
        ] {
            assert_eq!(ServerError::new(fields).to_string(), told);
        }
        assert_eq!(ServerError::message("broke").to_string(), "\"broke\"");
        assert_eq!(ServerError::default().to_string(), "without a reason");
    }

    #[test]
    fn a_failure_says_how_far_the_request_came() {
        let detail = || Detail::from("no route");
        let refused = ProblemKind::Refused(Refusal::Forbidden);
        for (failure, told) in [
            (
                Failure::NotSent { cause: NotSent::Unreachable, detail: detail() },
                "could not reach the server: no route",
            ),
            (Failure::Unknown { cut: Cut::Reset, detail: detail() }, "the answer was lost: no route"),
            (Failure::answered(refused, ServerError::message("not you")), "refused: forbidden: \"not you\""),
        ] {
            assert_eq!(failure.to_string(), told);
        }
    }

    #[test]
    fn a_detail_is_bounded_and_printable() {
        assert_eq!(Detail::new("a\tb\u{1b}c").as_str(), "a b c");
        assert_eq!(Detail::new("x".repeat(MAX_DETAIL)).as_str().len(), MAX_DETAIL);
        assert_eq!(Detail::new("x".repeat(MAX_DETAIL + 1)).as_str().len(), MAX_DETAIL);
        // Cut between characters.
        let wide = "x".repeat(MAX_DETAIL - 1) + "é";
        assert_eq!(Detail::new(wide).as_str().len(), MAX_DETAIL - 1);
        assert!(Detail::new("").is_empty() && Detail::EMPTY.is_empty() && !Detail::new("x").is_empty());
    }
}
