//! What holds for every backend.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use chunkwise_core::{Cut, NotSent};
use chunkwise_transport::Payload;
use chunkwise_transport::http::{Backend, MAX_RESPONSE};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use super::server::{OK, Received, Server, read_head, read_request, reset, send};
use super::{answered, exchange, failing, get, not_sent, post, post_payload, post_sized, stalled, unknown};

/// Makes a test of every case, for the backend that the expression makes.
macro_rules! for_backend {
    ($backend:expr; $($case:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                support::cases::$case(&$backend).await;
            }
        )*
    };
}
pub(crate) use for_backend;

/// Every case, for the backend that the expression makes.
macro_rules! every_case {
    ($backend:expr) => {
        support::cases::for_backend! { $backend;
            the_bytes_are_exact
            an_empty_post_says_so
            connections_are_used_again
            a_refused_connection_is_not_sent
            a_reset_before_reading_is_never_an_answer
            a_reset_within_the_body_is_unknown
            a_lost_answer_is_unknown
            a_dead_idle_connection_gets_no_request
            a_source_that_fails_breaks_the_request
            an_endless_answer_is_bounded
            garbage_is_ambiguous
            interim_answers_are_skipped
            redirects_are_not_followed
            nothing_is_decompressed
            a_slow_body_arrives
            a_dropped_exchange_closes_its_connection
            a_cut_success_is_not_believed
            a_cut_refusal_counts
            a_chunked_answer_is_read
            a_refusal_wakes_a_stalled_source
        }
    };
}
pub(crate) use every_case;

pub async fn the_bytes_are_exact(backend: &dyn Backend) {
    let (sent, mut received) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream, _| {
        let sent = sent.clone();
        async move {
            while let Some(request) = read_request(&mut stream).await {
                sent.send(request).unwrap();
                send(&mut stream, OK).await;
            }
        }
    })
    .await;
    let frames = (0..40_u8).map(|n| Bytes::from(vec![n; 60_000 + usize::from(n)])).collect::<Vec<_>>();
    let expected = [b"<head>".as_slice(), &frames.concat(), b"<tail>"].concat();
    let mut request = post(&server.url(), "<head>", frames, "<tail>");
    request.headers_mut().insert("x-own", "value".parse().unwrap());
    let (status, body) = answered(exchange(backend, request).await);
    assert_eq!((status, &body[..]), (200, b"ok".as_slice()));
    let received: Received = received.recv().await.unwrap();
    assert!(received.head.starts_with("POST /path?key=query-secret HTTP/1.1\r\n"), "{}", received.head);
    assert_eq!(received.header("host"), [server.address.to_string()]);
    assert_eq!(received.header("content-length"), [expected.len().to_string()]);
    assert_eq!(received.header("transfer-encoding"), [""; 0]);
    assert_eq!(received.header("accept-encoding"), [""; 0]);
    assert_eq!(received.header("x-own"), ["value"]);
    assert!(received.body == expected, "the body differs");
}

pub async fn an_empty_post_says_so(backend: &dyn Backend) {
    let (sent, mut received) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream, _| {
        let sent = sent.clone();
        async move {
            while let Some(request) = read_request(&mut stream).await {
                sent.send(request).unwrap();
                send(&mut stream, OK).await;
            }
        }
    })
    .await;
    answered(exchange(backend, post(&server.url(), "", vec![], "")).await);
    let received: Received = received.recv().await.unwrap();
    assert_eq!(received.header("content-length"), ["0"]);
}

pub async fn connections_are_used_again(backend: &dyn Backend) {
    let server = Server::answering(OK).await;
    for len in [0, 1, 300_000, 7] {
        answered(exchange(backend, post_sized(&server.url(), len)).await);
        answered(exchange(backend, get(&server.url())).await);
    }
    // A client that puts its connections back in the background may be a moment late.
    assert!(server.connections() < 8, "never");
}

pub async fn a_refused_connection_is_not_sent(backend: &dyn Backend) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://user-secret:pw-secret@{address}/?key=query-secret");
    let (cause, text) = not_sent(exchange(backend, post_sized(&url, 100)).await);
    assert_eq!(cause, NotSent::Unreachable);
    assert!(!text.contains("secret"), "{text}");
    assert!(text.to_lowercase().contains("connection refused"), "{text}");
}

/// Whether a byte had left is a race, so it may be told as not sent.
pub async fn a_reset_before_reading_is_never_an_answer(backend: &dyn Backend) {
    let server = Server::start(|stream, _| async { reset(stream) }).await;
    for _ in 0..20 {
        assert!(exchange(backend, post_sized(&server.url(), 1_000_000)).await.is_err());
    }
    assert_eq!(server.connections(), 20, "a request was repeated");
}

