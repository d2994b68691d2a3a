//! What goes beyond the contract: plain bytes in, news as they come, giving up.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chunkwise_sandbox::ProcessingScript;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::looking::video;
use crate::world::{Answer, World, png};

async fn put(world: &World, headers: &str, content: &[u8]) -> Answer {
    let head = format!(
        "PUT /uploads HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {}\r\nX-Auth-Token: {}\r\n{headers}",
        world.key, world.token
    );
    world.say(&head, content).await
}

#[tokio::test]
async fn bytes_as_they_are_become_a_media() {
    let world = World::new().await;
    world.sandbox.change_settings(|settings| {
        settings.processing.video = ProcessingScript::already_succeeded();
    });
    let photo = png(300_000);
    for headers in ["Content-Type: image/png\r\n", "Content-Type: application/octet-stream\r\n", ""] {
        let answer = put(&world, headers, &photo).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let data = &answer.json()["data"];
        assert_eq!((data["media_type"].as_str(), data["size"].as_u64()), (Some("image/png"), Some(300_000)));
        assert!(world.content(data["media_id"].as_str().unwrap()).await == photo);
    }
    let movie = video(9 << 20, true);
    let answer = put(&world, "Content-Type: video/mp4\r\n", &movie).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(world.content(answer.json()["data"]["media_id"].as_str().unwrap()).await == movie);
    assert_eq!(world.get("/usage").await.json()["calls"], 4);
}

#[tokio::test]
async fn bytes_with_a_key_are_taken_once() {
    let world = World::new().await;
    let key = "Idempotency-Key: once\r\nContent-Type: image/png\r\n";
    let first = put(&world, key, &png(5_000)).await;
    let again = put(&world, key, &png(5_000)).await;
    assert_eq!((first.status, again.status, &first.body), (200, 200, &again.body));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(put(&world, key, &png(5_001)).await.status, 422);
    assert_eq!(world.get("/usage").await.json()["calls"], 1);
}

#[tokio::test]
async fn bytes_that_won_t_do_are_refused_in_one_sentence() {
    let world = World::new().await;
    let head = format!("PUT /uploads HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {}\r\n", world.key);
    let answer = world.say(&head, &png(100)).await;
    let said = answer.json();
    assert_eq!(said["error"], "Provide the auth_token in the header X-Auth-Token");
    for (headers, content, status, error) in [
        ("Content-Type: text/html\r\n", png(100), 400, "Content-Type is none that X takes"),
        ("Content-Type: image/jpeg\r\n", png(100), 400, "The media can't be used: the content is image/png"),
        ("", b"hello".to_vec(), 400, "The media can't be used: "),
        ("", Vec::new(), 400, "The media can't be used: "),
    ] {
        let answer = put(&world, headers, &content).await;
        let said = answer.json()["error"].as_str().unwrap().to_owned();
        assert_eq!((answer.status, said.starts_with(error)), (status, true), "{said}");
    }
    assert_eq!(world.sandbox.media_ids().len(), 0);
    assert!(world.files("spool").is_empty());
}

/// Reads the events of an upload until the stream is over.
async fn events(world: &World, place: &str) -> Vec<(String, Value)> {
    let mut stream = TcpStream::connect(world.gateway.address()).await.unwrap();
    let request =
        format!("GET {place}/events HTTP/1.0\r\nHost: g\r\nAuthorization: Bearer {}\r\n\r\n", world.key);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.to_lowercase().contains("content-type: text/event-stream"), "{head}");
    let blocks = body.split("\n\n").filter(|block| block.starts_with("event:"));
    blocks
        .map(|block| {
            let (event, data) = block.split_once('\n').unwrap();
            let data = data.strip_prefix("data:").unwrap();
            (event["event:".len()..].trim().to_owned(), serde_json::from_str(data).unwrap())
        })
        .collect()
}

#[tokio::test]
async fn news_come_as_they_are_made_until_the_end() {
    let world = World::new().await;
    world.sandbox.change_settings(|settings| {
        // In progress once, then there.
        let mut script = ProcessingScript::succeeds();
        script.steps.remove(2);
        script.steps.remove(0);
        settings.processing.video = script;
    });
    let content = video(9 << 20, false);
    let answer = put(&world, "Prefer: respond-async\r\nContent-Type: video/mp4\r\n", &content).await;
    let place = answer.header("location").unwrap().to_owned();
    let seen = events(&world, &place).await;
    let (last, before) = seen.split_last().unwrap();
    assert!(before.len() > 1 && before.iter().all(|(event, _)| event == "progress"), "{seen:?}");
    assert!(before.iter().any(|(_, data)| data["phase"] == "processing"), "{seen:?}");
    let stored: Vec<_> = seen.iter().map(|(_, data)| data["progress"]["stored"].as_u64().unwrap()).collect();
    assert!(stored.is_sorted(), "{stored:?}");
    assert_eq!((last.0.as_str(), last.1["phase"].as_str()), ("ended", Some("completed")));
    assert!(last.1["media_id"].is_string(), "{last:?}");
    // Who comes late has the end at once.
    assert_eq!(events(&world, &place).await.first(), Some(last));
    // Nobody else's business.
    let other = crate::world::new_key(&world.gateway, chunkwise_gateway::store::Billing::Metered).await;
    let head = format!("GET {place}/events HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {other}\r\n");
    assert_eq!(world.say(&head, b"").await.status, 404);
}

/// Also while the media is still coming, and nobody knows what it is.
#[tokio::test]
async fn a_download_can_be_given_up() {
    let world = World::with(|settings| settings.fetch.allow_ports = (1..=u16::MAX).collect()).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = listener.local_addr().unwrap();
    let body = json!({ "auth_token": world.token, "media_url": format!("http://{silent}/a.png") });
    let accepted = world.upload("Prefer: respond-async\r\n", &body).await;
    let place = accepted.header("location").unwrap().to_owned();
    let (_held, _) = listener.accept().await.unwrap();
    let head = format!("DELETE {place} HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {}\r\n", world.key);
    assert_eq!(world.say(&head, b"").await.status, 202);
    let seen = world.until(&place, |seen| seen["ended"] == true).await;
    assert_eq!(seen["error"], "The upload was cancelled");
    assert_eq!(world.get("/usage").await.json()["reserved_micro_dollars"], 0);
    assert_eq!(world.say(&head, b"").await.status, 409);
}

/// Once its request is whole, who goes away does not end it; with the same key it finds the result.
#[tokio::test]
async fn who_goes_away_after_the_last_byte_finds_the_result() {
    let world = World::new().await;
    let body = json!({
        "auth_token": world.token, "media_data": STANDARD.encode(png(4_000_000)), "media_type": "image/png",
    });
    let text = body.to_string();
    let request = format!(
        "POST /twitter/media/upload HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {}\r\nIdempotency-Key: once\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}",
        world.key,
        text.len()
    );
    let mut gone = TcpStream::connect(world.gateway.address()).await.unwrap();
    gone.write_all(request.as_bytes()).await.unwrap();
    drop(gone);
    world.until("/uploads", |listed| listed["uploads"][0]["phase"] == "completed").await;
    let answer = world.upload("Idempotency-Key: once\r\n", &body).await;
    assert_eq!((answer.status, answer.header("idempotent-replayed")), (200, Some("true")), "{answer:?}");
    assert_eq!(
        (world.get("/usage").await.json()["calls"].as_u64(), world.sandbox.media_ids().len()),
        (Some(1), 1)
    );
}
