//! v2: what a well-behaved upload gets, byte for byte.

use chunkwise_sandbox::{Category, MediaState};
use serde_json::json;

use crate::client::{
    BARE_MEDIA, INDEX, MEDIA, Part, Request, append, field, finalize, info, init, init_request, pattern,
    sha256, start, status, upload_image,
};

#[tokio::test]
async fn a_video_goes_up_and_is_processed() {
    let sandbox = start().await;
    let bytes = pattern(1, 10_000);
    let answer = init_request(10_000, "video/mp4", "tweet_video").send(&sandbox).await.expect(200);
    let id = answer.json()["data"]["id"].as_str().unwrap().to_owned();
    assert_eq!(
        answer.json(),
        json!({ "data": { "id": id, "media_key": format!("7_{id}"), "expires_after_secs": 86400 } })
    );

    let answer = append(&sandbox, &id, 0, &bytes[..6000]).await.expect(200);
    let expires_at = answer.json()["data"]["expires_at"].as_u64().unwrap();
    assert_eq!(answer.json(), json!({ "data": { "expires_at": expires_at } }));
    assert_eq!(info(&sandbox, &id).await.expires_at, expires_at);
    append(&sandbox, &id, 1, &bytes[6000..]).await.expect(200);

    let answer = finalize(&sandbox, &id).await.expect(200);
    assert_eq!(
        answer.json(),
        json!({ "data": {
            "id": id,
            "media_key": format!("7_{id}"),
            "size": 10_000,
            "expires_after_secs": 86400,
            "video": { "video_type": "video/mp4" },
            "processing_info": { "state": "pending", "check_after_secs": 1 },
        } })
    );
    let mut seen = Vec::new();
    for _ in 0..4 {
        let answer = status(&sandbox, &id).await.expect(200);
        let info = answer.json()["data"]["processing_info"].clone();
        seen.push((
            info["state"].clone(),
            info["progress_percent"].clone(),
            info["check_after_secs"].clone(),
        ));
    }
    let expected = [
        (json!("in_progress"), json!(30), json!(1)),
        (json!("in_progress"), json!(80), json!(1)),
        (json!("succeeded"), json!(100), json!(null)),
        (json!("succeeded"), json!(100), json!(null)),
    ];
    assert_eq!(seen, expected);

    let info = info(&sandbox, &id).await;
    assert_eq!((info.size, info.sha256), (10_000, sha256(&bytes)));
    assert_eq!(info.segments, [(0, 6000), (1, 4000)]);
    assert_eq!(info.category, Some(Category::TweetVideo));
    assert_eq!(info.state, MediaState::Finalized { processing: Some("succeeded".into()) });
}

#[tokio::test]
async fn an_image_is_ready_at_once_and_has_no_status() {
    let sandbox = start().await;
    let id = upload_image(&sandbox).await;
    let answer = status(&sandbox, &id).await.expect(400);
    assert_eq!(
        answer.text(),
        r#"{"detail":"One or more parameters to your request was invalid.","errors":[{"message":"BadRequest: Not found"}],"title":"Invalid Request","type":"https://api.twitter.com/2/problems/invalid-request"}"#
    );
}

#[tokio::test]
async fn parts_come_in_any_order_with_and_without_a_file_name() {
    let sandbox = start().await;
    let bytes = b"\r\n--not the boundary\r\n--x1y2z3 neither\r\n";
    let media = |head| Part { head, body: bytes };
    let index = field(INDEX, "0");
    for parts in
        [[media(MEDIA), index], [index, media(MEDIA)], [media(BARE_MEDIA), index], [index, media(BARE_MEDIA)]]
    {
        let id = init(&sandbox, bytes.len()).await;
        Request::post(format!("/2/media/upload/{id}/append"))
            .multipart(&parts)
            .send(&sandbox)
            .await
            .expect(200);
        finalize(&sandbox, &id).await.expect(200);
        assert_eq!(info(&sandbox, &id).await.sha256, sha256(bytes));
    }
}
