//! One upload, one writer: what goes well.

use chunkwise_core::{Discard, Disposition, ErrorKind};
use chunkwise_tus::{Capabilities, Extension, Way};

use crate::server::{Fault, Server, Settings};
use crate::world::{CHUNK, World, all, content, cut_off_when, ended, protocol, sha256};

#[tokio::test]
async fn what_arrives_is_what_was_sent_and_the_server_is_told_what_it_is() {
    let (server, world) = (Server::start().await, World::new());
    let bytes = content(3 * CHUNK as usize + 77);
    let end = world.upload(protocol(&server, Way::Whole), &bytes).await;
    assert_eq!(end.url(), format!("{}1", server.endpoint()));
    assert_eq!(sha256(&server.bytes(&end.url())), sha256(&bytes));
    assert_eq!(server.log(), ["POST 201", "PATCH 204", "PATCH 204", "PATCH 204", "PATCH 204"]);
    let metadata = server.state().uploads["/files/1"].metadata.clone();
    assert_eq!((metadata["filename"].as_str(), metadata["filetype"].as_str()), ("größer.mp4", "video/mp4"));
}

#[tokio::test]
async fn a_source_without_a_byte_is_complete_with_its_creation() {
    let (server, world) = (Server::start().await, World::new());
    let end = world.upload(protocol(&server, Way::Whole), &[]).await;
    assert_eq!((server.bytes(&end.url()).len(), server.log()), (0, vec!["POST 201".to_owned()]));
}

#[tokio::test]
async fn a_location_may_be_a_path_or_the_whole_url() {
    let (server, world) = (Server::start().await, World::new());
    let bytes = content(100);
    let whole = format!("http://{}", server.address);
    for (nth, located_at) in [(1, String::new()), (2, whole)] {
        server.set(|settings| settings.located_at = located_at);
        let end = world.upload(protocol(&server, Way::Whole), &bytes).await;
        assert_eq!(end.url(), format!("{}{nth}", server.endpoint()));
    }
}

#[tokio::test]
async fn a_crash_costs_one_question_and_no_byte_that_was_acknowledged() {
    let (server, world) = (Server::start().await, World::new());
    let bytes = content(40 * CHUNK as usize);
    let handle = world.start(protocol(&server, Way::Whole), &bytes).await;
    let id = cut_off_when(handle, &server, |server| server.count("PATCH 204") >= 3).await;
    let before = server.state().uploads["/files/1"].bytes.len();
    assert!(before < bytes.len(), "it was too quick to be cut off");

    let end = world.resume(id, protocol(&server, Way::Whole), &bytes).await;
    assert_eq!(end.url(), format!("{}1", server.endpoint()), "the same upload");
    assert_eq!(sha256(&server.bytes(&end.url())), sha256(&bytes));
    assert_eq!(server.count("HEAD 200"), 1);
    let sent: usize = server.state().seen.iter().map(|seen| seen.body).sum();
    assert!(sent <= bytes.len() + CHUNK as usize, "{sent}");
}

#[tokio::test]
async fn what_is_discarded_is_terminated() {
    let (server, world) = (Server::start().await, World::new());
    server.next("PATCH", Fault::Answer("423 Locked"));
    let handle = world.start(protocol(&server, Way::Whole), &content(5 * CHUNK as usize)).await;
    handle.cancel(Disposition::Discard);
    let end = ended(handle).await;
    assert!(
        matches!(end.error(), ErrorKind::Discarded(Discard::Confirmed | Discard::NothingToDo)),
        "{:?}",
        end.error()
    );
    assert!(server.state().uploads.is_empty());

    let handle = world.start(protocol(&server, Way::Whole), &content(90 * CHUNK as usize)).await;
    while server.count("PATCH 204") == 0 {
        tokio::task::yield_now().await;
    }
    handle.cancel(Disposition::Discard);
    assert_eq!(*ended(handle).await.error(), ErrorKind::Discarded(Discard::Confirmed));
    assert!(server.state().uploads.is_empty());
}

#[tokio::test]
async fn without_termination_it_expires_by_itself_or_is_left_behind() {
    for (extensions, can, discard) in [
        ("creation", vec![Extension::Creation], Discard::LeftBehind),
        ("creation,expiration", vec![Extension::Creation, Extension::Expiration], Discard::ExpiresByItself),
    ] {
        let server = Server::with(Settings { extensions, ..Settings::default() }).await;
        let world = World::new();
        let endpoint = chunkwise_tus::Endpoint::new(&server.endpoint()).unwrap();
        let tus = chunkwise_tus::TusProtocol::new(endpoint, Capabilities::new(can), Way::Whole).unwrap();
        let handle = world.start(tus, &content(90 * CHUNK as usize)).await;
        while server.count("PATCH 204") == 0 {
            tokio::task::yield_now().await;
        }
        handle.cancel(Disposition::Discard);
        assert_eq!(*ended(handle).await.error(), ErrorKind::Discarded(discard));
        assert!(all().has(Extension::Termination) && server.count("DELETE 405") == 0);
    }
}
