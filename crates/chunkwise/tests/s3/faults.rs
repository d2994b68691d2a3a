//! Answers that are lost, late, or not what they seem.

use chunkwise::ErrorKind;
use chunkwise::core::OperationKind;

use crate::store::Fault;
use crate::world::{World, object};

const SLOW_DOWN: &str =
    "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
const BROKE: &str =
    "<?xml version=\"1.0\"?>\n  <Error><Code>InternalError</Code><Message>We broke.</Message></Error>";

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_complete_is_found_out_and_complete_not_repeated() {
    let world = World::new().await;
    let path = world.file(12 << 20);
    world.store.fault("POST /media/clip?uploadId", Fault::Swallowed);
    let uploaded = world.uploader().upload(&path, object("clip")).await.unwrap();
    world.assert_same("clip", &path);
    assert_eq!(uploaded.completed.result.size, Some(12 << 20), "as HEAD has it");
    assert_eq!(world.store.count("POST /media/clip?uploadId"), 1);
    assert_eq!(world.store.count("HEAD"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_object_of_the_same_size_is_not_taken_for_ours() {
    let world = World::new().await;
    let older = world.file(12 << 20);
    world.uploader().upload(&older, object("clip")).await.unwrap();
    let path = world.folder.path().join("newer");
    std::fs::write(&path, vec![7; 12 << 20]).unwrap();
    // Complete is lost on the way there: what is found is the older one, until it is sent again.
    world.store.fault("POST /media/clip?uploadId", Fault::Instead(502, "<html>Bad Gateway</html>"));
    let uploaded = world.uploader().upload(&path, object("clip")).await.unwrap();
    world.assert_same("clip", &path);
    assert_eq!(uploaded.object, "s3://media/clip");
    assert_eq!(world.store.count("POST /media/clip?uploadId"), 3, "one of the older, two of ours");
    assert_eq!(world.store.count("HEAD"), 2, "believed when seen twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_200_with_an_error_in_its_body_is_no_success() {
    let world = World::new().await;
    let path = world.file(12 << 20);
    world.store.fault("POST /media/clip?uploadId", Fault::Instead(200, BROKE));
    world.uploader().upload(&path, object("clip")).await.unwrap();
    world.assert_same("clip", &path);
    assert_eq!(world.store.count("HEAD"), 2, "{:#?}", world.store.log());
    assert_eq!(world.store.count("POST /media/clip?uploadId"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttle_is_waited_out() {
    let world = World::new().await;
    let path = world.file(12 << 20);
    world.store.fault("PUT", Fault::Instead(503, SLOW_DOWN));
    world.store.fault("POST /media/clip?uploadId", Fault::Instead(503, SLOW_DOWN));
    world.uploader().upload(&path, object("clip")).await.unwrap();
    world.assert_same("clip", &path);
    assert_eq!(world.store.count("HEAD"), 0, "nobody doubts what became of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_whose_answer_is_lost_is_sent_again() {
    let world = World::new().await;
    let path = world.file(12 << 20);
    world.store.fault("partNumber=2", Fault::Swallowed);
    world.uploader().upload(&path, object("clip")).await.unwrap();
    world.assert_same("clip", &path);
    assert_eq!(world.store.count("partNumber=2"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_complete_misses_is_found_by_the_list_and_sent_again() {
    let world = World::new().await;
    let path = world.file(12 << 20);
    let missing =
        "<Error><Code>InvalidPart</Code><Message>One or more parts could not be found.</Message></Error>";
    world.store.fault("POST /media/clip?uploadId", Fault::Instead(400, missing));
    world.uploader().upload(&path, object("clip")).await.unwrap();
    world.assert_same("clip", &path);
    assert!(world.store.count("GET /media/clip?") >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_about_another_object_breaks_the_protocol() {
    let world = World::new().await;
    let path = world.file(1000);
    let other = "<InitiateMultipartUploadResult><Bucket>media</Bucket><Key>other</Key><UploadId>1</UploadId></InitiateMultipartUploadResult>";
    for _ in 0..20 {
        world.store.fault("?uploads", Fault::Instead(200, other));
    }
    let error = world.uploader().upload(&path, object("clip")).await.unwrap_err();
    let kind = error.kind().unwrap();
    assert!(matches!(kind, ErrorKind::Protocol { operation: OperationKind::Init, .. }), "{kind:?}");
    assert!(error.to_string().contains("another object"), "{error}");
    assert_eq!(world.store.count("PUT"), 0);
}
