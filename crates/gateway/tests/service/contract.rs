//! The contract, to the byte.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chunkwise_gateway::store::Billing;
use serde_json::json;

use crate::world::{self, World, new_key, origin, png};

#[tokio::test]
async fn base64_in_and_a_media_id_out() {
    let world = World::new().await;
    let content = png(24_531);
    let body = json!({
        "auth_token": world.token, "media_data": STANDARD.encode(&content), "media_type": "image/png",
    });
    let answer = world.upload("", &body).await;
    let id = answer.json()["data"]["media_id"].as_str().unwrap().to_owned();
    let wanted = format!(
        "{{\"status\":\"success\",\"msg\":\"Media uploaded successfully\",\"data\":{{\"media_id\":\"{id}\",\"media_type\":\"image/png\",\"size\":24531}}}}"
    );
    assert_eq!((answer.status, answer.body), (200, wanted));
    assert_eq!(world.content(&id).await, content);
    let usage = world.get("/usage").await.json();
    assert_eq!((usage["calls"].as_u64(), usage["charged_micro_dollars"].as_u64()), (Some(1), Some(1_000)));
}

#[tokio::test]
async fn a_url_in_and_a_media_id_out() {
    let world = World::with(|settings| settings.fetch.allow_ports = (1..=u16::MAX).collect()).await;
    let content = png(300_000);
    let address = origin("image/png", content.clone()).await;
    let body = json!({ "auth_token": world.token, "media_url": format!("http://{address}/photo.png") });
    let answer = world.upload("", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let data = &answer.json()["data"];
    assert_eq!((data["media_type"].as_str(), data["size"].as_u64()), (Some("image/png"), Some(300_000)));
    assert_eq!(world.content(data["media_id"].as_str().unwrap()).await, content);
}

#[tokio::test]
async fn what_is_wrong_is_said_in_one_sentence_and_costs_nothing() {
    let world = World::new().await;
    let token = &world.token;
    let data = STANDARD.encode(png(100));
    for (body, status, error) in [
        (json!({ "auth_token": token }), 400, "Provide either media_url or media_data"),
        (
            json!({ "auth_token": token, "media_url": "https://a.example/b", "media_data": data, "media_type": "image/png" }),
            400,
            "Provide either media_url or media_data",
        ),
        (
            json!({ "auth_token": token, "media_data": data, "media_type": "text/html" }),
            400,
            "media_type is none that X takes (image/png, video/mp4 and their like)",
        ),
        (
            json!({ "auth_token": token, "media_url": "http://127.0.0.1:1/x.png" }),
            400,
            "media_url must be an http or https URL of usual length, without credentials or an unusual port",
        ),
        (
            json!({ "auth_token": token, "media_url": "http://localhost/x.png" }),
            400,
            "media_url could not be fetched",
        ),
        (
            json!({ "auth_token": token, "media_data": data, "media_type": "image/png", "proxy": "ftp://p" }),
            400,
            "proxy must be an http, https, socks5 or socks4 URL",
        ),
    ] {
        let answer = world.upload("", &body).await;
        let said = answer.json();
        assert_eq!((answer.status, said["error"].as_str()), (status, Some(error)), "{body}");
        assert_eq!(said["request_id"].as_str(), answer.header("x-request-id"));
    }
    let refused = json!({ "auth_token": "not-a-token", "media_data": data, "media_type": "image/png" });
    let answer = world.upload("", &refused).await;
    assert_eq!(answer.status, 502);
    assert!(answer.json()["error"].as_str().unwrap().starts_with("X refused the auth_token"), "{answer:?}");
    let usage = world.get("/usage").await.json();
    assert_eq!((usage["calls"].as_u64(), usage["reserved_micro_dollars"].as_u64()), (Some(0), Some(0)));
}

#[tokio::test]
async fn only_a_good_key_gets_in_and_all_others_look_alike() {
    let world = World::new().await;
    let mut bodies = Vec::new();
    for authorization in ["", "Authorization: Bearer nonsense\r\n", "Authorization: Basic eDp5\r\n"] {
        let head = format!(
            "POST /twitter/media/upload HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\n{authorization}"
        );
        let answer = world.say(&head, b"{}").await;
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")));
        bodies.push(answer.json()["error"].clone());
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
}

#[tokio::test]
async fn a_request_that_is_sent_again_is_answered_again_and_charged_once() {
    let world = World::new().await;
    let body = json!({
        "auth_token": world.token, "media_data": STANDARD.encode(png(5_000)), "media_type": "image/png",
    });
    let key = "Idempotency-Key: \"first\"\r\n";
    let first = world.upload(key, &body).await;
    let again = world.upload(key, &body).await;
    assert_eq!((first.status, again.status, &first.body), (200, 200, &again.body));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let other = json!({
        "auth_token": world.token, "media_data": STANDARD.encode(png(5_001)), "media_type": "image/png",
    });
    let other = world.upload(key, &other).await;
    assert_eq!(other.status, 422, "{other:?}");
    assert_eq!(world.get("/usage").await.json()["calls"], 1);
    assert_eq!(world.sandbox.media_ids().len(), 1);
}

#[tokio::test]
async fn a_prepaid_key_without_money_uploads_nothing() {
    let mut world = World::new().await;
    world.key = new_key(&world.gateway, Billing::Prepaid).await;
    let body = json!({
        "auth_token": world.token, "media_data": STANDARD.encode(png(100)), "media_type": "image/png",
    });
    let answer = world.upload("", &body).await;
    assert_eq!((answer.status, world.sandbox.media_ids().len()), (402, 0));
}

#[tokio::test]
async fn who_does_not_wait_gets_a_place_to_look_at() {
    let world = World::new().await;
    let body = json!({
        "auth_token": world.token, "media_data": STANDARD.encode(png(100)), "media_type": "image/png",
    });
    let answer = world.upload("Prefer: respond-async\r\n", &body).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let place = answer.header("location").unwrap().to_owned();
    let mut tries = 0;
    let seen = loop {
        let seen = world.get(&place).await.json();
        if seen["ended"] == true {
            break seen;
        }
        tries += 1;
        assert!(tries < 200, "{seen}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert_eq!(seen["phase"], "completed");
    assert_eq!(world.content(seen["media_id"].as_str().unwrap()).await, png(100));
    let listed = world.get("/uploads").await.json();
    assert_eq!(listed["uploads"][0]["id"], seen["id"]);
}

#[tokio::test]
async fn a_page_of_another_origin_may_call() {
    let world = World::new().await;
    let preflight = "OPTIONS /twitter/media/upload HTTP/1.1\r\nHost: g\r\nOrigin: https://app.example\r\n\
        Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization,content-type\r\n";
    let answer = world.say(preflight, b"").await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, Some("*")));
    assert!(answer.header("access-control-allow-headers").unwrap().contains("authorization"));
    let refused = world.say("GET /usage HTTP/1.1\r\nHost: g\r\nOrigin: https://app.example\r\n", b"").await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, Some("*")));
}

