//! The switches for what X leaves undocumented: their defaults, and the other ways.

use chunkwise_sandbox::{
    AppendAnswer, DuplicateSegment, FinalizeBody, Gap, ProcessingError, ProcessingErrorInV2,
    ProcessingScript, Sandbox, SecondFinalize, SuccessStatus, UnknownSession,
};
use serde_json::json;

use crate::client::{Request, append, finalize, info, init, init_request, sha256, start, status};

#[tokio::test]
async fn a_segment_that_comes_again() {
    let sandbox = start().await;
    let id = init(&sandbox, 6).await;
    append(&sandbox, &id, 0, b"abc").await.expect(200);
    append(&sandbox, &id, 1, b"def").await.expect(200);
    // The same bytes take their own place, other bytes are refused.
    append(&sandbox, &id, 0, b"abc").await.expect(200);
    for other in [&b"abd"[..], b"ab", b"abcd"] {
        let answer = append(&sandbox, &id, 0, other).await.expect(400);
        assert!(answer.text().contains("Segment has already been uploaded."));
    }
    assert_eq!(info(&sandbox, &id).await.sha256, sha256(b"abcdef"));

    sandbox.change_settings(|settings| {
        settings.undocumented.duplicate_other_bytes = DuplicateSegment::Replace;
        settings.undocumented.duplicate_same_bytes = DuplicateSegment::Reject;
    });
    append(&sandbox, &id, 0, b"xyz").await.expect(200);
    append(&sandbox, &id, 0, b"xyz").await.expect(400);
    assert_eq!(info(&sandbox, &id).await.sha256, sha256(b"xyzdef"));

    sandbox.change_settings(|settings| {
        settings.undocumented.duplicate_same_bytes = DuplicateSegment::Accumulate;
        settings.undocumented.duplicate_other_bytes = DuplicateSegment::Accumulate;
    });
    append(&sandbox, &id, 0, b"xyz").await.expect(200);
    append(&sandbox, &id, 0, b"!").await.expect(200);
    assert_eq!(info(&sandbox, &id).await.sha256, sha256(b"xyzxyz!def"));
    assert_eq!(info(&sandbox, &id).await.segments, [(0, 7), (1, 3)]);
    finalize(&sandbox, &id).await.expect(400);
}

#[tokio::test]
async fn duplicates_that_race_leave_one_whole_segment() {
    let sandbox = start().await;
    let id = init(&sandbox, 50_000).await;
    let bytes = crate::client::pattern(9, 50_000);
    let mut appends = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let request = crate::client::append_request(&id, 0, &bytes);
        let address = sandbox.http_address();
        appends.spawn(async move { request.try_send(address).await.unwrap().status });
    }
    assert_eq!(appends.join_all().await, vec![200; 16]);
    finalize(&sandbox, &id).await.expect(200);
    assert_eq!(info(&sandbox, &id).await.sha256, sha256(&bytes));
}

#[tokio::test]
async fn a_gap_in_the_indices() {
    let sandbox = start().await;
    let id = init(&sandbox, 2).await;
    append(&sandbox, &id, 1, b"a").await.expect(200);
    append(&sandbox, &id, 3, b"b").await.expect(200);
    let answer = finalize(&sandbox, &id).await.expect(400);
    assert!(answer.text().contains("Segments do not add up to provided total file size."));
    sandbox.change_settings(|settings| settings.undocumented.gap = Gap::Accept);
    finalize(&sandbox, &id).await.expect(200);
    assert_eq!(info(&sandbox, &id).await.sha256, sha256(b"ab"));
}

#[tokio::test]
async fn a_second_finalize_and_a_late_append() {
    let sandbox = start().await;
    let id = init(&sandbox, 1).await;
    append(&sandbox, &id, 0, b"a").await.expect(200);
    finalize(&sandbox, &id).await.expect(200);
    let answer = finalize(&sandbox, &id).await.expect(400);
    assert!(answer.text().contains("Media has already been finalized."));
    append(&sandbox, &id, 0, b"a").await.expect(400);
    sandbox.change_settings(|settings| settings.undocumented.second_finalize = SecondFinalize::Repeat);
    let answer = finalize(&sandbox, &id).await.expect(200);
    assert_eq!(answer.json()["data"]["processing_info"]["state"], "in_progress");
    append(&sandbox, &id, 0, b"a").await.expect(400);
}

