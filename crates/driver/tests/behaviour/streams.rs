//! Streams: read once, kept until they are stored, within their half of the byte budget.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use chunkwise_core::{
    ErrorKind, Failure, Kept, OperationKind, PlanError, Problem, ProblemKind, ServerError, Unsupported,
};
use chunkwise_driver::{
    CheckpointStore as _, DriverError, Left, MemoryStore, ResumeRequest, StartError, StreamSource,
    UploadRequest,
};
use futures::future::join_all;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::model::{Call, Fault, Model};
use crate::{KIB, content, driver, failure, policy, request, settled, video};

const APPEND: OperationKind = OperationKind::Append;

/// Gives its bytes a few at a time, with pauses in between; says how many were taken.
pub(crate) struct Trickle {
    bytes: Bytes,
    /// After so many it breaks.
    breaks_after: usize,
    pub(crate) taken: Arc<AtomicUsize>,
    pause: Pin<Box<Sleep>>,
}

impl Trickle {
    pub(crate) fn new(bytes: impl Into<Bytes>) -> Self {
        let (taken, pause) = (Arc::default(), Box::pin(sleep(Duration::ZERO)));
        Self { bytes: bytes.into(), breaks_after: usize::MAX, taken, pause }
    }
}

impl AsyncRead for Trickle {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.pause.as_mut().poll(cx));
        let at = self.taken.load(Ordering::Relaxed);
        if at >= self.breaks_after {
            return Poll::Ready(Err(io::Error::other("the line is dead")));
        }
        let n = (self.bytes.len() - at).min(buf.remaining()).min(1_500).min(self.breaks_after - at);
        buf.put_slice(&self.bytes[at..at + n]);
        self.taken.fetch_add(n, Ordering::Relaxed);
        self.pause = Box::pin(sleep(Duration::from_millis(1)));
        Poll::Ready(Ok(()))
    }
}