pub async fn a_reset_within_the_body_is_unknown(backend: &dyn Backend) {
    let server = Server::start(|mut stream, _| async move {
        read_head(&mut stream).await.unwrap();
        stream.read_exact(&mut [0; 100_000]).await.unwrap();
        reset(stream);
    })
    .await;
    for _ in 0..20 {
        let (cut, text) = unknown(exchange(backend, post_sized(&server.url(), 8 << 20)).await);
        assert_eq!(cut, Cut::Reset);
        assert!(!text.contains("secret"), "{text}");
    }
    assert_eq!(server.connections(), 20, "a request was repeated");
}

pub async fn a_lost_answer_is_unknown(backend: &dyn Backend) {
    let server = Server::start(|mut stream, number| async move {
        read_request(&mut stream).await.unwrap();
        if number % 2 == 0 { reset(stream) } else { drop(stream) }
    })
    .await;
    for _ in 0..20 {
        let (cut, _) = unknown(exchange(backend, post_sized(&server.url(), 100_000)).await);
        assert_eq!(cut, Cut::Reset);
    }
    assert_eq!(server.connections(), 20, "a request was repeated");
}

pub async fn a_dead_idle_connection_gets_no_request(backend: &dyn Backend) {
    let requests = Arc::new(Mutex::new(Vec::new()));
    let (closed, mut wait) = mpsc::unbounded_channel();
    let log = Arc::clone(&requests);
    let server = Server::start(move |mut stream, number| {
        let (log, closed) = (Arc::clone(&log), closed.clone());
        async move {
            let request = read_request(&mut stream).await.unwrap();
            log.lock().unwrap().push(request.body.len());
            send(&mut stream, OK).await;
            if number % 2 == 0 {
                // The client must have read the answer, or the reset could overtake it.
                tokio::time::sleep(Duration::from_millis(20)).await;
                reset(stream);
            } else {
                drop(stream);
            }
            closed.send(()).unwrap();
        }
    })
    .await;
    for len in 1..=10 {
        answered(exchange(backend, post_sized(&server.url(), len)).await);
        wait.recv().await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(*requests.lock().unwrap(), (1..=10).collect::<Vec<_>>());
}

pub async fn a_source_that_fails_breaks_the_request(backend: &dyn Backend) {
    let (sent, mut ended) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream, _| {
        let sent = sent.clone();
        async move {
            let whole = read_request(&mut stream).await.is_some();
            sent.send(whole).unwrap();
        }
    })
    .await;
    let payload = failing(Bytes::from(vec![b'x'; 1000]), 2000);
    let (cut, text) = unknown(exchange(backend, post_payload(&server.url(), "h", payload, "t")).await);
    assert_eq!(cut, Cut::Reset);
    assert!(text.contains("the disk is gone"), "{text}");
    // If the failure came before the connection was used, it was closed unused.
    assert_ne!(ended.recv().await, Some(true));
}

pub async fn an_endless_answer_is_bounded(backend: &dyn Backend) {
    for status in ["200 OK", "404 Not Found"] {
        let server = Server::start(move |mut stream, _| async move {
            read_request(&mut stream).await.unwrap();
            let head = format!("HTTP/1.1 {status}\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            while stream.write_all(&[b'x'; 65536]).await.is_ok() {}
        })
        .await;
        let exchanged = exchange(backend, get(&server.url())).await;
        if status.starts_with('2') {
            let (cut, _) = unknown(exchanged);
            assert_eq!(cut, Cut::Ambiguous { after: None });
        } else {
            let (status, body) = answered(exchanged);
            assert_eq!((status, body.len()), (404, MAX_RESPONSE));
        }
    }
    let exact =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {MAX_RESPONSE}\r\n\r\n{}", "x".repeat(MAX_RESPONSE));
    let server = Server::answering(exact).await;
    assert_eq!(answered(exchange(backend, get(&server.url())).await).1.len(), MAX_RESPONSE);
}

pub async fn garbage_is_ambiguous(backend: &dyn Backend) {
    for garbage in ["SSH-2.0-OpenSSH_9.2\r\n\r\n", "\x15\x03\x01\x00\x02\x02\x28", "HTTP/1.1 20x OK\r\n\r\n"]
    {
        let server = Server::start(move |mut stream, _| async move {
            read_request(&mut stream).await.unwrap();
            stream.write_all(garbage.as_bytes()).await.unwrap();
            drop(tokio::io::copy(&mut stream, &mut tokio::io::sink()).await);
        })
        .await;
        let (cut, _) = unknown(exchange(backend, post_sized(&server.url(), 1000)).await);
        assert_eq!(cut, Cut::Ambiguous { after: None }, "{garbage:?}");
    }
    let server = Server::start(|mut stream, _| async move {
        read_request(&mut stream).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n").await.unwrap();
        while stream.write_all(&[b'a'; 65536]).await.is_ok() {}
    })
    .await;
    let (cut, _) = unknown(exchange(backend, post_sized(&server.url(), 1000)).await);
    assert_eq!(cut, Cut::Ambiguous { after: None }, "an endless head");
}

pub async fn interim_answers_are_skipped(backend: &dyn Backend) {
    let answer = format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n{OK}");
    let server = Server::answering(answer).await;
    assert_eq!(answered(exchange(backend, post_sized(&server.url(), 1000)).await).0, 200);
}

pub async fn redirects_are_not_followed(backend: &dyn Backend) {
    for status in [301, 302, 303, 307, 308] {
        let answer = format!("HTTP/1.1 {status} Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n");
        let server = Server::answering(answer).await;
        let response = exchange(backend, post_sized(&server.url(), 1000)).await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["location"], "/elsewhere");
        assert_eq!(server.connections(), 1);
    }
}

