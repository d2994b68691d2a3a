//! HTTPS with the sandbox's own authority.

use std::sync::Arc;

use chunkwise_sandbox::{Fault, FaultRule, Https, Operation, Sandbox};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::client::{append_request, info, init, init_request, pattern, read_answer, sha256, start};

async fn connect(sandbox: &Sandbox, name: &str) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(sandbox.ca_file().unwrap()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(sandbox.https_address().unwrap()).await.unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

#[tokio::test]
async fn its_certificate_is_good_for_loopback_and_xs_names() {
    let sandbox = start().await;
    for name in
        ["127.0.0.1", "localhost", "api.x.com", "upload.x.com", "upload.twitter.com", "api.twitter.com"]
    {
        let mut stream = connect(&sandbox, name).await.unwrap();
        stream.write_all(&init_request(1, "video/mp4", "tweet_video").head_bytes()).await.unwrap();
        stream.write_all(&init_request(1, "video/mp4", "tweet_video").body).await.unwrap();
        assert_eq!(read_answer(&mut stream).await.unwrap().status, 200);
    }
    connect(&sandbox, "example.com").await.unwrap_err();
    assert_eq!(std::fs::read_to_string(sandbox.ca_file().unwrap()).unwrap(), sandbox.ca_pem().unwrap());
}

#[tokio::test]
async fn a_segment_over_tls_is_the_same_bytes() {
    let sandbox = start().await;
    let bytes = pattern(1, 3_000_000);
    let id = init(&sandbox, bytes.len()).await;
    let request = append_request(&id, 0, &bytes);
    let mut stream = connect(&sandbox, "127.0.0.1").await.unwrap();
    stream.write_all(&request.head_bytes()).await.unwrap();
    stream.write_all(&request.body).await.unwrap();
    assert_eq!(read_answer(&mut stream).await.unwrap().status, 200);
    assert_eq!(info(&sandbox, &id).await.sha256, sha256(&bytes));
}

#[tokio::test]
async fn faults_reach_through_tls() {
    let rule = FaultRule::at_call(Operation::Initialize, 1, Fault::lost_reply());
    let sandbox = Sandbox::builder().fault(rule).start().await.unwrap();
    let request = init_request(1, "video/mp4", "tweet_video");
    let mut stream = connect(&sandbox, "127.0.0.1").await.unwrap();
    stream.write_all(&request.head_bytes()).await.unwrap();
    stream.write_all(&request.body).await.unwrap();
    let error = read_answer(&mut stream).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(sandbox.media_ids().len(), 1);
}

#[tokio::test]
async fn https_can_be_left_out_and_the_authority_put_elsewhere() {
    let sandbox =
        Sandbox::builder().with(|settings| settings.listen.https = Https::Off).start().await.unwrap();
    assert_eq!((sandbox.https_url(), sandbox.ca_file(), sandbox.ca_pem()), (None, None, None));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("authority.pem");
    let chosen = path.clone();
    let sandbox =
        Sandbox::builder().with(|settings| settings.listen.ca_file = Some(chosen)).start().await.unwrap();
    assert_eq!(sandbox.ca_file(), Some(path.as_path()));
    assert!(std::fs::read_to_string(path).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
}
