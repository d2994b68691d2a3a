//! Redirects: each is a new URL with the whole way before it.
#![cfg(test)]

mod support;

use std::sync::Arc;

use chunkwise_fetch::{AddressPolicy, FetchLimits, FetchProblem, Fetcher, TargetError};
use rustls::RootCertStore;
use support::{
    MEDIA, NAME, Origin, fetch, fetcher, is_denied, limits, names, not_fetched, read_head, trusting,
};
use tokio::io::AsyncWriteExt as _;

#[tokio::test]
async fn every_kind_is_followed_with_a_get_that_says_nothing_of_where_it_was() {
    for status in [301, 302, 303, 307, 308] {
        for location in
            ["/end", "../end", "//media.example:{port}/end", "http://media.example:{port}/end#part"]
        {
            let origin = Origin::redirecting(status, location).await;
            let fetched = fetch(&fetcher(limits(&origin)), &origin.url()).await;
            assert_eq!(fetched.unwrap(), b"media", "{status} {location}");
            assert_eq!(origin.connections(), 2);
        }
    }
}

#[tokio::test]
async fn a_loop_ends_after_three() {
    let origin = Origin::redirecting(302, "/again?key=query-secret").await;
    let error = not_fetched(fetch(&fetcher(limits(&origin)), &origin.url()).await);
    assert!(matches!(error.problem(), FetchProblem::Redirects { limit: 3 }), "{error}");
    assert_eq!((origin.connections(), error.redirects()), (4, 3));

    let none = FetchLimits { redirects: 0, ..limits(&origin) };
    let error = not_fetched(fetch(&fetcher(none), &origin.url()).await);
    assert!(matches!(error.problem(), FetchProblem::Redirects { limit: 0 }), "{error}");
    assert_eq!(origin.connections(), 5);
}

#[tokio::test]
async fn three_are_followed() {
    let origin = Origin::start(|mut stream, number| async move {
        read_head(&mut stream).await?;
        let answer = match number {
            0..3 => format!("HTTP/1.1 302 Found\r\nLocation: /{number}\r\nContent-Length: 0\r\n\r\n"),
            _ => MEDIA.to_owned(),
        };
        stream.write_all(answer.as_bytes()).await
    })
    .await;
    assert_eq!(fetch(&fetcher(limits(&origin)), &origin.url()).await.unwrap(), b"media");
    assert_eq!(origin.connections(), 4);
}

/// None of these goes any further, and none is told to a stranger.
#[tokio::test]
async fn what_is_no_url_for_a_fetch_is_none_behind_a_redirect_either() {
    for location in [
        "file:///etc/passwd",
        "ftp://media.example/",
        "gopher://media.example:{port}/_x",
        "data:text/plain,secret",
        "javascript:0",
        "http://user:secret@media.example:{port}/end",
        "http://media.example:22/",
        "http://localhost:{port}/end",
        "http://metadata.internal/",
        "http://media.example.:{port}/end",
        "http://[fe80::1%25eth0]/",
        "http://",
    ] {
        let origin = Origin::redirecting(302, location).await;
        let error = not_fetched(fetch(&fetcher(limits(&origin)), &origin.url()).await);
        assert!(matches!(error.problem(), FetchProblem::Redirect(_)), "{location}: {error}");
        assert_eq!((origin.connections(), error.redirects()), (1, 0), "{location}");
    }
    // The second one is short until its characters are written as a URL has them.
    for location in ["a".repeat(8192), "①".repeat(2000)] {
        let origin = Origin::redirecting(302, &format!("/{location}")).await;
        let error = not_fetched(fetch(&fetcher(limits(&origin)), &origin.url()).await);
        assert!(matches!(error.problem(), FetchProblem::Redirect(TargetError::Long { .. })), "{error}");
    }
}

#[tokio::test]
async fn another_host_is_looked_up_and_checked_anew() {
    let other = Origin::answering(MEDIA).await;
    let port = other.address.port();
    for (location, denied) in [
        (format!("http://private.example:{port}/"), true),
        ("http://169.254.169.254/latest/meta-data/".to_owned(), true),
        ("http://unknown.example/".to_owned(), false),
    ] {
        let origin = Origin::redirecting(307, &location).await;
        let mut limits = limits(&origin);
        limits.ports.push(port);
        let names = Arc::new(names().with("private.example", &["127.0.0.1"]));
        let policy = AddressPolicy::public().allow_host(NAME);
        let tls = trusting(RootCertStore::empty());
        let fetcher = Fetcher::new(limits, policy, Arc::<support::Names>::clone(&names), tls);
        let error = not_fetched(fetch(&fetcher, &origin.url()).await);
        assert_eq!(is_denied(&error), denied, "{location}: {error}");
        assert_eq!(names.asked()[0], NAME);
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn a_redirect_without_one_location_leads_nowhere() {
    for headers in ["", "Location: /end\r\nLocation: /end\r\n", "Location: /\u{1}\r\n"] {
        let origin =
            Origin::answering(format!("HTTP/1.1 302 Found\r\n{headers}Content-Length: 0\r\n\r\n")).await;
        let error = not_fetched(fetch(&fetcher(limits(&origin)), &origin.url()).await);
        let expected = matches!(error.problem(), FetchProblem::NoLocation(_) | FetchProblem::NoAnswer(_));
        assert!(expected, "{headers:?}: {error}");
        assert_eq!(origin.connections(), 1);
    }
}

#[tokio::test]
async fn other_statuses_are_no_media() {
    for status in [201, 204, 206, 300, 304, 305, 400, 401, 403, 404, 416, 500, 503] {
        let head = format!("HTTP/1.1 {status} So\r\nLocation: /end\r\nContent-Length: 0\r\n\r\n");
        let origin = Origin::answering(head).await;
        let error = not_fetched(fetch(&fetcher(limits(&origin)), &origin.url()).await);
        assert!(
            matches!(error.problem(), FetchProblem::Status(found) if *found == status),
            "{status}: {error}"
        );
        assert_eq!(origin.connections(), 1);
    }
}
