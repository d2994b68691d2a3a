//! T11, T20: what was told in confidence is in no log line of whatever level, no answer, no metric and no byte of any file; and
//! nobody writes lines of the log but us.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Once};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chunkwise_sandbox::credentials;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::world::{World, origin, png, say};
use crate::{any_port, raw, upload_of, with_room};

/// All that is logged, by every crate that logs, at the lowest level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One for the whole process: the tests of one process share it.
fn log() -> Log {
    static LOG: Mutex<Option<Log>> = Mutex::new(None);
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let log = Log::default();
        let writer = log.clone();
        tracing_subscriber::fmt()
            .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .init();
        *LOG.lock().unwrap() = Some(log);
    });
    LOG.lock().unwrap().clone().unwrap()
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// Every byte of every file under a folder, by name.
fn files(folder: PathBuf) -> Vec<(PathBuf, Vec<u8>)> {
    let (mut left, mut found) = (vec![folder], Vec::new());
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if let Ok(bytes) = std::fs::read(&path) {
            found.push((path, bytes));
        }
    }
    found
}

fn holds(bytes: &[u8], secret: &str) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
}

/// As it is, and as it would look encoded in some way.
fn shapes(secret: &str) -> Vec<String> {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let inner = STANDARD.encode(secret).trim_end_matches('=').to_owned();
    vec![secret.to_owned(), hex, inner[..inner.len() - 1].to_owned()]
}

#[tokio::test]
async fn no_secret_is_logged_answered_measured_or_written_down() {
    let log = log();
    let world = World::with(|settings| {
        any_port(settings);
        settings.caps.upload_seconds = 2;
    })
    .await;
    let world = with_room(world).await;
    let good = origin("image/png", png(300_000)).await;
    let page = origin("text/html", b"<html>canary-of-the-origin</html>".to_vec()).await;
    let not_x = origin("text/html", b"<html>Log in</html>".to_vec()).await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let data = STANDARD.encode(png(1_000));
    let signed = |address: std::net::SocketAddr| {
        format!(
            "http://{address}/canary-in-the-path/a.png?signature=canary-in-the-query#canary-in-the-fragment"
        )
    };
    let url = |url: String| json!({ "auth_token": world.token, "media_url": url });
    let proxied = |proxy: String| json!({ "auth_token": world.token, "media_data": data, "media_type": "image/png", "proxy": proxy });
    let with_token =
        |token: &str| json!({ "auth_token": token, "media_data": data, "media_type": "image/png" });
    let oauth1 = |secret: &str| {
        let (key, token, token_secret) =
            (credentials::CONSUMER_KEY, credentials::ACCESS_TOKEN, credentials::ACCESS_SECRET);
        with_token(&format!("oauth1:{key}:{secret}:{token}:{token_secret}"))
    };
    let mut said = String::new();
    let told = [
        ("a good URL", 200, url(signed(good))),
        ("good base64", 200, with_token(&world.token)),
        ("good OAuth 1.0a", 200, oauth1(credentials::CONSUMER_SECRET)),
        ("an unknown token", 502, with_token("canary-in-the-token")),
        ("a token that is none", 400, with_token("canary in the token")),
        ("a wrong consumer secret", 502, oauth1("canary-in-the-consumer-secret")),
        ("credentials with a part too many", 400, oauth1("canary-in-the-consumer-secret:canary-in-a-part")),
        ("a page", 400, url(signed(page))),
        ("nobody there", 400, url(signed(nobody))),
        ("blocked", 400, url("http://10.0.0.1/canary-in-the-path?signature=canary-in-the-query".into())),
        (
            "user and password",
            400,
            url(format!("http://canary-in-the-user:canary-in-the-password@{good}/a.png")),
        ),
        ("no URL", 400, url("canary-in-what-is-no-url".into())),
        ("a scheme", 400, url("ftp://canary.example/canary-in-the-path".into())),
        ("a file", 400, url("file:///canary-in-the-path".into())),
        (
            "a closed proxy",
            504,
            proxied(format!("http://canary-in-the-user:canary-in-the-password@{nobody}")),
        ),
        (
            "a blocked proxy",
            504,
            proxied("socks5://canary-in-the-user:canary-in-the-password@10.0.0.1:1".into()),
        ),
        (
            "a proxy that is a page",
            504,
            proxied(format!("http://canary-in-the-user:canary-in-the-password@{not_x}")),
        ),
        ("no proxy", 400, proxied("ftp://canary-in-the-user:canary-in-the-password@p".into())),
        ("no proxy at all", 400, proxied("canary in what is no proxy".into())),
        (
            "a bad type",
            400,
            json!({ "auth_token": world.token, "media_data": data, "media_type": "canary/type" }),
        ),
    ];
    let told = told.map(async |(what, wanted, body)| {
        let idem = format!("Idempotency-Key: canary-in-the-idempotency-{}\r\n", what.replace(' ', "-"));
        let answer = world.upload(&idem, &body).await;
        assert_eq!(answer.status, wanted, "{what}: {answer:?}");
        format!("{}\n{}\n", answer.head, answer.body)
    });
    said += &futures::future::join_all(told).await.concat();
    let post = json!({
        "auth_token": world.token, "text": "canary-in-the-text", "media_urls": [signed(good)],
    });
    let posted = world.post("/twitter/tweet/create", "", &post).await;
    assert_eq!(posted.status, 200, "{posted:?}");
    // What a client may read of its own: its post's text is the only one that comes back.
    assert!(posted.body.contains("canary-in-the-text"));
    for (wanted, token, proxy) in [
        (502, "canary-in-the-token", Value::Null),
        (
            502,
            world.token.as_str(),
            format!("http://canary-in-the-user:canary-in-the-password@{nobody}").into(),
        ),
        (502, world.token.as_str(), "socks4://canary-in-the-user@10.0.0.1:1".into()),
        (400, "oauth1:canary-in-a-part", Value::Null),
    ] {
        let post = json!({ "auth_token": token, "text": "canary-in-the-text", "proxy": proxy });
        let refused = world.post("/twitter/tweet/create", "", &post).await;
        assert_eq!(refused.status, wanted, "{refused:?}");
        said += &format!("{}\n{}\n", refused.head, refused.body);
    }
    // Keys that are not good, and secrets where none belong.
    for head in [
        "GET /usage HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer canary-in-the-key\r\n".to_owned(),
        format!("GET /usage HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {}canary-in-the-key\r\n", world.key),
        "GET /usage HTTP/1.1\r\nHost: g\r\nAuthorization: Basic Y2FuYXJ5OmNhbmFyeQ==\r\nCookie: auth_token=canary-in-the-cookie\r\n".to_owned(),
        "GET /canary-in-the-address?auth_token=canary-in-the-address HTTP/1.1\r\nHost: g\r\n".to_owned(),
    ] {
        let answer = world.say(&head, b"").await;
        assert!(matches!(answer.status, 401 | 404), "{answer:?}");
        said += &format!("{}\n{}\n", answer.head, answer.body);
    }
    said +=
        &raw(&world, "GET /canary in the line HTTP/1.1\r\nAuthorization: Bearer canary-in-the-line\r\n\r\n")
            .await;
    said += &world.get("/uploads").await.body;
    said += &world.get("/usage").await.body;
    said += &say(world.gateway.admin_address(), "GET /metrics HTTP/1.1\r\nHost: g\r\n", b"").await.body;
    let logged = log.text();
    for known in ["media_url can't be fetched", "DEBUG", "a proxy is not dialled", "performed op="] {
        assert!(logged.contains(known), "the log is looked at: {known}");
    }

    let state = files(world.state.path().to_owned());
    assert!(state.len() > 2, "the store and what belongs to it");
    let key_secret = &world.key[24..];
    let secrets = [
        "canary-in",
        "canary in",
        "canary-of",
        "canary/type",
        key_secret,
        world.token.as_str(),
        credentials::CONSUMER_SECRET,
        credentials::ACCESS_SECRET,
        credentials::ACCESS_TOKEN,
    ];
    for secret in secrets {
        for shape in shapes(secret) {
            for (where_, text) in [("an answer", &said), ("the log", &logged)] {
                let line = text.lines().find(|line| line.contains(&shape)).unwrap_or_default();
                assert!(line.is_empty(), "{secret} as {shape} is in {where_}: {line}");
            }
            for (path, bytes) in &state {
                assert!(!holds(bytes, &shape), "{secret} as {shape} is in {}", path.display());
            }
        }
    }
}

