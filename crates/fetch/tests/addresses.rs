//! What must not be reached is not reached, however it is spelled and whoever points there.
#![cfg(test)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use chunkwise_fetch::{AddressPolicy, FetchLimits, FetchProblem, Fetcher, PublicReason, TargetError};
use rustls::RootCertStore;
use support::{
    MEDIA, NAME, Names, Origin, failed, fetch, fetcher, is_denied, limits, names, not_fetched, trusting,
};
use tokio::io::AsyncWriteExt as _;

/// Loopback, as the URL standard finds it.
const LOOPBACK: &[&str] = &[
    "127.0.0.1",
    "2130706433",
    "0x7f.1",
    "0x7f000001",
    "017700000001",
    "0177.0.0.1",
    "127.1",
    "127.0.0.1.",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::1]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[2002:7f00:1::]",
    "0",
    "0.0.0.0",
    "[::]",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "%31%32%37.0.0.1",
];

/// What is no address, but no name of the public internet either.
const LOCAL_NAMES: &[&str] =
    &["localhost", "LocalHost", "a.localhost", "printer.local", "db.internal", "x.home.arpa", "intranet"];

#[tokio::test]
async fn every_spelling_of_loopback_is_denied() {
    let origin = Origin::answering(MEDIA).await;
    let fetcher = fetcher(limits(&origin));
    for host in LOOPBACK {
        let url = format!("http://{host}:{}/?key=query-secret", origin.address.port());
        let error = not_fetched(fetch(&fetcher, &url).await);
        assert!(is_denied(&error), "{host}: {error}");
    }
    assert_eq!(origin.connections(), 0);
    // The same by its allowed name, so that it is the policy that denied it.
    assert_eq!(fetch(&fetcher, &origin.url()).await.unwrap(), b"media");
}

#[tokio::test]
async fn a_redirect_to_every_spelling_of_loopback_is_denied() {
    for host in LOOPBACK {
        let origin = Origin::redirecting(302, &format!("http://{host}:{{port}}/end?key=secret")).await;
        let error = not_fetched(fetch(&fetcher(limits(&origin)), &origin.url()).await);
        // Of a header's bytes that are not ASCII, some servers send UTF-8; that is read as such.
        assert!(is_denied(&error), "{host}: {error}");
        assert_eq!((origin.connections(), error.redirects()), (1, 1), "{host}");
    }
}

#[tokio::test]
async fn names_of_local_networks_are_not_looked_up() {
    let origin = Origin::answering(MEDIA).await;
    let port = origin.address.port();
    let mut names = names();
    for name in LOCAL_NAMES {
        names = names.with(&name.to_lowercase(), &["127.0.0.1"]);
    }
    let names = Arc::new(names);
    let policy = AddressPolicy::public().allow("127.0.0.0/8".parse::<ipnet::IpNet>().unwrap());
    let tls = || trusting(RootCertStore::empty());
    let fetcher = Fetcher::new(limits(&origin), policy.clone(), Arc::<Names>::clone(&names), tls());
    for name in LOCAL_NAMES {
        let error = not_fetched(fetch(&fetcher, &format!("http://{name}:{port}/")).await);
        assert!(matches!(error.problem(), FetchProblem::Target(TargetError::Host { .. })), "{name}: {error}");
    }
    assert_eq!((names.asked().len(), origin.connections()), (0, 0));
    // Unless they are allowed.
    let policy = policy.allow_host("localhost");
    let fetcher = Fetcher::new(limits(&origin), policy, Arc::<Names>::clone(&names), tls());
    assert_eq!(fetch(&fetcher, &format!("http://LOCALHOST:{port}/")).await.unwrap(), b"media");
}

#[tokio::test]
async fn a_name_with_any_private_address_is_denied() {
    let origin = Origin::answering(MEDIA).await;
    let names = Names::default()
        .with("mixed.example", &["93.184.216.34", "127.0.0.1"])
        .with("six.example", &["::ffff:169.254.169.254"])
        .with("none.example", &[]);
    let policy = AddressPolicy::public();
    let tls = trusting(RootCertStore::empty());
    let fetcher = Fetcher::new(limits(&origin), policy, Arc::new(names), tls);
    for (name, denied) in
        [("mixed.example", true), ("six.example", true), ("none.example", false), ("unknown.example", false)]
    {
        let url = format!("http://{name}:{}/?key=query-secret", origin.address.port());
        let error = not_fetched(fetch(&fetcher, &url).await);
        assert_eq!(is_denied(&error), denied, "{name}: {error}");
    }
    assert_eq!(origin.connections(), 0);
}

/// What a stranger can tell apart is the URL's own text, and never what is behind it.
#[tokio::test]
async fn blocked_closed_and_refused_sound_the_same() {
    let refusing = Origin::answering("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
    let garbled =
        Origin::start(|mut stream, _| async move { stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n\r\n").await })
            .await;
    let mut limits = limits(&refusing);
    limits.ports.extend([garbled.address.port(), 1]);
    let fetcher = fetcher(limits);
    for url in [
        refusing.url(),
        garbled.url(),
        format!("http://{NAME}:1/closed"),
        format!("https://{NAME}:{}/no-tls", garbled.address.port()),
        "http://127.0.0.1/blocked".to_owned(),
        "http://[fd00:ec2::254]/blocked".to_owned(),
        "http://metadata.internal/blocked".to_owned(),
        "http://unknown.example/unresolved".to_owned(),
    ] {
        not_fetched(fetch(&fetcher, &url).await);
    }
    assert_eq!((refusing.connections(), garbled.connections()), (1, 2));
}

#[tokio::test]
async fn what_is_no_such_url_is_told_without_a_lookup() {
    let names = Arc::new(names());
    let policy = AddressPolicy::public();
    let tls = trusting(RootCertStore::empty());
    let (floor, jitter) = (Duration::ZERO, Duration::ZERO);
    let limits = FetchLimits { floor, jitter, ..FetchLimits::default() };
    let fetcher = Fetcher::new(limits, policy, Arc::<Names>::clone(&names), tls);
    let long = format!("http://{NAME}/{}", "a".repeat(8192));
    for url in [
        "",
        "media.example/secret",
        "//media.example/secret",
        "file:///etc/secret",
        "ftp://media.example/secret",
        "gopher://media.example/secret",
        "data:text/plain,secret",
        "http://",
        "http:///",
        "http://user:secret@media.example/",
        "http://secret@media.example/",
        "http://:secret@media.example/",
        "http://media.example:22/secret",
        "http://media.example:0/secret",
        "http://media.example:99999/secret",
        "https://media.example:8443/secret",
        "http://[fe80::1%25eth0]/secret",
        "http://[fe80::1%eth0]/secret",
        "http://media.example/\r\nsecret: x",
        "http://media\t.example/secret",
        "http://media example/secret",
        "http://media.example\0/secret",
        &long,
    ] {
        let (error, public) = failed(fetch(&fetcher, url).await);
        assert_eq!(public, PublicReason::BadUrl, "{url:?}: {error}");
    }
    let (name, label) = (format!("{}example", "a.".repeat(124)), "a".repeat(64));
    for host in
        ["media.example.", "media..example", "*.example", "a!b.example", &name, &format!("{label}.example")]
    {
        let error = not_fetched(fetch(&fetcher, &format!("http://{host}/?secret")).await);
        assert!(matches!(error.problem(), FetchProblem::Target(TargetError::Host { .. })), "{host}: {error}");
    }
    assert_eq!(names.asked(), [""; 0]);
}
