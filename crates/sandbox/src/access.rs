//! Who is asking: bearer tokens, their scopes, and OAuth 1.0a signatures.

use std::collections::HashSet;

use http::header::{AUTHORIZATION, HOST};
use http::request::Parts;

use crate::answer::{Dialect, Refusal};
use crate::clock::UnixMillis;
use crate::oauth1::{self, Parameter};
use crate::request_log::AuthorizationScheme;
use crate::settings::{Access, AccessMode, SignatureTime, TokenKind, credentials};

/// Nonces are forgotten when there are more than this.
const NONCE_LIMIT: usize = 200_000;

/// The user a request acts for.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) user: String,
    grant: Grant,
}

#[derive(Debug, Clone)]
enum Grant {
    Everything,
    Scopes(Vec<String>),
}

impl Account {
    fn with_everything(user: impl Into<String>) -> Self {
        Self { user: user.into(), grant: Grant::Everything }
    }

    pub(crate) fn require(&self, scopes: &[&str]) -> Result<(), Refusal> {
        match &self.grant {
            Grant::Everything => Ok(()),
            Grant::Scopes(granted) if scopes.iter().all(|scope| granted.iter().any(|has| has == scope)) => {
                Ok(())
            }
            Grant::Scopes(_) => Err(Refusal::MissingScope),
        }
    }
}

/// Nonces that have been used (RFC 5849 §3.3).
#[derive(Debug, Default)]
pub(crate) struct Nonces {
    used: HashSet<(String, String, String)>,
}

impl Nonces {
    /// Whether it is new; from now on it is not.
    fn take(&mut self, token: &str, timestamp: &str, nonce: &str) -> bool {
        if self.used.len() >= NONCE_LIMIT {
            self.used.clear();
        }
        self.used.insert((token.into(), timestamp.into(), nonce.into()))
    }
}

fn header(head: &Parts) -> Option<&str> {
    head.headers.get(AUTHORIZATION)?.to_str().ok()
}

pub(crate) fn scheme_of(head: &Parts) -> AuthorizationScheme {
    match header(head).map(|value| value.split(' ').next().unwrap_or_default().to_ascii_lowercase()) {
        None => AuthorizationScheme::None,
        Some(scheme) if scheme == "bearer" => AuthorizationScheme::Bearer,
        Some(scheme) if scheme == "oauth" => AuthorizationScheme::OAuth1,
        Some(_) => AuthorizationScheme::Other,
    }
}

/// The bearer token itself.
pub(crate) fn bearer_of(head: &Parts) -> Option<&str> {
    let (scheme, token) = header(head)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// What a signature is checked against.
pub(crate) struct Signed<'a> {
    pub(crate) head: &'a Parts,
    /// `http` or `https`.
    pub(crate) scheme: &'a str,
    /// The parameters of an urlencoded body; multipart and JSON bodies are not signed (X fact sheet §5).
    pub(crate) form: &'a [Parameter],
    /// By the real clock.
    pub(crate) now: UnixMillis,
}

pub(crate) fn authenticate(
    signed: &Signed<'_>,
    dialect: Dialect,
    access: &Access,
    nonces: &mut Nonces,
) -> Result<Account, Refusal> {
    let any = match access.mode {
        AccessMode::Any => Some(Account::with_everything(credentials::USER_ID)),
        AccessMode::Listed => None,
    };
    match scheme_of(signed.head) {
        AuthorizationScheme::None => Err(Refusal::NoCredentials),
        AuthorizationScheme::Other => Err(Refusal::BadCredentials),
        // v1.1 knows OAuth 1.0a alone (X fact sheet §1.5).
        AuthorizationScheme::Bearer if dialect == Dialect::V1 => Err(Refusal::BearerOnV1),
        AuthorizationScheme::Bearer => {
            let given = bearer_of(signed.head).unwrap_or_default();
            match access.bearer.iter().find(|bearer| bearer.token.reveal() == given) {
                None => any.ok_or(Refusal::BadCredentials),
                Some(bearer) => match &bearer.kind {
                    TokenKind::AppOnly => Err(Refusal::AppOnly),
                    TokenKind::User { scopes } => {
                        Ok(Account { user: bearer.user.clone(), grant: Grant::Scopes(scopes.clone()) })
                    }
                },
            }
        }
        AuthorizationScheme::OAuth1 => match any {
            Some(account) => Ok(account),
            None => verify_oauth1(signed, access, nonces),
        },
    }
}

fn verify_oauth1(signed: &Signed<'_>, access: &Access, nonces: &mut Nonces) -> Result<Account, Refusal> {
    let bad = || Refusal::BadCredentials;
    let given = header(signed.head).and_then(oauth1::parse_header).ok_or_else(bad)?;
    let get = |name: &str| {
        given.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    if get("oauth_signature_method") != "HMAC-SHA1" || !matches!(get("oauth_version"), "" | "1.0") {
        return Err(bad());
    }
    let (consumer_key, token) = (get("oauth_consumer_key"), get("oauth_token"));
    let account = access
        .oauth1
        .iter()
        .find(|account| account.consumer_key == consumer_key && account.token == token)
        .ok_or_else(bad)?;
    let (timestamp, nonce) = (get("oauth_timestamp"), get("oauth_nonce"));
    if timestamp.is_empty() || nonce.is_empty() {
        return Err(bad());
    }

    let host = signed.head.headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| signed.head.uri.authority().map(http::uri::Authority::as_str));
    let uri = oauth1::base_uri(signed.scheme, host.unwrap_or_default(), signed.head.uri.path());
    let mut parameters: Vec<Parameter> =
        given.iter().filter(|(name, _)| name != "oauth_signature").cloned().collect();
    let query = signed.head.uri.query().unwrap_or_default();
    parameters.extend(url::form_urlencoded::parse(query.as_bytes()).into_owned());
    parameters.extend_from_slice(signed.form);
    let base = oauth1::base_string(signed.head.method.as_str(), &uri, &parameters);
    let secrets = (account.consumer_secret.reveal(), account.token_secret.reveal());
    if !oauth1::verify(&base, secrets.0, secrets.1, get("oauth_signature")) {
        return Err(bad());
    }

    // Judged last, so that only who holds the secrets can use up a nonce.
    if let SignatureTime::Within { secs } = access.signature_time {
        let at: u64 = timestamp.parse().map_err(|_| Refusal::TimestampOutOfBounds)?;
        if at.abs_diff(signed.now / 1000) > secs {
            return Err(Refusal::TimestampOutOfBounds);
        }
        if !nonces.take(token, timestamp, nonce) {
            return Err(bad());
        }
    }
    Ok(Account::with_everything(&account.user))
}
