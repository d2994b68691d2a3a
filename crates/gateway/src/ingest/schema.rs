//! What a request is made of, as far as the scanner needs to know.

use super::media::Decoded;
use super::{MediaStart, Reason};

/// What a value is, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    String,
    Object,
    Array,
    Number,
    Boolean,
    Null,
}

/// What is to become of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// Its grammar is checked and it is forgotten.
    Skip,
    /// A string, whole.
    Text(Text),
    /// A string of base64, decoded as it comes; the name is for what is said of it.
    Media(&'static str),
    /// An object or an array: its members or elements are asked for one by one.
    Enter,
}

/// A string that is wanted whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Text {
    /// Its name, for what is said of it.
    pub(super) field: &'static str,
    /// The most bytes of UTF-8 that it may have.
    pub(super) most: usize,
    /// Whether it may hold any character, and is too long to count among what is beside the media.
    pub(super) prose: bool,
}

/// What a request is made of: asked and told by the scanner, in the order of the body.
pub(super) trait Schema {
    /// The name of a known member.
    fn known(&self, name: &str) -> Option<&'static str>;
    /// The value of this member of what was entered last.
    fn member(&mut self, name: &str, kind: Kind) -> Result<Want, Reason>;
    /// An element of the array that was entered last.
    fn element(&mut self, kind: Kind) -> Result<Want, Reason>;
    /// The string that was wanted.
    fn text(&mut self, text: String) -> Result<(), Reason>;
    /// The media string holds something; with the media type that a `data:` URI names.
    fn media_begins<'a>(&'a mut self, named: Option<&'a str>) -> Result<MediaStart<'a>, Reason>;
    /// The media string is over.
    fn media_ended(&mut self, decoded: Decoded) -> Result<(), Reason>;
    /// What was entered last is over.
    fn left(&mut self) -> Result<(), Reason>;
}
