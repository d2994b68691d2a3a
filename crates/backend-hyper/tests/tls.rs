//! TLS: who is believed, and that all promises hold under it.
#![cfg(test)]

mod support;
mod support_tls;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use chunkwise_core::{Cut, NotSent};
use chunkwise_hyper::{BuildError, HyperBackend, Trust};
use support::early::ROUNDS;
use support::server::{OK, Server, read_head, read_request, reset, send};
use support::{answered, exchange, not_sent, post_sized, unknown};
use support_tls::{Authority, NAME};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

fn https(server: &Server) -> String {
    server.url().replace("http://", "https://")
}

async fn answering(acceptor: TlsAcceptor) -> Server {
    Server::start(move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            while read_request(&mut stream).await.is_some() {
                send(&mut stream, OK).await;
            }
        }
    })
    .await
}

#[tokio::test]
async fn an_authority_counts_if_it_was_given() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = answering(authority.acceptor()).await;
    let url = https(&server);

    let by_text = HyperBackend::builder().ca_pem(authority.pem()).build().unwrap();
    for _ in 0..2 {
        assert_eq!(answered(exchange(&by_text, post_sized(&url, 300_000)).await).1, "ok");
    }
    assert_eq!(server.connections(), 1, "the connection was not used again");

    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, "# two of them\n{}{}", other.pem(), authority.pem()).unwrap();
    let by_file = HyperBackend::builder().ca_file(file.path()).build().unwrap();
    assert_eq!(answered(exchange(&by_file, post_sized(&url, 10)).await).1, "ok");

    let by_nobody = HyperBackend::builder().ca_pem(other.pem()).build().unwrap();
    let (cause, text) = not_sent(exchange(&by_nobody, post_sized(&url, 10)).await);
    assert_eq!(cause, NotSent::Misconfigured);
    assert!(text.contains("not trusted") && !text.contains("secret"), "{text}");
}

#[tokio::test]
async fn without_the_authority_it_is_misconfigured() {
    let server = answering(Authority::new().acceptor()).await;
    let (cause, _) = not_sent(exchange(&HyperBackend::new(), post_sized(&https(&server), 10)).await);
    assert_eq!(cause, NotSent::Misconfigured);
}

#[tokio::test]
async fn another_name_is_misconfigured() {
    let authority = Authority::new();
    let acceptor = TlsAcceptor::from(Arc::new(authority.server_named(&["elsewhere.test"])));
    let server = answering(acceptor).await;
    let backend = HyperBackend::builder().ca_pem(authority.pem()).build().unwrap();
    let (cause, text) = not_sent(exchange(&backend, post_sized(&https(&server), 10)).await);
    assert_eq!(cause, NotSent::Misconfigured);
    assert!(text.contains(&server.address.to_string()), "{text}");
}

