//! Who asks: tokens from the environment, a file or stdin, never from an argument.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use chunkwise::core::CredentialEpoch;
use chunkwise::transport::http::{AuthorizeError, Authorizer, Bearer, EncodeContext, RefreshToken, Request};
use chunkwise::transport::{Account, RefreshError, Secret};
use chunkwise::x::{OAuth1, OAuth1Credentials};
use serde::Deserialize;

use crate::args::CredentialOptions;
use crate::settings::{Layers, SettingsError};

/// The longest token that is read: X's have some hundred characters.
const LONGEST_TOKEN: u64 = 64 << 10;

/// The token for a tus server, from a flag or from CHUNKWISE_TUS_TOKEN; most want none. What is set for X is not for others.
pub(crate) fn tus_token(
    flags: &CredentialOptions,
    variable_of: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<Bearer>, CredentialsError> {
    if flags.token_stdin {
        return Ok(Some(Bearer::new(read_token(io::stdin().lock(), || "stdin".to_owned())?)));
    }
    if let Some(path) = &flags.token_file {
        return Ok(Some(Bearer::new(token_in(path)?).with_refresh(TokenFile(path.clone()))));
    }
    let place = || TUS_TOKEN.to_owned();
    match variable_of(TUS_TOKEN).filter(|value| !value.is_empty()) {
        None => Ok(None),
        Some(value) => {
            let token = value.into_string().map_err(|_| CredentialsError::NotText { place: place() })?;
            Ok(Some(Bearer::new(read_token(token.as_bytes(), place)?)))
        }
    }
}

const TUS_TOKEN: &str = "CHUNKWISE_TUS_TOKEN";

/// The variables of OAuth 1.0a, in the order of X's portal.
const OAUTH1: [&str; 4] = [
    "CHUNKWISE_CONSUMER_KEY",
    "CHUNKWISE_CONSUMER_SECRET",
    "CHUNKWISE_ACCESS_TOKEN",
    "CHUNKWISE_ACCESS_SECRET",
];

/// What proves who we are.
#[derive(Debug)]
pub(crate) enum Credentials {
    /// OAuth 2.0.
    Bearer(Bearer),
    /// OAuth 1.0a.
    OAuth1(Box<OAuth1>),
}

/// Words that look like an attempt to give a secret as an argument.
const SECRET_FLAGS: [&str; 9] = [
    "--token",
    "--bearer",
    "--bearer-token",
    "--access-token",
    "--access-secret",
    "--access-token-secret",
    "--consumer-key",
    "--consumer-secret",
    "--password",
];

/// The flag among these arguments that would hold a secret, if there is one.
pub(crate) fn secret_flag(arguments: impl IntoIterator<Item = OsString>) -> Option<&'static str> {
    let before_files = arguments.into_iter().take_while(|argument| argument != "--");
    before_files
        .filter_map(|argument| {
            let argument = argument.to_string_lossy().into_owned();
            let name = argument.split_once('=').map_or(argument.as_str(), |(name, _)| name);
            SECRET_FLAGS.into_iter().find(|flag| *flag == name)
        })
        .next()
}

/// What is said to whoever gives a secret as an argument.
pub(crate) fn secret_flag_refusal(flag: &str) -> String {
    format!(
        "{flag} is refused: arguments can be seen by everybody on this machine; put the token into CHUNKWISE_TOKEN or \
         give --token-file FILE or --token-stdin (OAuth 1.0a: CHUNKWISE_CONSUMER_KEY and its like, or \
         --credentials-file FILE), and if it was a real token, get a new one"
    )
}

