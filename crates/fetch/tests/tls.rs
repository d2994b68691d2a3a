//! TLS: who is believed, and what it adds to a body's end.
#![cfg(test)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use chunkwise_fetch::{AddressPolicy, FetchLimits, FetchProblem, Fetcher, PublicReason};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{RootCertStore, ServerConfig};
use support::{MEDIA, NAME, Origin, failed, fetch, limits, names, not_fetched, read_head, trusting};
use tokio::io::AsyncWriteExt as _;
use tokio_rustls::TlsAcceptor;

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn acceptor(&self, name: &str) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }

    /// One that believes this authority, and may go to any port.
    fn fetcher(&self, limits: FetchLimits) -> Fetcher {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        Fetcher::new(limits, AddressPolicy::public().allow_host(NAME), Arc::new(names()), trusting(roots))
    }
}

/// How a connection is ended.
#[derive(Clone, Copy)]
enum End {
    /// As TLS wants it.
    Closed,
    /// As somebody in between could.
    Cut,
}

async fn answering(acceptor: TlsAcceptor, answer: impl Into<String>, end: End) -> Origin {
    let answer = answer.into();
    Origin::start(move |stream, _| {
        let (acceptor, answer) = (acceptor.clone(), answer.clone());
        async move {
            let mut stream = acceptor.accept(stream).await?;
            assert_eq!(stream.get_ref().1.server_name(), Some(NAME));
            let head = read_head(&mut stream).await?;
            assert!(head.contains(&format!("host: {NAME}:")), "{head}");
            let answer = if head.starts_with("GET /end ") { MEDIA.to_owned() } else { answer };
            stream.write_all(answer.as_bytes()).await?;
            stream.flush().await?;
            match end {
                End::Closed => stream.shutdown().await,
                End::Cut => Ok(()),
            }
        }
    })
    .await
}

fn https(origin: &Origin) -> String {
    origin.url().replace("http://", "https://")
}

#[tokio::test]
async fn the_name_that_was_asked_for_is_the_one_that_is_checked() {
    let authority = Authority::new();
    let origin = answering(authority.acceptor(NAME), MEDIA, End::Closed).await;
    assert_eq!(fetch(&authority.fetcher(limits(&origin)), &https(&origin)).await.unwrap(), b"media");

    let stranger = Authority::new().fetcher(limits(&origin));
    let error = not_fetched(fetch(&stranger, &https(&origin)).await);
    assert!(matches!(error.problem(), FetchProblem::Tls(_)), "{error}");

    for name in ["other.example", "127.0.0.1", "*.media.example"] {
        let origin = answering(authority.acceptor(name), MEDIA, End::Closed).await;
        let error = not_fetched(fetch(&authority.fetcher(limits(&origin)), &https(&origin)).await);
        assert!(matches!(error.problem(), FetchProblem::Tls(_)), "{name}: {error}");
    }
}

#[tokio::test]
async fn a_redirect_may_lead_to_https_and_never_from_it() {
    let authority = Authority::new();
    let tls = answering(authority.acceptor(NAME), MEDIA, End::Closed).await;
    let both = |origin: &Origin| {
        let mut limits = limits(origin);
        limits.ports.push(tls.address.port());
        authority.fetcher(limits)
    };
    let up = Origin::redirecting(302, &https(&tls)).await;
    assert_eq!(fetch(&both(&up), &up.url()).await.unwrap(), b"media");

    let plain = Origin::answering(MEDIA).await;
    let redirect =
        |location: &str| format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
    let down = answering(authority.acceptor(NAME), redirect(&plain.url()), End::Closed).await;
    let mut limits = limits(&plain);
    limits.ports.push(down.address.port());
    let error = not_fetched(fetch(&authority.fetcher(limits), &https(&down)).await);
    assert!(matches!(error.problem(), FetchProblem::Downgrade), "{error}");
    assert_eq!(plain.connections(), 0);

    let along = answering(authority.acceptor(NAME), redirect("/end"), End::Closed).await;
    assert_eq!(fetch(&both(&along), &https(&along)).await.unwrap(), b"media");
    assert_eq!(along.connections(), 2);
}

/// Without a length, the end of the connection is that of the body; TLS tells a close from a cut.
#[tokio::test]
async fn a_body_without_a_length_is_whole_if_tls_was_closed() {
    let authority = Authority::new();
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\nmedia";
    let closed = answering(authority.acceptor(NAME), answer, End::Closed).await;
    assert_eq!(fetch(&authority.fetcher(limits(&closed)), &https(&closed)).await.unwrap(), b"media");

    let cut = answering(authority.acceptor(NAME), answer, End::Cut).await;
    let (error, public) = failed(fetch(&authority.fetcher(limits(&cut)), &https(&cut)).await);
    assert!(matches!(error.problem(), FetchProblem::Short { got: 5, .. }), "{error}");
    assert_eq!(public, PublicReason::Interrupted);
}

/// Many servers skip the close where a length says it all.
#[tokio::test]
async fn a_body_with_a_length_needs_no_close() {
    let authority = Authority::new();
    let origin = answering(authority.acceptor(NAME), MEDIA, End::Cut).await;
    let patient = FetchLimits { after_end: Duration::from_secs(20), ..limits(&origin) };
    assert_eq!(fetch(&authority.fetcher(patient), &https(&origin)).await.unwrap(), b"media");
}

#[tokio::test]
async fn who_does_not_speak_tls_is_not_fetched() {
    let origin =
        Origin::start(|mut stream, _| async move { stream.write_all(b"HTTP/1.1 400 Bad\r\n\r\n").await })
            .await;
    let error = not_fetched(fetch(&Authority::new().fetcher(limits(&origin)), &https(&origin)).await);
    assert!(matches!(error.problem(), FetchProblem::Tls(_)), "{error}");
}
