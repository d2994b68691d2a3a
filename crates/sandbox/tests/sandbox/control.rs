//! The control API, and the sandbox's own life.

use chunkwise_sandbox::{
    Ending, FaultCount, LoggedRequest, MediaInfo, MediaState, Operation, Sandbox, SandboxError, credentials,
};
use serde_json::{Value, json};

use crate::client::{Request, append, finalize, init, init_request, pattern, sha256, start, upload};

async fn get(sandbox: &Sandbox, path: &str) -> crate::client::Answer {
    Request::get(format!("/_sandbox/{path}")).without("authorization").send(sandbox).await
}

async fn send(sandbox: &Sandbox, method: &'static str, path: &str, body: &Value) -> u16 {
    Request::new(method, format!("/_sandbox/{path}"))
        .without("authorization")
        .json(body)
        .send(sandbox)
        .await
        .status
}

#[tokio::test]
async fn media_can_be_looked_at_and_fetched() {
    let sandbox = start().await;
    let bytes = pattern(1, 700_000);
    let id = upload(&sandbox, &bytes).await;
    let info: MediaInfo =
        serde_json::from_value(get(&sandbox, &format!("media/{id}")).await.expect(200).json()).unwrap();
    assert_eq!((info.size, info.sha256), (700_000, sha256(&bytes)));
    assert_eq!(info.owner, credentials::USER_ID);
    assert_eq!(get(&sandbox, &format!("media/{id}/content")).await.expect(200).body, bytes);
    assert_eq!(get(&sandbox, "media").await.expect(200).json()[0]["id"], id);
    get(&sandbox, "media/42").await.expect(404);
    get(&sandbox, "media/42/content").await.expect(404);
    assert_eq!(send(&sandbox, "POST", &format!("media/{id}/expire"), &json!({})).await, 204);
    let state = sandbox.media(id.parse().unwrap()).await.unwrap().unwrap().state;
    assert_eq!(state, MediaState::Expired);
}

