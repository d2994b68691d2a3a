//! Each fault at its call, as seen in answers and in what was stored.

use std::time::{Duration, Instant};

use chunkwise_sandbox::{
    Effect, Ending, Fault, FaultPlan, FaultRule, Moment, Operation, Rest, Sandbox, Selector,
};
use serde_json::json;

use crate::client::{
    Request, append, append_request, finalize, finalize_request, info, init, init_request, pattern, sha256,
    status, status_request, upload_image,
};

async fn with(rule: FaultRule) -> Sandbox {
    Sandbox::builder().fault(rule).start().await.unwrap()
}

#[tokio::test]
async fn an_answer_of_the_scripts_own() {
    let fault: Fault = serde_json::from_value(json!({
        "kind": "answer", "status": 503, "body": "<html>busy</html>",
        "headers": { "content-type": "text/html", "retry-after": "3" },
    }))
    .unwrap();
    let sandbox = with(FaultRule::at_call(Operation::Append, 2, fault)).await;
    let id = init(&sandbox, 2).await;
    append(&sandbox, &id, 0, b"a").await.expect(200);
    let answer = append(&sandbox, &id, 1, b"b").await.expect(503);
    assert_eq!(answer.text(), "<html>busy</html>");
    assert_eq!((answer.header("content-type"), answer.header("retry-after")), (Some("text/html"), Some("3")));
    assert_eq!(info(&sandbox, &id).await.segments, [(0, 1)]);
    append(&sandbox, &id, 1, b"b").await.expect(200);
    finalize(&sandbox, &id).await.expect(200);
}

#[tokio::test]
async fn an_answer_that_lies_after_the_commit() {
    let mut fault = Fault::answer(500, "");
    if let Fault::Answer { moment, .. } = &mut fault {
        *moment = Moment::AfterCommit;
    }
    let sandbox = with(FaultRule::at_call(Operation::Append, 1, fault)).await;
    let id = init(&sandbox, 1).await;
    append(&sandbox, &id, 0, b"a").await.expect(500);
    assert_eq!(info(&sandbox, &id).await.segments, [(0, 1)]);
    let entry = sandbox.log().pop().unwrap();
    assert_eq!((entry.effect, entry.ending), (Effect::Committed, Ending::Answered { status: 500 }));
    assert_eq!(entry.faults, ["answer"]);
}

#[tokio::test]
async fn segments_can_be_picked_whatever_comes_first_in_the_form() {
    let sandbox = with(FaultRule::at_segment(7, Fault::answer(502, ""))).await;
    let id = init(&sandbox, 9).await;
    append(&sandbox, &id, 6, b"a").await.expect(200);
    append(&sandbox, &id, 7, b"b").await.expect(502);
    append(&sandbox, &id, 7, b"b").await.expect(200);

    sandbox.install_faults(FaultPlan::from_iter([FaultRule::at_segment(8, Fault::answer(502, ""))]));
    let body = json!({ "media": "YWJj", "segment_index": 8 });
    let request = Request::post(format!("/2/media/upload/{id}/append")).json(&body);
    request.send(&sandbox).await.expect(502);
    request.send(&sandbox).await.expect(200);
}

#[tokio::test]
async fn every_operation_can_be_hit_and_is_counted_for_itself() {
    let rule =
        FaultRule { operation: None, on: Selector::Call(2), times: None, fault: Fault::answer(503, "") };
    let sandbox = with(rule).await;
    let image = upload_image(&sandbox).await;
    init_request(1, "video/mp4", "tweet_video").send(&sandbox).await.expect(503);
    append(&sandbox, &image, 0, b"x").await.expect(503);
    finalize(&sandbox, &image).await.expect(503);
    for request in [
        status_request(&image),
        Request::post("/2/tweets").json(&json!({ "text": "x", "media": { "media_ids": [image] } })),
        Request::post("/2/media/metadata").json(&json!({ "id": image, "metadata": {} })),
    ] {
        assert_ne!(request.send(&sandbox).await.status, 503);
        request.send(&sandbox).await.expect(503);
        assert_ne!(request.send(&sandbox).await.status, 503);
    }
    assert_eq!(sandbox.faults()[0].applied, 6);
}

#[tokio::test]
async fn answers_can_be_broken() {
    let sandbox = with(FaultRule::at_call(Operation::Append, 1, Fault::MalformedJson)).await;
    sandbox.add_fault(FaultRule::at_call(Operation::Append, 2, Fault::EmptyAnswer));
    sandbox.add_fault(FaultRule::at_call(Operation::Append, 3, Fault::HugeAnswer { bytes: 3_000_000 }));
    let id = init(&sandbox, 3).await;
    let malformed = append(&sandbox, &id, 0, b"a").await.expect(200);
    assert!(serde_json::from_slice::<serde_json::Value>(&malformed.body).is_err());
    assert!(malformed.text().starts_with("{\"data\""));
    assert_eq!(append(&sandbox, &id, 1, b"b").await.expect(200).body, b"");
    let huge = append(&sandbox, &id, 2, b"c").await.expect(200);
    assert_eq!(huge.body.len(), 3_000_000);
    assert!(huge.json()["data"].is_string());
    // All three were stored all the same.
    finalize(&sandbox, &id).await.expect(200);
    assert_eq!(info(&sandbox, &id).await.sha256, sha256(b"abc"));
}