#[tokio::test]
async fn answers_have_other_shapes() {
    let builder = Sandbox::builder().with(|settings| {
        let switches = &mut settings.undocumented;
        switches.append_answer = AppendAnswer::Empty;
        switches.initialize_status = SuccessStatus::Accepted;
        switches.finalize_status = SuccessStatus::Created;
        switches.finalize_body = FinalizeBody::Ignore;
        switches.unknown_session = UnknownSession::InvalidRequest;
    });
    let sandbox = builder.start().await.unwrap();
    let answer = init_request(1, "video/mp4", "tweet_video").send(&sandbox).await.expect(202);
    let id = answer.json()["data"]["id"].as_str().unwrap().to_owned();
    let answer = append(&sandbox, &id, 0, b"a").await.expect(204);
    assert_eq!(answer.body, b"");
    let no_body = Request::post(format!("/2/media/upload/{id}/finalize"));
    no_body.send(&sandbox).await.expect(201);
    let answer = append(&sandbox, "42", 0, b"a").await.expect(400);
    assert_eq!(answer.json()["errors"][0]["message"], "Invalid media id 42");
}

#[tokio::test]
async fn a_script_decides_what_processing_shows() {
    let sandbox = start().await;
    let shown = async |script: ProcessingScript| {
        sandbox.change_settings(|settings| settings.processing.video = script);
        let id = init(&sandbox, 1).await;
        append(&sandbox, &id, 0, b"a").await.expect(200);
        let mut infos =
            vec![finalize(&sandbox, &id).await.expect(200).json()["data"]["processing_info"].clone()];
        for _ in 0..3 {
            let answer = status(&sandbox, &id).await;
            infos.push(answer.json()["data"]["processing_info"].clone());
        }
        infos
    };
    let error = json!({ "code": 1, "name": "InvalidMedia", "message": "Unsupported video format" });
    let invalid = ProcessingError::invalid_media;

    let failed = json!({ "state": "failed", "progress_percent": 30, "error": error });
    assert_eq!(shown(ProcessingScript::fails(invalid())).await[2..], [failed.clone(), failed]);
    let at_once = json!({ "state": "failed", "error": error });
    assert_eq!(shown(ProcessingScript::already_failed(invalid())).await[0], at_once);
    let stuck = json!({ "state": "in_progress", "progress_percent": 99, "error": error });
    assert_eq!(shown(ProcessingScript::stuck(invalid())).await[1..], [stuck.clone(), stuck.clone(), stuck]);
    let succeeded = json!({ "state": "succeeded", "progress_percent": 100 });
    assert_eq!(shown(ProcessingScript::already_succeeded()).await, vec![succeeded; 4]);
    let without_hints = shown(ProcessingScript::without_hints()).await;
    assert!(without_hints.iter().all(|info| info.get("check_after_secs").is_none()));
    assert_eq!(without_hints[3]["state"], "succeeded");
    assert_eq!(shown(ProcessingScript::without_info()).await, vec![json!(null); 4]);
    assert_eq!(shown(ProcessingScript::unknown_state()).await[3]["state"], "transmogrifying");
    let endless = shown(ProcessingScript::endless()).await;
    assert_eq!(endless[0], json!({ "state": "in_progress", "check_after_secs": 1, "progress_percent": 50 }));
    assert_eq!(endless[0], endless[3]);

    sandbox.change_settings(|settings| {
        settings.undocumented.processing_error_in_v2 = ProcessingErrorInV2::Hidden;
    });
    assert_eq!(shown(ProcessingScript::already_failed(invalid())).await[0], json!({ "state": "failed" }));
}