impl Credentials {
    /// From what the flags, the environment and the file say, in this order; each names one source or none.
    pub(crate) fn find(
        flags: CredentialOptions,
        layers: &Layers,
        variable_of: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, CredentialsError> {
        let named = |options: &CredentialOptions| {
            options.token_stdin || options.token_file.is_some() || options.credentials_file.is_some()
        };
        if !named(&flags)
            && let Some(credentials) = from_environment(variable_of)?
        {
            return Ok(credentials);
        }
        let options = layers.complete(flags)?;
        if options.token_stdin {
            return Ok(Self::Bearer(Bearer::new(read_token(io::stdin().lock(), || "stdin".to_owned())?)));
        }
        match (options.token_file, options.credentials_file) {
            (Some(_), Some(_)) => Err(CredentialsError::Both),
            (Some(path), None) => {
                let token = token_in(&path)?;
                Ok(Self::Bearer(Bearer::new(token).with_refresh(TokenFile(path))))
            }
            (None, Some(path)) => credentials_in(&path),
            (None, None) => Err(CredentialsError::Missing),
        }
    }
}

fn from_environment(
    variable_of: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<Credentials>, CredentialsError> {
    let get = |name: &'static str| match variable_of(name).filter(|value| !value.is_empty()) {
        Some(value) => {
            value.into_string().map(Some).map_err(|_| CredentialsError::NotText { place: name.to_owned() })
        }
        None => Ok(None),
    };
    let token = get("CHUNKWISE_TOKEN")?;
    let [key, secret, access, access_secret] = OAUTH1;
    let parts = [get(key)?, get(secret)?, get(access)?, get(access_secret)?];
    match (token, parts) {
        (Some(token), [None, None, None, None]) => {
            let token = read_token(token.as_bytes(), || "CHUNKWISE_TOKEN".to_owned())?;
            Ok(Some(Credentials::Bearer(Bearer::new(token))))
        }
        (None, [None, None, None, None]) => Ok(None),
        (None, [Some(consumer_key), Some(consumer_secret), Some(token), Some(token_secret)]) => {
            Ok(Some(oauth1(consumer_key, consumer_secret, token, token_secret)))
        }
        (Some(_), [..]) => Err(CredentialsError::BothInEnvironment),
        (None, parts) => {
            let missing = OAUTH1.into_iter().zip(&parts).filter(|(_, part)| part.is_none());
            let missing: Vec<_> = missing.map(|(name, _)| name).collect();
            Err(CredentialsError::Incomplete { missing: missing.join(" and ") })
        }
    }
}

fn oauth1(consumer_key: String, consumer_secret: String, token: String, token_secret: String) -> Credentials {
    let credentials = OAuth1Credentials {
        consumer_key: consumer_key.into(),
        consumer_secret: consumer_secret.into(),
        token: token.into(),
        token_secret: token_secret.into(),
    };
    Credentials::OAuth1(Box::new(OAuth1::new(credentials)))
}

/// Reads a token: the first line, without blanks around it.
fn read_token(from: impl Read, place: impl Fn() -> String) -> Result<Secret<String>, CredentialsError> {
    let mut text = String::new();
    from.take(LONGEST_TOKEN).read_to_string(&mut text).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => CredentialsError::NotText { place: place() },
        _ => CredentialsError::Unreadable { place: place(), error },
    })?;
    let token = text.lines().next().unwrap_or_default().trim();
    if token.is_empty() {
        return Err(CredentialsError::Empty { place: place() });
    }
    if token.contains(|c: char| c.is_whitespace() || c.is_control() || !c.is_ascii()) {
        return Err(CredentialsError::NotAToken { place: place() });
    }
    Ok(Secret::new(token.to_owned()))
}

fn token_in(path: &Path) -> Result<Secret<String>, CredentialsError> {
    let place = || format!("the token file {}", path.display());
    let file =
        std::fs::File::open(path).map_err(|error| CredentialsError::Unreadable { place: place(), error })?;
    read_token(file, place)
}

fn credentials_in(path: &Path) -> Result<Credentials, CredentialsError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    struct File {
        consumer_key: String,
        consumer_secret: String,
        access_token: String,
        access_secret: String,
    }
    let place = || format!("the credentials file {}", path.display());
    let text = std::fs::read_to_string(path)
        .map_err(|error| CredentialsError::Unreadable { place: place(), error })?;
    // The parser's own words may repeat what is in the file.
    let File { consumer_key, consumer_secret, access_token, access_secret } =
        toml::from_str(&text).map_err(|_| CredentialsError::NotCredentials { place: place() })?;
    Ok(oauth1(consumer_key, consumer_secret, access_token, access_secret))
}

/// A token that has expired is replaced by what its file holds by then.
struct TokenFile(PathBuf);

#[async_trait]
impl RefreshToken for TokenFile {
    async fn refresh(&self, stale: &Secret<String>) -> Result<Secret<String>, RefreshError> {
        let token = token_in(&self.0).map_err(|error| RefreshError::new(error.to_string()))?;
        if token == *stale {
            let path = self.0.display();
            return Err(RefreshError::new(format!("{path} still holds the token that was refused")));
        }
        Ok(token)
    }
}

#[async_trait]
impl Authorizer for Credentials {
    fn authorize(&self, request: &mut Request, context: &EncodeContext) -> Result<(), AuthorizeError> {
        match self {
            Self::Bearer(bearer) => bearer.authorize(request, context),
            Self::OAuth1(oauth1) => oauth1.authorize(request, context),
        }
    }

    async fn refresh(&self, stale: CredentialEpoch) -> Result<CredentialEpoch, RefreshError> {
        match self {
            Self::Bearer(bearer) => bearer.refresh(stale).await,
            Self::OAuth1(oauth1) => oauth1.refresh(stale).await,
        }
    }

    fn account(&self) -> Option<Account> {
        match self {
            Self::Bearer(bearer) => bearer.account(),
            Self::OAuth1(oauth1) => oauth1.account(),
        }
    }
}

