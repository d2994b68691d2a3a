//! Whose certificates are believed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use tokio::sync::OnceCell;

/// Whose certificates are believed: the platform's authorities, and in addition those that were given.
///
/// A clone shares what was loaded, so that many backends load the platform's authorities once. Each backend still
/// keeps TLS sessions of its own: session tickets must not link accounts.
#[derive(Clone, Default)]
pub struct Trust {
    extra: Vec<CertificateDer<'static>>,
    verifier: Arc<OnceCell<Arc<Verifier>>>,
}

/// Why certificate authorities can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file with the authorities can't be read.
    #[error("the certificate file {} can't be read: {source}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: std::io::Error,
    },
    /// What should hold authorities in PEM does not.
    #[error("{origin} is not PEM with certificates: {reason}")]
    NotPem {
        /// The file, or the words for bytes in memory.
        origin: String,
        /// What is wrong.
        reason: String,
    },
    /// Neither the platform nor the caller has an authority.
    #[error("no certificate authority is known to this machine ({reason}); give a CA file")]
    Nobody {
        /// What the platform said.
        reason: String,
    },
    /// TLS itself could not be set up.
    #[error("{0}")]
    Setup(rustls::Error),
}

impl Trust {
    /// The platform's authorities, loaded when the first TLS connection needs them.
    pub fn platform() -> Self {
        Self::default()
    }

    /// In addition the authorities of a PEM file with one certificate or many.
    ///
    /// # Errors
    ///
    /// [`TrustError`] if the file can't be read, or is not PEM with at least one usable certificate.
    pub fn and_file(self, path: impl AsRef<Path>) -> Result<Self, TrustError> {
        let path = path.as_ref();
        let pem =
            std::fs::read(path).map_err(|source| TrustError::Unreadable { path: path.to_owned(), source })?;
        self.and(&pem, &path.display().to_string())
    }

    /// In addition the authorities of PEM text with one certificate or many.
    ///
    /// # Errors
    ///
    /// [`TrustError`] if it is not PEM with at least one usable certificate.
    pub fn and_pem(self, pem: impl AsRef<[u8]>) -> Result<Self, TrustError> {
        self.and(pem.as_ref(), "the given text")
    }

    fn and(mut self, pem: &[u8], origin: &str) -> Result<Self, TrustError> {
        let not_pem = |reason: String| TrustError::NotPem { origin: origin.to_owned(), reason };
        let before = self.extra.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| not_pem(error.to_string()))?;
            // The verifier would refuse it too, but only when the first connection is made.
            RootCertStore::empty().add(certificate.clone()).map_err(|error| not_pem(error.to_string()))?;
            self.extra.push(certificate);
        }
        if self.extra.len() == before {
            return Err(not_pem("it holds no certificate".to_owned()));
        }
        self.verifier = Arc::default();
        Ok(self)
    }

    /// A TLS configuration for HTTP/1.1 with a session store of its own, for whatever else should believe the same
    /// authorities as the backend.
    ///
    /// # Errors
    ///
    /// [`TrustError`] if there are no authorities at all, or TLS can't be set up.
    pub async fn client_config(&self) -> Result<ClientConfig, TrustError> {
        // The provider is passed explicitly: a process-wide one is the business of whoever owns the process.
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = self
            .verifier
            .get_or_try_init(|| async {
                let (extra, provider) = (self.extra.clone(), Arc::clone(&provider));
                // The platform's authorities are files on most platforms.
                tokio::task::spawn_blocking(move || Verifier::new_with_extra_roots(extra, provider))
                    .await
                    .map_err(|error| TrustError::Nobody { reason: error.to_string() })?
                    .map(Arc::new)
                    .map_err(|error| TrustError::Nobody { reason: error.to_string() })
            })
            .await?;
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TrustError::Setup)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::<Verifier>::clone(verifier))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust").field("extra", &self.extra.len()).finish_non_exhaustive()
    }
}
