//! Origins that lie, flood and cut: whole or an error, within bounds.
#![cfg(test)]

mod support;

use std::time::Duration;

use chunkwise_fetch::{FetchError, FetchLimits, FetchProblem, PublicReason};
use support::{MEDIA, Origin, endless, failed, fetch, fetcher, limits, not_fetched, read, read_head};
use tokio::io::AsyncWriteExt as _;

/// What becomes of an answer.
async fn fetch_answer(answer: impl AsRef<[u8]>) -> Result<Vec<u8>, FetchError> {
    let origin = Origin::answering(answer).await;
    fetch(&fetcher(limits(&origin)), &origin.url()).await
}

fn told<T>(fetched: Result<T, FetchError>, public: PublicReason) -> FetchError {
    let (error, found) = failed(fetched);
    assert_eq!(found, public, "{error}");
    error
}

#[tokio::test]
async fn the_request_says_what_it_must_and_nothing_else() {
    let origin = Origin::answering(MEDIA).await;
    let fetcher = fetcher(limits(&origin));
    let fetched = fetcher.get(&origin.url().into()).await.unwrap();
    assert_eq!(fetched.media_type.as_deref(), Some("video/mp4"));
    assert_eq!(fetched.len, Some(5));
    assert_eq!(fetched.extension.as_deref(), Some("mp4"));
    assert_eq!(read(fetched).await.unwrap(), b"media");
    let head = origin.heads().remove(0);
    let mut lines: Vec<&str> = head.trim_end().split("\r\n").collect();
    assert_eq!(lines.remove(0), "GET /dir/clip.MP4?signature=query-secret HTTP/1.1");
    lines.sort_unstable();
    let port = origin.address.port();
    assert_eq!(
        lines,
        [
            "accept-encoding: identity",
            "accept: */*",
            "connection: close",
            &format!("host: media.example:{port}"),
            "user-agent: chunkwise/0.1.0",
        ]
    );
}

#[tokio::test]
async fn the_user_agent_can_be_another() {
    let origin = Origin::answering(MEDIA).await;
    let fetcher = fetcher(limits(&origin)).user_agent("gateway (ops@example.org)".parse().unwrap());
    fetch(&fetcher, &origin.url()).await.unwrap();
    assert!(origin.heads()[0].contains("user-agent: gateway (ops@example.org)\r\n"));
}

#[tokio::test]
async fn a_body_is_whole_in_whatever_pieces() {
    let body: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    let plain = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    assert!(fetch_answer([plain.as_bytes(), &body].concat()).await.unwrap() == body);
    let mut chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for (n, piece) in body.chunks(77_777).enumerate() {
        chunked.extend(format!("{:x};ext={n}\r\n", piece.len()).bytes());
        chunked.extend(piece);
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\nTrailer: x\r\n\r\n");
    assert!(fetch_answer(chunked).await.unwrap() == body);
    assert_eq!(fetch_answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap(), b"");
    let old = MEDIA.replace("HTTP/1.1", "HTTP/1.0");
    assert_eq!(fetch_answer(old).await.unwrap(), b"media");
    let interim = format!("HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n{MEDIA}");
    assert_eq!(fetch_answer(interim).await.unwrap(), b"media");
}

#[tokio::test]
async fn fewer_bytes_than_announced_are_an_error() {
    for (answer, got) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nmedia", 5),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 0),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nmedia\r\n", 5),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nmedia\r\n0\r\n", 5),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nmedia", 5),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nmedia\r\n", 0),
    ] {
        let error = told(fetch_answer(answer).await, PublicReason::Interrupted);
        let FetchProblem::Short { got: found, .. } = error.problem() else { panic!("{answer:?}: {error}") };
        assert_eq!(*found, got, "{answer:?}");
    }
}

#[tokio::test]
async fn more_bytes_than_announced_are_an_error() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmedia".to_owned(),
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nmedia".to_owned(),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nmedia\r\n0\r\n\r\nmore".to_owned(),
        format!("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n{}", "x".repeat(200_001)),
    ] {
        let error = told(fetch_answer(&answer).await, PublicReason::Interrupted);
        assert!(matches!(error.problem(), FetchProblem::Longer { .. }), "{error}");
    }
    // Also when they come a moment late.
    let origin = Origin::start(|mut stream, _| async move {
        stream.set_nodelay(true)?;
        read_head(&mut stream).await?;
        stream.write_all(MEDIA.as_bytes()).await?;
        tokio::time::sleep(Duration::from_millis(20)).await;
        stream.write_all(b"!").await
    })
    .await;
    let patient = FetchLimits { after_end: Duration::from_secs(20), ..limits(&origin) };
    let error = told(fetch(&fetcher(patient), &origin.url()).await, PublicReason::Interrupted);
    assert!(matches!(error.problem(), FetchProblem::Longer { announced: Some(5) }), "{error}");
}

