//! v2: what is refused, with its exact text.

use std::time::Duration;

use chunkwise_sandbox::{Sandbox, SizeLimits};
use serde_json::{Value, json};

use crate::client::{
    Answer, INDEX, MEDIA, Part, Request, append, append_request, field, finalize, finalize_request, info,
    init, init_request, pattern, sha256, start, status, status_request, upload_image,
};

/// The messages of an "Invalid Request" answer.
#[track_caller]
fn messages(answer: Answer) -> Vec<String> {
    let answer = answer.expect(400);
    let body = answer.json();
    assert_eq!(body["title"], "Invalid Request");
    assert_eq!(body["detail"], "One or more parameters to your request was invalid.");
    assert_eq!(body["type"], "https://api.twitter.com/2/problems/invalid-request");
    let errors = body["errors"].as_array().unwrap().iter();
    errors.map(|error| error["message"].as_str().unwrap().to_owned()).collect()
}

async fn initialize(sandbox: &Sandbox, body: Value) -> Answer {
    Request::post("/2/media/upload/initialize").json(&body).send(sandbox).await
}

#[tokio::test]
async fn initialize_takes_no_more_and_no_less_than_its_schema() {
    let sandbox = start().await;
    let valid = json!({ "total_bytes": 5, "media_type": "video/mp4", "media_category": "amplify_video",
        "additional_owners": ["1", "2"], "shared": true });
    initialize(&sandbox, valid.clone()).await.expect(200);

    let with = |name: &str, value: Value| {
        let mut body = valid.clone();
        body[name] = value;
        initialize(&sandbox, body)
    };
    let unknown =
        "$.media_types: is not defined in the schema and the schema does not allow additional properties";
    assert_eq!(messages(with("media_types", json!(1)).await), [unknown]);
    let octets = messages(with("media_type", json!("application/octet-stream")).await);
    assert!(
        octets[0].starts_with("$.media_type: does not have a value in the enumeration [video/mp4, "),
        "{octets:?}"
    );
    assert_eq!(
        messages(with("media_category", json!("TweetVideo")).await),
        [
            "$.media_category: does not have a value in the enumeration [amplify_video, tweet_gif, tweet_image, \
          tweet_video, dm_gif, dm_image, dm_video, subtitles]"
        ]
    );
    assert_eq!(messages(with("shared", json!("true")).await), ["$.shared: string found, boolean expected"]);
    assert_eq!(
        messages(with("total_bytes", json!("5")).await),
        ["$.total_bytes: string found, integer expected"]
    );
    assert_eq!(
        messages(with("total_bytes", json!(-1)).await),
        ["$.total_bytes: must have a minimum value of 0"]
    );
    assert_eq!(
        messages(with("total_bytes", json!(17_179_869_185_u64)).await),
        ["$.total_bytes: must have a maximum value of 17179869184"]
    );
    assert_eq!(
        messages(with("additional_owners", json!(["x"])).await),
        ["$.additional_owners[0]: does not match the regex pattern ^[0-9]{1,19}$"]
    );
    assert_eq!(
        messages(initialize(&sandbox, json!({})).await),
        ["$.total_bytes: is missing but it is required", "$.media_type: is missing but it is required"]
    );
    assert_eq!(
        messages(with("media_type", json!("image/png")).await),
        ["The media type image/png does not fit the category amplify_video."]
    );

    let post =
        |content_type: &str, body: &str| Request::post("/2/media/upload/initialize").body(content_type, body);
    let json_wanted = "Requests with bodies must have content-type of application/json.";
    assert_eq!(messages(post("text/plain", "{}").send(&sandbox).await), [json_wanted]);
    assert_eq!(
        messages(post("application/json", "{").send(&sandbox).await),
        ["Request body is not valid JSON."]
    );
    assert_eq!(
        messages(post("application/json", "[]").send(&sandbox).await),
        ["Request body must be a JSON object."]
    );
}

#[tokio::test]
async fn each_category_has_its_size() {
    let sandbox = start().await;
    for (media_type, category, limit) in [
        ("video/mp4", "tweet_video", 536_870_912),
        ("video/mp4", "amplify_video", 536_870_912),
        ("image/gif", "tweet_gif", 15_728_640),
        ("image/png", "tweet_image", 5_242_880),
        ("image/png", "dm_image", 5_242_880),
    ] {
        init_request(limit, media_type, category).send(&sandbox).await.expect(200);
        assert_eq!(
            messages(init_request(limit + 1, media_type, category).send(&sandbox).await),
            [format!("File size exceeds {limit} bytes.")]
        );
    }
    sandbox.change_settings(|settings| settings.limits.media = SizeLimits::long_video());
    init_request(8 << 30, "video/mp4", "tweet_video").send(&sandbox).await.expect(200);
}