fn upload(source: StreamSource, model: &Arc<Model>, chunk: usize, window: u32) -> UploadRequest {
    UploadRequest {
        policy: policy(chunk, window),
        seed: Some(7),
        ..UploadRequest::new(source, model.transport())
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_unknown_length_goes_up_byte_for_byte() {
    // Nothing, one byte less than segments have, exactly that, one more.
    for len in [1, 8 * KIB - 1, 8 * KIB, 8 * KIB + 1, 16 * KIB, 61 * KIB + 77] {
        let (model, content) = (Model::healthy().arc(), content(len, 1));
        let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
        let source = StreamSource::new(Trickle::new(content.clone()));
        let handle = driver.start(upload(source, &model, 8 * KIB, 4)).await.unwrap();
        let progress = handle.progress();
        assert_eq!(progress.borrow().total, None, "nobody knows yet");
        handle.wait().await.unwrap();
        assert!(model.object() == content, "{len} bytes");
        assert_eq!(model.count(APPEND) as usize, len.div_ceil(8 * KIB));
        assert_eq!(progress.borrow().total, Some(len as u64));
        let budget = driver.budget();
        assert!(budget.in_use == 0 && budget.peak <= budget.limit / 2, "{budget:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_pieces_of_any_size_goes_up_byte_for_byte() {
    let (model, content) = (Model::healthy().arc(), Bytes::from(content(50 * KIB + 3, 2)));
    let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
    let pieces =
        [content.slice(..0), content.slice(..30_000), content.slice(30_000..30_001), content.slice(30_001..)];
    let source = StreamSource::from_stream(futures::stream::iter(pieces.map(Ok)));
    driver.start(upload(source, &model, 8 * KIB, 2)).await.unwrap().wait().await.unwrap();
    assert!(model.object() == content);
}

#[tokio::test(start_paused = true)]
async fn a_failed_segment_is_sent_again_from_what_was_kept() {
    let script = |call: Call| match (call.kind, call.nth) {
        (APPEND, 2 | 5) => Fault::unreachable(),
        (APPEND, 3) => Fault::HangAfter(1),
        (APPEND, 4 | 8) => Fault::LoseReply,
        _ => Fault::None,
    };
    for length in [None, Some(40 * KIB as u64)] {
        let (model, content) = (Model::new(script).arc(), content(40 * KIB, 3));
        let driver = driver(48 * KIB, 4 * KIB, MemoryStore::default());
        let source = StreamSource::new(Trickle::new(content.clone()));
        let source = match length {
            Some(length) => source.with_length(length),
            None => source,
        };
        driver.start(upload(source, &model, 8 * KIB, 3)).await.unwrap().wait().await.unwrap();
        assert!(model.object() == content);
        assert!(model.count(APPEND) > 8);
        let budget = driver.budget();
        assert!(budget.in_use == 0 && budget.peak <= budget.limit / 2, "{budget:?}");
    }
}

/// In a half that one segment fills, streams take turns; a file beside them has the other half.
#[tokio::test(start_paused = true)]
async fn several_streams_and_a_file_live_within_one_small_budget() {
    for frames in [4, 5, 9, 16] {
        let driver = driver(frames * 4 * KIB, 4 * KIB, MemoryStore::default());
        let model = Model::healthy().arc();
        let (file, filmed) = video(70 * KIB, 9);
        let contents: Vec<_> = (0..3).map(|i| content(60 * KIB + i, 20 + i as u64)).collect();
        let mut requests = vec![request(&file, model.transport(), policy(8 * KIB, 4))];
        for content in &contents {
            let source = StreamSource::new(Trickle::new(content.clone()));
            requests.push(upload(source, &model, 8 * KIB, 4));
        }
        let starts = requests.into_iter().map(|request| driver.start(request));
        let handles = join_all(starts).await.into_iter().map(Result::unwrap);
        let all = join_all(handles.map(chunkwise_driver::UploadHandle::wait));
        let results =
            tokio::time::timeout(Duration::from_secs(600), all).await.expect("nobody waits for ever");
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        let objects = model.objects();
        assert!(contents.iter().chain([&filmed]).all(|content| objects.contains(content)));
        let budget = driver.budget();
        assert!(budget.in_use == 0 && budget.peak <= budget.limit, "{budget:?}");
        assert_eq!(model.dropped(), 0, "waiting for a place is no stall");
    }
}

/// A size that the server refuses cuts what is kept anew, and across what was read: the rest still finds its places.
#[tokio::test(start_paused = true)]
async fn a_refused_size_is_cut_smaller_out_of_what_was_kept() {
    for ceiling in [3 * KIB, 5 * KIB + 1, 7 * KIB, 8 * KIB - 1] {
        let script = move |call: Call| match (call.kind, call.nth) {
            (APPEND, 1) => Fault::Answer(Failure::Answered(Problem {
                kind: ProblemKind::TooLarge { ceiling: Some(ceiling as u64) },
                after: None,
                server: ServerError::message("scripted"),
            })),
            _ => Fault::None,
        };
        let model = Model::new(script).arc();
        // Room for one segment each.
        let driver = driver(8 * 4 * KIB, 4 * KIB, MemoryStore::default());
        let contents: Vec<_> = (0..3).map(|i| content(30 * KIB + i, 30 + i as u64)).collect();
        let streams = contents.iter().map(|content| {
            let source = StreamSource::new(Trickle::new(content.clone()));
            driver.start(upload(source, &model, 8 * KIB, 2))
        });
        let handles = join_all(streams).await.into_iter().map(Result::unwrap);
        let all = join_all(handles.map(chunkwise_driver::UploadHandle::wait));
        let results =
            tokio::time::timeout(Duration::from_secs(600), all).await.expect("nobody waits for ever");
        assert!(results.iter().all(Result::is_ok), "{ceiling}: {results:?}");
        let objects = model.objects();
        assert!(contents.iter().all(|content| objects.contains(content)), "{ceiling}");
        let budget = driver.budget();
        assert!(budget.in_use == 0 && budget.peak <= budget.limit, "{budget:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_segment_larger_than_what_streams_may_hold_is_a_plan_error_with_the_numbers() {
    let model = Model::healthy().arc();
    let driver = driver(32 * KIB, 4 * KIB, MemoryStore::default());
    for known in [false, true] {
        let source = StreamSource::new(Trickle::new(content(99, 1)));
        let source = if known { source.with_length(100 * KIB as u64) } else { source };
        let error = driver.start(upload(source, &model, 16 * KIB + 1, 1)).await.map(drop).unwrap_err();
        let (chunk, largest) = (16 * KIB as u64 + 1, 16 * KIB as u64);
        assert!(
            matches!(&error, StartError::Plan(plan) if *plan == PlanError::Unsupported(Unsupported::NotKept { chunk, largest })),
            "{error}"
        );
        assert!(driver.uploads().await.unwrap().is_empty());
    }
    let source = StreamSource::new(Trickle::new(content(99, 1)));
    driver.start(upload(source, &model, 16 * KIB, 1)).await.unwrap().wait().await.unwrap();
}

/// When nothing is taken, no more is read than may be held.
#[tokio::test(start_paused = true)]
async fn a_stream_is_read_no_further_than_there_is_memory() {
    let model = Model::new(|call| if call.kind == APPEND { Fault::HangAfter(0) } else { Fault::None }).arc();
    let driver = driver(48 * KIB, 4 * KIB, MemoryStore::default());
    let input = Trickle::new(content(1000 * KIB, 4));
    let taken = Arc::clone(&input.taken);
    let handle = driver.start(upload(StreamSource::new(input), &model, 8 * KIB, 4)).await.unwrap();
    sleep(Duration::from_secs(20)).await;
    assert_eq!(taken.load(Ordering::Relaxed), 24 * KIB + 1, "and the byte behind it");
    assert_eq!(driver.budget().in_use, 24 * KIB);
    // The handle is dropped: nobody reads on, and nothing is held.
    drop(handle);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(Arc::strong_count(&taken), 1, "the reader is gone");
    settled(&driver).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_keeps_the_source_does_not_keep_its_places() {
    let model = Model::new(|call| if call.kind == APPEND { Fault::HangAfter(0) } else { Fault::None }).arc();
    let driver = driver(48 * KIB, 4 * KIB, MemoryStore::default());
    let source = Arc::new(StreamSource::new(Trickle::new(content(100 * KIB, 4))));
    let request = || UploadRequest {
        policy: policy(8 * KIB, 2),
        ..UploadRequest::of(source.clone(), model.transport())
    };
    drop(driver.start(request()).await.unwrap());
    settled(&driver).await;
    let again = driver.start(request()).await.map(drop).unwrap_err();
    assert!(again.to_string().contains("another upload has read it already, open it anew"), "{again}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_early_or_breaks_ends_its_upload_and_leaves_nothing() {
    let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
    let short = StreamSource::new(Trickle::new(content(20 * KIB, 5))).with_length(30 * KIB as u64);
    let torn = Trickle { breaks_after: 20 * KIB, ..Trickle::new(content(30 * KIB, 5)) };
    for (source, told) in [
        (
            short.named("standard input"),
            "standard input will not be complete: it ended after 20480 of 30720 bytes",
        ),
        (StreamSource::new(torn), "the stream can't be read: the line is dead"),
    ] {
        let model = Model::healthy().arc();
        let handle = driver.start(upload(source, &model, 8 * KIB, 2)).await.unwrap();
        let (error, fault) = failure(handle).await;
        assert!(matches!(*error.kind, ErrorKind::SourceUnreadable { .. }), "{error}");
        assert_eq!((fault.unwrap().to_string().as_str(), error.kept), (told, Kept::Nothing));
        assert_eq!((model.aborted(), model.sessions()), (1, 1));
        assert!(driver.uploads().await.unwrap().is_empty());
        settled(&driver).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_goes_on_behind_its_length_is_not_cut_off_there() {
    let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
    // In the middle of a segment, and at the end of one.
    for length in [20 * KIB, 16 * KIB] {
        let model = Model::healthy().arc();
        let input = Trickle::new(content(30 * KIB, 6));
        let taken = Arc::clone(&input.taken);
        let source = StreamSource::new(input).with_length(length as u64);
        let handle = driver.start(upload(source, &model, 8 * KIB, 2)).await.unwrap();
        let (error, fault) = failure(handle).await;
        assert!(matches!(*error.kind, ErrorKind::SourceUnreadable { .. }), "{error}");
        let told = format!(
            "the stream will not be complete: it goes on behind the {length} bytes that were announced"
        );
        assert_eq!(fault.unwrap().to_string(), told);
        assert_eq!(taken.load(Ordering::Relaxed), length + 1);
        assert!(model.objects().is_empty(), "{length}");
        settled(&driver).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_of_a_stream_that_was_cut_off_can_only_be_aborted() {
    let model =
        Model::new(
            |call| if call.nth == 2 && call.kind == APPEND { Fault::HangAfter(0) } else { Fault::None },
        );
    let (model, store) = (model.arc(), MemoryStore::default());
    let driver = driver(64 * KIB, 4 * KIB, store);
    let source = StreamSource::new(Trickle::new(content(50 * KIB, 8)));
    let handle = driver.start(upload(source, &model, 8 * KIB, 1)).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    let record = driver.uploads().await.unwrap().remove(0).record.unwrap();
    assert!(record.checkpoint.stored() > 0 && record.needs_source());
    assert_eq!(record.source.fingerprint, chunkwise_driver::Fingerprint::default());
    // As a crash would have left it.
    let died = MemoryStore::default();
    died.claim(&record.id).await.unwrap().save(record.clone()).await.unwrap();
    let other = crate::driver(64 * KIB, 4 * KIB, died);
    let resume = || {
        let anew = StreamSource::new(Trickle::new(content(50 * KIB, 8)));
        ResumeRequest::new(record.id.clone(), Some(Arc::new(anew)), model.transport())
    };
    let refused = other.resume(resume()).await.map(drop).unwrap_err().to_string();
    assert!(
        refused.contains("can only be aborted: discard it, and start anew from a new source"),
        "{refused}"
    );
    drop(handle);
    let (error, _) = failure(other.discard(resume()).await.unwrap()).await;
    assert!(matches!(*error.kind, ErrorKind::Discarded(_)), "{error}");
    assert_eq!(model.aborted(), 1);
    assert!(other.uploads().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_keeps_the_upload_of_a_stream_is_told_that_it_has_to_be_given_up() {
    let model = Model::new(|call| if call.kind == APPEND { Fault::HangAfter(0) } else { Fault::None }).arc();
    let driver = driver(64 * KIB, 4 * KIB, MemoryStore::default());
    let source = StreamSource::new(Trickle::new(content(50 * KIB, 8)));
    let handle = driver.start(upload(source, &model, 8 * KIB, 1)).await.unwrap();
    let control = handle.control();
    let ends = tokio::spawn(handle.wait());
    sleep(Duration::from_secs(1)).await;
    control.cancel(chunkwise_core::Disposition::Keep);
    let Err(DriverError::Upload { error, fault: None, left: Left::Checkpoint(id) }) = ends.await.unwrap()
    else {
        panic!("it was to be kept");
    };
    assert_eq!((error.kept, &*error.kind), (Kept::AbortOwed, &ErrorKind::Cancelled));
    assert!(error.advice().contains("give the session up"), "{}", error.advice());
    let (error, _) =
        failure(driver.resume(ResumeRequest::new(id, None, model.transport())).await.unwrap()).await;
    assert!(matches!(*error.kind, ErrorKind::Discarded(_)), "{error}");
    assert_eq!(model.aborted(), 1);
}
