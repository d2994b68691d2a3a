//! What X does to a video after FINALIZE, and how long that is waited for.

use std::time::{Duration, Instant};

use chunkwise_sandbox::{MediaState, Operation, ProcessingError, ProcessingScript, Sandbox};

use crate::support::{Carrier, Ended, Kind, World, checkpoints, video};

async fn world(script: ProcessingScript) -> World {
    let sandbox = Sandbox::builder().with(|settings| settings.processing.video = script);
    World::new(sandbox, Carrier::Hyper).await
}

#[tokio::test]
async fn what_succeeds_ends_ready_whatever_the_hints() {
    let scripts = [
        ("step by step", ProcessingScript::succeeds(), 3),
        ("at once", ProcessingScript::already_succeeded(), 0),
        ("no hints", ProcessingScript::without_hints(), 3),
        ("no processing_info", ProcessingScript::without_info(), 0),
    ];
    for (name, script, polls) in scripts {
        let (world, file) = (world(script).await, video());
        let id = Ended::of(world.uploader().upload(file.path()).await).ready();
        world.holds_only(&id, &file).await;
        assert_eq!(world.requests(Operation::Status).len(), polls, "{name}");
    }
}

#[tokio::test]
async fn a_hint_is_honoured_between_floor_and_ceiling() {
    let (mut world, file) = (world(ProcessingScript::succeeds()).await, video());
    // The script's hints are of one second.
    world.policy.processing.ceiling = Duration::from_secs(9);
    let started = Instant::now();
    Ended::of(world.uploader().upload(file.path()).await).ready();
    assert!(started.elapsed() >= Duration::from_secs(3), "{:?}", started.elapsed());
    let polls = world.requests(Operation::Status);
    for pair in polls.windows(2) {
        assert!(pair[1].at_ms - pair[0].at_ms >= 990, "{polls:?}");
    }
}

#[tokio::test]
async fn what_fails_names_the_servers_code_name_and_message() {
    let scripts = [
        ("later", ProcessingScript::fails(ProcessingError::invalid_media())),
        ("in the answer to FINALIZE", ProcessingScript::already_failed(ProcessingError::invalid_media())),
        ("an error beside 99 percent", ProcessingScript::stuck(ProcessingError::invalid_media())),
    ];
    for (name, script) in scripts {
        let (world, file) = (world(script).await, video());
        let uploader = world.uploader();
        let failed = Ended::of(uploader.upload(file.path()).await).failed();
        assert_eq!(failed.kind, Kind::ProcessingFailed, "{name}: {}", failed.text);
        for said in ["code 1", "InvalidMedia", "Unsupported video format"] {
            assert!(failed.text.contains(said), "{name}: {}", failed.text);
        }
        assert!(checkpoints(&uploader).await.is_empty(), "{name}: there is nothing to go on with");
    }
}

#[tokio::test]
async fn what_does_not_end_is_given_back_as_still_processing_and_can_be_waited_for_further() {
    let mut never_heard_of = ProcessingScript::unknown_state();
    never_heard_of.steps[0].lasts = chunkwise_sandbox::Lasts::Millis(3_600_000);
    never_heard_of.steps.extend(ProcessingScript::already_succeeded().steps);
    let scripts =
        [("pending", ProcessingScript::succeeds_after(3_600_000)), ("an unknown state", never_heard_of)];
    for (name, script) in scripts {
        let (mut world, file) = (world(script).await, video());
        world.policy.processing.deadline = Duration::from_millis(150);
        let failed = Ended::of(world.uploader().upload(file.path()).await).failed();
        assert_eq!(failed.kind, Kind::StillProcessing, "{name}: {}", failed.text);
        let [media] = &world.finalized().await[..] else { panic!("{name}: one media") };
        assert_eq!(failed.error.session.as_ref().unwrap().as_str(), media.id.to_string(), "{name}");
        let polls = world.requests(Operation::Status).len();
        assert!((2..=40).contains(&polls), "{name}: {polls} polls");

        // Half an hour more is not enough either: the deadline begins anew, and the checkpoint stays.
        world.sandbox.advance(Duration::from_secs(1800));
        let upload = failed.left.unwrap();
        let again = Ended::of(world.uploader().resume(&upload).await.unwrap().wait().await).failed();
        assert_eq!((again.kind, again.left.as_ref()), (Kind::StillProcessing, Some(&upload)), "{name}");

        world.sandbox.advance(Duration::from_secs(1800));
        // What is committed needs no file any more.
        std::fs::remove_file(file.path()).unwrap();
        let uploader = world.uploader();
        let id = Ended::of(uploader.resume(&upload).await.unwrap().wait().await).ready();
        world.holds_only(&id, &file).await;
        assert_eq!(world.requests(Operation::Finalize).len(), 1, "{name}");
        assert!(checkpoints(&uploader).await.is_empty(), "{name}");
        let [media] = &world.finalized().await[..] else { panic!("{name}: one media") };
        assert_eq!(media.state, MediaState::Finalized { processing: Some("succeeded".into()) });
    }
}
