//! Uploads that are cut off at each of their polls, one after the other: by dropping the handle, or the process.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chunkwise_core::{Disposition, ErrorKind, OperationKind};
use chunkwise_driver::{
    BytesSource, DirectoryStore, Driven, Driver, DriverError, FileSource, GrowingFile, GrowthHandle, Listed,
    MemoryStore, Record, ResumeRequest, Source, StartError, StreamSource, UploadRequest,
};

use crate::model::{Fault, Model};
use crate::polls::{Probe, runtime};
use crate::streams::Trickle;
use crate::{KIB, content, driver, policy};

const SIZE: usize = 20 * KIB;
const SEGMENT: usize = 8 * KIB;
/// As many as a segment has: one place that leaks brings every later upload to a standstill. Streams have half of it.
const BUDGET: usize = 2 * 4 * KIB;

#[derive(Clone, Copy)]
enum From {
    File,
    Growing,
    Memory,
    Stream,
}

#[derive(Clone, Copy)]
enum Store {
    Memory,
    Directory,
}

/// How an upload is cut off.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// Its handle (or the future that was to give one) is dropped, and the process lives on.
    Handle,
    /// The process dies.
    Process,
    /// It is cancelled to be discarded, and the process lives on.
    Discard,
}

/// One upload to be cut off.
struct Case {
    from: From,
    cut: Cut,
    content: Vec<u8>,
    file: tempfile::NamedTempFile,
    growth: Mutex<Option<GrowthHandle>>,
    model: Arc<Model>,
    driver: Driver,
    directory: tempfile::TempDir,
}

impl Case {
    fn new(from: From, store: Store, cut: Cut) -> Self {
        let content = content(SIZE, 3);
        let file = tempfile::NamedTempFile::new().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let budget = match from {
            From::Stream => 2 * BUDGET,
            From::File | From::Growing | From::Memory => BUDGET,
        };
        let driver = match store {
            Store::Memory => driver(budget, 4 * KIB, MemoryStore::default()),
            Store::Directory => driver(budget, 4 * KIB, DirectoryStore::new(directory.path())),
        };
        // One answer is lost and one Append can't be sent, so that retries are cut off as well.
        let script = |call: crate::model::Call| match (call.kind, call.nth) {
            (OperationKind::Append, 2) => Fault::unreachable(),
            (OperationKind::Finalize, 1) => Fault::LoseReply,
            _ => Fault::None,
        };
        let model = Model::new(script).arc();
        Self { from, cut, content, file, growth: Mutex::default(), model, driver, directory }
    }

    fn path(&self) -> &Path {
        self.file.path()
    }

    fn source(&self) -> Arc<dyn Source> {
        match self.from {
            From::File => {
                fs::write(self.path(), &self.content).unwrap();
                Arc::new(FileSource::open(self.path()).unwrap())
            }
            From::Growing => {
                let (source, growth) = GrowingFile::open(self.path(), Some(SIZE as u64), 0).unwrap();
                *self.growth.lock().unwrap() = Some(growth);
                Arc::new(source)
            }
            From::Memory => Arc::new(BytesSource::new(self.content.clone())),
            From::Stream => Arc::new(StreamSource::new(Trickle::new(self.content.clone()))),
        }
    }

