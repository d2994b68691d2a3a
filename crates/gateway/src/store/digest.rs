//! Digests as the store keeps them: SHA-256 (FIPS 180-4) in lower-case hex.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use chunkwise_transport::Secret;

/// SHA-256.
pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// In hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String can't fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

/// Which account an upload is for, without saying whose token it was: HMAC-SHA256 (RFC 2104) of the token under the
/// gateway's pepper. The same token gives the same one, as long as the pepper is the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccountRef(String);

impl AccountRef {
    /// Of a token. The pepper is the gateway's own and lives outside of the store.
    pub fn of(pepper: &Secret<[u8; 32]>, token: &Secret<String>) -> Self {
        // A key shorter than the hash's block is filled with zeros (RFC 2104 §2).
        let mut block = [0; 64];
        block[..32].copy_from_slice(pepper.expose());
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(token.expose().as_bytes());
        Self(hex(&mac.finalize().into_bytes()))
    }

    /// As it is kept: 64 hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) const fn column(text: String) -> Self {
        Self(text)
    }
}

/// What a request is about, as 32 bytes: two requests with one fingerprint ask for the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of the parts of a request: its media's digest or URL, its type, the account. Lengths are counted in, so that no
    /// two lists of parts run together.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        Self(digest.finalize().into())
    }

    pub(crate) fn hex(self) -> String {
        hex(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_the_same_under_one_pepper_only() {
        // RFC 4231 §4.3 has shorter keys; the padding with zeros to the block is the same (RFC 2104 §2).
        let mut pepper = [0; 32];
        pepper[..4].copy_from_slice(b"Jefe");
        let token = Secret::new("what do ya want for nothing?".to_owned());
        let account = AccountRef::of(&Secret::new(pepper), &token);
        assert_eq!(account.as_str(), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert_ne!(account, AccountRef::of(&Secret::new([1; 32]), &token));
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(Fingerprint::of(&[b"ab", b"c"]), Fingerprint::of(&[b"a", b"bc"]));
        assert_ne!(Fingerprint::of(&[b"a"]), Fingerprint::of(&[b"a", b""]));
        assert_eq!(Fingerprint::of(&[b"a", b"b"]), Fingerprint::of(&[b"a", b"b"]));
    }
}
