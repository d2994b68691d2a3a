//! FINALIZE whose answer, or which itself, is lost: the engine finds out before it repeats.

use std::num::NonZeroU32;

use chunkwise_sandbox::{Fault, FaultRule, Moment, Operation, Sandbox};

use crate::support::{Carrier, Ended, Kind, World, checkpoints, picture, video};

/// FINALIZE and what came after it, in order.
fn after_the_segments(world: &World) -> Vec<Operation> {
    let log = world.sandbox.log();
    let first = log.iter().position(|request| request.operation == Some(Operation::Finalize)).unwrap();
    log[first..].iter().filter_map(|request| request.operation).collect()
}

async fn world(carrier: Carrier, fault: Fault) -> World {
    let rule = FaultRule::at_call(Operation::Finalize, 1, fault);
    World::new(Sandbox::builder().fault(rule), carrier).await
}

#[tokio::test]
async fn a_lost_reply_is_found_out_and_finalize_is_sent_once() {
    for carrier in Carrier::BOTH {
        let (world, file) = (world(carrier, Fault::lost_reply()).await, video());
        let id = Ended::of(world.uploader().upload(file.path()).await).ready();
        assert_eq!(world.requests(Operation::Finalize).len(), 1, "{carrier}");
        world.holds_only(&id, &file).await;
    }
}

#[tokio::test]
async fn a_lost_request_is_sent_again_after_two_verifications() {
    for carrier in Carrier::BOTH {
        let reset = Fault::Reset { moment: Moment::BeforeBody };
        let (world, file) = (world(carrier, reset).await, video());
        let id = Ended::of(world.uploader().upload(file.path()).await).ready();
        use Operation::{Finalize, Status};
        let order = after_the_segments(&world);
        assert_eq!(order[..4], [Finalize, Status, Status, Finalize], "{carrier}: {order:?}");
        assert!(order[4..].iter().all(|operation| *operation == Status), "{carrier}: {order:?}");
        world.holds_only(&id, &file).await;
    }
}

#[tokio::test]
async fn of_an_image_nobody_can_tell_and_the_error_names_the_media_id() {
    for carrier in Carrier::BOTH {
        for fault in [Fault::lost_reply(), Fault::Reset { moment: Moment::BeforeBody }] {
            let committed = fault == Fault::lost_reply();
            let (world, file) = (world(carrier, fault).await, picture());
            let failed = Ended::of(world.uploader().upload(file.path()).await).failed();
            assert_eq!(failed.kind, Kind::FinalizeUnknown, "{}", failed.text);
            assert_eq!(world.requests(Operation::Finalize).len(), 1, "{carrier}: never repeated blindly");
            let [media] = &world.media().await[..] else { panic!("one session") };
            assert_eq!(failed.error.session.unwrap().as_str(), media.id.to_string());
            assert_eq!(world.finalized().await.len(), usize::from(committed));
            assert!(failed.text.contains("Try to use the media id"), "{}", failed.text);
        }
    }
}

/// The last try may be the one whose answer is lost: the checkpoint must remember that FINALIZE was sent.
#[tokio::test]
async fn what_was_lost_at_the_last_try_is_found_out_by_a_resume() {
    let (mut world, file) = (world(Carrier::Hyper, Fault::lost_reply()).await, video());
    world.policy.retry.attempts = NonZeroU32::MIN;
    let failed = Ended::of(world.uploader().upload(file.path()).await).failed();
    assert_eq!(failed.kind, Kind::FinalizeUnknown, "{}", failed.text);

    let uploader = world.uploader();
    let id = Ended::of(uploader.resume(&failed.left.unwrap()).await.unwrap().wait().await).ready();
    assert_eq!(world.requests(Operation::Finalize).len(), 1, "it was committed");
    world.holds_only(&id, &file).await;
    assert!(checkpoints(&uploader).await.is_empty());
}

/// The process dies after FINALIZE was sent and before its answer: the same as a lost answer.
#[tokio::test]
async fn a_crash_while_finalizing_is_found_out_by_a_resume() {
    let delay = Fault::Delay { millis: 60_000, moment: Moment::AfterCommit };
    let (world, file) = (world(Carrier::Hyper, delay).await, video());
    let handle = world.uploader().upload(file.path()).start().await.unwrap();
    let upload = handle.id().clone();
    world.until(|world| world.sandbox.faults()[0].applied == 1).await;
    world.until_finalized().await;
    drop(handle);

    let uploader = world.uploader();
    let id = Ended::of(world.resumed(&uploader, &upload).await.wait().await).ready();
    // Its entry in the log is made when the client goes.
    world.until(|world| !world.requests(Operation::Finalize).is_empty()).await;
    assert_eq!(world.requests(Operation::Finalize).len(), 1);
    world.holds_only(&id, &file).await;
}