/// Threat T11: what was told in confidence is in no file, no answer and no metric.
#[tokio::test]
async fn no_secret_is_written_down() {
    let world = World::with(|settings| settings.fetch.allow_ports = (1..=u16::MAX).collect()).await;
    let address = origin("image/png", png(5_000)).await;
    let url = format!("http://{address}/photo.png?signature=canary-in-the-url");
    let mut said = String::new();
    for (body, status) in [
        (json!({ "auth_token": world.token, "media_url": url }), 200),
        (json!({ "auth_token": "canary-in-the-token", "media_url": url }), 502),
    ] {
        let answer = world
            .upload(&format!("Idempotency-Key: canary-in-the-header-{status}-{}\r\n", said.len()), &body)
            .await;
        assert_eq!(answer.status, status, "{answer:?}");
        said += &answer.body;
    }
    said += &world.get("/uploads").await.body;
    said +=
        &world::say(world.gateway.admin_address(), "GET /metrics HTTP/1.1\r\nHost: g\r\n", b"").await.body;
    assert!(said.contains("chunkwise_requests_total"), "{said}");
    let mut files = vec![world.state.path().to_owned()];
    let mut looked_into = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        looked_into += 1;
        said += &String::from_utf8_lossy(&std::fs::read(path).unwrap());
    }
    assert!(looked_into > 2, "the store and what belongs to it");
    for secret in ["canary-in", world.token.as_str(), world.key.as_str()] {
        assert!(!said.contains(secret), "{secret} was written down");
    }
}