pub async fn nothing_is_decompressed(backend: &dyn Backend) {
    let gzip = b"\x1f\x8b\x08\x00not really";
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", gzip.len());
    let server = Server::answering([head.as_bytes(), gzip].concat()).await;
    let response = exchange(backend, get(&server.url())).await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert_eq!(&response.body()[..], gzip);
}

pub async fn a_slow_body_arrives(backend: &dyn Backend) {
    let server = Server::start(|mut stream, _| async move {
        let request = read_request(&mut stream).await.unwrap();
        assert_eq!(request.body, b"<0123456789>");
        for byte in OK.bytes() {
            stream.write_all(&[byte]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    let frames = futures::stream::unfold(0_u8, |n| async move {
        tokio::time::sleep(Duration::from_millis(10)).await;
        (n < 10).then(|| (Ok(Bytes::from(vec![b'0' + n])), n + 1))
    });
    let payload = Payload::from_frames(10, Box::pin(frames));
    let taken = payload.taken();
    assert_eq!(answered(exchange(backend, post_payload(&server.url(), "<", payload, ">")).await).1, "ok");
    assert_eq!(taken.load(std::sync::atomic::Ordering::Relaxed), 10);
}

pub async fn a_dropped_exchange_closes_its_connection(backend: &dyn Backend) {
    let (begun, has_begun) = oneshot::channel();
    let (ended, has_ended) = oneshot::channel();
    let hooks = Mutex::new(Some((begun, ended)));
    let server = Server::start(move |mut stream, _| {
        let (begun, ended) = hooks.lock().unwrap().take().unwrap();
        async move {
            read_head(&mut stream).await.unwrap();
            begun.send(()).unwrap();
            drop(tokio::io::copy(&mut stream, &mut tokio::io::sink()).await);
            ended.send(()).unwrap();
        }
    })
    .await;
    let request = post_payload(&server.url(), "", stalled(b"some", 1 << 20), "");
    tokio::select! {
        exchanged = backend.exchange(request) => panic!("it can't end: {exchanged:?}"),
        begun = has_begun => begun.unwrap(),
    }
    tokio::time::timeout(Duration::from_secs(5), has_ended).await.expect("it stays open").unwrap();
}

pub async fn a_cut_success_is_not_believed(backend: &dyn Backend) {
    let server = Server::start(|mut stream, _| async move {
        read_request(&mut stream).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart").await.unwrap();
    })
    .await;
    let (cut, text) = unknown(exchange(backend, post_sized(&server.url(), 1000)).await);
    assert_eq!(cut, Cut::Reset);
    assert!(!text.contains("secret"), "{text}");
}

pub async fn a_cut_refusal_counts(backend: &dyn Backend) {
    let server = Server::start(|mut stream, _| async move {
        read_request(&mut stream).await.unwrap();
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\npart").await.unwrap();
    })
    .await;
    let (status, body) = answered(exchange(backend, post_sized(&server.url(), 1000)).await);
    assert_eq!((status, &body[..]), (403, b"part".as_slice()));
}

pub async fn a_chunked_answer_is_read(backend: &dyn Backend) {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    let server = Server::answering(answer).await;
    for _ in 0..3 {
        assert_eq!(answered(exchange(backend, get(&server.url())).await).1, "abcde");
    }
}

/// A refusal comes while the source gives nothing: the exchange ends and the connection is closed.
pub async fn a_refusal_wakes_a_stalled_source(backend: &dyn Backend) {
    let (ended, mut has_ended) = mpsc::unbounded_channel();
    let server = Server::start(move |mut stream, _| {
        let ended = ended.clone();
        async move {
            read_head(&mut stream).await.unwrap();
            stream.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno").await.unwrap();
            drop(tokio::io::copy(&mut stream, &mut tokio::io::sink()).await);
            ended.send(()).unwrap();
        }
    })
    .await;
    let request = post_payload(&server.url(), "", stalled(b"some", 1 << 20), "");
    let (status, body) = answered(exchange(backend, request).await);
    assert_eq!((status, &body[..]), (401, b"no".as_slice()));
    tokio::time::timeout(Duration::from_secs(5), has_ended.recv()).await.expect("it stays open").unwrap();
}