#[tokio::test]
async fn an_answer_can_be_late() {
    let sandbox =
        with(FaultRule::always(Operation::Status, Fault::Delay { millis: 150, moment: Moment::AfterCommit }))
            .await;
    let begun = Instant::now();
    status(&sandbox, "1").await.expect(400);
    assert!(begun.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn a_body_can_be_read_slowly() {
    let sandbox =
        with(FaultRule::always(Operation::Append, Fault::SlowBody { bytes_per_sec: 1_000_000 })).await;
    let bytes = pattern(2, 300_000);
    let id = init(&sandbox, bytes.len()).await;
    let begun = Instant::now();
    append(&sandbox, &id, 0, &bytes).await.expect(200);
    assert!(begun.elapsed() >= Duration::from_millis(280), "{:?}", begun.elapsed());
    assert_eq!(info(&sandbox, &id).await.sha256, sha256(&bytes));
}

#[tokio::test]
async fn a_lost_reply_has_been_committed() {
    for operation in [Operation::Initialize, Operation::Append, Operation::Finalize] {
        let sandbox = with(FaultRule::at_call(operation, 1, Fault::lost_reply())).await;
        let address = sandbox.http_address();
        let sent = init_request(1, "video/mp4", "tweet_video").try_send(address).await;
        assert_eq!(sent.is_err(), operation == Operation::Initialize);
        let id = sandbox.media_ids()[0].to_string();
        let sent = append_request(&id, 0, b"x").try_send(address).await;
        assert_eq!(sent.is_err(), operation == Operation::Append);
        assert_eq!(info(&sandbox, &id).await.segments, [(0, 1)]);
        let sent = finalize_request(&id).try_send(address).await;
        assert_eq!(sent.is_err(), operation == Operation::Finalize);
        status(&sandbox, &id).await.expect(200);
        let cut: Vec<_> = sandbox.log().into_iter().filter(|entry| entry.ending == Ending::Reset).collect();
        assert_eq!(cut.len(), 1);
        assert_eq!((cut[0].operation, cut[0].effect), (Some(operation), Effect::Committed));
    }
}

#[tokio::test]
async fn what_is_cut_before_the_commit_leaves_nothing() {
    for moment in [Moment::BeforeBody, Moment::DuringBody { after_bytes: 10 }, Moment::AfterBody] {
        for fault in [Fault::Reset { moment }, Fault::Close { moment }] {
            let sandbox = with(FaultRule::at_call(Operation::Append, 1, fault.clone())).await;
            let id = init(&sandbox, 1000).await;
            let bytes = pattern(1, 1000);
            append_request(&id, 0, &bytes).try_send(sandbox.http_address()).await.unwrap_err();
            assert_eq!(info(&sandbox, &id).await.segments, [], "{fault:?}");
            let files = std::fs::read_dir(sandbox.directory()).unwrap().flatten();
            let left = files.filter(|file| file.file_name().to_string_lossy().starts_with("segment"));
            assert_eq!(left.count(), 0, "nothing is left after {fault:?}");
            append(&sandbox, &id, 0, &bytes).await.expect(200);
            finalize(&sandbox, &id).await.expect(200);
        }
    }
}

#[tokio::test]
async fn an_early_answer_can_spare_the_connection() {
    let fault = Fault::Answer {
        status: 413,
        headers: Default::default(),
        body: String::new(),
        moment: Moment::DuringBody { after_bytes: 1 },
        rest: Rest::default(),
    };
    let sandbox = with(FaultRule::at_call(Operation::Append, 1, fault)).await;
    let id = init(&sandbox, 2_000_000).await;
    let bytes = pattern(1, 2_000_000);
    let answer = append(&sandbox, &id, 0, &bytes).await.expect(413);
    assert_eq!((answer.body.len(), answer.header("connection")), (0, None));
    append(&sandbox, &id, 0, &bytes).await.expect(200);
    let log = sandbox.log();
    let early = log.iter().find(|entry| entry.ending == Ending::Answered { status: 413 }).unwrap();
    assert!(early.body_bytes < 2_000_000, "{}", early.body_bytes);
}

#[tokio::test]
async fn an_operation_named_only_in_the_body_is_hit_all_the_same() {
    for moment in [Moment::BeforeBody, Moment::DuringBody { after_bytes: 5 }, Moment::AfterBody] {
        let sandbox = with(FaultRule::at_call(Operation::Initialize, 1, Fault::Reset { moment })).await;
        sandbox.change_settings(|settings| settings.access.mode = chunkwise_sandbox::AccessMode::Any);
        let request = Request::post("/1.1/media/upload.json")
            .header("authorization", "OAuth a=\"b\"")
            .body("application/x-www-form-urlencoded", "command=INIT&total_bytes=1&media_type=video/mp4");
        request.try_send(sandbox.http_address()).await.unwrap_err();
        assert!(sandbox.media_ids().is_empty());
        request.send(&sandbox).await.expect(202);
    }
}
