//! Sources that fail in the middle: who is at fault, what is kept, and how it goes on when they are back.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chunkwise_core::{ErrorKind, Fault, Growth, Kept, OperationKind, Rewind, SourceLength, UploadSpec};
use chunkwise_driver::{
    Availability, DriverError, FileSource, GrowingFile, Left, MemoryStore, ResumeRequest, Source,
    SourceChange, SourceError, StartError, UploadRequest,
};
use tokio::sync::watch;

use crate::model::{Call, Model};
use crate::{KIB, driver, policy, request, video};

const SIZE: usize = 200 * KIB;

/// How a read goes wrong.
#[derive(Clone, Copy, Debug)]
enum Wrong {
    Error,
    EndsEarly,
    Panics,
}

/// Bytes of which the n-th read of a frame goes wrong.
struct Frail {
    content: Vec<u8>,
    wrong: Option<(u32, Wrong)>,
    reads: AtomicU32,
}

impl Frail {
    fn new(content: &[u8], wrong: Option<(u32, Wrong)>) -> Self {
        Self { content: content.to_vec(), wrong, reads: AtomicU32::new(0) }
    }
}

impl Source for Frail {
    fn spec(&self) -> UploadSpec {
        UploadSpec::whole(self.content.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        // Fingerprints are read in larger pieces.
        if buffer.len() <= 4 * KIB
            && let Some((nth, wrong)) = self.wrong
            && self.reads.fetch_add(1, Ordering::Relaxed) + 1 >= nth
        {
            match wrong {
                Wrong::Error => return Err(io::Error::other("input/output error")),
                Wrong::EndsEarly => return Ok(0),
                Wrong::Panics => panic!("a bug in a source"),
            }
        }
        let start = usize::try_from(offset).unwrap();
        buffer.copy_from_slice(&self.content[start..start + buffer.len()]);
        Ok(buffer.len())
    }

    fn name(&self) -> String {
        "the frail one".to_owned()
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_that_fails_at_any_frame_is_told_by_the_name_of_the_source_and_leaks_nothing() {
    let content = crate::content(SIZE, 1);
    for wrong in [Wrong::Error, Wrong::EndsEarly, Wrong::Panics] {
        for nth in [1, 2, 5, 6, 17, 33, 50] {
            let model = Model::healthy().arc();
            // What leaks would bring the resumed upload to a standstill.
            let driver = driver(4 * 4 * KIB, 4 * KIB, MemoryStore::default());
            let source = Frail::new(&content, Some((nth, wrong)));
            let start = UploadRequest {
                policy: policy(20 * KIB, 2),
                ..UploadRequest::new(source, model.transport())
            };
            let handle = driver.start(start).await.unwrap();
            let id = handle.id().clone();
            let error = handle.wait().await.unwrap_err();
            assert!(error.to_string().contains("the frail one"), "{wrong:?} at {nth}: {error}");
            let DriverError::Upload { error, fault, left } = error else { panic!("{error}") };
            assert_eq!(error.kind.fault(), Fault::Caller);
            crate::settled(&driver).await;
            match (wrong, fault) {
                (Wrong::EndsEarly, Some(SourceError::Changed { change, .. })) => {
                    assert!(matches!(change, SourceChange::EndsEarly { .. }));
                    assert!(matches!(*error.kind, ErrorKind::SourceChanged));
                    assert_eq!(error.kept, Kept::Nothing);
                    assert_eq!(model.aborted(), model.sessions());
                    continue;
                }
                (Wrong::Error | Wrong::Panics, Some(SourceError::Unreadable { .. })) => {}
                (_, fault) => panic!("{wrong:?} at {nth}: {fault:?}"),
            }
            assert!(matches!(*error.kind, ErrorKind::SourceUnreadable { .. }), "{error}");
            assert!(matches!(left, Left::Checkpoint(_)), "{wrong:?} at {nth}: {left:?}");
            let mended = Arc::new(Frail::new(&content, None));
            let resume = ResumeRequest::new(id, Some(mended), model.transport());
            let upload = async { driver.resume(resume).await.unwrap().wait().await.unwrap() };
            tokio::time::timeout(Duration::from_secs(600), upload).await.expect("nothing leaked");
            assert!(model.object() == content);
            assert_eq!(model.sessions(), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_dies_ends_the_upload_and_one_that_takes_over_finishes_it() {
    let content = crate::content(SIZE, 2);
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &content[..110 * KIB]).unwrap();
    let (source, growth) = GrowingFile::open(file.path(), Some(SIZE as u64), 110 * KIB as u64).unwrap();
    let model = Model::healthy().arc();
    let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
    let start =
        UploadRequest { policy: policy(20 * KIB, 2), ..UploadRequest::new(source, model.transport()) };
    let handle = driver.start(start).await.unwrap();
    let id = handle.id().clone();
    handle.progress().wait_for(|progress| progress.stored == 100 * KIB as u64).await.unwrap();
    drop(growth);
    let (error, fault) = crate::failure(handle).await;
    assert!(matches!(*error.kind, ErrorKind::SourceUnreadable { .. }), "{error}");
    assert!(matches!(fault, Some(SourceError::Broken { .. })), "{fault:?}");
    assert_eq!((error.kind.fault(), error.kept), (Fault::Caller, Kept::Checkpoint));
    crate::settled(&driver).await;

    let (source, growth) = GrowingFile::open(file.path(), Some(SIZE as u64), 110 * KIB as u64).unwrap();
    let resume = ResumeRequest::new(id, Some(Arc::new(source)), model.transport());
    let handle = driver.resume(resume).await.unwrap();
    fs::write(file.path(), &content).unwrap();
    growth.ended(SIZE as u64);
    handle.wait().await.unwrap();
    assert!(model.object() == content);
    assert_eq!(model.count(OperationKind::Append), 10, "nothing is sent twice");
}

/// A growing source of the embedder's own.
struct Spool {
    content: Vec<u8>,
    news: watch::Receiver<Availability>,
}

impl Source for Spool {
    fn spec(&self) -> UploadSpec {
        let Availability::UpTo(up_to, _) = *self.news.borrow() else { panic!("it is never broken") };
        let length = SourceLength::Known(self.content.len() as u64);
        UploadSpec { length, rewind: Rewind::Possible, available: Some(up_to) }
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap();
        buffer.copy_from_slice(&self.content[start..start + buffer.len()]);
        Ok(buffer.len())
    }

    fn availability(&self) -> Option<watch::Receiver<Availability>> {
        Some(self.news.clone())
    }
}

/// Nobody is left who could say that it grows: waiting for the deadline would be waiting for nothing.
#[tokio::test(start_paused = true)]
async fn a_growing_source_whose_writer_vanishes_without_a_word_is_broken_at_once() {
    let content = crate::content(60 * KIB, 3);
    for available in [0, 30 * KIB, 60 * KIB] {
        let (sender, news) = watch::channel(Availability::UpTo(available as u64, Growth::Growing));
        let source = Spool { content: content.clone(), news };
        let model = Model::healthy().arc();
        let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
        let start =
            UploadRequest { policy: policy(20 * KIB, 1), ..UploadRequest::new(source, model.transport()) };
        let begin = tokio::time::Instant::now();
        let handle = driver.start(start).await.unwrap();
        let mut opened = handle.progress();
        if available > 0 {
            opened.wait_for(|progress| progress.stored > 0).await.unwrap();
        }
        drop(sender);
        let (error, fault) = crate::failure(handle).await;
        assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
        assert!(matches!(*error.kind, ErrorKind::SourceUnreadable { .. }), "{error}");
        assert!(matches!(fault, Some(SourceError::Broken { .. })), "{fault:?}");
        assert_eq!(model.count(OperationKind::Finalize), 0);
    }
}

/// Its end was said before: that nobody says more is as it should be.
#[tokio::test(start_paused = true)]
async fn a_writer_that_vanishes_after_the_end_is_missed_by_nobody() {
    let content = crate::content(60 * KIB, 3);
    let (sender, news) = watch::channel(Availability::UpTo(20 * KIB as u64, Growth::Growing));
    let source = Spool { content: content.clone(), news };
    let model = Model::healthy().arc();
    let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
    let start =
        UploadRequest { policy: policy(20 * KIB, 1), ..UploadRequest::new(source, model.transport()) };
    let handle = driver.start(start).await.unwrap();
    sender.send_replace(Availability::UpTo(60 * KIB as u64, Growth::Ended));
    drop(sender);
    handle.wait().await.unwrap();
    assert!(model.object() == content);
}

/// Another file takes its name meanwhile: the one that was opened goes up. The other one can't go on with it.
#[tokio::test(start_paused = true)]
async fn a_file_that_is_replaced_goes_up_as_it_was_and_its_successor_does_not_go_on_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("video.mp4");
    let (original, other) = (crate::content(SIZE, 4), crate::content(SIZE, 5));
    for stops in [false, true] {
        fs::write(&path, &original).unwrap();
        let (replaced, replacement) = (path.clone(), other.clone());
        let aside = directory.path().join("original.mp4");
        let kept = aside.clone();
        let script = move |call: Call| {
            if (call.kind, call.nth) == (OperationKind::Append, 4) {
                fs::rename(&replaced, &kept).unwrap();
                fs::write(&replaced, &replacement).unwrap();
            }
            crate::model::Fault::None
        };
        let model = Model::new(script).arc();
        let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
        let source = FileSource::open(&path).unwrap();
        let start =
            UploadRequest { policy: policy(20 * KIB, 2), ..UploadRequest::new(source, model.transport()) };
        let handle = driver.start(start).await.unwrap();
        if !stops {
            handle.wait().await.unwrap();
            assert!(model.object() == original);
            continue;
        }
        let id = handle.id().clone();
        handle.progress().wait_for(|progress| progress.stored >= 100 * KIB as u64).await.unwrap();
        handle.cancel(chunkwise_core::Disposition::Keep);
        handle.wait().await.unwrap_err();
        let resume = |path: &std::path::Path| {
            let source = Arc::new(FileSource::open(path).unwrap());
            driver.resume(ResumeRequest::new(id.clone(), Some(source), model.transport()))
        };
        let error = resume(&path).await.unwrap_err();
        assert!(matches!(error, StartError::SourceChanged { .. }), "{error}");
        assert!(error.to_string().contains("video.mp4"), "{error}");
        resume(&aside).await.unwrap().wait().await.unwrap();
        assert!(model.object() == original);
    }
}

/// Truncated while it goes up: the checkpoint is of no use, whoever starts anew has a new upload.
#[tokio::test(start_paused = true)]
async fn a_file_that_is_cut_short_is_named_and_can_be_started_anew() {
    let (file, content) = video(SIZE, 6);
    let path = file.path().to_owned();
    let script = move |call: Call| {
        if (call.kind, call.nth) == (OperationKind::Append, 4) {
            fs::File::options().write(true).open(&path).unwrap().set_len(90 * KIB as u64).unwrap();
        }
        crate::model::Fault::None
    };
    let model = Model::new(script).arc();
    let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
    let handle = driver.start(request(&file, model.transport(), policy(20 * KIB, 2))).await.unwrap();
    let error = handle.wait().await.unwrap_err();
    let name = file.path().display().to_string();
    assert!(error.to_string().contains(&name), "{error}");
    crate::settled(&driver).await;
    let handle = driver.start(request(&file, model.transport(), policy(20 * KIB, 2))).await.unwrap();
    handle.wait().await.unwrap();
    assert!(model.object() == content[..90 * KIB]);
    assert_eq!(model.aborted(), 1, "the server forgets what came of the first");
}
