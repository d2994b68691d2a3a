//! `POST /2/tweets`: which media a post may carry.

use chunkwise_sandbox::{MediaId, ProcessingScript, credentials};
use serde_json::{Value, json};

use crate::client::{Request, append, finalize, init, init_request, start, status, upload, upload_image};

fn post(ids: &[&str]) -> Request {
    Request::post("/2/tweets").json(&json!({ "text": "look", "media": { "media_ids": ids } }))
}

fn invalid(ids: &[&str]) -> Value {
    json!({
        "errors": [{ "parameters": { "media.media_ids": ids }, "message": "Your media IDs are invalid." }],
        "title": "Invalid Request",
        "detail": "One or more parameters to your request was invalid.",
        "type": "https://api.twitter.com/2/problems/invalid-request",
    })
}

#[tokio::test]
async fn a_media_is_attachable_once_it_is_ready() {
    let sandbox = start().await;
    let id = init(&sandbox, 1).await;
    assert_eq!(post(&[&id]).send(&sandbox).await.expect(400).json(), invalid(&[&id]));
    append(&sandbox, &id, 0, b"x").await.expect(200);
    finalize(&sandbox, &id).await.expect(200);
    assert_eq!(post(&[&id]).send(&sandbox).await.expect(400).json(), invalid(&[&id]));
    for _ in 0..3 {
        status(&sandbox, &id).await.expect(200);
    }
    let answer = post(&[&id]).send(&sandbox).await.expect(201);
    let post_id = answer.json()["data"]["id"].clone();
    assert_eq!(
        answer.json(),
        json!({ "data": { "id": post_id, "text": "look", "edit_history_post_ids": [post_id] } })
    );
    assert!(post_id.as_str().unwrap().parse::<MediaId>().is_ok());
}

#[tokio::test]
async fn unknown_expired_and_foreign_media_are_invalid() {
    let sandbox = start().await;
    let (one, two) = (upload_image(&sandbox).await, upload_image(&sandbox).await);
    post(&[&one, &two]).send(&sandbox).await.expect(201);
    assert_eq!(post(&[&one, "42"]).send(&sandbox).await.expect(400).json(), invalid(&["42"]));
    let foreign = post(&[&one]).bearer(credentials::OTHER_USER_TOKEN).send(&sandbox).await.expect(400);
    assert_eq!(foreign.json(), invalid(&[&one]));
    assert!(sandbox.expire(two.parse().unwrap()));
    assert_eq!(post(&[&one, &two]).send(&sandbox).await.expect(400).json(), invalid(&[&two]));
}

#[tokio::test]
async fn four_photos_or_one_gif_or_one_video() {
    let sandbox = start().await;
    sandbox.change_settings(|settings| settings.processing.video = ProcessingScript::already_succeeded());
    let video = upload(&sandbox, b"x").await;
    let mut images = Vec::new();
    for _ in 0..4 {
        images.push(upload_image(&sandbox).await);
    }
    let images: Vec<&str> = images.iter().map(String::as_str).collect();
    post(&images).send(&sandbox).await.expect(201);
    post(&[&video]).send(&sandbox).await.expect(201);
    post(&[images[0], &video]).send(&sandbox).await.expect(400);
    post(&[&video, &video]).send(&sandbox).await.expect(400);

    let message = |answer: crate::client::Answer| answer.expect(400).json()["errors"][0]["message"].clone();
    assert_eq!(
        message(post(&[]).send(&sandbox).await),
        "$.media.media_ids: there must be a minimum of 1 item in the array"
    );
    let five = [images[0], images[1], images[2], images[3], images[0]];
    assert_eq!(
        message(post(&five).send(&sandbox).await),
        "$.media.media_ids: there must be a maximum of 4 items in the array"
    );

    let answer = init_request(1, "image/png", "dm_image").send(&sandbox).await.expect(200);
    let dm = answer.json()["data"]["id"].as_str().unwrap().to_owned();
    append(&sandbox, &dm, 0, b"x").await.expect(200);
    finalize(&sandbox, &dm).await.expect(200);
    assert_eq!(post(&[&dm]).send(&sandbox).await.expect(400).json(), invalid(&[&dm]));
}

#[tokio::test]
async fn a_post_has_text_or_media_and_no_unknown_member() {
    let sandbox = start().await;
    let id = upload_image(&sandbox).await;
    let send = async |body: Value| Request::post("/2/tweets").json(&body).send(&sandbox).await.status;
    assert_eq!(send(json!({ "media": { "media_ids": [id] } })).await, 201);
    assert_eq!(send(json!({ "text": "only words" })).await, 201);
    assert_eq!(send(json!({})).await, 400);
    assert_eq!(send(json!({ "text": "x", "mediaIds": [id] })).await, 400);
    assert_eq!(send(json!({ "text": "x", "media": { "media_ids": [id], "alt": "x" } })).await, 400);
    assert_eq!(
        send(json!({ "text": "x", "media": { "media_ids": [id] }, "quote_tweet_id": "1" })).await,
        400
    );
    assert_eq!(send(json!({ "text": "x", "media": { "media_ids": [1] } })).await, 400);
    // A post wants scopes of its own, and not media.write.
    let words = Request::post("/2/tweets").json(&json!({ "text": "x" }));
    words.bearer(credentials::NO_MEDIA_TOKEN).send(&sandbox).await.expect(201);
}
