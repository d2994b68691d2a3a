//! Sessions that end before the upload does.

use std::num::NonZeroU32;
use std::time::Duration;

use chunkwise::WindowPolicy;
use chunkwise_sandbox::{Fault, FaultRule, MediaState, Moment, Operation, Sandbox, UnknownSession};

use crate::support::{Carrier, Ended, File, Kind, World, checkpoints, video};

/// One segment at a time, each answered after a moment; what an unknown session is answered is a switch.
async fn world(answer: UnknownSession) -> World {
    let delay = Fault::Delay { millis: 30, moment: Moment::AfterCommit };
    let sandbox = Sandbox::builder()
        .with(|settings| settings.undocumented.unknown_session = answer)
        .fault(FaultRule::always(Operation::Append, delay));
    let mut world = World::new(sandbox, Carrier::Hyper).await;
    world.policy.window = WindowPolicy::Fixed(NonZeroU32::MIN);
    world
}

/// The first session is over, the second one holds the file.
async fn went_to_a_second_session(world: &World, id: &str, file: &File) {
    world.holds_only(id, file).await;
    let media = world.media().await;
    assert_eq!(media.len(), 2, "{media:?}");
    assert_eq!(media[0].state, MediaState::Expired);
    assert_eq!(media[1].id.to_string(), id);
}

#[tokio::test]
async fn one_that_expires_on_the_way_is_followed_by_another() {
    for answer in [UnknownSession::NotFound, UnknownSession::InvalidRequest] {
        let (world, file) = (world(answer).await, video());
        let handle = world.uploader().upload(file.path()).start().await.unwrap();
        world.until(|world| world.requests(Operation::Append).len() >= 2).await;
        assert!(world.sandbox.expire(world.sandbox.media_ids()[0]));
        let id = Ended::of(handle.wait().await).ready();
        went_to_a_second_session(&world, &id, &file).await;
    }
}

#[tokio::test]
async fn one_that_expired_between_crash_and_resume_is_followed_by_another() {
    for answer in [UnknownSession::NotFound, UnknownSession::InvalidRequest] {
        let (world, file) = (world(answer).await, video());
        let uploader = world.uploader();
        let handle = uploader.upload(file.path()).start().await.unwrap();
        let upload = handle.id().clone();
        world.until(|world| world.requests(Operation::Append).len() >= 2).await;
        drop(handle);
        uploader.driver().shutdown().await;
        world.sandbox.advance(Duration::from_secs(25 * 3600));

        let uploader = world.uploader();
        let id = Ended::of(uploader.resume(&upload).await.unwrap().wait().await).ready();
        went_to_a_second_session(&world, &id, &file).await;
        assert!(checkpoints(&uploader).await.is_empty());
    }
}

#[tokio::test]
async fn a_second_one_that_is_lost_is_the_end() {
    let (world, file) = (world(UnknownSession::NotFound).await, video());
    let uploader = world.uploader();
    let handle = uploader.upload(file.path()).start().await.unwrap();
    for session in 0..2 {
        world.until(|world| world.sandbox.media_ids().len() > session).await;
        world.sandbox.expire(world.sandbox.media_ids()[session]);
    }
    let failed = Ended::of(handle.wait().await).failed();
    assert_eq!(failed.kind, Kind::SessionLost, "{}", failed.text);
    assert_eq!(world.requests(Operation::Initialize).len(), 2);
    assert!(world.finalized().await.is_empty());
    assert!(checkpoints(&uploader).await.is_empty());
}
