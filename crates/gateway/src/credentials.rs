//! How an `auth_token` becomes request headers.

use std::sync::Arc;

use chunkwise::x::{OAuth1, OAuth1Credentials};
use chunkwise_transport::http::{Authorizer, Bearer};
use chunkwise_transport::{Account, Secret};

/// Turns an `auth_token` into what proves to X who is uploading. An operator can plug in another.
pub trait Credentials: Send + Sync {
    /// The authorizer for this token. `account` is a name by which uploads with the same token are paced together; it
    /// tells nothing of the token.
    ///
    /// # Errors
    ///
    /// [`BadToken`] if the token has a form that can't be one.
    fn authorizer(&self, token: &Secret<String>, account: Account) -> Result<Arc<dyn Authorizer>, BadToken>;
}

/// A token that can't be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("auth_token {reason}")]
pub struct BadToken {
    reason: &'static str,
}

impl BadToken {
    /// With what is wrong with it, as in `must not be empty`; it must not hold the token.
    pub const fn new(reason: &'static str) -> Self {
        Self { reason }
    }
}

/// What X's official API takes: an OAuth 2.0 user token with the scope `media.write`, as it is; or OAuth 1.0a user
/// credentials as `oauth1:CONSUMER_KEY:CONSUMER_SECRET:TOKEN:TOKEN_SECRET`.
///
/// The cookies of a browser's session are neither; nothing here makes use of them (threat T22).
#[derive(Clone, Copy, Debug, Default)]
pub struct OfficialApi;

/// By what OAuth 1.0a credentials begin.
const OAUTH1: &str = "oauth1:";

impl Credentials for OfficialApi {
    fn authorizer(&self, token: &Secret<String>, account: Account) -> Result<Arc<dyn Authorizer>, BadToken> {
        let text = token.expose();
        if text.is_empty() {
            return Err(BadToken::new("must not be empty"));
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(BadToken::new("has characters that no token has"));
        }
        let Some(four) = text.strip_prefix(OAUTH1) else {
            return Ok(Arc::new(Bearer::new(token.clone()).with_account(account)));
        };
        let parts: Vec<_> = four.split(':').collect();
        let [consumer_key, consumer_secret, token, token_secret] = parts[..] else {
            return Err(BadToken::new(
                "must be an OAuth 2.0 user token, or oauth1: and four parts with colons between them",
            ));
        };
        if parts.iter().any(|part| part.is_empty()) {
            return Err(BadToken::new("has an empty part"));
        }
        let secret = |text: &str| Secret::new(text.to_owned());
        Ok(Arc::new(
            OAuth1::new(OAuth1Credentials {
                consumer_key: secret(consumer_key),
                consumer_secret: secret(consumer_secret),
                token: secret(token),
                token_secret: secret(token_secret),
            })
            .with_account(account),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(token: &str) -> Result<Arc<dyn Authorizer>, BadToken> {
        OfficialApi.authorizer(&Secret::new(token.to_owned()), Account::new("a"))
    }

    #[test]
    fn tokens_of_both_kinds_are_taken_and_the_rest_is_told_without_the_token() {
        assert!(of("abc.DEF-123").is_ok() && of("oauth1:a:b:1-c:d").is_ok());
        for bad in ["", "two words", "line\n", "oauth1:a:b:c", "oauth1:a:b:c:d:e", "oauth1:a::c:d", "t\u{e9}"]
        {
            let said = of(bad).err().unwrap().to_string();
            assert!(said.starts_with("auth_token ") && (bad.is_empty() || !said.contains(bad)), "{said}");
        }
    }
}
