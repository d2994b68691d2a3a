//! Sources that change, fail, grow or vanish while they are uploaded.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chunkwise_core::{Disposition, ErrorKind, Kept, OperationKind, UploadSpec};
use chunkwise_driver::{
    FileSource, GrowingFile, MemoryStore, ResumeRequest, Source, SourceError, StartError, UploadRequest,
};

use crate::model::{Call, Fault, Model};
use crate::{KIB, driver, failure, policy, request, video};

type Edit = fn(&Path);

fn append(path: &Path) {
    OpenOptions::new().append(true).open(path).unwrap().write_all(b"more").unwrap();
}

fn shrink(path: &Path) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(90 * KIB as u64).unwrap();
}

fn rewrite(path: &Path) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    (&file).write_all(b"other").unwrap();
    // Two writes may fall into one tick of the file system's clock; a test can't wait for the next.
    file.set_modified(SystemTime::now() + Duration::from_secs(5)).unwrap();
}

/// Whatever is done to the file, and whenever: the upload fails by name, and no object is made of two versions.
#[tokio::test(start_paused = true)]
async fn a_file_that_shrinks_grows_or_is_written_to_is_no_object() {
    let acts: [Edit; 3] = [append, shrink, rewrite];
    for (act, change) in acts.into_iter().zip(["grows", "shrinks", "is written to"]) {
        for (kind, nth) in [(OperationKind::Init, 1), (OperationKind::Append, 1), (OperationKind::Append, 10)]
        {
            let (file, _) = video(200 * KIB, 1);
            let path = file.path().to_owned();
            let script = move |call: Call| {
                if (call.kind, call.nth) == (kind, nth) {
                    act(&path);
                }
                Fault::None
            };
            let model = Model::new(script).arc();
            let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
            let handle = driver.start(request(&file, model.transport(), policy(20 * KIB, 2))).await.unwrap();
            let (error, fault) = failure(handle).await;
            assert!(matches!(*error.kind, ErrorKind::SourceChanged), "{change} at {kind} {nth}: {error}");
            assert!(
                matches!(fault, Some(SourceError::Changed { .. })),
                "{change} at {kind} {nth}: {fault:?}"
            );
            assert_eq!(model.count(OperationKind::Finalize), 0, "{change} at {kind} {nth}");
            assert_eq!(error.kept, Kept::Nothing);
            assert!(driver.uploads().await.unwrap().is_empty());
            crate::settled(&driver).await;
        }
    }
}

/// The last moment to notice: every segment is stored, Finalize is next.
#[tokio::test(start_paused = true)]
async fn a_file_that_changes_after_its_last_segment_was_sent_is_not_finalized() {
    let (file, _) = video(200 * KIB, 1);
    let path = file.path().to_owned();
    let act = Arc::new(move || rewrite(&path));
    let script = move |call: Call| match (call.kind, call.nth) {
        (OperationKind::Append, 10) => Fault::Then(act.clone()),
        _ => Fault::None,
    };
    let model = Model::new(script).arc();
    let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
    let begin = tokio::time::Instant::now();
    let handle = driver.start(request(&file, model.transport(), policy(20 * KIB, 2))).await.unwrap();
    let error = handle.wait().await.unwrap_err();
    assert!(error.to_string().contains("was written to meanwhile"), "{error}");
    assert_eq!(model.count(OperationKind::Finalize), 0);
    assert!(begin.elapsed() < Duration::from_secs(60), "it is told at once and not by a deadline");
}

/// A source whose bytes can't be read from some offset on.
struct BadSector(Vec<u8>, u64);

