//! The command form: v1.1's `upload.json`, and v2's transitional one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chunkwise_sandbox::{AccessMode, Category, ProcessingError, ProcessingScript, Sandbox};
use serde_json::json;

use crate::client::{Answer, MEDIA, Part, Request, field, info, pattern, sha256, start, status};

const V1: &str = "/1.1/media/upload.json";

/// Signatures have tests of their own.
async fn unsigned() -> Sandbox {
    Sandbox::builder().with(|settings| settings.access.mode = AccessMode::Any).start().await.unwrap()
}

fn oauth(request: Request) -> Request {
    request.header("authorization", "OAuth oauth_consumer_key=\"x\"")
}

async fn form(sandbox: &Sandbox, pairs: &[(&str, &str)]) -> Answer {
    let body: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    oauth(Request::post(V1).body("application/x-www-form-urlencoded", body)).send(sandbox).await
}

async fn form_in_parts(sandbox: &Sandbox, pairs: &[(&str, &str)], media: Option<Part<'_>>) -> Answer {
    let heads: Vec<String> =
        pairs.iter().map(|(name, _)| format!("Content-Disposition: form-data; name=\"{name}\"")).collect();
    let mut parts: Vec<Part<'_>> = media.into_iter().collect();
    parts.extend(heads.iter().zip(pairs).map(|(head, (_, value))| field(head, value)));
    oauth(Request::post(V1).multipart(&parts)).send(sandbox).await
}

async fn v1_status(sandbox: &Sandbox, id: &str) -> Answer {
    oauth(Request::get(format!("{V1}?command=STATUS&media_id={id}"))).send(sandbox).await
}

fn init_pairs(total: &str) -> [(&str, &str); 4] {
    [
        ("command", "INIT"),
        ("total_bytes", total),
        ("media_type", "video/mp4"),
        ("media_category", "TweetVideo"),
    ]
}

