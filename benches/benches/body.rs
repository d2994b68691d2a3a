//! The body of an Append in X's protocol: a multipart head, the segment's own bytes, a tail.

mod cpu;

use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use allocation_counter::measure;
use bytes::Bytes;
use chunkwise_core::{
    Action, ByteRange, CredentialEpoch, Last, OpId, Operation, Segment, SegmentIndex, Session, Timestamp,
};
use chunkwise_transport::Payload;
use chunkwise_transport::http::{Body, EncodeContext, Protocol as _, RequestBody, Tail};
use chunkwise_x::{Api, Category, Media, MediaType, XProtocol};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use http_body::Body as _;

use crate::cpu::CpuTime;

const FRAME: usize = 64 << 10;
const CONTEXT: EncodeContext = EncodeContext {
    now: Timestamp::from_secs(1_700_000_000),
    nonce: 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef,
};

fn protocol(api: Api) -> XProtocol {
    XProtocol::new(api, Media::new(MediaType::MP4, Category::TweetVideo))
}

fn append(index: u32) -> Operation {
    let range = ByteRange::at(u64::from(index) * (4 << 20), 4 << 20);
    let segment = Segment { index: SegmentIndex::new(index), range };
    let session = Session::new("710511363345354753");
    Operation {
        id: OpId::from_raw(9),
        attempt: 1,
        epoch: CredentialEpoch::default(),
        action: Action::Append { session, segment, last: Last::More },
    }
}

/// The body of an Append of these bytes, in frames as the driver makes them of bytes in memory.
fn body(x: &XProtocol, append: &Operation, mut segment: Bytes) -> Body {
    let request = x.encode(append, &CONTEXT).unwrap_or_else(|error| unreachable!("{error}"));
    let len = segment.len() as u64;
    let frames = futures::stream::poll_fn(move |_| {
        let frame = segment.split_to(segment.len().min(FRAME));
        Poll::Ready((!frame.is_empty()).then_some(Ok(frame)))
    });
    Body::new(request.body, Payload::from_frames(len, Box::pin(frames)))
}

/// Takes every frame as an HTTP stack does; how many bytes there were, and how many of them lie where they lay before.
fn take(mut body: Body, segment: &Bytes) -> (usize, usize) {
    let mut cx = Context::from_waker(Waker::noop());
    let (mut sent, mut shared) = (0, 0);
    let home = segment.as_ptr_range();
    while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut cx) {
        let Ok(data) = frame.into_data() else { continue };
        sent += data.len();
        shared += if home.contains(&data.as_ptr()) { data.len() } else { 0 };
    }
    (sent, shared)
}

/// The same in the plain way: one buffer for all of it.
fn copied(x: &XProtocol, append: &Operation, segment: &Bytes) -> usize {
    let request = x.encode(append, &CONTEXT).unwrap_or_else(|error| unreachable!("{error}"));
    let RequestBody::Payload { head, tail: Tail::Fixed(tail) } = request.body else { return 0 };
    let mut whole = Vec::with_capacity(head.len() + segment.len() + tail.len());
    [&head, segment, &tail].into_iter().for_each(|part| whole.extend_from_slice(part));
    black_box(whole).len()
}

fn multipart(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("body");
    let append = append(7);
    for api in [Api::V2, Api::V1_1] {
        let x = protocol(api);
        group.bench_function(BenchmarkId::new("encode", api), |bencher| {
            bencher.iter(|| x.encode(black_box(&append), &CONTEXT));
        });
    }
    let x = protocol(Api::V2);
    for size in [256 << 10, 1 << 20, 4 << 20] {
        let segment = Bytes::from(vec![7; size]);
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("frames", size), |bencher| {
            bencher.iter(|| take(body(&x, &append, segment.clone()), &segment));
        });
        group.bench_function(BenchmarkId::new("one buffer (for comparison)", size), |bencher| {
            bencher.iter(|| copied(&x, &append, &segment));
        });
    }
    group.finish();
}

/// Not a time: what an allocator counts, and where the bytes lie.
fn copies(_: &mut Criterion<CpuTime>) {
    let (x, append) = (protocol(Api::V2), append(7));
    for size in [256 << 10, 1 << 20, 4 << 20] {
        let segment = Bytes::from(vec![7; size]);
        let mut taken = (0, 0);
        let counted = measure(|| taken = take(body(&x, &append, segment.clone()), &segment));
        let (sent, shared) = taken;
        let copied = (sent - shared) as f64 / sent as f64;
        eprintln!(
            "body/copies/{size}: {sent} bytes sent, {} of them made for it: {copied:.6} bytes copied per byte sent; {} \
             allocations of {} bytes together",
            sent - shared,
            counted.count_total,
            counted.bytes_total
        );
    }
}

criterion_group! {
    name = bodies;
    config = Criterion::default().with_measurement(CpuTime).warm_up_time(std::time::Duration::from_millis(500));
    targets = copies, multipart
}
criterion_main!(bodies);
