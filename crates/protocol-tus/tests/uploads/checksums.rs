//! Bytes that come with a digest of them.

use std::io::Write as _;

use chunkwise_driver::{FileSource, UploadRequest};
use chunkwise_tus::{Capabilities, Endpoint, Extension, TusProtocol, Unsupported, Way};

use crate::server::{Fault, Server, Settings};
use crate::world::{CHUNK, World, content, ended, protocol, sha256, transport};

async fn strict() -> Server {
    Server::with(Settings { wants_checksums: true, ..Settings::default() }).await
}

#[tokio::test]
async fn every_request_with_bytes_has_their_digest() {
    for way in [Way::Whole, Way::Parts] {
        let server = strict().await;
        let bytes = content(5 * CHUNK as usize + 7);
        let tus = protocol(&server, way).with_checksums().unwrap();
        let end = World::new().upload(tus, &bytes).await;
        assert_eq!(sha256(&server.bytes(&end.url())), sha256(&bytes), "{way:?}");
    }
}

/// A file is read through the byte budget both times, though a segment is larger than it.
#[tokio::test]
async fn a_file_is_read_twice_within_the_byte_budget() {
    let server = strict().await;
    let mut world = World::new();
    world.policy.chunk_size = chunkwise_core::ChunkSize::new(3 << 20).unwrap();
    let (bytes, mut file) = (content(7 << 20), tempfile::NamedTempFile::new().unwrap());
    file.write_all(&bytes).unwrap();
    let tus = protocol(&server, Way::Whole).with_checksums().unwrap();
    let mut request = UploadRequest::new(FileSource::open(file.path()).unwrap(), transport(tus));
    request.policy = world.policy.clone();
    let end = ended(world.driver.start(request).await.unwrap()).await;
    assert_eq!(sha256(&server.bytes(&end.url())), sha256(&bytes));
    let used = world.driver.budget();
    assert!(used.peak > 0 && used.peak <= used.limit && used.in_use == 0, "{used:?}");
}

#[tokio::test]
async fn what_changed_on_the_way_is_sent_again() {
    let server = strict().await;
    server.next("PATCH", Fault::Spoil).next("PATCH", Fault::Spoil);
    let bytes = content(2 * CHUNK as usize);
    let tus = protocol(&server, Way::Whole).with_checksums().unwrap();
    let end = World::new().upload(tus, &bytes).await;
    assert_eq!(sha256(&server.bytes(&end.url())), sha256(&bytes));
    assert_eq!(server.count("PATCH 460"), 2);
}

#[test]
fn a_server_without_the_extension_gets_none() {
    let endpoint = Endpoint::new("https://example.com/files/").unwrap();
    let tus = TusProtocol::new(endpoint, Capabilities::new([Extension::Creation]), Way::Whole).unwrap();
    assert_eq!(tus.with_checksums(), Err(Unsupported { lacks: Extension::Checksum }));
}
