//! The bare core, driven by hand: no tokio, no clock, no socket.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::script::*;
use crate::*;

/// 512 MB, from Init to the media id, and every byte of it exactly once.
#[test]
fn a_512_mb_video_goes_up() {
    let total = 536_870_912;
    let profile = crate::testing::parts_profile();
    let mut upload = Upload::new(START, UploadSpec::whole(total), profile, Policy::default(), 1).unwrap();
    let mut live: Vec<Operation> = Vec::new();
    let (mut sent, mut most_live, mut last_progress) = (BTreeSet::new(), 0, 0);
    let result = loop {
        match upload.poll(START) {
            Output::Perform(operation) => live.push(operation),
            Output::Persist { seq } => upload.handle(START, Input::Persisted(seq)),
            Output::Notify(_) => {}
            Output::Closed(result) => break result.unwrap(),
            Output::Idle { .. } => {
                most_live = most_live.max(live.len());
                // The newest first: segments may be stored in any order.
                let operation = live.pop().expect("an idle upload waits for an answer");
                let op = operation.id;
                upload.handle(START, Input::Started(op));
                let reply = match operation.action {
                    Action::Init { total: Some(asked) } if asked == total => opened(),
                    Action::Append { segment, .. } => {
                        upload.handle(START, Input::Sent { op, bytes: segment.range.len() });
                        assert!(sent.insert(segment.range));
                        stored()
                    }
                    Action::Finalize { total: asked, .. } if asked == total => running(None),
                    Action::Status { .. } => completed(),
                    other => panic!("{other:?} was not to be expected"),
                };
                upload.handle(START, Input::Outcome { op, outcome: reply.into() });
                let progress = upload.progress();
                assert!(progress.stored >= last_progress && progress.sent >= progress.stored);
                last_progress = progress.stored;
                if upload.phase() == Phase::Processing {
                    break finish_processing(upload);
                }
            }
            other => panic!("{other:?} was not to be expected"),
        }
    };
    assert_eq!(&*result.result.id, "77");
    assert_eq!(most_live, 4);
    assert_eq!(sent.len(), 128);
    let mut end = 0;
    for range in sent {
        assert_eq!(range.start(), end);
        end = range.end();
    }
    assert_eq!(end, total);
}

fn finish_processing(upload: Upload) -> Completed {
    let mut script = Script::of(upload);
    assert_eq!(
        script.idle,
        Some(START.after(core::time::Duration::from_secs(5))),
        "no hint: the default delay"
    );
    assert_eq!(script.wake(), ["status"]);
    assert_eq!(script.answer(OperationKind::Status, completed()), ["closed"]);
    assert_eq!(script.upload.progress().processed, Percent::FULL);
    let stats = script.upload.stats();
    assert_eq!((stats.operations, stats.retries, stats.sent_again), (1 + 128 + 1 + 1, 0, 0));
    script.closed.unwrap().unwrap()
}
