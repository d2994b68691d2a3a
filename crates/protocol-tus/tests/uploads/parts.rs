//! Partial uploads in parallel, joined at the end.

use std::time::Duration;

use chunkwise_core::{ErrorKind, OperationKind};
use chunkwise_tus::{Capabilities, Endpoint, Extension, TusProtocol, Unsupported, Way};

use crate::server::{Fault, Server, Settings};
use crate::world::{CHUNK, World, content, cut_off_when, protocol, sha256};

#[tokio::test]
async fn parts_go_in_parallel_and_are_joined_in_order() {
    let holds = Duration::from_millis(10);
    let (server, world) = (Server::with(Settings { holds, ..Settings::default() }).await, World::new());
    let bytes = content(9 * CHUNK as usize + 5);
    let end = world.upload(protocol(&server, Way::Parts), &bytes).await;
    assert_eq!(sha256(&server.bytes(&end.url())), sha256(&bytes));
    assert_eq!(server.count("POST 201"), 11);
    assert!((2..=4).contains(&server.most_at_once()), "{}", server.most_at_once());
    let path = end.url().replace(&format!("http://{}", server.address), "");
    assert_eq!(server.state().uploads[&path].metadata["filetype"], "video/mp4");
}

#[tokio::test]
async fn there_are_no_more_parts_than_a_header_can_list() {
    let (server, world) = (Server::start().await, World::new());
    let bytes = content(9 * CHUNK as usize);
    let end = world.upload(protocol(&server, Way::Parts).with_max_parts(3), &bytes).await;
    assert_eq!(sha256(&server.bytes(&end.url())), sha256(&bytes));
    assert_eq!(server.count("POST 201"), 4);
}

#[tokio::test]
async fn a_source_without_a_byte_is_one_empty_part() {
    let (server, world) = (Server::start().await, World::new());
    let end = world.upload(protocol(&server, Way::Parts), &[]).await;
    assert_eq!((server.bytes(&end.url()).len(), server.count("POST 201")), (0, 2));
}

#[tokio::test]
async fn a_part_that_was_cut_or_lost_is_made_anew() {
    let (server, world) = (Server::start().await, World::new());
    server.next("POST", Fault::Cut(1_000)).next("POST", Fault::Lose).next("POST", Fault::Answer("500 Oops"));
    let bytes = content(5 * CHUNK as usize);
    let end = world.upload(protocol(&server, Way::Parts), &bytes).await;
    assert_eq!(sha256(&server.bytes(&end.url())), sha256(&bytes));
}

#[tokio::test]
async fn a_crash_loses_no_part_that_was_acknowledged() {
    let (server, world) = (Server::start().await, World::new());
    let bytes = content(40 * CHUNK as usize);
    let handle = world.start(protocol(&server, Way::Parts), &bytes).await;
    let id = cut_off_when(handle, &server, |server| server.count("POST 201") >= 6).await;
    let end = world.resume(id, protocol(&server, Way::Parts), &bytes).await;
    assert_eq!(sha256(&server.bytes(&end.url())), sha256(&bytes));
    assert!(server.count("POST 201") <= 41 + 4, "{}", server.count("POST 201"));
}

#[tokio::test]
async fn a_lost_answer_to_the_joining_is_told_as_what_it_is() {
    let (server, world) = (Server::start().await, World::new());
    let bytes = content(10);
    server.next("POST", Fault::With("X-First: yes".to_owned())).next("POST", Fault::Lose);
    let end = world.upload(protocol(&server, Way::Parts), &bytes).await;
    assert!(matches!(end.error(), ErrorKind::FinalizeUnknown { .. }), "{:?}", end.error());
    assert_eq!(server.log(), ["POST 201", "POST 0"], "it is not joined twice");
}

#[tokio::test]
async fn two_parts_that_are_the_same_upload_are_never_joined() {
    let (server, world) = (Server::start().await, World::new());
    let same = || Fault::Answer("201 Created\r\nLocation: /files/same\r\nUpload-Offset: 65536");
    server.next("POST", same()).next("POST", same());
    let end = world.upload(protocol(&server, Way::Parts), &content(2 * CHUNK as usize)).await;
    match end.error() {
        ErrorKind::Misconfigured { operation: OperationKind::Finalize, failure } => {
            assert!(failure.to_string().contains("the same upload"), "{failure}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_server_that_takes_no_bytes_with_a_creation_is_found_out_at_the_first_part() {
    let server = Server::with(Settings { extensions: "creation,concatenation", ..Settings::default() }).await;
    let end = World::new().upload(protocol(&server, Way::Parts), &content(3 * CHUNK as usize)).await;
    match end.error() {
        ErrorKind::Refused { operation: OperationKind::Append, failure } => {
            assert!(failure.to_string().contains("creation-with-upload"), "{failure}");
        }
        other => panic!("{other:?}"),
    }
    let endpoint = Endpoint::new(&server.endpoint()).unwrap();
    let can = Capabilities::new([Extension::Creation, Extension::Concatenation]);
    let lacks = Extension::CreationWithUpload;
    assert_eq!(TusProtocol::new(endpoint, can, Way::Parts), Err(Unsupported { lacks }));
}