#[tokio::test]
async fn who_does_not_speak_tls_is_misconfigured_and_who_hangs_up_unreachable() {
    let plain = Server::start(|mut stream, _| async move {
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    let silent = Server::start(|mut stream, _| async move {
        let _ = stream.read(&mut [0; 1024]).await;
    })
    .await;
    let backend = HyperBackend::builder().ca_pem(Authority::new().pem()).build().unwrap();
    let (cause, text) = not_sent(exchange(&backend, post_sized(&https(&plain), 10)).await);
    assert_eq!((cause, text.contains("does not speak TLS")), (NotSent::Misconfigured, true), "{text}");
    let (cause, _) = not_sent(exchange(&backend, post_sized(&https(&silent), 10)).await);
    assert_eq!(cause, NotSent::Unreachable);
}

#[test]
fn a_bad_authority_is_a_build_error_that_names_it() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let name = file.path().display().to_string();
    for (path, says) in [("/no/such/file.pem", "can't be read"), (name.as_str(), "not PEM with certificates")]
    {
        let error = HyperBackend::builder().ca_file(path).build().unwrap_err();
        assert!(error.to_string().contains(path) && error.to_string().contains(says), "{error}");
    }
    let BuildError::Trust(error) = HyperBackend::builder().ca_pem("no pem at all").build().unwrap_err();
    assert!(error.to_string().contains("no certificate"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_early_refusal_is_seen_through_tls() {
    const REFUSAL: &[u8] = b"HTTP/1.1 413 Payload Too Large\r\nContent-Length: 9\r\n\r\ntoo large";
    let authority = Authority::new();
    for resets in [false, true] {
        let acceptor = authority.acceptor();
        let server = Server::start(move |stream, _| {
            let acceptor = acceptor.clone();
            async move {
                let mut stream = acceptor.accept(stream).await.unwrap();
                read_head(&mut stream).await.unwrap();
                send(&mut stream, REFUSAL).await;
                let (tcp, _) = stream.into_inner();
                if resets { reset(tcp) } else { drop(tcp) }
            }
        })
        .await;
        let backend = HyperBackend::builder().ca_pem(authority.pem()).build().unwrap();
        for _ in 0..ROUNDS {
            let (status, body) = answered(exchange(&backend, post_sized(&https(&server), 8 << 20)).await);
            assert_eq!((status, &body[..]), (413, b"too large".as_slice()));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_within_the_body_is_unknown_through_tls() {
    let authority = Authority::new();
    let acceptor = authority.acceptor();
    let server = Server::start(move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            let mut stream = acceptor.accept(stream).await.unwrap();
            stream.read_exact(&mut [0; 100_000]).await.unwrap();
            reset(stream.into_inner().0);
        }
    })
    .await;
    let backend = HyperBackend::builder().ca_pem(authority.pem()).build().unwrap();
    for _ in 0..20 {
        let (cut, _) = unknown(exchange(&backend, post_sized(&https(&server), 8 << 20)).await);
        assert_eq!(cut, Cut::Reset);
    }
}

#[tokio::test]
async fn an_idle_connection_that_the_server_closed_gets_no_request() {
    let authority = Authority::new();
    let acceptor = authority.acceptor();
    let (closed, mut wait) = mpsc::unbounded_channel();
    let server = Server::start(move |stream, _| {
        let (acceptor, closed) = (acceptor.clone(), closed.clone());
        async move {
            let mut stream = acceptor.accept(stream).await.unwrap();
            read_request(&mut stream).await.unwrap();
            send(&mut stream, OK).await;
            stream.shutdown().await.unwrap();
            drop(stream);
            closed.send(()).unwrap();
        }
    })
    .await;
    let backend = HyperBackend::builder().ca_pem(authority.pem()).build().unwrap();
    for _ in 0..10 {
        answered(exchange(&backend, post_sized(&https(&server), 10)).await);
        wait.recv().await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(server.connections(), 10);
}

/// Sessions are resumed within a backend and never across: tickets would link accounts.
#[tokio::test]
async fn backends_share_trust_and_no_sessions() {
    let authority = Authority::new();
    let acceptor = authority.acceptor();
    let (kinds, mut kind) = mpsc::unbounded_channel();
    let server = Server::start(move |stream, _| {
        let (acceptor, kinds) = (acceptor.clone(), kinds.clone());
        async move {
            let mut stream = acceptor.accept(stream).await.unwrap();
            let connection = stream.get_ref().1;
            assert_eq!(connection.alpn_protocol(), Some(b"http/1.1".as_slice()));
            kinds.send(connection.handshake_kind() == Some(rustls::HandshakeKind::Resumed)).unwrap();
            while read_request(&mut stream).await.is_some() {
                send(&mut stream, OK).await;
            }
        }
    })
    .await;
    let trust = Trust::platform().and_pem(authority.pem()).unwrap();
    let backend = || HyperBackend::builder().trust(trust.clone()).max_idle(0).build().unwrap();
    let (one, other) = (backend(), backend());
    for (backend, resumed) in [(&one, false), (&one, true), (&other, false), (&one, true), (&other, true)] {
        answered(exchange(backend, post_sized(&https(&server), 10)).await);
        assert_eq!(kind.recv().await, Some(resumed));
    }
}

#[tokio::test]
async fn a_name_that_is_not_resolved_is_unreachable() {
    let url = format!("https://{NAME}/x?key=query-secret");
    let (cause, text) = not_sent(exchange(&HyperBackend::new(), post_sized(&url, 10)).await);
    assert_eq!(cause, NotSent::Unreachable);
    assert!(text.contains(NAME) && !text.contains("secret"), "{text}");
}