    /// Writes what a growing source waits for.
    async fn grow(&self) {
        let From::Growing = self.from else { return };
        for (i, piece) in self.content.chunks(5 * KIB).enumerate() {
            self.file.as_file().write_all(piece).unwrap();
            if let Some(growth) = &*self.growth.lock().unwrap() {
                growth.available((i * 5 * KIB + piece.len()) as u64);
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        self.growth.lock().unwrap().take().unwrap().ended(SIZE as u64);
    }

    /// The upload from its start to its end. It is cut off by dropping this.
    async fn upload(&self) {
        let request = UploadRequest {
            policy: policy(SEGMENT, 2),
            seed: Some(5),
            source: self.source(),
            ..UploadRequest::new(BytesSource::new(""), self.model.transport())
        };
        let handle = self.driver.start(request).await.unwrap();
        let _discards = Discards((self.cut == Cut::Discard).then(|| handle.control()));
        let (result, ()) = tokio::join!(handle.wait(), self.grow());
        result.unwrap();
    }

    /// What the store has, once nobody drives it any more.
    async fn at_rest(&self) -> Vec<Listed> {
        for _ in 0..10_000 {
            let listed = self.driver.uploads().await.unwrap();
            if listed.iter().all(|listed| listed.driven == Driven::Idle) {
                return listed;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the lock of an upload that was cut off is never let go of");
    }

    async fn resume(&self, record: &Record) -> Result<(), DriverError> {
        drop(self.growth.lock().unwrap().take());
        fs::write(self.path(), &self.content).unwrap();
        let source: Arc<dyn Source> = match self.from {
            From::Memory => Arc::new(BytesSource::new(self.content.clone())),
            From::Growing => Arc::new(FileSource::open(self.path()).unwrap()),
            From::File => self.unchanged(record),
            From::Stream => return self.go_on_without(record).await,
        };
        let resume = ResumeRequest {
            policy: policy(SEGMENT, 2),
            seed: Some(9),
            ..ResumeRequest::new(record.id.clone(), Some(source), self.model.transport())
        };
        let upload = async { self.driver.resume(resume).await.unwrap().wait().await };
        let result = tokio::time::timeout(Duration::from_secs(3600), upload).await;
        result.expect("it does not wait for what leaked").map(drop)
    }

    /// Of what could be read once only: what is stored as a whole is finished, the rest can only be aborted.
    async fn go_on_without(&self, record: &Record) -> Result<(), DriverError> {
        let resume = ResumeRequest::new(record.id.clone(), None, self.model.transport());
        let handle = match self.driver.resume(resume.clone()).await {
            Ok(handle) => handle,
            Err(error @ StartError::Resume { .. }) => {
                assert!(error.to_string().contains("can only be aborted: discard it"), "{error}");
                self.driver.discard(resume).await.unwrap()
            }
            Err(error) => panic!("{error}"),
        };
        handle.wait().await.map(drop)
    }

    fn unchanged(&self, record: &Record) -> Arc<dyn Source> {
        let modified = u64::try_from(record.source.fingerprint.modified.unwrap()).unwrap();
        let modified = std::time::UNIX_EPOCH + Duration::from_nanos(modified);
        self.file.as_file().set_modified(modified).unwrap();
        Arc::new(FileSource::open(self.path()).unwrap())
    }

    /// Nothing is left of what was cut off but its record.
    async fn nothing_leaked(&self, probe: &Probe) {
        // Reads and writes that had begun end on their own threads; time stands still until they have.
        for _ in 0..100 {
            if self.driver.budget().in_use == 0 && probe.open().is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(self.driver.budget().in_use, 0);
        assert_eq!(probe.open(), [""; 0], "futures are left behind");
        let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        assert_eq!(tasks, 0, "tasks are left behind");
    }
}

/// Discards its upload when it is dropped, before the handle is.
struct Discards(Option<chunkwise_driver::UploadControl>);

impl Drop for Discards {
    fn drop(&mut self) {
        if let Some(control) = &self.0 {
            control.cancel(Disposition::Discard);
        }
    }
}

/// Cuts an upload off at its n-th poll; says whether it was still going on.
fn cut_off_at(n: u64, from: From, store: Store, cut: Cut) -> bool {
    let probe = Probe::at(n);
    let _listening = tracing::subscriber::set_default(probe.clone());
    let case = Case::new(from, store, cut);
    let mut process = runtime();
    let done = process.block_on(probe.until(case.upload())).is_some();
    match cut {
        Cut::Handle | Cut::Discard => {}
        Cut::Process => process = runtime(),
    }
    process.block_on(async {
        let listed = case.at_rest().await;
        case.nothing_leaked(&probe).await;
        if done {
            assert!(listed.is_empty());
            assert!(case.model.object() == case.content);
            return;
        }
        let sent = case.model.log().len();
        if cut == Cut::Discard && sent > 0 {
            // Too late, or nothing is left, neither here nor at the server.
            let (objects, aborted) = (case.model.objects().len(), case.model.aborted());
            assert_eq!(objects + aborted, case.model.sessions(), "discarded at poll {n}");
            assert!(listed.is_empty(), "discarded at poll {n}");
            return;
        }
        let Some(listed) = listed.into_iter().next() else {
            // Before its first record, or after its end.
            assert!(sent == 0 || case.model.objects().len() == 1, "cut off at poll {n}");
            return;
        };
        let record = listed.record.unwrap();
        let gone_on = case.resume(&record).await;
        if let (From::Stream, Err(DriverError::Upload { error, .. })) = (from, &gone_on) {
            assert!(matches!(*error.kind, ErrorKind::Discarded(_)), "cut off at poll {n}: {error}");
            // A session that no record names can't be given up.
            let named = usize::from(record.checkpoint.session().is_some());
            assert_eq!(case.model.aborted() + case.model.objects().len(), named, "cut off at poll {n}");
            assert!(case.driver.uploads().await.unwrap().is_empty(), "cut off at poll {n}");
            return case.nothing_leaked(&probe).await;
        }
        gone_on.unwrap();
        assert!(case.model.object() == case.content, "cut off at poll {n}");
        assert_eq!(case.model.sessions() as u32, case.model.count(OperationKind::Init));
        let held = record.checkpoint.stored_ranges();
        for again in case.model.log()[sent..].iter().filter_map(|logged| logged.segment) {
            let recorded = held.is_some_and(|held| held.contains(again.range));
            assert!(!recorded, "cut off at poll {n}: {again:?} was recorded and is sent again");
        }
        assert!(case.driver.uploads().await.unwrap().is_empty());
        case.nothing_leaked(&probe).await;
        assert_eq!(fs::read_dir(case.directory.path()).unwrap().count(), 0);
    });
    !done
}

fn cut_off_at_every_poll(from: From, store: Store, cut: Cut) {
    let polls = (1..).take_while(|n| cut_off_at(*n, from, store, cut)).count();

    assert!(polls > 40, "only {polls} polls");
}

#[test]
fn a_file_whose_handle_is_dropped_at_every_poll() {
    cut_off_at_every_poll(From::File, Store::Memory, Cut::Handle);
}

#[test]
fn a_file_whose_handle_is_dropped_at_every_poll_with_checkpoints_on_disk() {
    cut_off_at_every_poll(From::File, Store::Directory, Cut::Handle);
}

#[test]
fn a_file_whose_process_dies_at_every_poll() {
    cut_off_at_every_poll(From::File, Store::Memory, Cut::Process);
}

#[test]
fn a_file_whose_process_dies_at_every_poll_with_checkpoints_on_disk() {
    cut_off_at_every_poll(From::File, Store::Directory, Cut::Process);
}

#[test]
fn a_growing_file_whose_handle_is_dropped_at_every_poll() {
    cut_off_at_every_poll(From::Growing, Store::Memory, Cut::Handle);
}

#[test]
fn a_growing_file_whose_handle_is_dropped_at_every_poll_with_checkpoints_on_disk() {
    cut_off_at_every_poll(From::Growing, Store::Directory, Cut::Handle);
}

#[test]
fn a_growing_file_whose_process_dies_at_every_poll() {
    cut_off_at_every_poll(From::Growing, Store::Memory, Cut::Process);
}

#[test]
fn a_growing_file_whose_process_dies_at_every_poll_with_checkpoints_on_disk() {
    cut_off_at_every_poll(From::Growing, Store::Directory, Cut::Process);
}

#[test]
fn bytes_whose_handle_is_dropped_at_every_poll() {
    cut_off_at_every_poll(From::Memory, Store::Memory, Cut::Handle);
}

#[test]
fn bytes_whose_handle_is_dropped_at_every_poll_with_checkpoints_on_disk() {
    cut_off_at_every_poll(From::Memory, Store::Directory, Cut::Handle);
}

#[test]
fn bytes_whose_process_dies_at_every_poll() {
    cut_off_at_every_poll(From::Memory, Store::Memory, Cut::Process);
}

#[test]
fn bytes_whose_process_dies_at_every_poll_with_checkpoints_on_disk() {
    cut_off_at_every_poll(From::Memory, Store::Directory, Cut::Process);
}

#[test]
fn a_stream_whose_handle_is_dropped_at_every_poll() {
    cut_off_at_every_poll(From::Stream, Store::Memory, Cut::Handle);
}

#[test]
fn a_stream_whose_process_dies_at_every_poll_with_checkpoints_on_disk() {
    cut_off_at_every_poll(From::Stream, Store::Directory, Cut::Process);
}

#[test]
fn a_stream_that_is_discarded_at_every_poll() {
    cut_off_at_every_poll(From::Stream, Store::Memory, Cut::Discard);
}

/// What is discarded leaves nothing, neither here nor, once there is a session, at the server.
#[test]
fn a_file_that_is_discarded_at_every_poll() {
    cut_off_at_every_poll(From::File, Store::Memory, Cut::Discard);
}
