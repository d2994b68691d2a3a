//! The alt text comes after the upload: whatever happens to it, the media is not lost.

use chunkwise::UploadId;
use chunkwise::core::{Failure, ProblemKind, Refusal};
use chunkwise::x::{XError, XUploader};
use chunkwise_sandbox::{Fault, FaultPlan, FaultRule, Moment, Operation, Sandbox, Selector};

use crate::support::{Carrier, File, World, checkpoints, video};

const TEXT: &str = "A cat on a keyboard";

/// Every setting of an alt text meets this.
async fn world(fault: Fault) -> World {
    let rule = FaultRule { operation: Some(Operation::Metadata), on: Selector::Every, times: None, fault };
    World::new(Sandbox::builder().fault(rule), Carrier::Hyper).await
}

fn mend(world: &World) {
    world.sandbox.install_faults(FaultPlan::default());
}

/// The one record there is, and the media that it holds.
async fn finished(uploader: &XUploader) -> (UploadId, String) {
    let [listed] = &checkpoints(uploader).await[..] else { panic!("one record") };
    let record = listed.record.as_ref().unwrap();
    (listed.id.clone(), record.finished.as_ref().expect("it is finished").result.id.to_string())
}

/// Resumed without a file, it is the same media, now with its alt text, and nothing is left of the upload.
async fn goes_on(world: &World, file: &File, id: &UploadId, media_id: &str) {
    std::fs::remove_file(file.path()).unwrap();
    let before = world.requests(Operation::Append).len() + world.requests(Operation::Finalize).len();
    let uploader = world.uploader();
    let uploaded = world.resumed(&uploader, id).await.wait().await.unwrap();
    assert_eq!(uploaded.media.media_id.as_str(), media_id);
    assert_eq!(&uploaded.id, id);
    world.holds_only(media_id, file).await;
    let [media] = &world.media().await[..] else { panic!("one media") };
    assert_eq!(media.alt_text.as_deref(), Some(TEXT));
    let after = world.requests(Operation::Append).len() + world.requests(Operation::Finalize).len();
    assert_eq!(after, before, "nothing is sent again");
    assert!(checkpoints(&uploader).await.is_empty());
}

#[tokio::test]
async fn one_that_is_refused_names_the_media_and_is_set_by_a_resume() {
    let (world, file) = (world(Fault::answer(403, r#"{"title":"Forbidden","status":403}"#)).await, video());
    let uploader = world.uploader();
    let error = uploader.upload(file.path()).alt_text(TEXT).await.unwrap_err();
    let (id, media_id) = finished(&uploader).await;
    let said = error.to_string();
    assert!(
        said.starts_with(&format!("media {media_id} is ready, but its alt text could not be set: ")),
        "{said}"
    );
    let XError::AltText { id: of, media_id: named, failure } = error else { panic!("{said}") };
    assert_eq!((&of, named.as_str()), (&id, &*media_id));
    assert!(
        matches!(&failure, Failure::Answered(problem) if problem.kind == ProblemKind::Refused(Refusal::Forbidden)),
        "{failure}"
    );

    // As long as it is refused, the record stays.
    let again = world.uploader().resume(&id).await.unwrap().wait().await.unwrap_err();
    assert!(matches!(again, XError::AltText { .. }), "{again}");
    assert_eq!(finished(&uploader).await, (id.clone(), media_id.clone()));

    mend(&world);
    goes_on(&world, &file, &id, &media_id).await;
}

#[tokio::test]
async fn one_that_hangs_can_be_left_and_gone_on_with() {
    let (world, file) = (world(Fault::Delay { millis: 600_000, moment: Moment::BeforeBody }).await, video());
    let uploader = world.uploader();
    let waiting = tokio::spawn(uploader.upload(file.path()).alt_text(TEXT).into_future());
    world.until(|world| world.sandbox.faults()[0].applied == 1).await;
    let (id, media_id) = finished(&uploader).await;
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    assert_eq!(finished(&uploader).await, (id.clone(), media_id.clone()));

    mend(&world);
    goes_on(&world, &file, &id, &media_id).await;
}

#[tokio::test]
async fn a_finished_upload_is_discarded_by_forgetting_it() {
    let (world, file) = (world(Fault::answer(403, "{}")).await, video());
    let uploader = world.uploader();
    uploader.upload(file.path()).alt_text(TEXT).await.unwrap_err();
    let (id, media_id) = finished(&uploader).await;
    let asked = world.sandbox.log().len();
    uploader.discard(&id).await.unwrap();
    assert!(checkpoints(&uploader).await.is_empty());
    assert_eq!(world.sandbox.log().len(), asked);
    world.holds_only(&media_id, &file).await;
}

/// The record of a finished upload is of use for as long as its media is.
#[tokio::test]
async fn a_finished_upload_expires_with_its_media() {
    let (world, file) = (world(Fault::answer(403, "{}")).await, video());
    let uploader = world.uploader();
    uploader.upload(file.path()).alt_text(TEXT).await.unwrap_err();
    let record = checkpoints(&uploader).await.remove(0).record.unwrap();
    let expires_at = record.finished.unwrap().result.expires_at;
    assert!(expires_at.is_some());
    assert_eq!(record.expires_at, expires_at);
    assert!(uploader.driver().forget_expired(std::time::Duration::ZERO).await.unwrap().is_empty());
}