#[tokio::test]
async fn faults_are_installed_added_counted_and_cleared() {
    let sandbox = start().await;
    let reject = json!({ "kind": "answer", "status": 503 });
    let plan = json!([{ "operation": "initialize", "on": { "call": 1 }, "fault": reject }]);
    assert_eq!(send(&sandbox, "PUT", "faults", &plan).await, 204);
    let init = async || init_request(1, "video/mp4", "tweet_video").send(&sandbox).await.status;
    assert_eq!([init().await, init().await], [503, 200]);
    let third = json!({ "operation": "initialize", "on": { "call": 3 }, "fault": reject });
    assert_eq!(send(&sandbox, "POST", "faults", &third).await, 204);
    assert_eq!([init().await, init().await], [503, 200]);
    let counts: Vec<FaultCount> =
        serde_json::from_value(get(&sandbox, "faults").await.expect(200).json()).unwrap();
    assert_eq!(counts.iter().map(|count| count.applied).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(send(&sandbox, "PUT", "faults", &plan).await, 204);
    assert_eq!(init().await, 503);
    assert_eq!(send(&sandbox, "DELETE", "faults", &json!(null)).await, 204);
    assert!(sandbox.faults().is_empty());
    assert_eq!(send(&sandbox, "PUT", "faults", &json!([{ "fault": { "kind": "nonsense" } }])).await, 400);
}

#[tokio::test]
async fn the_log_tells_what_came_and_how_it_ended() {
    let sandbox = start().await;
    let id = init(&sandbox, 5).await;
    append(&sandbox, &id, 0, b"abcde").await.expect(200);
    append(&sandbox, &id, 1000, b"x").await.expect(400);
    let log: Vec<LoggedRequest> =
        serde_json::from_value(get(&sandbox, "log").await.expect(200).json()).unwrap();
    assert_eq!(log, sandbox.log());
    assert_eq!(log.iter().map(|entry| entry.number).collect::<Vec<_>>(), [1, 2, 3]);
    let stored = &log[1];
    assert_eq!(stored.operation, Some(Operation::Append));
    assert_eq!((stored.call, stored.segment_index, stored.media_bytes), (Some(1), Some(0), 5));
    assert_eq!(stored.media_id.as_deref(), Some(id.as_str()));
    assert_eq!(stored.path, format!("/2/media/upload/{id}/append"));
    assert!(stored.body_bytes > 5);
    assert_eq!(log[2].ending, Ending::Answered { status: 400 });
    let newer: Vec<LoggedRequest> =
        serde_json::from_value(get(&sandbox, "log?since=2").await.expect(200).json()).unwrap();
    assert_eq!(newer.len(), 1);
    assert_eq!(send(&sandbox, "DELETE", "log", &json!(null)).await, 204);
    assert!(sandbox.log().is_empty());
}

#[tokio::test]
async fn settings_change_while_it_runs() {
    let sandbox = start().await;
    let patch = json!({ "limits": { "append_bytes": 2 }, "undocumented": { "gap": "accept" } });
    assert_eq!(send(&sandbox, "PATCH", "settings", &patch).await, 200);
    let id = init(&sandbox, 9).await;
    append(&sandbox, &id, 0, b"abc").await.expect(413);
    assert_eq!(sandbox.settings().limits.append_body_bytes, 5_242_880);
    let shown = get(&sandbox, "settings").await.expect(200);
    assert_eq!(shown.json()["undocumented"]["gap"], "accept");
    assert!(!shown.text().contains(credentials::CONSUMER_SECRET));
    assert_eq!(send(&sandbox, "PATCH", "settings", &json!({ "limitz": {} })).await, 400);
    assert_eq!(
        send(&sandbox, "PATCH", "settings", &json!({ "listen": { "http": "127.0.0.1:1" } })).await,
        400
    );
}

#[tokio::test]
async fn time_tokens_and_everything_can_be_reset() {
    let sandbox = start().await;
    let id = init(&sandbox, 1).await;
    assert_eq!(send(&sandbox, "POST", "clock/advance", &json!({ "seconds": 86_401 })).await, 204);
    append(&sandbox, &id, 0, b"x").await.expect(404);
    assert_eq!(send(&sandbox, "POST", "clock/advance", &json!({ "seconds": -1 })).await, 400);
    let token = json!({ "token": "new", "user": "7", "kind": { "user": { "scopes": ["media.write"] } } });
    assert_eq!(send(&sandbox, "POST", "tokens", &token).await, 204);
    init_request(1, "video/mp4", "tweet_video").bearer("new").send(&sandbox).await.expect(200);
    assert_eq!(send(&sandbox, "POST", "tokens/revoke", &json!({ "token": "new" })).await, 204);
    init_request(1, "video/mp4", "tweet_video").bearer("new").send(&sandbox).await.expect(401);
    assert_eq!(send(&sandbox, "POST", "reset", &json!({})).await, 204);
    assert!(sandbox.media_ids().is_empty() && sandbox.log().is_empty());
    get(&sandbox, "nothing").await.expect(404);
    get(&sandbox, "health").await.expect(200);
    assert_eq!(get(&sandbox, "ca.pem").await.expect(200).text(), sandbox.ca_pem().unwrap());
}

#[tokio::test]
async fn the_log_keeps_the_newest() {
    let sandbox = Sandbox::builder()
        .with(|settings| settings.log_entries = chunkwise_sandbox::LogEntries(2))
        .start()
        .await
        .unwrap();
    for _ in 0..5 {
        init(&sandbox, 1).await;
    }
    assert_eq!(sandbox.log().iter().map(|entry| entry.number).collect::<Vec<_>>(), [4, 5]);
}

#[tokio::test]
async fn its_end_frees_the_port_and_the_disk() {
    let sandbox = start().await;
    let (address, directory) = (sandbox.http_address(), sandbox.directory().to_owned());
    let id = upload(&sandbox, &pattern(1, 100_000)).await;
    finalize(&sandbox, &id).await.expect(400);
    assert!(directory.exists());
    sandbox.shutdown().await;
    assert!(!directory.exists());
    init_request(1, "video/mp4", "tweet_video").try_send(address).await.unwrap_err();
}

#[tokio::test]
async fn a_start_that_fails_says_why() {
    let sandbox = start().await;
    let taken = sandbox.http_address();
    let error = Sandbox::builder().with(|settings| settings.listen.http = taken).start().await.unwrap_err();
    assert!(matches!(error, SandboxError::Listen { address, .. } if address == taken), "{error}");
    let nowhere = std::path::PathBuf::from("/nonexistent/directory");
    let error = Sandbox::builder()
        .with(|settings| settings.listen.directory = Some(nowhere))
        .start()
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "can't make a directory for media in /nonexistent/directory: choose another one"
    );
}
