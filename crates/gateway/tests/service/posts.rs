//! Posts that are asked for again are made once, and their media paid for once.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chunkwise_gateway::store::KeyLimits;
use chunkwise_sandbox::{Fault, FaultRule, Operation};
use serde_json::{Value, json};

use crate::world::{World, key_with, png};

const KEY: &str = "Idempotency-Key: once\r\n";

fn post(world: &World, len: usize) -> Value {
    let data = json!({ "data": STANDARD.encode(png(len)), "type": "image/png" });
    json!({ "auth_token": world.token, "text": "once", "media": [data] })
}

#[tokio::test]
async fn a_post_that_is_asked_for_again_is_made_once() {
    let world = World::new().await;
    let first = world.post("/twitter/tweet/create", KEY, &post(&world, 300)).await;
    let again = world.post("/twitter/tweet/create", KEY, &post(&world, 300)).await;
    assert_eq!((first.status, again.status, &first.body), (200, 200, &again.body));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let other = world.post("/twitter/tweet/create", KEY, &post(&world, 301)).await;
    assert_eq!(other.status, 422, "{other:?}");
    assert_eq!(
        (world.calls(Operation::Tweet), world.get("/usage").await.json()["calls"].as_u64()),
        (1, Some(1))
    );
}

#[tokio::test]
async fn what_x_refused_may_be_asked_for_again_and_its_media_are_not_paid_twice() {
    let world = World::new().await;
    let refused = Fault::answer(403, "{\"title\":\"Forbidden\",\"detail\":\"no\"}");
    world.sandbox.add_fault(FaultRule::at_call(Operation::Tweet, 1, refused));
    let first = world.post("/twitter/tweet/create", KEY, &post(&world, 300)).await;
    assert_eq!(first.status, 502, "{first:?}");
    let again = world.post("/twitter/tweet/create", KEY, &post(&world, 300)).await;
    assert_eq!(again.status, 200, "{again:?}");
    assert_eq!(
        (world.calls(Operation::Tweet), world.get("/usage").await.json()["calls"].as_u64()),
        (2, Some(1))
    );
    assert_eq!(world.sandbox.media_ids().len(), 1);
}

/// Nobody can tell whether it is there: asked again, that is what is said again.
#[tokio::test]
async fn a_post_that_may_be_there_is_not_made_again() {
    let world = World::new().await;
    world.sandbox.add_fault(FaultRule::at_call(Operation::Tweet, 1, Fault::lost_reply()));
    let first = world.post("/twitter/tweet/create", KEY, &post(&world, 300)).await;
    assert_eq!(first.status, 502, "{first:?}");
    assert!(first.json()["error"].as_str().unwrap().starts_with("Nobody can tell"), "{first:?}");
    let again = world.post("/twitter/tweet/create", KEY, &post(&world, 300)).await;
    assert_eq!((again.status, again.json()["error"].clone()), (502, first.json()["error"].clone()));
    assert_eq!(world.calls(Operation::Tweet), 1);
}

/// The media of a post go one after the other in one place: none is refused once the first is paid for.
#[tokio::test]
async fn a_post_with_several_media_takes_one_place() {
    let mut world = World::new().await;
    world.key = key_with(&world.gateway, KeyLimits { uploads_at_once: 1, ..KeyLimits::default() }).await;
    let data = |len| json!({ "data": STANDARD.encode(png(len)), "type": "image/png" });
    let body = json!({ "auth_token": world.token, "media": [data(300), data(400), data(500)] });
    let answer = world.post("/twitter/tweet/create", "", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(world.get("/usage").await.json()["calls"], 3);
}
