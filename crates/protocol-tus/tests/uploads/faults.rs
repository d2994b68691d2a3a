//! One upload, one writer: what goes wrong on the way, and comes to a good end.

use std::time::{Duration, SystemTime};

use chunkwise_core::{ErrorKind, Kept, SessionEnd};
use chunkwise_driver::DriverError;
use chunkwise_tus::Way;

use crate::server::{Fault, Server};
use crate::world::{CHUNK, World, content, cut_off_when, protocol, sha256};

/// Uploads three segments with these faults; how it went, and whether the bytes are right.
async fn with(faults: &[(&'static str, Fault)]) -> (Server, Vec<SessionEnd>) {
    let (server, world) = (Server::start().await, World::new());
    for (method, fault) in faults {
        server.next(method, fault.clone());
    }
    let bytes = content(3 * CHUNK as usize);
    let end = world.upload(protocol(&server, Way::Whole), &bytes).await;
    assert_eq!(sha256(&server.bytes(&end.url())), sha256(&bytes));
    let restarts = end.restarts();
    (server, restarts)
}

#[tokio::test]
async fn after_a_lost_answer_it_is_asked_first_and_nothing_is_sent_twice() {
    let (server, _) = with(&[("PATCH", Fault::Lose)]).await;
    assert_eq!(server.log(), ["POST 201", "PATCH 0", "HEAD 200", "PATCH 204", "PATCH 204"]);
    let sent: usize = server.state().seen.iter().map(|seen| seen.body).sum();
    assert_eq!(sent, 3 * CHUNK as usize);
}

#[tokio::test]
async fn the_lost_answer_to_the_last_append_is_found_in_the_offset() {
    let (server, world) = (Server::start().await, World::new());
    server.next("PATCH", Fault::Lose);
    let end = world.upload(protocol(&server, Way::Whole), &content(100)).await;
    assert_eq!(server.bytes(&end.url()), content(100));
    assert_eq!(server.log(), ["POST 201", "PATCH 0", "HEAD 200"]);
}

#[tokio::test]
async fn what_arrived_before_a_cut_is_not_sent_again() {
    let (server, _) = with(&[("PATCH", Fault::Cut(40_000)), ("PATCH", Fault::Cut(1))]).await;
    let offsets: Vec<_> = server
        .state()
        .seen
        .iter()
        .filter(|seen| seen.method == "PATCH")
        .map(|seen| seen.headers["upload-offset"].parse::<usize>().unwrap())
        .collect();
    assert_eq!(offsets[..3], [0, 40_000, 40_001]);
    let sent: usize = server.state().seen.iter().map(|seen| seen.body).sum();
    assert_eq!(sent, 3 * CHUNK as usize);
}

#[tokio::test]
async fn an_offset_conflict_is_settled_by_asking() {
    let (server, _) = with(&[("PATCH", Fault::Answer("409 Conflict"))]).await;
    assert_eq!(server.log(), ["POST 201", "PATCH 409", "HEAD 200", "PATCH 204", "PATCH 204", "PATCH 204"]);
}

#[tokio::test]
async fn a_lock_is_waited_for() {
    let locked = Fault::Answer("423 Locked");
    let (server, _) = with(&[("PATCH", locked.clone()), ("PATCH", locked.clone()), ("HEAD", locked)]).await;
    assert_eq!(server.count("PATCH 423"), 2);
    assert_eq!(server.count("HEAD 423"), 0, "a lock says that nothing was done: there is nothing to ask");
}

#[tokio::test]
async fn a_lock_while_asking_is_waited_for_too() {
    let faults = [("PATCH", Fault::Lose), ("HEAD", Fault::Answer("423 Locked"))];
    let (server, restarts) = with(&faults).await;
    assert_eq!((server.count("HEAD 423"), server.count("HEAD 200")), (1, 1));
    assert_eq!(restarts, []);
}

#[tokio::test]
async fn a_server_that_breaks_down_over_a_patch_is_asked_how_far_it_came() {
    for status in ["500 Oops", "502 Bad Gateway", "503 Later", "504 Timeout"] {
        let (server, _) = with(&[("PATCH", Fault::Answer(status))]).await;
        assert_eq!(server.count("HEAD 200"), 1, "{status}");
    }
}

#[tokio::test]
async fn an_append_that_moves_nothing_is_a_failed_try() {
    let (server, _) = with(&[("PATCH", Fault::Nothing)]).await;
    assert_eq!(server.count("PATCH 204"), 4);
}

#[tokio::test]
async fn a_digest_that_did_not_match_is_sent_again() {
    let (server, _) = with(&[("PATCH", Fault::Answer("460 Checksum Mismatch"))]).await;
    assert_eq!(server.count("PATCH 460"), 1);
}

#[tokio::test]
async fn an_upload_that_is_gone_is_made_anew_once() {
    let gone = Fault::Answer("404 Not Found");
    let (_, restarts) = with(&[("PATCH", gone.clone()), ("PATCH", gone)]).await;
    assert_eq!(restarts, [SessionEnd::Gone]);
}

#[tokio::test]
async fn a_segment_that_is_too_large_is_cut_smaller() {
    let (server, restarts) = with(&[("PATCH", Fault::Answer("413 Too Large"))]).await;
    assert_eq!(restarts, []);
    let largest = server.state().seen.iter().skip(2).map(|seen| seen.body).max();
    assert_eq!(largest, Some(CHUNK as usize / 2));
}

#[tokio::test]
async fn an_upload_that_expired_between_a_crash_and_the_resume_is_made_anew_once() {
    for status in ["404 Not Found", "410 Gone"] {
        let (server, world) = (Server::start().await, World::new());
        let bytes = content(40 * CHUNK as usize);
        let handle = world.start(protocol(&server, Way::Whole), &bytes).await;
        let id = cut_off_when(handle, &server, |server| server.count("PATCH 204") >= 2).await;
        server.state().uploads.clear();
        server.next("HEAD", Fault::Answer(status)).next("HEAD", Fault::Answer(status));

        let end = world.resume(id, protocol(&server, Way::Whole), &bytes).await;
        assert_eq!(sha256(&server.bytes(&end.url())), sha256(&bytes));
        assert_eq!(end.restarts(), [SessionEnd::Gone], "{status}");
        assert_eq!(server.count("POST 201"), 2);
    }
}

#[tokio::test]
async fn a_403_half_way_is_not_taken_for_the_end_of_the_upload() {
    let (server, world) = (Server::start().await, World::new());
    let bytes = content(40 * CHUNK as usize);
    let handle = world.start(protocol(&server, Way::Whole), &bytes).await;
    let id = cut_off_when(handle, &server, |server| server.count("PATCH 204") >= 2).await;
    server.next("HEAD", Fault::Answer("403 Forbidden"));
    let end = world.resume(id.clone(), protocol(&server, Way::Whole), &bytes).await;
    match end.result {
        Err(DriverError::Upload { error, .. }) => {
            assert!(matches!(*error.kind, ErrorKind::Refused { .. }), "{error}");
            assert_eq!(error.kept, Kept::Checkpoint);
        }
        other => panic!("{other:?}"),
    }

    // Once it is allowed again, it goes on where it was.
    let end = world.resume(id, protocol(&server, Way::Whole), &bytes).await;
    assert_eq!(sha256(&server.bytes(&end.url())), sha256(&bytes));
    assert_eq!(end.restarts(), []);
    assert_eq!(server.count("POST 201"), 1);
}

#[tokio::test]
async fn an_upload_that_expires_as_the_server_said_is_made_anew() {
    let (server, world) = (Server::start().await, World::new());
    let bytes = content(3 * CHUNK as usize);
    // HTTP has whole seconds.
    let soon = httpdate(SystemTime::now() + Duration::from_secs(2));
    server.set(|settings| settings.expires = Some(soon));
    for _ in 0..2 {
        server.next("PATCH", Fault::Answer("423 Locked\r\nRetry-After: 4"));
    }
    let end = world.upload(protocol(&server, Way::Whole), &bytes).await;
    assert_eq!(end.restarts(), [SessionEnd::Expired]);
    assert_eq!(sha256(&server.bytes(&end.url())), sha256(&bytes));
}

/// The date as HTTP writes it.
fn httpdate(at: SystemTime) -> String {
    httpdate::fmt_http_date(at)
}
