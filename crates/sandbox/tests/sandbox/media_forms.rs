//! The forms in which media bytes may come, and the bodies that are no form at all.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::client::{
    BOUNDARY, INDEX, MEDIA, Part, Request, field, finalize, info, init, pattern, sha256, start,
};

#[tokio::test]
async fn json_and_encoded_parts_carry_base64() {
    let sandbox = start().await;
    let bytes = pattern(5, 100_001);
    let text = STANDARD.encode(&bytes);
    let id = init(&sandbox, 3 * bytes.len()).await;
    let target = format!("/2/media/upload/{id}/append");
    Request::post(&target)
        .json(&json!({ "media": text, "segment_index": 0 }))
        .send(&sandbox)
        .await
        .expect(200);

    let encoded = "Content-Disposition: form-data; name=\"media\"\r\nContent-Transfer-Encoding: base64";
    let lines: Vec<u8> = text.as_bytes().chunks(76).flat_map(|line| [line, b"\r\n"].concat()).collect();
    for (index, body) in [("1", text.as_bytes()), ("2", &lines)] {
        let parts = [Part { head: encoded, body }, field(INDEX, index)];
        Request::post(&target).multipart(&parts).send(&sandbox).await.expect(200);
    }
    finalize(&sandbox, &id).await.expect(200);
    assert_eq!(info(&sandbox, &id).await.sha256, sha256(&bytes.repeat(3)));
}

#[tokio::test]
async fn what_is_not_base64_or_not_in_the_schema_is_refused() {
    let sandbox = start().await;
    let id = init(&sandbox, 3).await;
    let target = format!("/2/media/upload/{id}/append");
    for body in [
        json!({ "media": "****", "segment_index": 0 }),
        json!({ "media": "YWJ", "segment_index": 0 }),
        json!({ "media": "YWJj", "segment_index": "0" }),
        json!({ "media": "YWJj", "segment_index": 0, "name": "x" }),
        json!({ "segment_index": 0 }),
    ] {
        Request::post(&target).json(&body).send(&sandbox).await.expect(400);
    }
    assert_eq!(info(&sandbox, &id).await.segments, []);
    // The cap counts decoded bytes: more text than the cap, but not more media.
    sandbox.change_settings(|settings| settings.limits.append_bytes = 300);
    let append = |length| json!({ "media": STANDARD.encode(vec![7; length]), "segment_index": 0 });
    Request::post(&target).json(&append(301)).send(&sandbox).await.expect(413);
    Request::post(&target).json(&append(300)).send(&sandbox).await.expect(200);
}

#[tokio::test]
async fn malformed_multipart_stores_nothing() {
    let sandbox = start().await;
    let id = init(&sandbox, 4).await;
    let head = format!("--{BOUNDARY}\r\n{INDEX}\r\n\r\n0\r\n--{BOUNDARY}\r\n{MEDIA}\r\n\r\n");
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    for body in [
        String::new(),
        "no boundary at all".into(),
        format!("{head}data"),
        format!("{head}data\r\n--{BOUNDARY}"),
        format!("{head}data\r\n--{BOUNDARY}--\r\ntrailing"),
        format!("{head}data\r\n--{BOUNDARY}\r\n{MEDIA}\r\n\r\ndata\r\n--{BOUNDARY}--"),
        format!("{head}data\r\n--{BOUNDARY}\r\n{INDEX}\r\n\r\n1\r\n--{BOUNDARY}--"),
        format!("--{BOUNDARY}\r\nX: {}\r\n\r\n", "x".repeat(10_000)),
    ] {
        let request = Request::post(format!("/2/media/upload/{id}/append")).body(&content_type, body.clone());
        let answer = request.send(&sandbox).await;
        assert_eq!(answer.status, 400, "{body:.80} {}", answer.text());
    }
    // A comma for the semicolon (X fact sheet §2.3), and a type that is no form.
    for content_type in [format!("multipart/form-data, boundary={BOUNDARY}"), "image/png".into()] {
        let body = format!("{head}data\r\n--{BOUNDARY}--");
        let request = Request::post(format!("/2/media/upload/{id}/append")).body(&content_type, body);
        request.send(&sandbox).await.expect(400);
    }
    assert_eq!(info(&sandbox, &id).await.segments, []);
}

#[tokio::test]
async fn a_stray_line_end_in_the_part_is_counted_and_found_out() {
    let sandbox = start().await;
    let id = init(&sandbox, 4).await;
    let parts = [field(INDEX, "0"), Part { head: MEDIA, body: b"data\r\n" }];
    Request::post(format!("/2/media/upload/{id}/append")).multipart(&parts).send(&sandbox).await.expect(200);
    let answer = finalize(&sandbox, &id).await.expect(400);
    assert!(answer.text().contains("Segments do not add up to provided total file size."));
}

#[tokio::test]
async fn an_image_goes_up_in_one_request() {
    let sandbox = start().await;
    let category = "Content-Disposition: form-data; name=\"media_category\"";
    let parts = [Part { head: MEDIA, body: b"\x89PNG" }, field(category, "tweet_image")];
    let answer = Request::post("/2/media/upload").multipart(&parts).send(&sandbox).await.expect(200);
    let id = answer.json()["data"]["id"].as_str().unwrap().to_owned();
    assert_eq!(answer.json()["data"]["size"], 4);
    assert_eq!(info(&sandbox, &id).await.sha256, sha256(b"\x89PNG"));

    let body = json!({ "media": STANDARD.encode("png"), "media_category": "dm_image" });
    Request::post("/2/media/upload").json(&body).send(&sandbox).await.expect(200);
    let video = json!({ "media": STANDARD.encode("mp4"), "media_category": "tweet_video" });
    Request::post("/2/media/upload").json(&video).send(&sandbox).await.expect(400);
    let too_big = [Part { head: MEDIA, body: &vec![0; 5_242_881] }, field(category, "tweet_image")];
    let answer = Request::post("/2/media/upload").multipart(&too_big).send(&sandbox).await.expect(400);
    assert!(answer.text().contains("File size exceeds 5242880 bytes."));
}