impl Source for BadSector {
    fn spec(&self) -> UploadSpec {
        UploadSpec::whole(self.0.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let end = offset + buffer.len() as u64;
        // The last 64 KiB can be read alone, so that the upload starts.
        if end > self.1 && buffer.len() < 64 * KIB {
            return Err(io::Error::other("bad sector"));
        }
        buffer.copy_from_slice(&self.0[offset as usize..end as usize]);
        Ok(buffer.len())
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_error_in_the_middle_keeps_the_upload_and_names_the_cause() {
    let content = crate::content(200 * KIB, 2);
    let model = Model::healthy().arc();
    let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
    let source = BadSector(content.clone(), 110 * KIB as u64);
    let start =
        UploadRequest { policy: policy(20 * KIB, 2), ..UploadRequest::new(source, model.transport()) };
    let handle = driver.start(start).await.unwrap();
    let id = handle.id().clone();
    let error = handle.wait().await.unwrap_err();
    assert!(error.to_string().contains("bad sector"), "{error}");
    crate::settled(&driver).await;
    let listed = driver.uploads().await.unwrap().remove(0);
    assert!(listed.record.unwrap().checkpoint.stored() >= 80 * KIB as u64);

    let mended = Arc::new(BadSector(content.clone(), u64::MAX));
    let resume = ResumeRequest::new(id, Some(mended), model.transport());
    driver.resume(resume).await.unwrap().wait().await.unwrap();
    assert!(model.object() == content);
}

/// A source that panics is the embedder's bug; it ends the upload and nothing else.
#[tokio::test(start_paused = true)]
async fn a_source_that_panics_is_an_unreadable_source() {
    struct Panics;
    impl Source for Panics {
        fn spec(&self) -> UploadSpec {
            UploadSpec::whole(100)
        }
        fn read_at(&self, _: u64, _: &mut [u8]) -> io::Result<usize> {
            panic!("a bug in a source")
        }
    }
    let model = Model::healthy().arc();
    let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
    let error = driver.start(UploadRequest::new(Panics, model.transport())).await.unwrap_err();
    assert!(matches!(error, StartError::Source(SourceError::Unreadable { .. })), "{error}");
    assert!(model.log().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_source_that_changed_between_crash_and_resume_is_refused_and_the_checkpoint_kept() {
    let edits: [(Edit, &str); 3] =
        [(append, "now has 204804"), (shrink, "now has 92160"), (rewrite, "first 64 KiB")];
    for (edit, expected) in edits {
        let (file, content) = video(200 * KIB, 3);
        let modified = file.as_file().metadata().unwrap().modified().unwrap();
        let model = Model::healthy().arc();
        let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
        let handle = driver.start(request(&file, model.transport(), policy(20 * KIB, 2))).await.unwrap();
        let id = handle.id().clone();
        handle.cancel(Disposition::Keep);
        handle.wait().await.unwrap_err();
        edit(file.path());
        let resume = || {
            let source = Arc::new(FileSource::open(file.path()).unwrap());
            driver.resume(ResumeRequest::new(id.clone(), Some(source), model.transport()))
        };
        let sent = model.log().len();
        let error = resume().await.unwrap_err();
        assert!(matches!(&error, StartError::SourceChanged { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(model.log().len(), sent);

        // The file as it was goes on.
        fs::write(file.path(), &content).unwrap();
        file.as_file().set_modified(modified).unwrap();
        resume().await.unwrap().wait().await.unwrap();
        assert!(model.object() == content);
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_goes_up_while_it_is_still_being_written() {
    let content = crate::content(200 * KIB, 4);
    let file = tempfile::NamedTempFile::new().unwrap();
    let (source, growth) = GrowingFile::open(file.path(), Some(content.len() as u64), 0).unwrap();
    let model = Model::healthy().arc();
    let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
    let start =
        UploadRequest { policy: policy(20 * KIB, 2), ..UploadRequest::new(source, model.transport()) };
    let handle = driver.start(start).await.unwrap();
    for (i, piece) in content.chunks(30 * KIB).enumerate() {
        let sent = model.count(OperationKind::Append) as usize;
        assert!(sent * 20 * KIB <= i * 30 * KIB, "nothing is sent that is not there yet");
        file.as_file().write_all(piece).unwrap();
        growth.available((i * 30 * KIB + piece.len()) as u64);
        tokio::time::sleep(Duration::from_secs(50)).await;
    }
    assert!(model.count(OperationKind::Append) >= 9, "it does not wait for the end");
    growth.ended(content.len() as u64);
    handle.wait().await.unwrap();
    assert!(model.object() == content);
}

#[tokio::test(start_paused = true)]
async fn a_download_that_breaks_off_makes_no_object() {
    let content = crate::content(200 * KIB, 5);
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &content[..100 * KIB]).unwrap();
    let (source, growth) =
        GrowingFile::open(file.path(), Some(content.len() as u64), 100 * KIB as u64).unwrap();
    let model = Model::healthy().arc();
    let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
    let start =
        UploadRequest { policy: policy(20 * KIB, 2), ..UploadRequest::new(source, model.transport()) };
    let handle = driver.start(start).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    growth.broken("the download failed: connection reset");
    let error = handle.wait().await.unwrap_err();
    assert!(error.to_string().contains("connection reset"), "{error}");
    assert_eq!(model.count(OperationKind::Finalize), 0);
}

#[tokio::test(start_paused = true)]
async fn a_download_that_ends_too_early_or_goes_on_too_long_is_no_object() {
    for ends in [150 * KIB, 250 * KIB] {
        let content = crate::content(ends, 6);
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &content).unwrap();
        let (source, growth) =
            GrowingFile::open(file.path(), Some(200 * KIB as u64), 100 * KIB as u64).unwrap();
        let model = Model::healthy().arc();
        let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
        let start =
            UploadRequest { policy: policy(20 * KIB, 2), ..UploadRequest::new(source, model.transport()) };
        let handle = driver.start(start).await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
        growth.ended(ends as u64);
        let error = handle.wait().await.unwrap_err();
        assert!(error.to_string().contains(&format!("it had 204800 bytes and now has {ends}")), "{error}");
        assert_eq!(model.count(OperationKind::Finalize), 0);
    }
}

/// The process died while the file was still being written: the next one may have all of it, or begin anew.
#[tokio::test(start_paused = true)]
async fn a_growing_file_is_resumed_as_a_whole_one_or_as_one_that_grows_again() {
    let content = crate::content(200 * KIB, 7);
    let len = content.len() as u64;
    for again in [false, true] {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &content[..100 * KIB]).unwrap();
        let (source, growth) = GrowingFile::open(file.path(), Some(len), 100 * KIB as u64).unwrap();
        let model = Model::healthy().arc();
        let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
        let start =
            UploadRequest { policy: policy(20 * KIB, 2), ..UploadRequest::new(source, model.transport()) };
        let handle = driver.start(start).await.unwrap();
        let id = handle.id().clone();
        handle.progress().wait_for(|progress| progress.stored >= 40 * KIB as u64).await.unwrap();
        handle.cancel(Disposition::Keep);
        handle.wait().await.unwrap_err();
        drop(growth);

        if again {
            fs::write(file.path(), b"").unwrap();
            let (source, growth) = GrowingFile::open(file.path(), Some(len), 0).unwrap();
            let resume = ResumeRequest::new(id, Some(Arc::new(source)), model.transport());
            let handle = driver.resume(resume).await.unwrap();
            let sent = model.log().len();
            tokio::time::sleep(Duration::from_secs(300)).await;
            assert_eq!(model.log().len(), sent, "it waits for bytes that were there once");
            fs::write(file.path(), &content).unwrap();
            growth.ended(len);
            handle.wait().await.unwrap();
        } else {
            fs::write(file.path(), &content).unwrap();
            let source = Arc::new(FileSource::open(file.path()).unwrap());
            let resume = ResumeRequest::new(id, Some(source), model.transport());
            driver.resume(resume).await.unwrap().wait().await.unwrap();
        }
        assert!(model.object() == content);
    }
}
