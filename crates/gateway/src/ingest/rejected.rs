//! Why a body is refused: the caller's fault, always, and said in one sentence.

use std::borrow::Cow;

/// A body that is refused. It displays as one sentence, made of fixed words and limits only: nothing of the body
/// is repeated, so it can be logged and answered with (`{"error": …}`) whatever the body was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Rejected {
    pub(super) reason: Reason,
    pub(super) at: u64,
}

impl Rejected {
    /// What is wrong.
    pub const fn reason(&self) -> &Reason {
        &self.reason
    }

    /// Where: the offset of the byte that broke the rule, or of the value that did; the length of the body where
    /// something is missing from it.
    pub const fn at(&self) -> u64 {
        self.at
    }

    /// Whether it is its size (which HTTP has 413 for).
    pub const fn is_too_large(&self) -> bool {
        matches!(
            self.reason,
            Reason::BodyTooLarge { .. } | Reason::MediaTooLarge { .. } | Reason::TooMuchBesideMedia { .. }
        )
    }
}

/// What is wrong with a body. Sizes are in bytes, names are those of the known members.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// It begins with a byte order mark, of UTF-8 or UTF-16.
    #[error("The body must not begin with a byte order mark")]
    ByteOrderMark,
    /// It is empty, or something else than an object.
    #[error("The body must be a JSON object")]
    NotAnObject,
    /// What comes is not what JSON allows there.
    #[error("The body is not valid JSON: {expected} was expected")]
    Syntax {
        /// What would have been.
        expected: &'static str,
    },
    /// It ends within the object.
    #[error("The body ends before the JSON object does")]
    Truncated,
    /// Something follows the object.
    #[error("The body goes on after the JSON object")]
    Trailing,
    /// A string is not UTF-8.
    #[error("The body is not valid UTF-8")]
    NotUtf8,
    /// A backslash with something else behind it than JSON allows.
    #[error("A string holds an escape that JSON does not have")]
    Escape,
    /// Half of a surrogate pair.
    #[error("A string holds one half of a surrogate pair")]
    LoneSurrogate,
    /// A byte below 0x20 within a string.
    #[error("A string holds a control character that is not escaped")]
    ControlCharacter,
    /// Nested too deep.
    #[error("The body is nested deeper than {limit} levels")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// An object with too many members.
    #[error("An object has more than {limit} members")]
    TooManyMembers {
        /// The limit.
        limit: u32,
    },
    /// A name that is too long to be one of ours.
    #[error("A member's name is longer than {limit} bytes")]
    NameTooLong {
        /// The limit.
        limit: usize,
    },
    /// A name that comes twice in one object: which one counts would be anybody's guess.
    #[error("{} is given twice", field.unwrap_or("A member"))]
    Duplicate {
        /// Which, if it is known.
        field: Option<&'static str>,
    },
    /// A known member of the wrong type.
    #[error("{field} must be {expected}")]
    WrongType {
        /// Which.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A string beyond its limit.
    #[error("{field} is longer than {limit} bytes")]
    TooLong {
        /// Which.
        field: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A control character where none can be meant.
    #[error("{field} holds a control character")]
    Control {
        /// Which.
        field: &'static str,
    },
    /// Too much around the media.
    #[error("Everything but the media must fit into {limit} bytes")]
    TooMuchBesideMedia {
        /// The limit.
        limit: u64,
    },
    /// The body as a whole.
    #[error("The body is larger than {limit} bytes")]
    BodyTooLarge {
        /// The limit.
        limit: u64,
    },
    /// The decoded media.
    #[error("The media is larger than {limit} bytes")]
    MediaTooLarge {
        /// The limit.
        limit: u64,
    },
    /// White space within base64.
    #[error("{field} holds white space: send the base64 without line breaks")]
    Base64Whitespace {
        /// Which.
        field: &'static str,
    },
    /// A character that is in no base64 alphabet.
    #[error("{field} is not valid base64: it holds a character that base64 does not have")]
    Base64Symbol {
        /// Which.
        field: &'static str,
    },
    /// `+` or `/` as well as `-` or `_`.
    #[error("{field} is not valid base64: it mixes the standard and the URL-safe alphabet")]
    Base64Mixed {
        /// Which.
        field: &'static str,
    },
    /// Too much, too little or misplaced padding, or something behind it.
    #[error("{field} is not valid base64: the padding is wrong")]
    Base64Padding {
        /// Which.
        field: &'static str,
    },
    /// One symbol is left over, or the last one holds bits that mean nothing.
    #[error("{field} is not valid base64: its end was cut off or damaged")]
    Base64End {
        /// Which.
        field: &'static str,
    },
    /// A `data:` URI whose header has no end, or is not one of base64.
    #[error("{field} is a data: URI that is not data:<media type>;base64,<data>")]
    DataUri {
        /// Which.
        field: &'static str,
    },
    /// A `data:` URI with a header that is too long to be one.
    #[error("{field} is a data: URI with a header longer than {limit} bytes")]
    DataUriTooLong {
        /// Which.
        field: &'static str,
        /// The limit.
        limit: usize,
    },
    /// No bytes at all behind the header of a `data:` URI.
    #[error("{field} is empty")]
    Empty {
        /// Which.
        field: &'static str,
    },
    /// Not exactly one of the two.
    #[error("Provide either media_url or media_data")]
    NotOneMedia,
    /// Base64 without anything that tells its type.
    #[error("{field} is required with base64 data")]
    MediaTypeRequired {
        /// Which.
        field: &'static str,
    },
    /// Two media types for one medium.
    #[error("{field} is not the media type that the data: URI names")]
    MediaTypeContradiction {
        /// Which.
        field: &'static str,
    },
    /// Something that must be there is not.
    #[error("{field} is required")]
    Missing {
        /// Which.
        field: &'static str,
    },
    /// An id that is not a decimal number of at most 20 digits.
    #[error("{field} must be made of digits")]
    NotAnId {
        /// Which.
        field: &'static str,
    },
    /// More media than a post takes.
    #[error("A post takes at most {limit} media")]
    TooManyMedia {
        /// The limit.
        limit: u32,
    },
    /// Neither text nor media nor a post that is quoted.
    #[error("Provide text or media")]
    NothingToPost,
    /// The [`MediaSink`](super::MediaSink) refused, in its own words.
    #[error("{0}")]
    Refused(Cow<'static, str>),
}
