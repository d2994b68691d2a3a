//! AWS credentials from the usual places. How to read them all is reqsign's business; here it gets files, an environment and HTTP.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chunkwise_s3::{Credentials, ProvideCredentials, SigV4};
use chunkwise_transport::http::{Backend, Body, RequestBody};
use chunkwise_transport::{Payload, RefreshError, Secret};
use reqsign_aws_v4::{Credential, DefaultCredentialProvider};
use reqsign_core::{Context, Env, Error, FileRead, HttpSend, OsEnv, ProvideCredential as _};

/// Credentials from the usual places, the first that has some: the environment (`AWS_ACCESS_KEY_ID` and its like), the profile
/// files (`~/.aws`), a web identity, the container's metadata, the instance's. Programs that a profile names are not run.
pub struct UsualPlaces {
    context: Context,
    places: DefaultCredentialProvider,
}

impl UsualPlaces {
    /// The usual places of this process; metadata services are asked over this backend.
    pub fn new(backend: impl Backend + 'static) -> Self {
        Self::of(OsEnv, backend)
    }

    fn of(env: impl Env, backend: impl Backend + 'static) -> Self {
        let context =
            Context::new().with_env(env).with_file_read(Files).with_http_send(Http(Arc::new(backend)));
        Self { context, places: DefaultCredentialProvider::builder().no_process().no_sso().build() }
    }

    /// A signer for this region, with the credentials that are found now, and those found later when these have expired.
    ///
    /// # Errors
    ///
    /// [`RefreshError`] if there are none.
    pub async fn signer(self, region: &str) -> Result<SigV4, RefreshError> {
        let credentials = self.provide().await?;
        Ok(SigV4::new(region, credentials).with_refresh(self))
    }
}

#[async_trait]
impl ProvideCredentials for UsualPlaces {
    async fn provide(&self) -> Result<Credentials, RefreshError> {
        match self.places.provide_credential(&self.context).await {
            Ok(Some(Credential { access_key_id, secret_access_key, session_token, .. })) => Ok(Credentials {
                access_key_id,
                secret_access_key: secret_access_key.into(),
                session_token: session_token.map(Secret::new),
            }),
            Ok(None) => Err(RefreshError::new(
                "there are no AWS credentials: neither in the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), nor in a \
                 profile (~/.aws), nor from a web identity, a container or an instance",
            )),
            Err(error) => Err(RefreshError::new(error.to_string())),
        }
    }
}

impl fmt::Debug for UsualPlaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UsualPlaces").finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Files;

impl FileRead for Files {
    async fn file_read(&self, path: &str) -> reqsign_core::Result<Vec<u8>> {
        let unread = |error: std::io::Error| Error::unexpected(format!("{path} can't be read: {error}"));
        tokio::fs::read(path).await.map_err(unread)
    }
}

struct Http(Arc<dyn Backend>);

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").finish_non_exhaustive()
    }
}

impl HttpSend for Http {
    async fn http_send(&self, request: http::Request<Bytes>) -> reqsign_core::Result<http::Response<Bytes>> {
        let request = request.map(|body| Body::new(RequestBody::Bytes(body), Payload::empty()));
        self.0.exchange(request).await.map_err(|error| Error::unexpected(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::PathBuf;

    use chunkwise_core::NotSent;
    use chunkwise_transport::http::BackendError;
    use reqsign_core::StaticEnv;

    use super::*;

    /// A machine on its own: nobody answers.
    struct Alone;

    #[async_trait]
    impl Backend for Alone {
        async fn exchange(&self, _: http::Request<Body>) -> Result<http::Response<Bytes>, BackendError> {
            Err(BackendError::NotSent { cause: NotSent::Unreachable, source: "there is nobody".into() })
        }
    }

    fn places(home: Option<PathBuf>, vars: &[(&str, &str)]) -> UsualPlaces {
        let envs = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        UsualPlaces::of(StaticEnv { home_dir: home, envs: envs.collect::<HashMap<_, _>>() }, Alone)
    }

    #[tokio::test]
    async fn the_environment_goes_first_and_the_profile_is_read() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".aws")).unwrap();
        let profile = "[default]\naws_access_key_id = AKPROFILE\naws_secret_access_key = s2\n";
        std::fs::write(home.path().join(".aws/credentials"), profile).unwrap();
        let vars =
            [("AWS_ACCESS_KEY_ID", "AKENV"), ("AWS_SECRET_ACCESS_KEY", "s1"), ("AWS_SESSION_TOKEN", "t")];
        let of_env = places(Some(home.path().into()), &vars).provide().await.unwrap();
        assert_eq!(of_env.access_key_id, "AKENV");
        assert_eq!(of_env.session_token.as_ref().map(|token| token.expose().as_str()), Some("t"));
        let of_profile = places(Some(home.path().into()), &[]).provide().await.unwrap();
        assert_eq!(
            (of_profile.access_key_id.as_str(), of_profile.session_token.is_none()),
            ("AKPROFILE", true)
        );
        assert_eq!(of_profile.secret_access_key.expose(), "s2");
    }

    #[tokio::test]
    async fn where_there_are_none_that_is_said() {
        let error =
            places(None, &[("AWS_EC2_METADATA_DISABLED", "true")]).signer("us-east-1").await.unwrap_err();
        assert!(error.to_string().contains("AWS"), "{error}");
    }
}
