//! What a client calls a request that it may send again.

use std::str::FromStr;

use super::super::digest::{hex, sha256};

/// How long an idempotency key may be, in characters. The draft leaves it to the service; a UUID has 36.
pub const IDEMPOTENCY_KEY_MAX: usize = 255;

/// What a client calls a request that it may send again. Kept as its SHA-256: clients put all sorts of things there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(pub(super) String);

impl IdempotencyKey {
    pub(in crate::store) fn column(&self) -> &str {
        &self.0
    }

    /// The key of a part of what this key names: of a post's first medium, its second. No client can name it.
    #[must_use]
    pub fn part(&self, number: usize) -> Self {
        Self(hex(&sha256(format!("{}\n{number}", self.0).as_bytes())))
    }
}

/// This is no idempotency key (400).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an Idempotency-Key has 1 to {IDEMPOTENCY_KEY_MAX} printable ASCII characters")]
pub struct InvalidIdempotencyKey;

impl FromStr for IdempotencyKey {
    type Err = InvalidIdempotencyKey;

    /// Reads the header's value: a string in quotes, as the draft has it (RFC 8941 §3.3.3), or bare, as most clients
    /// send it. `"a"` and `a` are the same.
    fn from_str(value: &str) -> Result<Self, InvalidIdempotencyKey> {
        let value = value.trim_matches([' ', '\t']);
        let text = match value.strip_prefix('"') {
            None => value.to_owned(),
            Some(rest) => unquote(rest).ok_or(InvalidIdempotencyKey)?,
        };
        let fits = (1..=IDEMPOTENCY_KEY_MAX).contains(&text.len())
            && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if fits { Ok(Self(hex(&sha256(text.as_bytes())))) } else { Err(InvalidIdempotencyKey) }
    }
}

/// What is between the quotes, of which the first is gone already.
fn unquote(rest: &str) -> Option<String> {
    let mut text = String::new();
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(text),
            '\\' => text.push(characters.next().filter(|c| matches!(c, '"' | '\\'))?),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_same_with_and_without_quotes() {
        let key = |text: &str| text.parse::<IdempotencyKey>();
        assert_eq!(key("8e03978e-40d5-43dd"), key(" \"8e03978e-40d5-43dd\" "));
        assert_eq!(key(r#""a\"b\\""#), key(r#"a"b\"#));
        assert_ne!(key("a"), key("b"));
        for text in ["", "  ", "\"\"", "\"a", "\"a\"b", r#""\x""#, "ä", "a\u{7}", &"x".repeat(256)] {
            assert_eq!(key(text), Err(InvalidIdempotencyKey), "{text:?}");
        }
        assert!(key(&"x".repeat(255)).is_ok());
    }
}
