//! What a key looks like: `chunkwise_<environment>_<8 characters of id>_<43 characters>`.
//!
//! The last part is 32 random bytes in base64url without padding (RFC 4648 §5). The prefix lets scanners find a key
//! that was committed somewhere by mistake; the id finds its row without a search by secret.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use chunkwise_transport::Secret;

const PREFIX: &str = "chunkwise";

/// Without `i`, `l`, `o` and `u`, which are read wrongly; 32 of them, so that one is 5 bits (Crockford's base 32).
const ID_ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

const ID_LEN: usize = 8;

/// The name of a key: 8 characters, no secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

impl KeyId {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(in crate::store) const fn column(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// This is no key's id. The text is not repeated: it may be a whole key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key's id has 8 characters, digits and lower-case letters")]
pub struct InvalidKeyId;

impl FromStr for KeyId {
    type Err = InvalidKeyId;

    fn from_str(text: &str) -> Result<Self, InvalidKeyId> {
        if is_id(text) { Ok(Self(text.to_owned())) } else { Err(InvalidKeyId) }
    }
}

/// What installation a key is for (`live`, `test`): stands in the key, so that people see it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Environment(String);

impl Environment {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// This can't stand in a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an environment has 1 to 16 characters, digits and lower-case letters")]
pub struct InvalidEnvironment;

impl FromStr for Environment {
    type Err = InvalidEnvironment;

    fn from_str(text: &str) -> Result<Self, InvalidEnvironment> {
        let fits = (1..=16).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidEnvironment) }
    }
}

/// A new key.
pub(super) fn generate(environment: &Environment) -> Result<(KeyId, Secret<String>), getrandom::Error> {
    let mut random = [0; ID_LEN + 32];
    getrandom::fill(&mut random)?;
    let (id, secret) = random.split_at(ID_LEN);
    let id: String =
        id.iter().map(|byte| char::from(ID_ALPHABET[usize::from(*byte) % ID_ALPHABET.len()])).collect();
    let key = format!("{PREFIX}_{}_{id}_{}", environment.as_str(), URL_SAFE_NO_PAD.encode(secret));
    Ok((KeyId(id), Secret::new(key)))
}

/// The id in what is presented as a key, if it looks like one at all.
pub(super) fn id_of(key: &str) -> Option<&str> {
    let mut parts = key.splitn(4, '_');
    if parts.next()? != PREFIX {
        return None;
    }
    let (_environment, id, secret) = (parts.next()?, parts.next()?, parts.next()?);
    (is_id(id) && secret.len() == 43).then_some(id)
}

fn is_id(text: &str) -> bool {
    text.len() == ID_LEN && text.bytes().all(|byte| ID_ALPHABET.contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_form_and_no_two_are_alike() {
        let environment: Environment = "live".parse().unwrap();
        let (id, key) = generate(&environment).unwrap();
        let parts: Vec<&str> = key.expose().splitn(4, '_').collect();
        assert_eq!(parts[..3], ["chunkwise", "live", id.as_str()]);
        assert_eq!(URL_SAFE_NO_PAD.decode(parts[3]).unwrap().len(), 32);
        assert_eq!(parts[3].len(), 43);
        assert_eq!(id_of(key.expose()), Some(id.as_str()));
        assert_eq!(id.as_str().parse(), Ok(id.clone()));
        let (other, second) = generate(&environment).unwrap();
        assert_ne!((id, key), (other, second));
    }

    #[test]
    fn what_is_no_key_has_no_id() {
        let secret = "A".repeat(43);
        for text in [
            String::new(),
            "chunkwise".to_owned(),
            format!("chunkwise_live_{secret}"),
            format!("other_live_abcdefgh_{secret}"),
            format!("chunkwise_live_abcdefg_{secret}"),
            format!("chunkwise_live_abcdefgI_{secret}"),
            format!("chunkwise_live_abcdefgh_{secret}A"),
            format!("chunkwise_live_abcd'--h_{secret}"),
        ] {
            assert_eq!(id_of(&text), None, "{text}");
        }
        // The secret may have the character that parts are told by.
        assert_eq!(id_of(&format!("chunkwise_live_abcdefgh_{}", "_".repeat(43))), Some("abcdefgh"));
    }

    #[test]
    fn an_environment_can_not_break_the_form() {
        for text in ["", "live_test", "Live", "a-b", "seventeen00000000"] {
            assert_eq!(text.parse::<Environment>(), Err(InvalidEnvironment), "{text}");
        }
    }
}
