//! Uploads that go well, are cut off, or are given up.

use std::sync::Arc;

use chunkwise::core::{Discard, SessionEnd};
use chunkwise::driver::BytesSource;
use chunkwise::s3::{AddressStyle, Checksum, Store};
use chunkwise::{ChunkSize, Event, WindowPolicy};
use futures::StreamExt as _;

use crate::store::Fault;
use crate::world::{World, object, policy, resumed, signer, until_stored};

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_the_same_object_with_every_checksum_and_without_one() {
    let world = World::new().await;
    let path = world.file((24 << 20) + 12_345);
    for checksum in [None].into_iter().chain(Checksum::ALL.map(Some)) {
        let key = format!("clips/{checksum:?} ä.mp4");
        let uploader = world.uploader_of(Store::COMPATIBLE.with_checksum(checksum));
        let uploaded = uploader.upload(&path, object(&key)).content_type("video/mp4").await.unwrap();
        assert_eq!(uploaded.object, format!("s3://media/{key}"));
        world.assert_same(&key, &path);
    }
    assert_eq!(world.store.count("PUT"), 4 * 5);
    assert_eq!(world.leftovers(), 0);
}

/// As R2 wants it: its parts can't be cut anew in the middle, so a size that is refused takes another upload.
#[tokio::test(flavor = "multi_thread")]
async fn where_all_parts_are_of_one_size_a_smaller_one_is_another_upload() {
    let world = World::new().await;
    let path = world.file((50 << 20) + 12_345);
    let mut policy = policy();
    policy.chunk_size = ChunkSize::new(20 << 20).unwrap();
    policy.window = WindowPolicy::Fixed(1.try_into().unwrap());
    let uploader = world.builder(signer()).store(Store::R2).policy(policy).build().unwrap();
    world.store.fault("partNumber=2", Fault::Instead(413, ""));
    uploader.upload(&path, object("even")).await.unwrap();
    world.assert_same("even", &path);
    assert_eq!((world.store.count("?uploads"), world.store.unfinished()), (2, 0), "{:#?}", world.store.log());
    assert_eq!(world.leftovers(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_has_the_type_that_its_key_stands_for_unless_another_is_said() {
    let world = World::new().await;
    let uploader = world.uploader_of(Store::COMPATIBLE);
    for (key, said, kept) in [
        ("a.mp4", None, Some("video/mp4")),
        ("a.mp4", Some("video/x-mine"), Some("video/x-mine")),
        ("a.unknown", None, None),
    ] {
        let mut upload = uploader.upload_source(Arc::new(BytesSource::new(bytes::Bytes::new())), object(key));
        if let Some(said) = said {
            upload = upload.content_type(said);
        }
        let handle = upload.start().await.unwrap();
        assert_eq!(handle.destination().content_type.as_deref(), kept, "{key}");
        handle.wait().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_without_a_byte_is_an_object_without_a_byte() {
    let world = World::new().await;
    for checksum in [None, Some(Checksum::Crc64Nvme)] {
        let key = format!("empty-{checksum:?}");
        let uploader = world.uploader_of(Store::COMPATIBLE.with_checksum(checksum));
        let source = Arc::new(BytesSource::new(bytes::Bytes::new()));
        uploader.upload_source(source, object(&key)).await.unwrap();
        assert_eq!(world.stored(&key).as_deref(), Some(&b""[..]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_before_the_host_is_another_address() {
    let world = World::new().await;
    let path = world.file(1000);
    let uploader = world.builder(crate::world::signer()).style(AddressStyle::VirtualHost).build().unwrap();
    // There is no such host; that it is asked for is what shows.
    let error = uploader.upload(&path, object("a")).await.unwrap_err();
    assert_eq!(world.store.log(), Vec::<String>::new());
    assert!(error.to_string().contains("media.127.0.0.1"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_nothing_that_the_store_lists_is_sent_again() {
    let world = World::new().await;
    let path = world.file(30 << 20);
    let handle = world.uploader().upload(&path, object("big")).start().await.unwrap();
    let id = handle.id().clone();
    until_stored(&handle, 10 << 20).await;
    drop(handle);
    let uploader = world.uploader();
    // The checkpoint is free once the upload is over that was dropped.
    let (listed, before, handle) = loop {
        let (listed, before) = (world.store.parts(), world.store.log().len());
        match uploader.resume(&id).await {
            Ok(handle) => break (listed, before, handle),
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
        }
    };
    handle.wait().await.unwrap();
    world.assert_same("big", &path);
    assert!(listed >= 2, "{listed} parts were there before");
    let log = world.store.log();
    // What the dropped one had on its way may still have come before the list was asked for.
    let list = log[before..].iter().position(|line| line.starts_with("GET")).map(|at| before + at);
    let list = list.unwrap_or_else(|| panic!("nothing was listed: {log:#?}"));
    let again = log[list..].iter().filter(|line| line.starts_with("PUT")).count();
    assert!(again <= 6 - listed, "{listed} of 6 were there, and {again} went again: {log:#?}");
    assert_eq!(world.store.count("?uploads"), 1, "one session: {log:#?}");
    assert_eq!(world.leftovers(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_leaves_nothing_at_the_store() {
    let world = World::new().await;
    leaves_nothing(&world).await;
    // That its list is empty says it as well.
    let world = World::new().await;
    world.store.list_all();
    leaves_nothing(&world).await;
}

async fn leaves_nothing(world: &World) {
    let path = world.file(30 << 20);
    let uploader = world.uploader();
    let handle = uploader.upload(&path, object("never")).start().await.unwrap();
    until_stored(&handle, 5 << 20).await;
    handle.cancel(chunkwise::Disposition::Discard);
    let error = handle.wait().await.unwrap_err();
    let kind = error.kind().unwrap();
    assert!(matches!(kind, chunkwise::ErrorKind::Discarded(Discard::Confirmed)), "{kind:?}");
    assert_eq!((world.leftovers(), world.store.unfinished(), world.stored("never")), (0, 0, None));
    assert!(world.store.count("DELETE") >= 1);
    assert!(uploader.unfinished().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_the_store_forgot_between_crash_and_resume_is_replaced() {
    let world = World::new().await;
    let path = world.file(20 << 20);
    let handle = world.uploader().upload(&path, object("forgotten")).start().await.unwrap();
    let id = handle.id().clone();
    until_stored(&handle, 5 << 20).await;
    drop(handle);
    let uploader = world.uploader();
    world.store.forget();
    let handle = resumed(&uploader, &id).await;
    handle.wait().await.unwrap();
    world.assert_same("forgotten", &path);
    assert_eq!(world.store.count("?uploads"), 2, "{:#?}", world.store.log());
    assert_eq!(world.store.unfinished(), 0, "{:#?}", world.store.log());
}

/// A store, or something before it, that answers for another upload than was asked about.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_another_upload_is_not_believed() {
    let world = World::new().await;
    let path = world.file(30 << 20);
    let handle = world.uploader().upload(&path, object("ours")).start().await.unwrap();
    let id = handle.id().clone();
    until_stored(&handle, 5 << 20).await;
    drop(handle);
    let others = "<ListPartsResult><UploadId>another</UploadId><IsTruncated>false</IsTruncated><Part><PartNumber>6\
                  </PartNumber><ETag>&quot;e&quot;</ETag><Size>5242880</Size></Part></ListPartsResult>";
    world.store.fault("GET", Fault::Instead(200, others));
    let uploader = world.uploader();
    resumed(&uploader, &id).await.wait().await.unwrap();
    world.assert_same("ours", &path);
    assert!(world.store.count("GET") >= 2, "it is asked again: {:#?}", world.store.log());
    assert_eq!((world.store.count("?uploads"), world.store.unfinished()), (1, 0), "{:#?}", world.store.log());
}

/// It is in no object, and neither it nor what was sent from here before is left behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_was_not_sent_from_here_is_in_no_object() {
    let world = World::new().await;
    let path = world.file(50 << 20);
    let handle = world.uploader().upload(&path, object("ours")).start().await.unwrap();
    let id = handle.id().clone();
    until_stored(&handle, 5 << 20).await;
    drop(handle);
    let uploader = world.uploader();
    world.store.plant(&world.folder.path().join("store"), 10, &[7; 1 << 20]);
    let handle = resumed(&uploader, &id).await;
    let events = handle.events();
    handle.wait().await.unwrap();
    world.assert_same("ours", &path);
    let events: Vec<_> = events.collect().await;
    assert!(events.contains(&Event::NewSession { reason: SessionEnd::Foreign }), "{events:?}");
    assert!(!events.contains(&Event::SessionLeakSuspected), "{events:?}");
    assert_eq!((world.store.count("?uploads"), world.store.unfinished()), (2, 0), "{:#?}", world.store.log());
    assert_eq!(world.leftovers(), 0);
}