/// Threat T20: whatever a client sends, the log has one line for each thing that happened, and nothing that a terminal acts on.
#[tokio::test]
async fn nobody_writes_into_the_log() {
    let log = log();
    let world = World::with(any_port).await;
    let hostile = "\u{1b}[31m\u{7}\u{9b}2J forged\r\n2026-01-01T00:00:00Z  INFO forged: forged \u{202e}\u{0}";
    let mut bodies: Vec<Value> = ["auth_token", "media_url", "proxy", "media_type", "alt_text", "unknown"]
        .map(|name| {
            let mut body = upload_of(&world, 100);
            body[name] = hostile.into();
            if name == "media_url" {
                body["media_data"] = Value::Null;
            }
            body
        })
        .into();
    // The origin's words, and a certificate's, are a stranger's too.
    let evil = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = evil.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = evil.accept().await {
            use tokio::io::AsyncWriteExt as _;
            let mut stream = stream;
            let _ = stream
                .write_all(b"HTTP/1.1 200 \x1b[31mforged\r\nX: \x1b[31m\r\nLocation: \x1b\r\nforged\r\n\r\n")
                .await;
        }
    });
    for scheme in ["http", "https"] {
        bodies.push(json!({ "auth_token": world.token, "media_url": format!("{scheme}://{address}/%1b%5b31m%0aforged") }));
    }
    for body in &bodies {
        world.upload("Idempotency-Key: a\u{1b}[31m\r\n", body).await;
        world.upload("", body).await;
        world.post("/twitter/tweet/create", "", body).await;
    }
    for request in [
        "GET /\u{1b}[31mforged HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n",
        "GET /uploads/%1b%5b31m%0aforged HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n",
        "GET /usage HTTP/1.1\r\nHost: g\r\nX-Request-Id: \u{1b}[31mforged\r\nUser-Agent: \u{1b}[31m\r\nConnection: close\r\n\r\n",
        "\u{1b}[31mforged /usage HTTP/1.1\r\nHost: g\r\n\r\n",
    ] {
        raw(&world, request).await;
    }
    let logged = log.text();
    assert!(logged.contains("answered"), "the log is looked at");
    for line in logged.lines() {
        let ours = line.get(..4).is_some_and(|year| year.parse::<u16>().is_ok()) || line.is_empty();
        assert!(ours && !line.contains("INFO forged"), "{line:?}");
        let acts = line.chars().find(|c| c.is_control() && *c != '\t');
        assert_eq!(acts, None, "{line:?}");
    }
}
