//! What the gateway logs: one line for every request, nothing secret, and no line that a stranger wrote (threat T20).

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::gateway::{Answer, Gateway, PIXEL};
use crate::support::{CANARY, World, bare, finish, text, token};

/// What a stranger would have liked to see in the log as a line of its own, and on the operator's terminal.
const FORGED: &str =
    "forged\n{\"level\":\"ERROR\",\"message\":\"all keys are gone\"}\r\n\u{1b}[2J\u{1b}]0;owned\u{7}";

/// A server whose answer's head is nothing but what would be forged.
async fn hostile_origin() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(format!("HTTP/1.1 200 {FORGED}\r\n\r\n").as_bytes()).await;
        }
    });
    format!("http://{address}/{CANARY}-path?{CANARY}-query")
}

/// A gateway before the world's sandbox, with a key; it may fetch from this machine.
async fn start(world: &World, args: &[&str]) -> (Gateway, String) {
    let settings = format!(
        "[x]\nbase_url = '{}'\n[fetch]\nallow_hosts = ['127.0.0.1']\nallow_networks = ['127.0.0.0/8']\nallow_ports = {:?}\n",
        world.sandbox.base_url(),
        (1024..=u16::MAX).collect::<Vec<_>>()
    );
    let settings = world.file("gateway.toml", settings.as_bytes());
    let made = bare(world.home.path(), &["keys", "create", "mine", "--settings", text(&settings)]);
    let key = finish(made).await.stdout.trim().to_owned();
    let gateway = Gateway::start(world.home.path(), &[&["--settings", text(&settings)], args].concat()).await;
    (gateway, key)
}

/// Everything that a stranger can put something into, and the answers that have a request's id.
async fn tempt(world: &World, gateway: &Gateway, key: &str) -> Vec<Answer> {
    let mut answers = Vec::new();
    for head in [
        format!("GET /no%0a%1b%5b2J{CANARY}?{CANARY} HTTP/1.1\r\n"),
        format!("GET /uploads/%0aforged%1b HTTP/1.1\r\nAuthorization: Bearer {key}\r\n"),
        format!("GET / HTTP/1.1\r\nX-Request-Id: {CANARY}\r\nUser-Agent: {CANARY}\r\n"),
        format!("{CANARY} / HTTP/1.1\r\n"),
        format!("GET /usage HTTP/1.1\r\nAuthorization: Bearer {CANARY}\r\n"),
    ] {
        answers.push(gateway.say(head.as_bytes(), "").await);
    }
    // No HTTP at all: these never become requests.
    for head in [&b"GET /\x1b[2J HTTP/1.1\r\n"[..], b"GET / HTTP/1.1\r\nX-A: \x1b[2J\x07\r\n"] {
        assert_eq!(gateway.say(head, "").await.status, 400);
    }
    let origin = hostile_origin().await;
    for media_url in [format!("http://{FORGED}.example/"), format!("https://a.example/{FORGED}"), origin] {
        let body = json!({ "auth_token": token(), "media_url": media_url });
        answers.push(gateway.upload(key, &body).await);
    }
    let data = |auth_token: &str, media_type: &str, proxy: Option<&str>| json!({ "auth_token": auth_token, "media_data": PIXEL, "media_type": media_type, "proxy": proxy });
    answers.push(gateway.upload(key, &data(FORGED, "image/png", None)).await);
    answers.push(gateway.upload(key, &data(&token(), FORGED, None)).await);
    answers.push(gateway.upload(key, &data(&token(), "image/png", Some(FORGED))).await);
    let proxy = format!("http://user:{CANARY}@127.0.0.1:99999/");
    answers.push(gateway.upload(key, &data(&token(), "image/png", Some(&proxy))).await);
    // X itself, or who is in its place.
    let body = json!({ "title": FORGED, "detail": FORGED, "errors": [{ "message": FORGED }] }).to_string();
    let fault =
        json!([{ "operation": "initialize", "fault": { "kind": "answer", "status": 403, "body": body } }]);
    world.sandbox.install_faults(serde_json::from_value(fault).unwrap());
    answers.push(gateway.upload(key, &data(&token(), "image/png", None)).await);
    assert!(answers.iter().all(|answer| answer.status != 0), "{answers:?}");
    answers
}

