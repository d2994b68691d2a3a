//! What stands in the way of a request, as far as reqwest tells.

#![cfg(test)]

#[path = "../../backend-hyper/tests/support/mod.rs"]
mod support;
#[path = "../../backend-hyper/tests/support_tls/mod.rs"]
mod support_tls;

use std::sync::Arc;

use chunkwise_core::NotSent;
use chunkwise_reqwest::{ReqwestBackend, recommended};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use support::server::{OK, Server, read_request, send};
use support::{answered, exchange, not_sent, post_sized};
use support_tls::Authority;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

fn backend(authority: Option<&Authority>, proxy: Option<&str>) -> ReqwestBackend {
    let mut roots = rustls::RootCertStore::empty();
    if let Some(authority) = authority {
        roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut client = recommended().tls_backend_preconfigured(tls);
    if let Some(proxy) = proxy {
        client = client.proxy(reqwest::Proxy::all(proxy).unwrap());
    }
    ReqwestBackend::new(client.build().unwrap())
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts_is_misconfigured() {
    let authority = Authority::new();
    let acceptor = authority.acceptor();
    let server = Server::start(move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            while read_request(&mut stream).await.is_some() {
                send(&mut stream, OK).await;
            }
        }
    })
    .await;
    let url = server.url().replace("http:", "https:");
    let trusting = backend(Some(&authority), None);
    assert_eq!(answered(exchange(&trusting, post_sized(&url, 300_000)).await).1, "ok");
    let (cause, text) = not_sent(exchange(&backend(None, None), post_sized(&url, 10)).await);
    assert_eq!(cause, NotSent::Misconfigured, "{text}");
    assert!(!text.contains("secret"), "{text}");
}

#[tokio::test]
async fn a_proxy_that_refuses_the_credentials_is_misconfigured() {
    for (scheme, url, answer) in [
        ("http", "https://upload.test/", "HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n"),
        ("http", "http://upload.test/", "HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n"),
        ("socks5h", "http://upload.test/", "\x05\x02\x01\x01"),
    ] {
        let proxy = Server::start(move |mut stream, _| async move {
            let _ = stream.read(&mut [0; 1024]).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        })
        .await;
        let backend = backend(None, Some(&format!("{scheme}://user:pw-secret@{}", proxy.address)));
        let (cause, text) = not_sent(exchange(&backend, post_sized(url, 10)).await);
        assert_eq!(cause, NotSent::Misconfigured, "{scheme} {url}: {text}");
        assert!(!text.contains("secret"), "{text}");
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_unreachable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://user:pw-secret@{}", listener.local_addr().unwrap());
    drop(listener);
    let (cause, text) =
        not_sent(exchange(&backend(None, Some(&proxy)), post_sized("https://upload.test/", 10)).await);
    assert_eq!(cause, NotSent::Unreachable);
    assert!(!text.contains("secret"), "{text}");
}
