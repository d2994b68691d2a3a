//! T1, T3, T4, T9, T16, T17: what a client can make the gateway fetch, or dial.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use chunkwise_gateway::store::KeyLimits;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::world::key_with;
use crate::world::{self, Answer, World, origin, png};
use crate::{any_port, spooled, until, upload_of, with_room};

/// An origin that does as it is told, and how many have come to it.
struct Evil {
    address: SocketAddr,
    came: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Evil {
    async fn new<F>(serve: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let evil = Self {
            address: listener.local_addr().unwrap(),
            came: Arc::default(),
            open: Arc::default(),
            heads: Arc::default(),
        };
        let (came, open, heads) = (evil.came.clone(), evil.open.clone(), evil.heads.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                came.fetch_add(1, Ordering::SeqCst);
                let mut head = [0; 4096];
                let read = stream.read(&mut head).await.unwrap_or(0);
                heads.lock().unwrap().push(String::from_utf8_lossy(&head[..read]).into_owned());
                let (open, served) = (open.clone(), serve(stream));
                open.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let _ = served.await;
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        evil
    }

    /// One answer.
    async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::new(move |mut stream| {
            let answer = answer.clone();
            async move { stream.write_all(&answer).await }
        })
        .await
    }

    /// A head, then this for ever.
    async fn endless(head: &'static str, filler: Vec<u8>) -> Self {
        Self::new(move |mut stream| {
            let filler = filler.clone();
            async move {
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(&png(4_096)).await?;
                loop {
                    stream.write_all(&filler).await?;
                }
            }
        })
        .await
    }

    fn url(&self) -> String {
        format!("http://{}/photo.png?signature=canary", self.address)
    }
}

fn of_url(world: &World, url: &str) -> Value {
    json!({ "auth_token": world.token, "media_url": url })
}

/// Everything that a client can tell answers apart by, but for what differs between any two: ids and the date.
fn seen(answer: &Answer) -> String {
    let request_id = answer.header("x-request-id").unwrap();
    let head = answer.head.lines().filter(|line| !line.starts_with("date:"));
    let head = head.collect::<Vec<_>>().join("\n");
    format!("{head}\n\n{}", answer.body).replace(request_id, "(the request)")
}

async fn untouched(world: &World) {
    until("the spool is empty", async || spooled(world).is_empty()).await;
    assert_eq!(world.sandbox.media_ids().len(), 0);
    let usage = world.get("/usage").await.json();
    assert_eq!((usage["calls"].as_u64(), usage["reserved_micro_dollars"].as_u64()), (Some(0), Some(0)));
}

/// Threats T1, T3, T17.
#[tokio::test]
async fn blocked_closed_unresolvable_and_not_found_are_one_answer_to_the_byte() {
    let world = with_room(World::with(any_port).await).await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let not_found = Evil::answering("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
    let garbled = Evil::answering("SSH-2.0-OpenSSH_9.2\r\n").await;
    let redirect = |to: &str| format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
    let to_metadata = Evil::answering(redirect("http://169.254.169.254/latest/meta-data/")).await;
    let to_file = Evil::answering(redirect("file:///etc/passwd")).await;
    let to_closed = Evil::answering(redirect(&format!("http://{closed}/"))).await;
    let urls = [
        "http://10.0.0.1/x.png".to_owned(),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://168.63.129.16/".to_owned(),
        "http://[::1]/x.png".to_owned(),
        "http://[::ffff:10.0.0.1]/x.png".to_owned(),
        "http://0x0a000001/x.png".to_owned(),
        "http://localhost/x.png".to_owned(),
        "http://metadata.google.internal/x.png".to_owned(),
        "http://no-such-name.invalid/x.png".to_owned(),
        format!("http://{closed}/x.png"),
        format!("https://{}/x.png", garbled.address),
        not_found.url(),
        garbled.url(),
        to_metadata.url(),
        to_file.url(),
        to_closed.url(),
    ];
    let answers = urls.iter().map(async |url| (url, world.upload("", &of_url(&world, url)).await));
    let answers = futures::future::join_all(answers).await;
    let kinds: BTreeSet<_> = answers.iter().map(|(_, answer)| seen(answer)).collect();
    assert_eq!(kinds.len(), 1, "{answers:#?}");
    assert_eq!(answers[0].1.status, 400);
    assert_eq!(answers[0].1.json()["error"], "media_url could not be fetched");
    untouched(&world).await;
}

/// Threat T9.
#[tokio::test]
async fn origins_that_lie_or_never_end_are_refused_and_leave_nothing() {
    let world = with_room(World::with(any_port).await).await;
    let ok = |headers: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n{headers}\r\n\r\n");
        [head.as_bytes(), body].concat()
    };
    let media = png(20_000);
    let chunk = |body: &[u8]| [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n"].concat();
    let interrupted = "media_url broke off, came too slowly or had another length than announced";
    let unsupported =
        "media_url was answered in a way that is not supported: send the media as it is, and its length";
    let not_fetched = "media_url could not be fetched";
    let lies = [
        ("fewer bytes than announced", ok("Content-Length: 30000", &media), interrupted),
        ("more bytes than announced", ok("Content-Length: 10000", &media), interrupted),
        ("a last chunk that is missing", ok("Transfer-Encoding: chunked", &chunk(&media)), interrupted),
        (
            "a length and a coding",
            ok("Transfer-Encoding: chunked\r\nContent-Length: 20000", &chunk(&media)),
            unsupported,
        ),
        ("no end that can be told", ok("X: y", &media), unsupported),
        ("gzip", ok("Content-Encoding: gzip\r\nContent-Length: 20000", &media), unsupported),
        ("a giant head", ok(&format!("X: {}", "a".repeat(200_000)), &media), not_fetched),
        ("many headers", ok(&"X: y\r\n".repeat(150), &media), not_fetched),
        ("many interim answers", "HTTP/1.1 100 Continue\r\n\r\n".repeat(20_000).into_bytes(), not_fetched),
    ];
    let lies = lies.map(async |(what, answer, wanted)| {
        let evil = Evil::answering(answer).await;
        let answer = world.upload("", &of_url(&world, &evil.url())).await;
        // Whether X was told of it before it broke off is chance; the reason is that of the origin.
        assert_eq!(
            (answer.status, answer.json()["error"].as_str()),
            (400, Some(wanted)),
            "{what}: {answer:?}"
        );
        assert_eq!(evil.came.load(Ordering::SeqCst), 1, "{what}: nothing is tried a second time");
    });
    futures::future::join_all(lies).await;
    for (what, head, filler) in [
        (
            "endless chunks",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n",
            b"\r\n4\r\nabcd".repeat(2_000),
        ),
        ("a giant length", "HTTP/1.1 200 OK\r\nContent-Length: 536870912\r\n\r\n", vec![0; 8_000]),
    ] {
        let evil = Evil::endless(head, filler).await;
        let answer = world.upload("", &of_url(&world, &evil.url())).await;
        assert!(matches!(answer.status, 400 | 413), "{what}: {answer:?}");
        until("the connection is closed", async || evil.open.load(Ordering::SeqCst) == 0).await;
    }
    untouched(&world).await;
}

/// Threat T10: what an origin calls a picture and is none.
#[tokio::test]
async fn a_login_page_is_no_media() {
    let world = World::with(any_port).await;
    let page = b"<!doctype html><title>Log in</title>".to_vec();
    for content_type in ["text/html", "image/png", "video/mp4"] {
        let address = origin(content_type, page.clone()).await;
        let answer = world.upload("", &of_url(&world, &format!("http://{address}/photo.png"))).await;
        assert_eq!(answer.status, 400, "{content_type}: {answer:?}");
    }
    untouched(&world).await;
}

fn quota(bytes_per_minute: u64) -> KeyLimits {
    KeyLimits { bytes_per_minute, ..KeyLimits::default() }
}

/// Threat T16: the limit on a key's bytes counts what was fetched for it, whatever became of that.
#[tokio::test]
async fn a_key_has_so_much_fetched_in_a_minute_and_failures_count() {
    let mut world = World::with(any_port).await;
    world.key = key_with(&world.gateway, quota(3_000_000)).await;
    // No media, which is known when all of it is there, since nobody says how much that is.
    let chunk = [&b"1e8480\r\n"[..], &vec![b'x'; 2_000_000], b"\r\n0\r\n\r\n"].concat();
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n";
    let evil = Evil::answering([&head[..], &chunk].concat()).await;
    let body = of_url(&world, &evil.url());
    for _ in 0..2 {
        assert_eq!(world.upload("", &body).await.status, 400);
    }
    let refused = world.upload("", &body).await;
    assert_eq!(refused.status, 429, "{refused:?}");
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() <= 60);
    // So do bodies that are refused.
    world.key = key_with(&world.gateway, quota(100_000)).await;
    let bad =
        json!({ "auth_token": world.token, "media_data": "A".repeat(200_000), "media_type": "image/png" });
    assert_eq!(world.upload("", &bad).await.status, 400);
    assert_eq!(world.upload("", &upload_of(&world, 10)).await.status, 429);
}

/// Threat T16: whoever is fetched from can see who it was, and where to complain.
#[tokio::test]
async fn an_origin_is_told_whom_to_complain_to() {
    let world = World::with(|settings| {
        any_port(settings);
        settings.fetch.contact = Some("https://example.org/abuse".to_owned());
    })
    .await;
    let evil = Evil::answering("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
    world.upload("", &of_url(&world, &evil.url())).await;
    let head = evil.heads.lock().unwrap()[0].to_lowercase();
    assert!(head.contains("user-agent: chunkwise/0.1.0 (+https://example.org/abuse)\r\n"), "{head}");
    for bad in ["", "two words", "line\nfeed", "(nested)", "caf\u{e9}@example.org"] {
        let state = tempfile::tempdir().unwrap();
        let mut settings = chunkwise_gateway::settings::Settings::default();
        settings.listen.set_port(0);
        settings.admin.set_port(0);
        settings.state_dir = state.path().join("state");
        settings.fetch.contact = Some(bad.to_owned());
        let error = world::start(settings).await.unwrap_err().to_string();
        assert!(error.contains("fetch.contact"), "{error}");
    }
}

/// What an operator denies is denied, and what can't be read is told.
#[tokio::test]
async fn a_public_network_can_be_denied() {
    let state = tempfile::tempdir().unwrap();
    let mut settings = chunkwise_gateway::settings::Settings::default();
    settings.listen.set_port(0);
    settings.admin.set_port(0);
    settings.state_dir = state.path().join("state");
    settings.fetch.deny_networks = vec!["203.0.113.300".to_owned()];
    let error = world::start(settings).await.unwrap_err().to_string();
    assert!(error.contains("fetch.deny_networks") && error.contains("203.0.113.300"), "{error}");
}

/// Threats T4, T17: a proxy is dialled only where a URL could lead, and what is blocked is told as what is closed.
#[tokio::test]
async fn a_proxy_in_a_private_network_is_not_dialled_and_looks_like_one_that_is_down() {
    let world = World::with(|settings| {
        settings.fetch.allow_hosts = Vec::new();
        // One address of loopback is as public as can be here.
        settings.fetch.allow_networks = vec!["127.0.0.9/32".to_owned()];
        // All are tried again and again, which would take half a minute.
        settings.caps.upload_seconds = 2;
    })
    .await;
    let world = with_room(world).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let private = listener.local_addr().unwrap();
    let dialled = Arc::<AtomicUsize>::default();
    let count = dialled.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let proxies = [
        format!("http://{private}"),
        format!("https://{private}"),
        format!("socks5://user:secret@{private}"),
        format!("socks4://{private}"),
        "http://169.254.169.254:80".to_owned(),
        format!("http://localhost:{}", private.port()),
        "http://127.0.0.9:1".to_owned(),
        "http://no-such-name.invalid:8080".to_owned(),
    ];
    let answers = proxies.iter().map(async |proxy| {
        let mut body = upload_of(&world, 100);
        body["proxy"] = json!(proxy);
        (proxy, world.upload("", &body).await)
    });
    let answers = futures::future::join_all(answers).await;
    let kinds: BTreeSet<_> = answers.iter().map(|(_, answer)| seen(answer)).collect();
    assert_eq!(kinds.len(), 1, "{answers:#?}");
    assert_eq!(answers[0].1.status, 504, "{answers:?}");
    assert_eq!(dialled.load(Ordering::SeqCst), 0);
    untouched(&world).await;
}
