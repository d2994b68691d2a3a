//! Who may come in, and as whom.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The credentials that the default settings accept. They open nothing but a sandbox.
pub mod credentials {
    /// A user's bearer token with every scope.
    pub const USER_TOKEN: &str = "sandbox-user-token";
    /// Another user's bearer token with every scope: what the first user uploads is foreign to it.
    pub const OTHER_USER_TOKEN: &str = "sandbox-other-user-token";
    /// The first user's token without `media.write`.
    pub const NO_MEDIA_TOKEN: &str = "sandbox-no-media-write-token";
    /// An app-only token, which the upload endpoints refuse.
    pub const APP_ONLY_TOKEN: &str = "sandbox-app-only-token";
    /// OAuth 1.0a consumer key.
    pub const CONSUMER_KEY: &str = "sandbox-consumer-key";
    /// OAuth 1.0a consumer secret.
    pub const CONSUMER_SECRET: &str = "sandbox-consumer-secret";
    /// OAuth 1.0a access token of the first user.
    pub const ACCESS_TOKEN: &str = "1000000001-sandbox-access-token";
    /// Its secret.
    pub const ACCESS_SECRET: &str = "sandbox-access-secret";
    /// The first user's id.
    pub const USER_ID: &str = "1000000001";
    /// The other user's id.
    pub const OTHER_USER_ID: &str = "1000000002";
}

/// The scopes that matter here (X fact sheet §2.1, §6).
pub mod scope {
    /// Everything about media.
    pub const MEDIA_WRITE: &str = "media.write";
    /// Creating a post.
    pub const TWEET_WRITE: &str = "tweet.write";
    /// Reading posts; creating one wants it too.
    pub const TWEET_READ: &str = "tweet.read";
    /// Reading users; creating a post wants it too.
    pub const USERS_READ: &str = "users.read";
}

/// A credential. Its `Debug` output never shows it; serializing does, so that settings can be handed on.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps it.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The credential itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Whether credentials are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessMode {
    /// Only those listed. The default.
    #[default]
    Listed,
    /// Any bearer token, and any OAuth 1.0a header whatever its signature, count as the first user with every scope.
    /// What is listed keeps its own meaning.
    Any,
}

/// What a bearer token is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TokenKind {
    /// A user's, with these scopes.
    User {
        /// See [`scope`].
        scopes: Vec<String>,
    },
    /// An app's own: 403 on the upload endpoints (X fact sheet §2.1).
    AppOnly,
}

impl TokenKind {
    /// A user's token that may do everything.
    pub fn user_with_every_scope() -> Self {
        let scopes = [scope::MEDIA_WRITE, scope::TWEET_WRITE, scope::TWEET_READ, scope::USERS_READ];
        Self::User { scopes: scopes.map(String::from).to_vec() }
    }
}

/// An accepted bearer token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BearerToken {
    /// What comes after `Bearer `.
    pub token: Secret,
    /// Whose it is: a user id.
    pub user: String,
    /// What it is for.
    pub kind: TokenKind,
}

impl BearerToken {
    /// A user's token that may do everything.
    pub fn of_user(token: impl Into<String>, user: impl Into<String>) -> Self {
        Self { token: Secret::new(token), user: user.into(), kind: TokenKind::user_with_every_scope() }
    }
}

/// An accepted OAuth 1.0a consumer and access token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OAuth1Account {
    /// `oauth_consumer_key`.
    pub consumer_key: String,
    /// Never sent.
    pub consumer_secret: Secret,
    /// `oauth_token`.
    pub token: String,
    /// Never sent.
    pub token_secret: Secret,
    /// Whose it is: a user id.
    pub user: String,
}

/// Whether `oauth_timestamp` and `oauth_nonce` are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SignatureTime {
    /// The timestamp must be this close to the real time, and a nonce may come once (RFC 5849 §3.3).
    Within {
        /// To either side.
        secs: u64,
    },
    /// Neither is looked at: for recorded requests.
    Ignored,
}

/// Who may come in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Access {
    /// Default: only what is listed.
    pub mode: AccessMode,
    /// OAuth 2.0. Default: the four of [`credentials`].
    pub bearer: Vec<BearerToken>,
    /// OAuth 1.0a. Default: the one of [`credentials`].
    pub oauth1: Vec<OAuth1Account>,
    /// Default: within 300 s.
    pub signature_time: SignatureTime,
}

impl Default for Access {
    fn default() -> Self {
        let scopes_without_media = [scope::TWEET_WRITE, scope::TWEET_READ, scope::USERS_READ];
        let bearer = |token: &str, user: &str, kind| BearerToken {
            token: Secret::new(token),
            user: user.into(),
            kind,
        };
        Self {
            mode: AccessMode::Listed,
            bearer: vec![
                BearerToken::of_user(credentials::USER_TOKEN, credentials::USER_ID),
                BearerToken::of_user(credentials::OTHER_USER_TOKEN, credentials::OTHER_USER_ID),
                bearer(
                    credentials::NO_MEDIA_TOKEN,
                    credentials::USER_ID,
                    TokenKind::User { scopes: scopes_without_media.map(String::from).to_vec() },
                ),
                bearer(credentials::APP_ONLY_TOKEN, credentials::USER_ID, TokenKind::AppOnly),
            ],
            oauth1: vec![OAuth1Account {
                consumer_key: credentials::CONSUMER_KEY.into(),
                consumer_secret: Secret::new(credentials::CONSUMER_SECRET),
                token: credentials::ACCESS_TOKEN.into(),
                token_secret: Secret::new(credentials::ACCESS_SECRET),
                user: credentials::USER_ID.into(),
            }],
            signature_time: SignatureTime::Within { secs: 300 },
        }
    }
}
