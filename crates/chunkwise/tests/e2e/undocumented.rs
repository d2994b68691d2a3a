//! What X leaves undocumented: whichever way it is, an upload ends ready with the same bytes, or says why not.

use chunkwise_sandbox::{
    AppendAnswer, DuplicateSegment, Fault, FaultRule, FinalizeBody, Gap, ProcessingError,
    ProcessingErrorInV2, ProcessingScript, Sandbox, SecondFinalize, SuccessStatus, Undocumented,
};

use crate::support::{Carrier, Ended, Kind, World, video};

type Switch = fn(&mut Undocumented);

#[tokio::test]
async fn whichever_way_a_switch_is_set_the_upload_ends_ready() {
    let switches: [(&str, Switch); 7] = [
        ("204 to an APPEND", |x| x.append_answer = AppendAnswer::Empty),
        ("202 to INIT", |x| x.initialize_status = SuccessStatus::Accepted),
        ("201 to FINALIZE", |x| x.finalize_status = SuccessStatus::Created),
        ("any body to FINALIZE", |x| x.finalize_body = FinalizeBody::Ignore),
        ("gaps", |x| x.gap = Gap::Accept),
        ("a second FINALIZE", |x| x.second_finalize = SecondFinalize::Repeat),
        ("duplicates of whatever bytes", |x| x.duplicate_other_bytes = DuplicateSegment::Replace),
    ];
    for (name, switch) in switches {
        for lost in [None, Some(chunkwise_sandbox::Operation::Finalize)] {
            let mut sandbox = Sandbox::builder().with(|settings| switch(&mut settings.undocumented));
            if let Some(operation) = lost {
                sandbox = sandbox.fault(FaultRule::at_call(operation, 1, Fault::lost_reply()));
            }
            let (world, file) = (World::new(sandbox, Carrier::Hyper).await, video());
            match Ended::of(world.uploader().upload(file.path()).await) {
                Ended::Ready(id) => world.holds_only(&id, &file).await,
                Ended::Failed(failed) => panic!("{name}, lost {lost:?}: {}", failed.text),
            }
        }
    }
}

async fn with_a_repeated_segment(duplicate: DuplicateSegment) -> World {
    let sandbox = Sandbox::builder()
        .with(|settings| settings.undocumented.duplicate_same_bytes = duplicate)
        .fault(FaultRule::at_segment(1, Fault::lost_reply()));
    World::new(sandbox, Carrier::Hyper).await
}

/// A segment that was stored though its reply was lost is added a second time: the sizes do not add up at FINALIZE,
/// and a new session makes it good.
#[tokio::test]
async fn where_duplicates_add_up_a_second_session_makes_it_good() {
    let (world, file) = (with_a_repeated_segment(DuplicateSegment::Accumulate).await, video());
    let id = Ended::of(world.uploader().upload(file.path()).await).ready();
    world.holds_only(&id, &file).await;
    assert_eq!(world.sandbox.media_ids().len(), 2, "one session has a segment too many");
}

/// The same where the second time is refused: X has no documented words for "it is there already", so the repetition is
/// not believed to be at fault for good before a new session has refused it as well.
#[tokio::test]
async fn where_duplicates_are_refused_a_second_session_makes_it_good() {
    let (world, file) = (with_a_repeated_segment(DuplicateSegment::Reject).await, video());
    let id = Ended::of(world.uploader().upload(file.path()).await).ready();
    world.holds_only(&id, &file).await;
    assert_eq!(world.sandbox.media_ids().len(), 2, "the first session was left");
}

#[tokio::test]
async fn a_processing_error_that_v2_hides_is_a_failure_all_the_same() {
    let sandbox = Sandbox::builder().with(|settings| {
        settings.undocumented.processing_error_in_v2 = ProcessingErrorInV2::Hidden;
        settings.processing.video = ProcessingScript::fails(ProcessingError::invalid_media());
    });
    let (world, file) = (World::new(sandbox, Carrier::Hyper).await, video());
    let failed = Ended::of(world.uploader().upload(file.path()).await).failed();
    assert_eq!(failed.kind, Kind::ProcessingFailed, "{}", failed.text);
}
