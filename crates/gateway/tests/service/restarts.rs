//! A gateway that dies or stops in the midst of uploads, and the next one (threats T13, T14, T23).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chunkwise_driver::{CheckpointStore as _, DirectoryStore, Listed};
use chunkwise_sandbox::{Fault, FaultRule, Lasts, Moment, Operation, ProcessingScript};
use serde_json::{Value, json};

use crate::looking::video;
use crate::world::World;

/// Three segments.
const SIZE: usize = 12 << 20;

/// A second segment that X says nothing to: what is sent stays under way.
async fn stuck_world() -> World {
    let world = World::with(|settings| settings.caps.drain_seconds = 0).await;
    let stuck = Fault::Delay { millis: 600_000, moment: Moment::BeforeBody };
    world.sandbox.change_settings(|settings| {
        settings.processing.video = ProcessingScript::already_succeeded();
    });
    world.sandbox.add_fault(FaultRule::at_call(Operation::Append, 2, stuck));
    world
}

fn body(world: &World, content: &[u8]) -> Value {
    json!({ "auth_token": world.token, "media_data": STANDARD.encode(content), "media_type": "video/mp4" })
}

async fn stored(world: &World, place: &str) {
    // All but the segment that is stuck.
    world.until(place, |seen| seen["progress"]["stored"].as_u64() >= Some((SIZE / 2) as u64)).await;
    // The disk may lag behind, and a kill keeps no more than that.
    let store = DirectoryStore::new(world.settings.state_dir.join("checkpoints"));
    let written = |listed: &Listed| {
        listed.record.as_ref().is_ok_and(|record| record.checkpoint.stored() >= (SIZE / 2) as u64)
    };
    while !store.list().await.unwrap().iter().any(written) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn killed_in_the_midst_it_goes_on_for_who_asks_again_with_the_same_key() {
    let world = stuck_world().await;
    let content = video(SIZE, true);
    let key = "Idempotency-Key: once\r\nPrefer: respond-async\r\n";
    let accepted = world.upload(key, &body(&world, &content)).await;
    let place = accepted.header("location").unwrap_or_else(|| panic!("{accepted:?}")).to_owned();
    stored(&world, &place).await;

    let after = world.after_a_kill().await;
    let seen = after.get(&place).await.json();
    assert_eq!(
        (seen["phase"].as_str(), seen["ended"].as_bool()),
        (Some("interrupted"), Some(false)),
        "{seen}"
    );
    assert!(seen["hint"].as_str().unwrap().contains("same Idempotency-Key"), "{seen}");
    let progress = &seen["progress"];
    assert!(progress["stored"].as_u64() >= Some((SIZE / 2) as u64), "what X has is seen: {seen}");
    assert_eq!(progress["total"].as_u64(), Some(content.len() as u64));
    let usage = after.get("/usage").await.json();
    assert_eq!(usage["reserved_micro_dollars"].as_u64(), Some(1_000), "its money waits too");

    // A token that was refreshed meanwhile is another; what is to be done is said, and nothing is lost.
    let mut fresh = body(&world, &content);
    fresh["auth_token"] = json!("another-token");
    let other = after.upload("Idempotency-Key: once\r\n", &fresh).await;
    assert_eq!((other.status, other.header("location")), (422, Some(place.as_str())), "{other:?}");
    assert!(other.body.contains(&format!("POST it to {place}/resume")), "{other:?}");
    let again = after.upload("Idempotency-Key: once\r\n", &body(&world, &content)).await;
    assert_eq!(again.status, 200, "{again:?}");
    let id = again.json()["data"]["media_id"].as_str().unwrap().to_owned();
    assert!(after.content(&id).await == content);
    let calls = (after.calls(Operation::Initialize), after.calls(Operation::Finalize));
    assert_eq!(calls, (1, 1), "it is the same upload");
    let sent: u64 = after.sandbox.log().iter().map(|request| request.media_bytes).sum();
    assert!(sent < 2 * SIZE as u64, "what X had is not sent again: {sent}");
    let seen = after.get(&place).await.json();
    assert_eq!((seen["phase"].as_str(), seen["media_id"].as_str()), (Some("completed"), Some(id.as_str())));
    let usage = after.get("/usage").await.json();
    assert_eq!((usage["calls"].as_u64(), usage["reserved_micro_dollars"].as_u64()), (Some(1), Some(0)));
    assert!(
        after.files("spool").is_empty()
            && after.files("checkpoints").iter().all(|file| file.ends_with(".lock"))
    );
    let replayed = after.upload("Idempotency-Key: once\r\n", &body(&world, &content)).await;
    assert_eq!((replayed.status, replayed.body), (200, again.body));
}

#[tokio::test]
async fn killed_while_x_processes_it_goes_on_without_its_media_for_who_brings_the_token() {
    let world = World::new().await;
    world.sandbox.change_settings(|settings| {
        let mut script = ProcessingScript::succeeds();
        script.steps.drain(1..3);
        script.steps[0].lasts = Lasts::Millis(3_600_000);
        settings.processing.video = script;
    });
    // More than stays in memory, so that there is a file of it.
    let content = video(SIZE, false);
    let accepted = world.upload("Prefer: respond-async\r\n", &body(&world, &content)).await;
    let place = accepted.header("location").unwrap().to_owned();
    // By the time X is asked how it goes, it is on the disk that nothing more is to be sent.
    world.until(&place, |seen| seen["phase"] == "processing" && world.calls(Operation::Status) > 0).await;
    assert_eq!(world.files("spool").len(), 1);
    let after = world.after_a_kill().await;
    assert!(after.files("spool").is_empty(), "X has all of it: nobody reads it again");
    let resume = format!("{place}/resume");
    for (wrong, status) in [(json!({}), 400), (json!({ "auth_token": "a", "secret": "b" }), 400)] {
        let answer = after.post(&resume, "", &wrong).await;
        assert_eq!((answer.status, answer.body.contains("secret")), (status, false), "{answer:?}");
    }
    after.sandbox.advance(std::time::Duration::from_secs(3_600));
    let answer = after.post(&resume, "", &json!({ "auth_token": after.token })).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let data = &answer.json()["data"];
    assert_eq!(
        (data["media_type"].as_str(), data["size"].as_u64()),
        (Some("video/mp4"), Some(content.len() as u64))
    );
    assert!(after.content(data["media_id"].as_str().unwrap()).await == content);
    assert_eq!((after.calls(Operation::Initialize), after.calls(Operation::Finalize)), (1, 1));
    assert_eq!(after.get("/usage").await.json()["calls"], 1);
    let ended = after.post(&resume, "", &json!({ "auth_token": after.token })).await;
    assert_eq!(ended.status, 409, "{ended:?}");
    let elsewhere = "/uploads/01890000-0000-7000-8000-000000000000/resume";
    assert_eq!(after.post(elsewhere, "", &json!({ "auth_token": after.token })).await.status, 404);
}

/// Who goes on without saying the key finds the answer under it all the same.
#[tokio::test]
async fn who_goes_on_by_name_answers_the_key_too() {
    let world = stuck_world().await;
    let content = video(SIZE, true);
    let key = "Idempotency-Key: once\r\n";
    let accepted = world.upload(&format!("{key}Prefer: respond-async\r\n"), &body(&world, &content)).await;
    let place = accepted.header("location").unwrap().to_owned();
    stored(&world, &place).await;
    let after = world.after_a_kill().await;
    let answer = after.post(&format!("{place}/resume"), "", &json!({ "auth_token": after.token })).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let again = after.upload(key, &body(&world, &content)).await;
    assert_eq!((again.status, &again.body), (200, &answer.body));
    assert_eq!(after.get("/usage").await.json()["calls"], 1);
    assert_eq!(after.calls(Operation::Initialize), 1);
}

#[tokio::test]
async fn told_to_stop_it_says_what_to_do_and_the_next_one_goes_on() {
    let world = stuck_world().await;
    let content = video(SIZE, true);
    let (key, body) = ("Idempotency-Key: once\r\n", body(&world, &content));
    let request = format!(
        "POST /twitter/media/upload HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {}\r\n{key}Content-Type: application/json\r\n",
        world.key
    );
    let address = world.gateway.address();
    let text = body.to_string();
    let waiting = tokio::spawn(async move { crate::world::say(address, &request, text.as_bytes()).await });
    let mut listed = world.get("/uploads").await.json();
    while listed["uploads"][0]["progress"]["stored"].as_u64() < Some((SIZE / 2) as u64) {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        listed = world.get("/uploads").await.json();
    }
    let after = world.restarted().await;
    let told = waiting.await.unwrap();
    assert_eq!(told.status, 503, "{told:?}");
    assert!(told.json()["error"].as_str().unwrap().contains("same Idempotency-Key"), "{told:?}");
    let again = after.upload(key, &body).await;
    assert_eq!(again.status, 200, "{again:?}");
    assert!(after.content(again.json()["data"]["media_id"].as_str().unwrap()).await == content);
    assert_eq!((after.calls(Operation::Initialize), after.calls(Operation::Finalize)), (1, 1));
    assert_eq!(after.get("/usage").await.json()["calls"], 1);
}

#[tokio::test]
async fn what_waits_can_be_given_up() {
    let world = stuck_world().await;
    let accepted = world.upload("Prefer: respond-async\r\n", &body(&world, &video(SIZE, true))).await;
    let place = accepted.header("location").unwrap().to_owned();
    stored(&world, &place).await;
    let after = world.after_a_kill().await;
    assert_eq!(after.files("spool").len(), 1);
    let head = format!("DELETE {place} HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {}\r\n", after.key);
    assert_eq!(after.say(&head, b"").await.status, 202);
    let seen = after.get(&place).await.json();
    assert_eq!(
        (seen["phase"].as_str(), seen["error"].as_str()),
        (Some("failed"), Some("The upload was cancelled"))
    );
    let usage = after.get("/usage").await.json();
    assert_eq!((usage["calls"].as_u64(), usage["reserved_micro_dollars"].as_u64()), (Some(0), Some(0)));
    assert!(after.files("spool").is_empty());
    let answer = after.post(&format!("{place}/resume"), "", &json!({ "auth_token": after.token })).await;
    assert_eq!(answer.status, 409, "{answer:?}");
}

#[tokio::test]
async fn a_folder_is_one_gateways_at_a_time() {
    let world = World::new().await;
    let error = crate::world::start(world.settings.clone()).await.unwrap_err();
    assert!(matches!(error, chunkwise_gateway::StartError::Taken { .. }), "{error}");
    assert!(error.to_string().contains("stop that one"), "{error}");
    let after = world.restarted().await;
    assert_eq!(after.get("/usage").await.status, 200);
}

/// A body that still comes holds nobody up.
#[tokio::test]
async fn a_stop_waits_for_no_body() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let world = World::with(|settings| settings.caps.drain_seconds = 0).await;
    let head = format!(
        "POST /twitter/media/upload HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{\"auth",
        world.key
    );
    let mut slow = tokio::net::TcpStream::connect(world.gateway.address()).await.unwrap();
    slow.write_all(head.as_bytes()).await.unwrap();
    // It is being read by the time that another request is answered.
    assert_eq!(world.get("/usage").await.status, 200);
    let stopped = tokio::time::timeout(std::time::Duration::from_secs(15), world.restarted()).await;
    assert!(stopped.is_ok(), "the body has twenty seconds to come");
    let mut said = String::new();
    slow.read_to_string(&mut said).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 503") && said.contains("is stopping"), "{said}");
}

