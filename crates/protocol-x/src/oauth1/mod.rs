//! OAuth 1.0a (RFC 5849) with HMAC-SHA1, as X wants it (X fact sheet §5).

mod signature;
#[cfg(test)]
mod tests;

use std::fmt;

use async_trait::async_trait;
use chunkwise_transport::http::{AuthorizeError, Authorizer, EncodeContext, Request, RequestBody, percent};
use chunkwise_transport::{Account, Secret};
use http::{HeaderValue, header};

use crate::UserId;
use signature::{Parameters, base_uri, sign};

/// The four values that X gives an app for one of its users.
#[derive(Clone, Debug)]
pub struct OAuth1Credentials {
    /// The app's key.
    pub consumer_key: Secret<String>,
    /// The app's secret.
    pub consumer_secret: Secret<String>,
    /// The user's access token.
    pub token: Secret<String>,
    /// The user's access token secret.
    pub token_secret: Secret<String>,
}

/// Signs every request by OAuth 1.0a with HMAC-SHA1.
///
/// Signed are the method, the address, the query and the fields of an urlencoded form; multipart and JSON bodies are
/// not (X fact sheet §5). Nonce and timestamp come from the [`EncodeContext`]. These credentials do not expire, so
/// there is nothing to refresh.
#[derive(Clone)]
pub struct OAuth1 {
    credentials: OAuth1Credentials,
    account: Option<Account>,
}

impl OAuth1 {
    /// An authorizer with these credentials.
    ///
    /// The account, whose uploads are paced together, is the user's: X's tokens begin with the user's id, which is
    /// public. A token of another form belongs to no account.
    pub fn new(credentials: OAuth1Credentials) -> Self {
        let account = user_id(credentials.token.expose()).map(|user| Account::new(format!("x:{user}")));
        Self { credentials, account }
    }

    /// The same with another name of the account.
    #[must_use]
    pub fn with_account(mut self, account: Account) -> Self {
        self.account = Some(account);
        self
    }
}

/// The user's id, with which an access token of X begins.
fn user_id(token: &str) -> Option<UserId> {
    let (user, _) = token.split_once('-')?;
    user.parse().ok()
}

impl fmt::Debug for OAuth1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuth1").field("account", &self.account).finish_non_exhaustive()
    }
}

#[async_trait]
impl Authorizer for OAuth1 {
    fn authorize(&self, request: &mut Request, context: &EncodeContext) -> Result<(), AuthorizeError> {
        let keys = &self.credentials;
        let nonce = format!("{:032x}", context.nonce);
        let timestamp = (context.now.as_micros() / 1_000_000).to_string();
        let protocol = [
            ("oauth_consumer_key", keys.consumer_key.expose().as_str()),
            ("oauth_nonce", &nonce),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", &timestamp),
            ("oauth_token", keys.token.expose().as_str()),
            ("oauth_version", "1.0"),
        ];
        let mut parameters = Parameters::default();
        for (name, value) in protocol {
            parameters.add(name.as_bytes(), value.as_bytes());
        }
        parameters.add_form(request.uri.query().unwrap_or_default().as_bytes());
        if let Some(form) = form_body(request) {
            parameters.add_form(form);
        }
        let uri = base_uri(&request.uri).ok_or_else(|| AuthorizeError::new("the address is not absolute"))?;
        let base = signature::base_string(&request.method, &uri, parameters);
        let signature = sign(&base, keys.consumer_secret.expose(), keys.token_secret.expose())
            .ok_or_else(|| AuthorizeError::new("the secrets can't be made a signing key"))?;

        // `oauth_signature` goes where the alphabet has it, though any order would do.
        let mut value = String::from("OAuth ");
        for (name, text) in protocol {
            value.push_str(&format!("{name}=\"{}\", ", percent::encode(text)));
            if name == "oauth_nonce" {
                value.push_str(&format!("oauth_signature=\"{}\", ", percent::encode(&signature)));
            }
        }
        let mut value = HeaderValue::try_from(value.trim_end_matches([',', ' ']))
            .map_err(|_| AuthorizeError::new("the credentials have characters that no header can hold"))?;
        value.set_sensitive(true);
        request.headers.insert(header::AUTHORIZATION, value);
        Ok(())
    }

    fn account(&self) -> Option<Account> {
        self.account.clone()
    }
}

/// The body, if its fields are to be signed: an urlencoded form and nothing else (RFC 5849 §3.4.1.3.1).
fn form_body(request: &Request) -> Option<&[u8]> {
    let content_type = request.headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    match &request.body {
        RequestBody::Bytes(form) if kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") => {
            Some(form)
        }
        RequestBody::Bytes(_) | RequestBody::Empty | RequestBody::Payload { .. } => None,
    }
}