#[tokio::test]
async fn every_line_is_a_json_object_with_what_strangers_sent_escaped_and_no_secret() {
    let world = World::new().await;
    // stderr is no terminal here: JSON without being asked for.
    let (gateway, key) = start(&world, &["--log-level", "trace"]).await;
    let answers = tempt(&world, &gateway, &key).await;
    let log = gateway.stop().await;

    assert!(!log.bytes().any(|byte| byte < b' ' && byte != b'\n') && !log.contains('\u{7f}'), "{log}");
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}\n{log}")))
        .collect();
    for line in &lines {
        assert!(line["level"].is_string() && line["timestamp"].is_string(), "{line}");
        assert_ne!(line["message"], "all keys are gone");
    }
    for answer in &answers {
        let of_request = |line: &&Value| {
            line["message"] == "answered" && line["request_id"].as_str() == Some(answer.request_id())
        };
        let told: Vec<_> = lines.iter().filter(of_request).collect();
        assert_eq!(told.len(), 1, "{answer:?}\n{log}");
        assert_eq!(told[0]["status"], answer.status);
        assert!(told[0]["ms"].is_u64() && told[0]["method"].is_string(), "{}", told[0]);
    }
    // What is logged on the way says whose it is.
    let fetched = lines.iter().find(|line| line["message"] == "media_url can't be fetched").unwrap();
    assert!(
        answers.iter().any(|answer| fetched["spans"][0]["request_id"] == answer.request_id()),
        "{fetched}"
    );
    let routes: Vec<_> = lines.iter().filter_map(|line| line["route"].as_str()).collect();
    assert_eq!(routes[..5], ["none", "/uploads/{id}", "/", "/", "/usage"]);
    let methods: Vec<_> = lines.iter().filter_map(|line| line["method"].as_str()).collect();
    assert_eq!(methods[2..4], ["GET", "other"]);
    // It was there to be told, and is told within a value.
    assert!(
        lines.iter().any(|line| line["error"].as_str().is_some_and(|error| error.contains("forged"))),
        "{log}"
    );
    for secret in [CANARY, &key[20..]] {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
    let last =
        lines.iter().find(|line| line["message"].as_str().is_some_and(|said| said.starts_with("stopping")));
    assert!(last.is_some(), "{log}");
}

#[tokio::test]
async fn text_keeps_to_its_lines_too() {
    let world = World::new().await;
    let (gateway, key) = start(&world, &["--log", "text", "-vv"]).await;
    tempt(&world, &gateway, &key).await;
    let log = gateway.stop().await;
    assert!(!log.bytes().any(|byte| byte < b' ' && byte != b'\n'), "{log}");
    let stopping = |line: &&str| !line.starts_with("stopping: ");
    for line in log.lines().filter(stopping) {
        let level = line.split_whitespace().nth(1).unwrap_or_default();
        assert!(["TRACE", "DEBUG", "INFO", "WARN", "ERROR"].contains(&level), "{line:?} in\n{log}");
    }
    assert!(log.contains("an upload failed") && log.contains(", forged {"), "{log}");
    assert!(!log.contains(CANARY), "{log}");
}

#[tokio::test]
async fn the_level_says_how_much_and_a_start_that_fails_is_in_the_log() {
    let world = World::new().await;
    let (gateway, key) = start(&world, &["--log-level", "error"]).await;
    gateway.get(&key, "/usage").await;
    assert_eq!(gateway.stop().await, "");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = finish(bare(world.home.path(), &["serve", "--sandbox", "--listen", &address])).await;
    let line: Value = serde_json::from_str(ran.stderr.lines().last().unwrap()).unwrap();
    assert_eq!((ran.code, &line["level"], &line["exit_code"]), (74, &json!("ERROR"), &json!(74)), "{ran:?}");
    assert!(line["message"].as_str().unwrap().starts_with(&format!("can't listen on {address}: ")), "{line}");
}
