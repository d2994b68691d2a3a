//! Percent-encoding as RFC 3986 §2.1 and RFC 5849 §3.6 want it: everything but the unreserved characters.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What is encoded.
pub const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The text with everything encoded that is not unreserved.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Parameters as a query or an urlencoded form; the same text is right for both, since a space becomes `%20`.
pub fn form(parameters: &[(&str, &str)]) -> String {
    let mut form = String::new();
    for (name, value) in parameters {
        let separator = if form.is_empty() { "" } else { "&" };
        // Writing to a String can't fail.
        let _ = write!(
            form,
            "{separator}{}={}",
            utf8_percent_encode(name, RESERVED),
            utf8_percent_encode(value, RESERVED)
        );
    }
    form
}