/// Why nobody knows who asks.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CredentialsError {
    #[error(
        "there is no token: set CHUNKWISE_TOKEN to an OAuth 2.0 user token with the scope media.write, or give \
         --token-file FILE or --token-stdin (OAuth 1.0a: CHUNKWISE_CONSUMER_KEY and its like, or --credentials-file FILE)"
    )]
    Missing,
    #[error("both a token file and a credentials file are set: keep one of them")]
    Both,
    #[error("both CHUNKWISE_TOKEN and OAuth 1.0a variables are set: keep one of them")]
    BothInEnvironment,
    #[error("the OAuth 1.0a credentials are incomplete: set {missing} too")]
    Incomplete { missing: String },
    #[error("{place} can't be read: {error}; check the path and the permissions")]
    Unreadable { place: String, error: io::Error },
    #[error("{place} holds no token: put it into the first line")]
    Empty { place: String },
    #[error("{place} is not text: put the token there as it was given to you")]
    NotText { place: String },
    #[error("what {place} holds is no token: it has blanks or other characters that no token has")]
    NotAToken { place: String },
    #[error(
        "{place} is not TOML with exactly consumer-key, consumer-secret, access-token and access-secret, each in quotes"
    )]
    NotCredentials { place: String },
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers() -> Layers {
        let file = tempfile::NamedTempFile::new().unwrap();
        Layers::read(Some(file.path().to_owned()), |_| None).unwrap()
    }

    fn find(flags: CredentialOptions, environment: &[(&str, &str)]) -> Result<Credentials, CredentialsError> {
        let look =
            |name: &str| environment.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).into());
        Credentials::find(flags, &layers(), look)
    }

    fn file(content: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        file
    }

    #[test]
    fn the_environment_holds_one_kind_of_credentials_whole() {
        assert!(matches!(
            find(CredentialOptions::default(), &[("CHUNKWISE_TOKEN", "t")]),
            Ok(Credentials::Bearer(_))
        ));
        let four = OAUTH1.map(|name| (name, "x"));
        assert!(matches!(find(CredentialOptions::default(), &four), Ok(Credentials::OAuth1(_))));
        let error = find(CredentialOptions::default(), &four[..2]).unwrap_err();
        assert!(
            error.to_string().contains("set CHUNKWISE_ACCESS_TOKEN and CHUNKWISE_ACCESS_SECRET too"),
            "{error}"
        );
        let all = [&four[..], &[("CHUNKWISE_TOKEN", "t")]].concat();
        assert!(matches!(find(CredentialOptions::default(), &all), Err(CredentialsError::BothInEnvironment)));
        assert!(matches!(find(CredentialOptions::default(), &[]), Err(CredentialsError::Missing)));
    }

    #[test]
    fn a_flag_goes_before_the_environment() {
        let token_file = file("");
        let flags =
            CredentialOptions { token_file: Some(token_file.path().to_owned()), ..Default::default() };
        assert!(matches!(find(flags, &[("CHUNKWISE_TOKEN", "t")]), Err(CredentialsError::Empty { .. })));
    }

    #[test]
    fn nothing_prints_a_secret() {
        for content in ["hunter2 hunter2\n", "hunter2\u{e4}", "\u{0}hunter2"] {
            let error = read_token(content.as_bytes(), || "here".to_owned()).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
        let toml = file("consumer-key = 'hunter2'\nconsumer-sekret = 'hunter2'\n");
        let error = credentials_in(toml.path()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
        let toml = file(
            "consumer-key='hunter2'\nconsumer-secret='hunter2'\naccess-token='hunter2'\naccess-secret='hunter2'",
        );
        let found = credentials_in(toml.path()).unwrap();
        assert!(!format!("{found:?}").contains("hunter2"));
        let token = find(CredentialOptions::default(), &[("CHUNKWISE_TOKEN", "hunter2")]).unwrap();
        assert!(!format!("{token:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn a_token_file_is_read_again_when_its_token_was_refused() {
        let token_file = file("one\n");
        let refresh = TokenFile(token_file.path().to_owned());
        let stale = Secret::new("one".to_owned());
        assert!(refresh.refresh(&stale).await.unwrap_err().to_string().contains("still holds"));
        std::fs::write(token_file.path(), "two\n").unwrap();
        assert_eq!(refresh.refresh(&stale).await.unwrap().expose(), "two");
    }

    #[test]
    fn secrets_as_arguments_are_seen_wherever_they_stand() {
        let flag = |arguments: &[&str]| secret_flag(arguments.iter().map(|argument| (*argument).into()));
        assert_eq!(flag(&["upload", "--token", "x"]), Some("--token"));
        assert_eq!(flag(&["upload", "a.mp4", "--consumer-secret=x"]), Some("--consumer-secret"));
        assert_eq!(flag(&["upload", "--token-file", "x", "--token-stdin"]), None);
        assert_eq!(flag(&["upload", "--", "--token"]), None);
    }
}