#[tokio::test]
async fn a_post_carries_what_was_uploaded_before_and_what_comes_along() {
    let world = World::with(|settings| settings.fetch.allow_ports = (1..=u16::MAX).collect()).await;
    let data = |len| json!({ "data": STANDARD.encode(png(len)), "type": "image/png" });
    let before = json!({
        "auth_token": world.token, "media_data": STANDARD.encode(png(100)), "media_type": "image/png",
    });
    let before = world.upload("", &before).await.json()["data"]["media_id"].clone();
    let address = origin("image/png", png(300)).await;
    let body = json!({
        "auth_token": world.token, "text": "Posted with a pre-uploaded image", "media_ids": [before],
        "media_urls": [format!("http://{address}/a.png")], "media": [data(400)],
    });
    let answer = world.post("/twitter/tweet/create", "", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let posted = &answer.json()["data"];
    assert!(posted["tweet_id"].as_str().unwrap().parse::<u64>().is_ok(), "{posted}");
    let ids: Vec<_> = posted["media_ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!((ids.len(), ids[0]), (3, before.as_str().unwrap()));
    assert_eq!(world.content(ids[1]).await, png(300));
    assert_eq!(world.content(ids[2]).await, png(400));
    assert_eq!(world.get("/usage").await.json()["calls"], 3, "each upload is one");
}

#[tokio::test]
async fn a_post_that_x_would_refuse_sends_nothing() {
    let world = World::new().await;
    let token = &world.token;
    for (body, error) in [
        (json!({ "auth_token": token }), "Provide text or media"),
        (
            json!({ "auth_token": token, "text": "a", "media_ids": ["1"], "quote_tweet_id": "2" }),
            "X refuses a post that quotes another one and carries media",
        ),
    ] {
        let answer = world.post("/twitter/tweet/create", "", &body).await;
        assert_eq!((answer.status, answer.json()["error"].as_str()), (400, Some(error)));
    }
    let unknown = json!({ "auth_token": token, "text": "a", "media_ids": ["123"] });
    let answer = world.post("/twitter/tweet/create", "", &unknown).await;
    assert_eq!(answer.status, 502);
    assert!(answer.json()["error"].as_str().unwrap().starts_with("X refused the post: "), "{answer:?}");
}

/// Its body breaks off: whoever comes back with the same key is not told that it is under way.
#[tokio::test]
async fn who_goes_away_in_the_midst_of_a_body_may_come_again() {
    let world = World::new().await;
    let body = json!({
        "auth_token": world.token, "media_data": STANDARD.encode(png(5_000)), "media_type": "image/png",
    });
    let text = body.to_string();
    let head = format!(
        "POST /twitter/media/upload HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {}\r\nIdempotency-Key: once\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        world.key,
        text.len()
    );
    {
        use tokio::io::AsyncWriteExt as _;
        let mut gone = tokio::net::TcpStream::connect(world.gateway.address()).await.unwrap();
        gone.write_all(head.as_bytes()).await.unwrap();
        gone.write_all(&text.as_bytes()[..1_000]).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let mut tries = 0;
    let answer = loop {
        let answer = world.upload("Idempotency-Key: once\r\n", &body).await;
        tries += 1;
        if answer.status != 409 || tries == 50 {
            break answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// An origin that never sends its last byte: what is fetched from it stays under way.
async fn stuck_origin() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            use tokio::io::AsyncWriteExt as _;
            let head = "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 400000\r\n\r\n";
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(&png(399_000)).await.unwrap();
            open.push(stream);
        }
    });
    address
}

/// What X refuses at once is told at once: the download is not waited for.
#[tokio::test]
async fn an_upload_that_has_failed_waits_for_no_download() {
    let world = World::with(|settings| settings.fetch.allow_ports = (1..=u16::MAX).collect()).await;
    let stuck = stuck_origin().await;
    let body = json!({ "auth_token": "not-a-token", "media_url": format!("http://{stuck}/a.png") });
    let answer = world.upload("", &body);
    // The download itself would go on until its idle timeout of fifteen seconds.
    let answer = tokio::time::timeout(std::time::Duration::from_secs(10), answer).await.unwrap();
    assert_eq!(answer.status, 502, "{answer:?}");
    assert!(answer.json()["error"].as_str().unwrap().starts_with("X refused the auth_token"), "{answer:?}");
}

/// Threats T13, T23: a gateway that dies in the midst of an upload charges nobody, and its next start says so; asked again with
/// the same key it does it anew, once.
#[tokio::test]
async fn what_a_dead_gateway_left_is_given_back_and_done_anew() {
    let world = World::with(|settings| settings.fetch.allow_ports = (1..=u16::MAX).collect()).await;
    let stuck = stuck_origin().await;
    let body = json!({ "auth_token": world.token, "media_url": format!("http://{stuck}/a.png") });
    let headers = "Idempotency-Key: once\r\nPrefer: respond-async\r\n";
    let accepted = world.upload(headers, &body).await;
    assert_eq!(accepted.status, 202, "{accepted:?}");
    let place = accepted.header("location").unwrap();
    let usage = world.get("/usage").await.json();
    assert_eq!((usage["calls"].as_u64(), usage["reserved_micro_dollars"].as_u64()), (Some(0), Some(1_000)));
    let again = world.upload(headers, &body).await;
    assert_eq!((again.status, again.header("location")), (409, Some(place)), "it is under way there");

    // What a kill leaves: the files as they are, and no lock.
    let after = world.after_a_kill().await;
    let seen = after.get(place).await.json();
    assert_eq!((seen["phase"].as_str(), seen["ended"].as_bool()), (Some("failed"), Some(true)));
    assert!(seen["error"].as_str().unwrap().contains("ask again"), "{seen}");
    let usage = after.get("/usage").await.json();
    assert_eq!((usage["calls"].as_u64(), usage["reserved_micro_dollars"].as_u64()), (Some(0), Some(0)));
    let again = after.upload(headers, &body).await;
    assert_eq!(again.status, 202, "{again:?}");
}