#[tokio::test]
async fn without_a_category_the_type_decides() {
    let sandbox = start().await;
    for (media_type, prefix) in [("video/mp4", "7_"), ("image/gif", "16_"), ("image/jpeg", "3_")] {
        let answer =
            initialize(&sandbox, json!({ "total_bytes": 5, "media_type": media_type })).await.expect(200);
        assert!(answer.json()["data"]["media_key"].as_str().unwrap().starts_with(prefix), "{media_type}");
    }
}

#[tokio::test]
async fn a_segment_index_is_0_to_999() {
    let sandbox = start().await;
    let id = init(&sandbox, 2).await;
    append(&sandbox, &id, 999, b"x").await.expect(200);
    let text = "SegmentIndex must be between 0 and 999.";
    assert_eq!(messages(append(&sandbox, &id, 1000, b"x").await), [text]);
    for index in ["-1", "1.5", "", "x", "99999999999999999999"] {
        let parts = [field(INDEX, index), Part { head: MEDIA, body: b"x" }];
        let request = Request::post(format!("/2/media/upload/{id}/append")).multipart(&parts);
        assert_eq!(messages(request.send(&sandbox).await), [text], "{index}");
    }
    let missing =
        Request::post(format!("/2/media/upload/{id}/append")).multipart(&[Part { head: MEDIA, body: b"x" }]);
    assert_eq!(messages(missing.send(&sandbox).await), ["$.segment_index: is missing but it is required"]);
    let no_media = Request::post(format!("/2/media/upload/{id}/append")).multipart(&[field(INDEX, "0")]);
    assert_eq!(messages(no_media.send(&sandbox).await), ["$.media: is missing but it is required"]);
}

#[tokio::test]
async fn an_append_is_capped_and_the_edge_says_so_with_an_empty_body() {
    let sandbox = start().await;
    let bytes = pattern(3, 5_242_880);
    let id = init(&sandbox, bytes.len()).await;
    append(&sandbox, &id, 0, &bytes[..5_000_000]).await.expect(200);
    for size in [5_000_001, 5_242_880] {
        let answer = append(&sandbox, &id, 1, &bytes[..size]).await.expect(413);
        assert_eq!(answer.body, b"");
    }
    assert_eq!(info(&sandbox, &id).await.segments, [(0, 5_000_000)]);

    sandbox.change_settings(|settings| {
        settings.limits.append_bytes = 1000;
        settings.limits.append_body_bytes = 1100;
    });
    append(&sandbox, &id, 2, &bytes[..1001]).await.expect(413);
    append(&sandbox, &id, 2, &bytes[..1000]).await.expect(413);
    append(&sandbox, &id, 2, &bytes[..800]).await.expect(200);
}

#[tokio::test]
async fn segments_add_up_or_are_refused() {
    let sandbox = start().await;
    let id = init(&sandbox, 10).await;
    append(&sandbox, &id, 0, b"12345").await.expect(200);
    let text = "Segments do not add up to provided total file size.";
    assert_eq!(messages(finalize(&sandbox, &id).await), [text]);
    append(&sandbox, &id, 1, b"678901").await.expect(200);
    assert_eq!(messages(finalize(&sandbox, &id).await), [text]);
}

#[tokio::test]
async fn segments_come_in_any_order_and_all_at_once() {
    let sandbox = start().await;
    let bytes = pattern(4, 100_003);
    let id = init(&sandbox, bytes.len()).await;
    let pieces: Vec<&[u8]> = bytes.chunks(1009).collect();
    let mut appends = tokio::task::JoinSet::new();
    for (index, piece) in pieces.iter().enumerate().rev() {
        let request = append_request(&id, index, piece);
        let address = sandbox.http_address();
        appends.spawn(async move { request.try_send(address).await.unwrap().status });
    }
    assert_eq!(appends.join_all().await, vec![200; pieces.len()]);
    finalize(&sandbox, &id).await.expect(200);
    assert_eq!(info(&sandbox, &id).await.sha256, sha256(&bytes));
}

#[tokio::test]
async fn finalize_wants_a_json_object() {
    let sandbox = start().await;
    let id = init(&sandbox, 1).await;
    append(&sandbox, &id, 0, b"x").await.expect(200);
    let post = |content_type: &str, body: &str| {
        Request::post(format!("/2/media/upload/{id}/finalize")).body(content_type, body)
    };
    let object = "Request body must be a JSON object.";
    assert_eq!(messages(post("application/json", "").send(&sandbox).await), [object]);
    assert_eq!(messages(post("application/json", "null").send(&sandbox).await), [object]);
    assert_eq!(
        messages(post("application/json", "{,}").send(&sandbox).await),
        ["Request body is not valid JSON."]
    );
    assert_eq!(
        messages(post("application/octet-stream", "{}").send(&sandbox).await),
        ["Requests with bodies must have content-type of application/json."]
    );
    post("application/json; charset=utf-8", "{}").send(&sandbox).await.expect(200);
}

