//! From a length to segments, and from a segment to its bytes.

mod cpu;

use std::hint::black_box;
use std::io::Write as _;

use bytes::Bytes;
use chunkwise_core::{ByteRange, ChunkSize, Plan, Segment, SegmentIndex};
use chunkwise_driver::{BytesSource, FileSource, Source};
use chunkwise_testkit::smooth::profile;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

use crate::cpu::CpuTime;

const MIB: u64 = 1 << 20;

fn planned(total: u64, chunk: u64) -> Plan {
    let chunk = ChunkSize::new(chunk).unwrap_or(ChunkSize::DEFAULT);
    Plan::new(total, &profile().sizing, chunk).unwrap_or_else(|error| unreachable!("{error}"))
}

fn planning(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("slicing/plan");
    for (name, total) in [("512 MiB", 512 * MIB), ("16 TiB", 16 << 40)] {
        group.bench_function(BenchmarkId::new("new", name), |bencher| {
            bencher.iter(|| planned(black_box(total), 4 * MIB));
        });
        let plan = planned(total, 4 * MIB);
        let (mut i, count) = (0, plan.count());
        group.bench_function(BenchmarkId::new("one segment", name), |bencher| {
            bencher.iter(|| {
                i = (i + 7919) % count;
                plan.segment(SegmentIndex::new(black_box(i)))
            });
        });
        group.bench_function(BenchmarkId::new("index at an offset", name), |bencher| {
            bencher.iter(|| {
                i = (i + 7919) % count;
                plan.index_at(black_box(u64::from(i) * 4 * MIB + 5))
            });
        });
    }
    group.throughput(Throughput::Elements(128));
    let plan = planned(512 * MIB, 4 * MIB);
    group.bench_function("every segment of 512 MiB", |bencher| {
        bencher.iter(|| black_box(&plan).segments().map(|segment| segment.range.len()).sum::<u64>());
    });
    group.finish();
}

/// Bytes in memory: what a segment costs before it is sent. Per element: per segment.
fn in_memory(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("slicing/memory");
    let bytes = Bytes::from(vec![7; 64 << 20]);
    let source = BytesSource::new(bytes.clone());
    for chunk in [256 << 10, 4 * MIB] {
        let segments: Vec<Segment> = planned(64 * MIB, chunk).segments().collect();
        group.throughput(Throughput::Elements(segments.len() as u64));
        group.bench_function(BenchmarkId::new("source", chunk), |bencher| {
            bencher.iter(|| {
                segments.iter().filter_map(|s| source.resident(s.range)).map(|b| b.len()).sum::<usize>()
            });
        });
        group.bench_function(BenchmarkId::new("bare Bytes::slice (baseline)", chunk), |bencher| {
            bencher.iter(|| {
                let range = |s: &Segment| s.range.start() as usize..s.range.end() as usize;
                segments.iter().map(|s| black_box(&bytes).slice(range(s)).len()).sum::<usize>()
            });
        });
        group.bench_function(BenchmarkId::new("a copy (for comparison)", chunk), |bencher| {
            bencher.iter(|| {
                let range = |s: &Segment| s.range.start() as usize..s.range.end() as usize;
                segments.iter().map(|s| Bytes::copy_from_slice(&bytes[range(s)]).len()).sum::<usize>()
            });
        });
    }
    group.finish();
}

/// A file in the system's cache, read by ranges into one buffer, as the driver reads its frames.
fn from_a_file(criterion: &mut Criterion<CpuTime>) {
    const SIZE: u64 = 64 * MIB;
    let mut file = tempfile::NamedTempFile::new().unwrap_or_else(|error| unreachable!("{error}"));
    let written = file.write_all(&vec![7; SIZE as usize]).and_then(|()| file.flush());
    written.unwrap_or_else(|error| unreachable!("{error}"));
    let source = FileSource::open(file.path()).unwrap_or_else(|error| unreachable!("{error}"));
    let mut group = criterion.benchmark_group("slicing/file");
    group.throughput(Throughput::Bytes(SIZE)).sample_size(20);
    for frame in [16 << 10, 64 << 10, 256 << 10, MIB, 4 * MIB] {
        let mut buffer = vec![0; frame as usize];
        group.bench_function(BenchmarkId::new("frames of", frame), |bencher| {
            bencher.iter(|| {
                let frames = (0..SIZE).step_by(frame as usize).map(|at| ByteRange::at(at, frame));
                frames.filter_map(|frame| source.read_at(frame.start(), &mut buffer).ok()).sum::<usize>()
            });
        });
    }
    group.bench_function("one buffer of all of it (for comparison)", |bencher| {
        let mut buffer = vec![0; SIZE as usize];
        bencher.iter(|| source.read_at(0, &mut buffer).ok());
    });
    // Twice for every segment: whether the file is still what it was.
    group.throughput(Throughput::Elements(1));
    group.bench_function("check", |bencher| bencher.iter(|| source.check().is_ok()));
    group.finish();
}

criterion_group! {
    name = slicing;
    config = Criterion::default().with_measurement(CpuTime).warm_up_time(std::time::Duration::from_millis(500));
    targets = planning, in_memory, from_a_file
}
criterion_main!(slicing);
