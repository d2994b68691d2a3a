//! Several uploads in one process, and one upload in several.

use std::num::NonZeroU32;

use chunkwise::driver::{StartError, StoreError};
use chunkwise::x::XError;
use chunkwise::{Disposition, WindowPolicy};
use chunkwise_sandbox::{Fault, FaultRule, Moment, Operation, Sandbox};
use futures::future::join_all;

use crate::support::{CHUNK, Carrier, Ended, Kind, World, checkpoints, stored_in, video_of};

/// Every answer to an APPEND takes a moment.
async fn unhurried(carrier: Carrier) -> World {
    let delay = Fault::Delay { millis: 15, moment: Moment::AfterCommit };
    World::new(Sandbox::builder().fault(FaultRule::always(Operation::Append, delay)), carrier).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_uploads_stay_within_one_byte_budget() {
    for carrier in Carrier::BOTH {
        let world = unhurried(carrier).await;
        // Room for twelve frames; eight uploads of four segments of four frames each would like to have 128.
        let (frame, budget) = (16 << 10, 12 * (16 << 10));
        let driver = world.driver().frame_size(frame).byte_budget(budget).build().unwrap();
        let uploader = world.uploader_of_driver(driver);
        let files: Vec<_> = (0..8).map(|i| video_of(7 * CHUNK + i)).collect();
        let uploads = files.iter().map(|file| async {
            let id = Ended::of(uploader.upload(file.path()).await).ready();
            let media = world.sandbox.media(id.parse().unwrap()).await.unwrap().unwrap();
            assert_eq!((media.size, media.sha256), (file.len(), file.sha256()), "{carrier}");
        });
        join_all(uploads).await;
        let used = uploader.driver().budget();
        assert_eq!((used.limit, used.in_use), (budget, 0), "{carrier}: {used:?}");
        assert!((2 * frame..=budget).contains(&used.peak), "{carrier}: {used:?}");
    }
}

#[tokio::test]
async fn a_paused_upload_starts_nothing_new() {
    let mut world = unhurried(Carrier::Hyper).await;
    world.policy.window = WindowPolicy::Fixed(NonZeroU32::new(2).unwrap());
    let (uploader, file) = (world.uploader(), video_of(20 * CHUNK));
    let handle = uploader.upload(file.path()).start().await.unwrap();
    world.until(|world| world.requests(Operation::Append).len() >= 4).await;
    handle.pause();
    let own = world.sandbox.media_ids()[0].to_string();
    let appends = |world: &World| {
        let log = world.requests(Operation::Append);
        log.iter().filter(|request| request.media_id.as_deref() == Some(own.as_str())).count()
    };
    // Another upload passes the time: a whole one, twice.
    for _ in 0..2 {
        let before = appends(&world);
        let other = video_of(9 * CHUNK);
        Ended::of(uploader.upload(other.path()).await).ready();
        assert!(appends(&world) <= before + 2, "what was in flight may finish");
    }
    let paused_at = appends(&world);
    let third = video_of(9 * CHUNK);
    Ended::of(uploader.upload(third.path()).await).ready();
    assert_eq!(appends(&world), paused_at, "nothing is in flight any more");
    assert!(paused_at < 20);

    handle.resume();
    let id = Ended::of(handle.wait().await).ready();
    let media = world.sandbox.media(id.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(media.sha256, file.sha256());
    assert_eq!(appends(&world), 20, "nothing was sent twice");
}

#[tokio::test]
async fn a_dropped_handle_leaves_what_another_driver_goes_on_with() {
    for carrier in Carrier::BOTH {
        let world = unhurried(carrier).await;
        let (uploader, file) = (world.uploader(), video_of(20 * CHUNK));
        let handle = uploader.upload(file.path()).start().await.unwrap();
        let upload = handle.id().clone();
        let progress = handle.progress();
        world.until(|_| progress.borrow().stored >= 5 * CHUNK).await;
        drop(handle);
        uploader.driver().shutdown().await;
        assert_eq!(uploader.driver().budget().in_use, 0, "{carrier}: the buffers are given back");

        let next = world.uploader();
        let stored = stored_in(&next, &upload).await;
        assert!(stored.len() >= 5, "{carrier}: {stored:?}");
        let before = world.sandbox.log().last().unwrap().number;
        let id = Ended::of(next.resume(&upload).await.unwrap().wait().await).ready();
        let log = world.sandbox.log_since(before);
        let again: Vec<u64> = log.iter().filter_map(|request| request.segment_index).collect();
        assert!(again.iter().all(|index| !stored.contains(index)), "{carrier}: {stored:?}, again {again:?}");
        world.holds_only(&id, &file).await;
        assert!(checkpoints(&next).await.is_empty());
    }
}

#[tokio::test]
async fn two_drivers_never_drive_one_upload() {
    let world = unhurried(Carrier::Hyper).await;
    let (uploader, file) = (world.uploader(), video_of(20 * CHUNK));
    let handle = uploader.upload(file.path()).start().await.unwrap();
    let error = world.uploader().resume(handle.id()).await.unwrap_err();
    let locked = matches!(&error, XError::Start(StartError::Store(StoreError::Locked { .. })));
    assert!(locked, "{error}");
    let id = Ended::of(handle.wait().await).ready();
    world.holds_only(&id, &file).await;
}

#[tokio::test]
async fn what_is_cancelled_ends_as_it_was_wished() {
    for (wish, kind, left) in
        [(Disposition::Keep, Kind::Cancelled, 1), (Disposition::Discard, Kind::Discarded, 0)]
    {
        let world = unhurried(Carrier::Hyper).await;
        let (uploader, file) = (world.uploader(), video_of(20 * CHUNK));
        let handle = uploader.upload(file.path()).start().await.unwrap();
        world.until(|world| world.requests(Operation::Append).len() >= 2).await;
        handle.cancel(wish);
        let failed = Ended::of(handle.wait().await).failed();
        assert_eq!(failed.kind, kind, "{}", failed.text);
        assert_eq!(checkpoints(&uploader).await.len(), left);
        assert!(world.finalized().await.is_empty());
        assert_eq!(uploader.driver().budget().in_use, 0);
    }
}