#[tokio::test]
async fn who_leaves_the_connection_open_is_not_waited_for() {
    let origin = Origin::start(|mut stream, _| async move {
        read_head(&mut stream).await?;
        stream.write_all(MEDIA.as_bytes()).await?;
        std::future::pending().await
    })
    .await;
    let brief = FetchLimits { after_end: Duration::from_millis(1), ..limits(&origin) };
    assert_eq!(fetch(&fetcher(brief), &origin.url()).await.unwrap(), b"media");
}

#[tokio::test]
async fn the_body_is_capped_announced_or_not() {
    let limit = 100_000;
    let too_large = PublicReason::TooLarge { limit };
    let capped = |origin: &Origin| fetcher(FetchLimits { body_bytes: limit, ..limits(origin) });

    let announced = Origin::answering("HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n").await;
    let fetched = capped(&announced).get(&announced.url().into()).await;
    let error = told(fetched, too_large);
    assert!(matches!(error.problem(), FetchProblem::TooLarge { announced: Some(100_001), .. }), "{error}");

    let endless = Origin::start(|stream, _| {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        endless(stream, head, b"8\r\nendless.\r\n")
    })
    .await;
    let mut fetched = capped(&endless).get(&endless.url().into()).await.unwrap();
    assert_eq!(fetched.len, None);
    let error = loop {
        match fetched.body.next_chunk().await {
            Ok(chunk) => assert!(chunk.is_some()),
            Err(error) => break error,
        }
    };
    assert!(matches!(error.problem(), FetchProblem::TooLarge { announced: None, .. }), "{error}");
    assert!(fetched.body.received() <= limit + 64 * 1024, "{}", fetched.body.received());
    // What failed once is never whole.
    let again = told(fetched.body.next_chunk().await, PublicReason::Interrupted);
    assert!(matches!(again.problem(), FetchProblem::Failed), "{again}");

    let exact = format!("HTTP/1.1 200 OK\r\nContent-Length: {limit}\r\n\r\n{}", "x".repeat(100_000));
    let exact = Origin::answering(exact).await;
    assert_eq!(fetch(&capped(&exact), &exact.url()).await.unwrap().len(), 100_000);
    let huge = "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n";
    failed(fetch_answer(huge).await);
}

#[tokio::test]
async fn nothing_is_decoded() {
    for encoding in ["gzip", "br", "deflate", "zstd", "x-gzip", "identity, gzip", "aes128gcm", ""] {
        let answer =
            format!("HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: 5\r\n\r\nmedia");
        let error = told(fetch_answer(answer).await, PublicReason::Unsupported);
        assert!(matches!(error.problem(), FetchProblem::Encoded), "{encoding}: {error}");
    }
    let two = "Content-Encoding: identity\r\nContent-Encoding: gzip\r\n";
    let answer = format!("HTTP/1.1 200 OK\r\n{two}Content-Length: 5\r\n\r\nmedia");
    told(fetch_answer(answer).await, PublicReason::Unsupported);
    let identity = MEDIA.replace("Content-Type", "Content-Encoding: Identity\r\nContent-Type");
    assert_eq!(fetch_answer(identity).await.unwrap(), b"media");
}