fn id_of(answer: &Answer) -> String {
    answer.json()["media_id_string"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_video_goes_up_as_recorded_clients_do_it() {
    let sandbox = unsigned().await;
    let bytes = pattern(7, 3000);
    let answer = form(&sandbox, &init_pairs("3000")).await.expect(202);
    let id = id_of(&answer);
    let number: u64 = id.parse().unwrap();
    assert_eq!(
        answer.json(),
        json!({ "media_id": number, "media_id_string": id, "media_key": format!("7_{id}"), "expires_after_secs": 86400 })
    );
    assert_eq!(answer.header("x-mediaid"), Some(id.as_str()));
    assert_eq!(answer.header("x-rate-limit-limit"), Some("200"));

    // The media before the fields, base64 in the form, base64 in a part.
    let raw = Part { head: MEDIA, body: &bytes[..1000] };
    let append = |index| [("command", "APPEND"), ("media_id", id.as_str()), ("segment_index", index)];
    let answer = form_in_parts(&sandbox, &append("0"), Some(raw)).await.expect(204);
    assert_eq!((answer.body.len(), answer.header("x-segmentcount")), (0, Some("0")));
    assert_eq!(answer.header("x-rate-limit-limit"), Some("20000"));
    let text = STANDARD.encode(&bytes[1000..2000]);
    let mut pairs = append("1").to_vec();
    pairs.push(("media_data", &text));
    form(&sandbox, &pairs).await.expect(204);
    let text = STANDARD.encode(&bytes[2000..]);
    let data = field("Content-Disposition: form-data; name=\"media_data\"", &text);
    form_in_parts(&sandbox, &append("2"), Some(data)).await.expect(204);

    let answer = form(&sandbox, &[("command", "FINALIZE"), ("media_id", &id)]).await.expect(201);
    assert_eq!(
        answer.json(),
        json!({
            "media_id": number,
            "media_id_string": id,
            "media_key": format!("7_{id}"),
            "size": 3000,
            "expires_after_secs": 86400,
            "video": { "video_type": "video/mp4" },
            "processing_info": { "state": "pending", "check_after_secs": 1 },
        })
    );
    assert_eq!(answer.header("x-rate-limit-limit"), Some("615"));
    assert_eq!(v1_status(&sandbox, &id).await.expect(200).json()["processing_info"]["state"], "in_progress");
    assert_eq!(info(&sandbox, &id).await.sha256, sha256(&bytes));
    let log = sandbox.log();
    let indices: Vec<_> = log.iter().filter_map(|entry| entry.segment_index).collect();
    assert_eq!(indices, [0, 1, 2]);
    assert!(log.iter().all(|entry| entry.media_id.as_deref().is_none_or(|logged| logged == id)));
}

#[tokio::test]
async fn both_spellings_of_a_category_are_known() {
    let sandbox = unsigned().await;
    for (name, category) in
        [("tweet_gif", Category::TweetGif), ("TweetGif", Category::TweetGif), ("DmGif", Category::DmGif)]
    {
        let pairs = [
            ("command", "INIT"),
            ("total_bytes", "1"),
            ("media_type", "image/gif"),
            ("media_category", name),
        ];
        let answer = form_in_parts(&sandbox, &pairs, None).await.expect(202);
        assert_eq!(info(&sandbox, &id_of(&answer)).await.category, Some(category));
    }
    let pairs =
        [("command", "INIT"), ("total_bytes", "1"), ("media_type", "image/gif"), ("media_category", "gif")];
    form(&sandbox, &pairs).await.expect(400);
}

#[tokio::test]
async fn refusals_have_v1s_own_shapes() {
    let sandbox = unsigned().await;
    let error = |text: &str| json!({ "request": V1, "error": text });
    let id = id_of(&form(&sandbox, &init_pairs("5")).await.expect(202));
    let append = |index| {
        [("command", "APPEND"), ("media_id", id.as_str()), ("segment_index", index), ("media_data", "YWJj")]
    };
    assert_eq!(
        form(&sandbox, &append("1000")).await.expect(400).json(),
        error("SegmentIndex must be between 0 and 999.")
    );
    form(&sandbox, &append("0")).await.expect(204);
    assert_eq!(
        form(&sandbox, &[("command", "FINALIZE"), ("media_id", &id)]).await.expect(400).json(),
        error("Segments do not add up to provided total file size.")
    );
    let missing = json!({ "errors": [{ "code": 38, "message": "media parameter is missing." }] });
    let status_posted = form(&sandbox, &[("command", "STATUS"), ("media_id", &id)]).await.expect(400);
    assert_eq!(status_posted.json(), missing);
    assert_eq!(form(&sandbox, &append("1")[..3]).await.expect(400).json(), missing);
    let no_page = json!({ "errors": [{ "code": 34, "message": "Sorry, that page does not exist" }] });
    assert_eq!(v1_status(&sandbox, &id).await.expect(404).json(), no_page);
    assert_eq!(v1_status(&sandbox, "42").await.expect(404).json(), no_page);
    form(&sandbox, &[("command", "FINALIZE"), ("media_id", "42")]).await.expect(400);
    // Case counts (X fact sheet §1.1).
    assert_eq!(form(&sandbox, &[("command", "init")]).await.expect(400).json(), missing);
    let large = Part { head: MEDIA, body: &vec![0; 5_000_001] };
    let pairs = [("command", "APPEND"), ("media_id", id.as_str()), ("segment_index", "1")];
    assert_eq!(form_in_parts(&sandbox, &pairs, Some(large)).await.expect(413).body, b"");
}

#[tokio::test]
async fn without_a_category_a_large_file_is_not_finalized() {
    let sandbox = unsigned().await;
    sandbox.change_settings(|settings| settings.limits.synchronous_bytes = 2);
    let upload = async |data: &str, total: &str| {
        let answer = form(&sandbox, &init_pairs(total)[..3]).await.expect(202);
        assert!(answer.json().get("media_key").is_none());
        let id = id_of(&answer);
        let pairs = [("command", "APPEND"), ("media_id", &id), ("segment_index", "0"), ("media_data", data)];
        form(&sandbox, &pairs).await.expect(204);
        (form(&sandbox, &[("command", "FINALIZE"), ("media_id", &id)]).await, id)
    };
    let (answer, _) = upload("YWJj", "3").await;
    let text = "Large file can not be finalized synchronously.";
    assert_eq!(answer.expect(400).json(), json!({ "request": V1, "error": text }));
    let (answer, id) = upload("YWI=", "2").await;
    assert!(answer.expect(201).json().get("processing_info").is_none());
    v1_status(&sandbox, &id).await.expect(404);
}

#[tokio::test]
async fn a_failed_media_has_an_error_and_no_time_left() {
    let sandbox = unsigned().await;
    sandbox.change_settings(|settings| {
        settings.processing.video = ProcessingScript::already_failed(ProcessingError::invalid_media());
    });
    let id = id_of(&form(&sandbox, &init_pairs("3")).await.expect(202));
    let pairs = [("command", "APPEND"), ("media_id", &id), ("segment_index", "0"), ("media_data", "YWJj")];
    form(&sandbox, &pairs).await.expect(204);
    let answer = form(&sandbox, &[("command", "FINALIZE"), ("media_id", &id)]).await.expect(201);
    assert!(answer.json().get("expires_after_secs").is_none());
    assert_eq!(answer.json()["processing_info"]["error"]["name"], "InvalidMedia");
}

#[tokio::test]
async fn an_image_goes_up_without_a_command_and_gets_its_alt_text() {
    let sandbox = unsigned().await;
    let answer = form_in_parts(&sandbox, &[], Some(Part { head: MEDIA, body: b"\x89PNG" })).await.expect(200);
    let id = id_of(&answer);
    assert_eq!((answer.json()["size"].clone(), info(&sandbox, &id).await.size), (json!(4), 4));
    form(&sandbox, &[("media_data", "YWJj")]).await.expect(200);
    form(&sandbox, &[]).await.expect(400);
    let body = json!({ "media_id": id, "alt_text": { "text": "a dog" } });
    let answer = oauth(Request::post("/1.1/media/metadata/create.json").json(&body)).send(&sandbox).await;
    assert_eq!(answer.expect(200).body, b"");
    assert_eq!(info(&sandbox, &id).await.alt_text.as_deref(), Some("a dog"));
}

#[tokio::test]
async fn v2s_transitional_form_answers_in_v2s_shapes() {
    let sandbox = start().await;
    let send = async |pairs: &[(&str, &str)], media: Option<Part<'_>>| {
        let heads: Vec<String> = pairs
            .iter()
            .map(|(name, _)| format!("Content-Disposition: form-data; name=\"{name}\""))
            .collect();
        let mut parts: Vec<Part<'_>> =
            heads.iter().zip(pairs).map(|(head, (_, value))| field(head, value)).collect();
        parts.extend(media);
        Request::post("/2/media/upload").multipart(&parts).send(&sandbox).await
    };
    let mut init = init_pairs("3");
    init[3].1 = "tweet_video";
    let answer = send(&init, None).await.expect(202);
    let id = answer.json()["data"]["id"].as_str().unwrap().to_owned();
    let append = [("command", "APPEND"), ("media_id", id.as_str()), ("segment_index", "0")];
    send(&append, Some(Part { head: MEDIA, body: b"abc" })).await.expect(200);
    let answer = send(&[("command", "FINALIZE"), ("media_id", &id)], None).await.expect(200);
    assert_eq!(answer.json()["data"]["size"], 3);
    assert_eq!(status(&sandbox, &id).await.expect(200).json()["data"]["id"], id);
    // The oldest form had its parameters in the query.
    let query = Request::post("/2/media/upload?command=INIT&total_bytes=3&media_type=video/mp4");
    query.send(&sandbox).await.expect(202);
}