#[tokio::test]
async fn a_session_expires_by_the_sandboxs_clock() {
    let sandbox =
        Sandbox::builder().with(|settings| settings.lifetimes.session_secs = 60).start().await.unwrap();
    let id = init(&sandbox, 1).await;
    sandbox.advance(Duration::from_secs(59));
    append(&sandbox, &id, 0, b"x").await.expect(200);
    sandbox.advance(Duration::from_secs(1));
    let gone = json!({
        "title": "Not Found Error",
        "detail": format!("Could not find media with id: [{id}]."),
        "type": "https://api.twitter.com/2/problems/resource-not-found",
        "resource_type": "media",
        "parameter": "id",
        "value": id,
        "status": 404,
    });
    assert_eq!(append(&sandbox, &id, 0, b"x").await.expect(404).json(), gone);
    assert_eq!(finalize(&sandbox, &id).await.expect(404).json(), gone);
    assert_eq!(finalize(&sandbox, "123").await.expect(404).json()["value"], "123");
}

#[tokio::test]
async fn the_time_left_counts_down_between_polls() {
    let sandbox = start().await;
    let id = init(&sandbox, 1).await;
    append(&sandbox, &id, 0, b"x").await.expect(200);
    finalize(&sandbox, &id).await.expect(200);
    sandbox.advance(Duration::from_secs(1000));
    let left = status(&sandbox, &id).await.expect(200).json()["data"]["expires_after_secs"].as_u64().unwrap();
    assert!((85_390..=85_400).contains(&left), "{left}");
    sandbox.advance(Duration::from_secs(86_400));
    assert_eq!(messages(status(&sandbox, &id).await), ["BadRequest: Not found"]);
}

#[tokio::test]
async fn status_is_for_what_is_processed_and_finalized() {
    let sandbox = start().await;
    let id = init(&sandbox, 1).await;
    let image = upload_image(&sandbox).await;
    for id in [id.as_str(), "42", image.as_str()] {
        assert_eq!(messages(status(&sandbox, id).await), ["BadRequest: Not found"]);
    }
    let without_command = Request::get(format!("/2/media/upload?media_id={image}"));
    assert_eq!(
        messages(without_command.send(&sandbox).await),
        ["The `command` query parameter must be STATUS"]
    );
    let bad_id = messages(status_request("x").send(&sandbox).await);
    assert_eq!(bad_id, ["The `media_id` query parameter value [x] does not match ^[0-9]{1,19}$"]);
}

#[tokio::test]
async fn alt_text_is_kept() {
    let sandbox = start().await;
    let id = upload_image(&sandbox).await;
    let metadata = |id: &str, text: &str| {
        Request::post("/2/media/metadata")
            .json(&json!({ "id": id, "metadata": { "alt_text": { "text": text } } }))
    };
    let answer = metadata(&id, "a cat").send(&sandbox).await.expect(200);
    assert_eq!(
        answer.json(),
        json!({ "data": { "id": id, "associated_metadata": { "alt_text": { "text": "a cat" } } } })
    );
    assert_eq!(info(&sandbox, &id).await.alt_text.as_deref(), Some("a cat"));
    metadata(&id, &"ä".repeat(1000)).send(&sandbox).await.expect(200);
    assert_eq!(
        messages(metadata(&id, &"ä".repeat(1001)).send(&sandbox).await),
        ["alt_text must be at most 1000 characters long"]
    );
    metadata("42", "x").send(&sandbox).await.expect(404);
}

#[tokio::test]
async fn other_paths_and_methods_are_refused() {
    let sandbox = start().await;
    assert_eq!(Request::get("/2/media").send(&sandbox).await.expect(404).json()["title"], "Not Found");
    assert_eq!(
        Request::get("/1.1/nothing.json").send(&sandbox).await.expect(404).json()["errors"][0]["code"],
        34
    );
    Request::get("/2/media/upload/1/append").send(&sandbox).await.expect(405);
    Request::get("/2/media/upload/initialize").send(&sandbox).await.expect(405);
    Request::get(format!("/2/media/upload?x={}", "y".repeat(20_000))).send(&sandbox).await.expect(431);
    assert_eq!(messages(finalize_request("x").send(&sandbox).await).len(), 1);
}
