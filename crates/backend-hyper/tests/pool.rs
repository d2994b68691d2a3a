//! Idle connections: how many, how long.
#![cfg(test)]

mod support;

use std::time::Duration;

use chunkwise_core::Cut;
use chunkwise_hyper::HyperBackend;
use chunkwise_transport::http::Backend as _;
use support::server::{OK, Server, read_head, read_request, send};
use support::{answered, exchange, get, post_sized, unknown};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc::{self, UnboundedReceiver};

/// A server that says when one of its connections has ended.
async fn watched() -> (Server, UnboundedReceiver<usize>) {
    let (ended, has_ended) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream, number| {
        let ended = ended.clone();
        async move {
            while read_request(&mut stream).await.is_some() {
                // So that requests sent together need a connection each.
                tokio::time::sleep(Duration::from_millis(20)).await;
                send(&mut stream, OK).await;
            }
            ended.send(number).unwrap();
        }
    })
    .await;
    (server, has_ended)
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_time_without_another_request() {
    let (server, mut ended) = watched().await;
    let backend = HyperBackend::builder().idle_timeout(Duration::from_millis(100)).build().unwrap();
    for expected in 1..=2 {
        answered(exchange(&backend, get(&server.url())).await);
        answered(exchange(&backend, get(&server.url())).await);
        assert_eq!(server.connections(), expected);
        tokio::time::timeout(Duration::from_secs(5), ended.recv()).await.expect("it stays open").unwrap();
    }
}

#[tokio::test]
async fn no_more_than_the_limit_are_kept() {
    let (server, mut ended) = watched().await;
    let backend = HyperBackend::builder().max_idle(2).build().unwrap();
    for _ in 0..2 {
        let url = server.url();
        let all = (0..5).map(|_| exchange(&backend, get(&url)));
        for exchanged in futures::future::join_all(all).await {
            answered(exchanged);
        }
        for _ in 0..3 {
            ended.recv().await.unwrap();
        }
    }
    assert_eq!(server.connections(), 8, "two of the first five were used again");
    assert!(ended.try_recv().is_err());
    drop(backend);
    for _ in 0..2 {
        ended.recv().await.unwrap();
    }
}

/// Another backend is another account: nothing is shared. A clone is the same one.
#[tokio::test]
async fn a_pool_belongs_to_one_backend() {
    let (server, _ended) = watched().await;
    let (one, other) = (HyperBackend::new(), HyperBackend::new());
    for backend in [&one, &other, &one.clone(), &other.clone()] {
        answered(exchange(backend, get(&server.url())).await);
    }
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn requests_one_after_the_other_share_a_connection_whatever_they_are_answered() {
    for answer in [
        OK,
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy",
    ] {
        let server = Server::answering(answer).await;
        let backend = HyperBackend::new();
        for len in [0, 1, 300_000, 7] {
            answered(exchange(&backend, post_sized(&server.url(), len)).await);
            answered(exchange(&backend, get(&server.url())).await);
        }
        assert_eq!(server.connections(), 1, "{answer}");
    }
}

#[tokio::test]
async fn a_connection_that_the_server_ends_with_its_answer_is_not_kept() {
    let answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
    let server = Server::answering(answer).await;
    let backend = HyperBackend::new();
    for n in 1..=3 {
        answered(exchange(&backend, post_sized(&server.url(), 10)).await);
        assert_eq!(server.connections(), n);
    }
}

/// A success that comes early does not end the sending: the server may want the rest.
#[tokio::test]
async fn an_early_success_does_not_cut_the_body() {
    let (sent, mut received) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream, _| {
        let sent = sent.clone();
        async move {
            while read_head(&mut stream).await.is_some() {
                send(&mut stream, OK).await;
                let mut body = vec![0; 4 << 20];
                tokio::time::sleep(Duration::from_millis(20)).await;
                tokio::io::AsyncReadExt::read_exact(&mut stream, &mut body).await.unwrap();
                sent.send(body.len()).unwrap();
            }
        }
    })
    .await;
    let backend = HyperBackend::new();
    for _ in 0..2 {
        answered(exchange(&backend, post_sized(&server.url(), 4 << 20)).await);
        assert_eq!(received.recv().await, Some(4 << 20));
    }
    assert_eq!(server.connections(), 1);
}

/// But if the body can't be sent then, it is not believed.
#[tokio::test]
async fn an_early_success_before_a_broken_connection_is_not_believed() {
    let server = Server::start(|mut stream, _| async move {
        read_head(&mut stream).await.unwrap();
        send(&mut stream, OK).await;
    })
    .await;
    let (cut, text) = unknown(exchange(&HyperBackend::new(), post_sized(&server.url(), 32 << 20)).await);
    assert_eq!(cut, Cut::Reset);
    assert!(text.contains("200 OK before it had the whole request"), "{text}");
}

#[tokio::test]
async fn an_address_that_is_none_is_misconfigured() {
    use chunkwise_core::NotSent;
    for url in ["ftp://127.0.0.1/", "/only/a/path"] {
        let exchanged = HyperBackend::new().exchange(get(url)).await;
        assert_eq!(support::not_sent(exchanged).0, NotSent::Misconfigured, "{url}");
    }
}

/// A refusal whose body never comes still counts, after the 5 seconds that it is waited for.
#[tokio::test]
async fn a_refusal_without_its_body_counts() {
    let server = Server::start(|mut stream, _| async move {
        read_head(&mut stream).await.unwrap();
        stream.write_all(b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 10\r\n\r\npart").await.unwrap();
        drop(tokio::io::copy(&mut stream, &mut tokio::io::sink()).await);
    })
    .await;
    let (status, body) = answered(exchange(&HyperBackend::new(), post_sized(&server.url(), 32 << 20)).await);
    assert_eq!((status, &body[..]), (429, b"part".as_slice()));
}