#[tokio::test]
async fn an_end_that_can_not_be_told_is_refused() {
    for headers in [
        "",
        "Connection: close\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{headers}\r\n5\r\nmedia\r\n0\r\n\r\n");
        let error = told(fetch_answer(answer).await, PublicReason::Unsupported);
        assert!(matches!(error.problem(), FetchProblem::Unframed(_)), "{headers:?}: {error}");
    }
    for headers in [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: -1",
        "Content-Length: +5",
        "Content-Length: 5x",
    ] {
        let error = not_fetched(fetch_answer(format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\nmedia")).await);
        assert!(matches!(error.problem(), FetchProblem::NoAnswer(_)), "{headers:?}: {error}");
    }
}

#[tokio::test]
async fn a_head_is_bounded_in_bytes_and_lines() {
    let long_header =
        |len: usize| format!("HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 5\r\n\r\nmedia", "x".repeat(len));
    assert_eq!(fetch_answer(long_header(60_000)).await.unwrap(), b"media");
    let lines = |count: usize| {
        let lines: String = (1..count).map(|n| format!("X-{n}: x\r\n")).collect();
        format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 5\r\n\r\nmedia")
    };
    assert_eq!(fetch_answer(lines(100)).await.unwrap(), b"media");
    for answer in [long_header(70_000), long_header(1_000_000), lines(101), lines(10_000)] {
        let error = not_fetched(fetch_answer(answer).await);
        assert!(matches!(error.problem(), FetchProblem::LongHead), "{error}");
    }
    for (headers, fits) in [(5, true), (4, false)] {
        let origin = Origin::answering(lines(5)).await;
        let few = FetchLimits { headers, ..limits(&origin) };
        assert_eq!(fetch(&fetcher(few), &origin.url()).await.is_ok(), fits, "{headers}");
    }
    let endless = Origin::start(|stream, _| endless(stream, "HTTP/1.1 200 OK\r\nX: ", &[b'x'; 1024])).await;
    let error = not_fetched(fetch(&fetcher(limits(&endless)), &endless.url()).await);
    assert!(matches!(error.problem(), FetchProblem::LongHead), "{error}");
}

#[tokio::test]
async fn a_flood_of_interim_answers_ends() {
    for interim in ["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"] {
        let origin = Origin::start(|stream, _| endless(stream, interim, interim.as_bytes())).await;
        let error = not_fetched(fetch(&fetcher(limits(&origin)), &origin.url()).await);
        assert!(matches!(error.problem(), FetchProblem::LongHead), "{error}");
    }
    // As much as a head may have is no flood yet.
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n".repeat(1500);
    let fetched = fetch_answer(format!(
        "{interim}{}",
        MEDIA.replace("OK\r\n", &format!("OK\r\nX: {}\r\n", "x".repeat(60_000)))
    ));
    assert_eq!(fetched.await.unwrap(), b"media");
    let upgrade = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
    let error = not_fetched(fetch_answer(upgrade).await);
    assert!(matches!(error.problem(), FetchProblem::Status(status) if *status == 101), "{error}");
}

#[tokio::test]
async fn what_is_no_http_is_no_answer() {
    for answer in
        ["", "SSH-2.0-OpenSSH_9.2\r\n\r\n", "-ERR unknown command\r\n", "media", "HTTP/0.9 200\r\n\r\n"]
    {
        let error = not_fetched(fetch_answer(answer).await);
        assert!(matches!(error.problem(), FetchProblem::NoAnswer(_)), "{answer:?}: {error}");
    }
}

#[tokio::test]
async fn what_it_says_of_itself_is_told_only_where_it_is_readable() {
    for (header, media_type) in [
        ("Content-Type: image/PNG; charset=x", Some("image/png")),
        ("Content-Type:  image/svg+xml ", Some("image/svg+xml")),
        ("Content-Type: image", None),
        ("Content-Type: image/", None),
        ("Content-Type: image/a b", None),
        ("Content-Type: image/png\r\nContent-Type: text/html", None),
        ("Content-Type: im\u{fc}/png", None),
        ("X: x", None),
    ] {
        let origin = Origin::answering(MEDIA.replace("Content-Type: video/mp4", header)).await;
        let fetched = fetcher(limits(&origin)).get(&origin.url().into()).await.unwrap();
        assert_eq!(fetched.media_type.as_deref(), media_type, "{header}");
    }
    let origin = Origin::answering(MEDIA).await;
    for (path, extension) in [
        ("/a/clip.mp4", Some("mp4")),
        ("/clip.tar.GZ#x.y", Some("gz")),
        ("/clip", None),
        ("/.mp4", None),
        ("/clip.", None),
        ("/clip.mp4/", None),
        ("/clip.m%70", None),
        ("/clip.elevenchars", None),
        ("/?clip.mp4", None),
    ] {
        let fetched = fetcher(limits(&origin)).get(&origin.at(path).into()).await.unwrap();
        assert_eq!(fetched.extension.as_deref(), extension, "{path}");
    }
}
