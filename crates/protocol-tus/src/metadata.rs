//! What a server is told about an upload beside its bytes.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

/// What a server is told about an upload, as keys with values. Most servers look for `filename` and `filetype`.
///
/// Source: tus 1.0.0, "Upload-Metadata".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata(Vec<(String, String)>);

/// A key that no server could read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key of metadata is printable ASCII without spaces and commas, and this one is {key:?}")]
pub struct InvalidKey {
    key: String,
}

impl Metadata {
    /// Nothing.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The same with this value, of any characters, in place of what the key had before.
    ///
    /// # Errors
    ///
    /// [`InvalidKey`] if the key is empty or has anything but printable ASCII without spaces and commas.
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Result<Self, InvalidKey> {
        if key.is_empty() || !key.bytes().all(|b| b.is_ascii_graphic() && b != b',') {
            return Err(InvalidKey { key: key.to_owned() });
        }
        self.0.retain(|(known, _)| known != key);
        self.0.push((key.to_owned(), value.into()));
        Ok(self)
    }

    /// The keys with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }

    /// As a header's value. Nothing if there is nothing to say: an empty header is an error to some servers.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let mut text = String::new();
        for (key, value) in &self.0 {
            let comma = if text.is_empty() { "" } else { "," };
            // Writing to a String can't fail.
            let _ = write!(text, "{comma}{key} {}", STANDARD.encode(value));
        }
        HeaderValue::try_from(text.trim_end()).ok().filter(|value| !value.is_empty())
    }
}