/// X takes longer than this gateway waits: nothing is charged, nothing lost, and whoever asks again waits for the same media.
#[tokio::test]
async fn what_x_takes_long_for_is_waited_for_by_who_asks_again() {
    let world = World::with(|settings| settings.caps.processing_seconds = 1).await;
    world.sandbox.change_settings(|settings| {
        let mut script = ProcessingScript::succeeds();
        script.steps.drain(1..3);
        script.steps[0].lasts = Lasts::Millis(3_600_000);
        settings.processing.video = script;
    });
    // Too large for memory: it is in a file.
    let (key, body) = ("Idempotency-Key: once\r\n", body(&world, &video(SIZE, false)));
    let late = world.upload(key, &body).await;
    assert_eq!(late.status, 504, "{late:?}");
    assert!(world.files("spool").is_empty(), "X has all of it: nobody reads it again");
    assert_eq!(world.get("/uploads").await.json()["uploads"][0]["phase"], "interrupted");
    assert_eq!(world.get("/usage").await.json()["calls"], 0);
    world.sandbox.advance(std::time::Duration::from_secs(3_600));
    let again = world.upload(key, &body).await;
    assert_eq!(again.status, 200, "{again:?}");
    assert_eq!((world.calls(Operation::Initialize), world.calls(Operation::Finalize)), (1, 1));
    let usage = world.get("/usage").await.json();
    assert_eq!((usage["calls"].as_u64(), usage["reserved_micro_dollars"].as_u64()), (Some(1), Some(0)));
}
