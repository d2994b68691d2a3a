//! Objects that are deleted.

use chunkwise::core::{Failure, ProblemKind, Refusal};
use chunkwise::s3::{Deleted, S3Error};

use crate::store::Fault;
use crate::world::{World, keys, object};

const SLOW_DOWN: &str =
    "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
const DENIED: &str = "<Error><Code>AccessDenied</Code><Message>not yours</Message></Error>";
const SKEWED: &str = "<Error><Code>RequestTimeTooSkewed</Code><Message>what time is it?</Message></Error>";

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_deleted_and_one_that_is_not_there_is_too() {
    let world = World::new().await;
    let (path, uploader) = (world.file(1000), world.uploader());
    for key in ["clip", "clips/a b ä.mp4"] {
        uploader.upload(&path, object(key)).await.unwrap();
        assert!(world.stored(key).is_some());
        assert_eq!(uploader.delete(&object(key)).await.unwrap(), Deleted::Gone);
        assert_eq!(world.stored(key), None, "{key}");
        assert_eq!(uploader.delete(&object(key)).await.unwrap(), Deleted::Gone);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_of_which_versions_are_kept_is_only_hidden() {
    let world = World::new().await;
    world.store.fault("DELETE /media/clip", Fault::Marker);
    assert_eq!(world.uploader().delete(&object("clip")).await.unwrap(), Deleted::Hidden);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_is_tried_again_and_what_is_refused_is_told() {
    let world = World::new().await;
    let (path, uploader) = (world.file(1000), world.uploader());
    uploader.upload(&path, object("clip")).await.unwrap();
    world.store.fault("DELETE /media/clip", Fault::Instead(403, DENIED));
    let error = uploader.delete(&object("clip")).await.unwrap_err();
    assert!(error.to_string().starts_with("s3://media/clip could not be deleted: "), "{error}");
    let S3Error::Delete { failure: Failure::Answered(problem), .. } = error else { panic!("{error}") };
    assert_eq!(problem.kind, ProblemKind::Refused(Refusal::Forbidden));
    assert_eq!(world.store.count("DELETE"), 1, "a no is not asked about again");

    world.store.fault("DELETE /media/clip", Fault::Instead(503, SLOW_DOWN));
    world.store.fault("DELETE /media/clip", Fault::Swallowed);
    assert_eq!(uploader.delete(&object("clip")).await.unwrap(), Deleted::Gone);
    assert_eq!((world.store.count("DELETE"), world.stored("clip")), (4, None));
}

/// The store's answer has a time, by which the signer sets its clock; where there is no other key, that is all it can do.
#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_refused_end_it() {
    let world = World::new().await;
    world.store.fault("DELETE /media/clip", Fault::Instead(403, SKEWED));
    let error = world.uploader().delete(&object("clip")).await.unwrap_err();
    assert!(matches!(error, S3Error::Delete { .. }), "{error}");
    let wrong = chunkwise::s3::SigV4::new("us-east-1", keys("wrong"));
    let error = world.builder(wrong).build().unwrap().delete(&object("clip")).await.unwrap_err();
    assert!(error.to_string().contains("SignatureDoesNotMatch"), "{error}");
}
