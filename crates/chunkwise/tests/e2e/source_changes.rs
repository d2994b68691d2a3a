//! A file that is not what it was: nothing of it becomes a media, and the error names what differs.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::{Duration, SystemTime};

use chunkwise::driver::StartError;
use chunkwise::x::XError;
use chunkwise::{UploadId, WindowPolicy};
use chunkwise_sandbox::{Fault, FaultRule, Moment, Operation, Sandbox};

use crate::support::{Carrier, Ended, File, Kind, World, checkpoints, video};

type Edit = fn(&Path);

fn grow(path: &Path) {
    OpenOptions::new().append(true).open(path).unwrap().write_all(b"more").unwrap();
}

fn truncate(path: &Path) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(100_000).unwrap();
}

fn rewrite(path: &Path) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    (&file).write_all(b"\0\0\0\x18ftypother").unwrap();
    // Two writes may fall into one tick of the file system's clock.
    file.set_modified(SystemTime::now() + Duration::from_secs(5)).unwrap();
}

/// By another file that is moved there.
fn replace(path: &Path) {
    let other = path.with_extension("other");
    std::fs::write(&other, vec![7; 327_680 - 777]).unwrap();
    std::fs::rename(&other, path).unwrap();
}

/// One segment at a time, the third of which waits a while for its answer.
async fn world() -> World {
    let delay = Fault::Delay { millis: 400, moment: Moment::AfterBody };
    let sandbox = Sandbox::builder().fault(FaultRule::at_segment(2, delay));
    let mut world = World::new(sandbox, Carrier::Hyper).await;
    world.policy.window = WindowPolicy::Fixed(NonZeroU32::MIN);
    world
}

async fn until_the_third(world: &World) {
    world.until(|world| world.sandbox.faults()[0].applied == 1).await;
}

#[tokio::test]
async fn during_the_upload() {
    let edits: [(&str, Edit); 3] = [("grown", grow), ("truncated", truncate), ("rewritten", rewrite)];
    for (name, edit) in edits {
        let (world, file) = (world().await, video());
        let uploader = world.uploader();
        let handle = uploader.upload(file.path()).start().await.unwrap();
        until_the_third(&world).await;
        edit(file.path());
        let failed = Ended::of(handle.wait().await).failed();
        assert_eq!(failed.kind, Kind::SourceChanged, "{name}: {}", failed.text);
        assert!(failed.text.contains("clip.mp4"), "{name}: {}", failed.text);
        assert!(
            world.requests(Operation::Finalize).is_empty(),
            "{name}: nothing of two versions is finalized"
        );
        assert!(checkpoints(&uploader).await.is_empty(), "{name}");
    }
}

/// What was opened is read to its end: a file that takes its name meanwhile is another one.
#[tokio::test]
async fn a_file_moved_over_it_does_not_touch_the_upload() {
    let (world, file) = (world().await, video());
    let handle = world.uploader().upload(file.path()).start().await.unwrap();
    until_the_third(&world).await;
    replace(file.path());
    match Ended::of(handle.wait().await) {
        Ended::Ready(id) => world.holds_only(&id, &file).await,
        Ended::Failed(failed) => {
            assert_eq!(failed.kind, Kind::SourceChanged, "{}", failed.text);
            assert!(world.finalized().await.is_empty());
        }
    }
}

/// An upload that was dropped in its middle.
async fn interrupted(world: &World, file: &File) -> UploadId {
    let uploader = world.uploader();
    let handle = uploader.upload(file.path()).start().await.unwrap();
    until_the_third(world).await;
    let id = handle.id().clone();
    drop(handle);
    uploader.driver().shutdown().await;
    id
}

#[tokio::test]
async fn between_crash_and_resume() {
    let edits: [(&str, Edit, &[&str]); 4] = [
        ("grown", grow, &["it had 326903 bytes and now has 326907"]),
        ("truncated", truncate, &["it had 326903 bytes and now has 100000"]),
        ("rewritten", rewrite, &["first 64 KiB are not what they were"]),
        ("replaced", replace, &["first 64 KiB are not what they were"]),
    ];
    for (name, edit, told) in edits {
        let (world, file) = (world().await, video());
        let modified = file.path().metadata().unwrap().modified().unwrap();
        let id = interrupted(&world, &file).await;
        edit(file.path());

        let uploader = world.uploader();
        let requests = world.sandbox.log().len();
        let error = uploader.resume(&id).await.unwrap_err();
        assert!(matches!(error, XError::Start(StartError::SourceChanged { .. })), "{name}: {error}");
        let text = error.to_string();
        assert!(text.contains("clip.mp4"), "{name}: {text}");
        assert!(told.iter().all(|told| text.contains(told)), "{name}: {text}");
        assert_eq!(world.sandbox.log().len(), requests, "{name}: nothing is sent");
        assert_eq!(checkpoints(&uploader).await.len(), 1, "{name}: the checkpoint is as it was");

        // The file as it was can be gone on with.
        std::fs::write(file.path(), &file.bytes).unwrap();
        OpenOptions::new().write(true).open(file.path()).unwrap().set_modified(modified).unwrap();
        let id = Ended::of(uploader.resume(&id).await.unwrap().wait().await).ready();
        world.holds_only(&id, &file).await;
    }
}

#[tokio::test]
async fn a_file_that_is_gone_is_named() {
    let (world, file) = (world().await, video());
    let id = interrupted(&world, &file).await;
    std::fs::remove_file(file.path()).unwrap();
    let uploader = world.uploader();
    let error = uploader.resume(&id).await.unwrap_err();
    assert!(matches!(error, XError::FileGone { .. }), "{error}");
    assert!(error.to_string().contains("clip.mp4"), "{error}");
    assert_eq!(checkpoints(&uploader).await.len(), 1);
}
