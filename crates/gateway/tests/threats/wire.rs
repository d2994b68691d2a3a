//! T18: requests that two servers could read differently, and heads without end.

use crate::world::World;
use crate::{raw, status, upload_of};

/// What is smuggled: a request that would be answered with 200 if it were taken for one.
fn smuggled(world: &World) -> String {
    format!("GET /usage HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {}\r\n\r\n", world.key)
}

fn answers(said: &str) -> usize {
    said.matches("HTTP/1.1 ").count()
}

/// One reader takes it by its length, another by its coding (RFC 9112 §11.2).
#[tokio::test]
async fn a_request_with_a_length_and_a_coding_is_refused() {
    let world = World::new().await;
    let inner = smuggled(&world);
    let good = "GET /nowhere HTTP/1.1\r\nHost: g\r\n\r\n";
    for (first, second) in [
        ("Content-Length: 5\r\n".to_owned(), "Transfer-Encoding: chunked\r\n".to_owned()),
        ("Transfer-Encoding: chunked\r\n".to_owned(), format!("Content-Length: {}\r\n", 5 + inner.len())),
        ("transfer-encoding:chunked\r\nX: y\r\n".to_owned(), "content-length:0\r\n".to_owned()),
    ] {
        let both = format!("POST /nowhere HTTP/1.1\r\nHost: g\r\n{first}{second}\r\n0\r\n\r\n{inner}");
        let said = raw(&world, &both).await;
        assert_eq!((status(&said), answers(&said)), (400, 1), "{said}");
        // Also behind one that is as it should be.
        let said = raw(&world, format!("{good}{both}")).await;
        assert_eq!((status(&said), answers(&said)), (404, 2), "{said}");
        assert!(said.contains("HTTP/1.1 400") && !said.contains(" 200 "), "{said}");
    }
}

/// What is taken by its coding is taken whole, and its connection ends behind it.
#[tokio::test]
async fn a_body_in_chunks_is_taken_and_ends_its_connection() {
    let world = World::new().await;
    let body = upload_of(&world, 5_000).to_string();
    let (first, second) = body.split_at(1_000);
    let said = raw(
        &world,
        format!(
            "POST /twitter/media/upload HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
             {:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n{}",
            world.key,
            first.len(),
            second.len(),
            smuggled(&world)
        ),
    )
    .await;
    assert_eq!((status(&said), answers(&said)), (200, 1), "{said}");
    assert!(said.contains("\r\nconnection: close\r\n"), "{said}");
}

#[tokio::test]
async fn what_two_servers_could_read_differently_is_refused() {
    let world = World::new().await;
    let inner = smuggled(&world);
    for headers in [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 0, 5",
        "Content-Length: +5",
        "Content-Length: 5 5",
        "Content-Length: 0x5",
        "Content-Length: -1",
        "Content-Length: 99999999999999999999",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip",
        "Transfer-Encoding : chunked",
        "Content-Length : 5",
        // A line that goes on in the next (obs-fold).
        "X: a\r\n b: c",
        "X: a\r\n\tTransfer-Encoding: chunked",
        "X\0: a",
        "X: a\0b",
        "X y: a",
        "no colon",
        ": no name",
    ] {
        let said =
            raw(&world, format!("POST /nowhere HTTP/1.1\r\nHost: g\r\n{headers}\r\n\r\n{inner}")).await;
        assert_eq!((status(&said), answers(&said)), (400, 1), "{headers:?}: {said}");
    }
    for line in
        ["GET /nowhere HTTP/1.0\r\nTransfer-Encoding: chunked", "GET /no where HTTP/1.1", "GET /\0 HTTP/1.1"]
    {
        let said = raw(&world, format!("{line}\r\nHost: g\r\n\r\n{inner}")).await;
        assert_eq!((status(&said), answers(&said)), (400, 1), "{line:?}: {said}");
    }
}

/// Chunks that lie about their size are no chunks.
#[tokio::test]
async fn a_chunk_that_is_none_breaks_the_body_off() {
    let world = World::new().await;
    let inner = smuggled(&world);
    for chunk in
        ["zz\r\n", "-1\r\n", "0x5\r\nhello\r\n0\r\n\r\n", "fffffffffffffffff\r\n", "2\r\nhello\r\n0\r\n\r\n"]
    {
        let said = raw(
            &world,
            format!(
                "POST /twitter/media/upload HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {}\r\n\
                 Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{inner}",
                world.key
            ),
        )
        .await;
        assert!(answers(&said) <= 1 && !said.contains(" 200 "), "{chunk:?}: {said}");
    }
}

#[tokio::test]
async fn a_head_is_bounded_in_lines_and_bytes() {
    let world = World::new().await;
    let long = "a".repeat(70_000);
    for (head, wanted) in [
        (format!("GET /usage HTTP/1.1\r\nHost: g\r\n{}\r\n", "X: y\r\n".repeat(101)), [431, 431]),
        (format!("GET /usage HTTP/1.1\r\nHost: g\r\nX: {long}\r\n\r\n"), [431, 431]),
        (format!("GET /{long} HTTP/1.1\r\nHost: g\r\n\r\n"), [414, 431]),
        (format!("GET /usage HTTP/1.1\r\nHost: g\r\n{}", "X: y\r\n".repeat(20_000)), [431, 431]),
    ] {
        let said = raw(&world, head).await;
        assert!(wanted.contains(&status(&said)), "{said}");
    }
    let said = raw(
        &world,
        format!("GET /usage HTTP/1.1\r\nHost: g\r\n{}Connection: close\r\n\r\n", "X: y\r\n".repeat(90)),
    )
    .await;
    assert_eq!(status(&said), 401, "{said}");
}

/// Only HTTP/1.1 is spoken: an upgrade, or HTTP/2 at once, leads nowhere.
#[tokio::test]
async fn http2_is_not_spoken() {
    let world = World::new().await;
    let said = raw(&world, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    assert!(answers(&said) <= 1 && !said.contains(" 200 "), "{said}");
    let upgrade = "GET /nowhere HTTP/1.1\r\nHost: g\r\nConnection: upgrade, http2-settings, close\r\nUpgrade: h2c\r\n\
        HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n";
    assert_eq!(status(&raw(&world, upgrade).await), 404);
}
