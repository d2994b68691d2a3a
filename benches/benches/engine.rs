//! The engine alone: no I/O, no clock, no bytes.
//!
//! Every upload here is one of which nothing goes wrong (`chunkwise_testkit::smooth`), so what is measured is the engine
//! and the loop that drives it by the contract.

mod cpu;

use std::hint::black_box;
use std::num::NonZeroU32;
use std::time::Duration;

use chunkwise_core::{Checkpoint, Input, OpId};
use chunkwise_testkit::smooth::{CHUNK, Order, Smooth};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

use crate::cpu::CpuTime;

const SEGMENTS: [u32; 4] = [128, 1_000, 10_000, 1_000_000];

fn smooth(segments: u32, at_once: u32, order: Order) -> Smooth {
    let at_once = NonZeroU32::new(at_once).unwrap_or(NonZeroU32::MIN);
    Smooth::new(segments, at_once, order).unwrap_or_else(|error| unreachable!("{error}"))
}

fn half_stored(segments: u32) -> Checkpoint {
    let mut upload = smooth(segments, 4, Order::OldestFirst);
    upload.until_stored(segments / 2);
    upload.upload().checkpoint()
}

fn resumed(checkpoint: Checkpoint) -> Smooth {
    let at_once = NonZeroU32::new(4).unwrap_or(NonZeroU32::MIN);
    Smooth::resume(checkpoint, at_once, Order::OldestFirst).unwrap_or_else(|error| unreachable!("{error}"))
}

/// Plan, perform, started, stored, poll, from Init to the object. Per element: per segment.
fn life(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("engine/life");
    for segments in SEGMENTS {
        group.throughput(Throughput::Elements(u64::from(segments)));
        for (name, at_once, order) in
            [("4 at once", 4, Order::OldestFirst), ("32 at once, out of order", 32, Order::NewestFirst)]
        {
            group.bench_function(BenchmarkId::new(name, segments), |bencher| {
                bencher.iter(|| smooth(segments, at_once, order).finish());
            });
        }
    }
    group.finish();
}

/// One input to an upload in its midst, or one poll that has nothing to say.
fn inputs(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("engine/input");
    for at_once in [4, 32] {
        let mut upload = smooth(1_000_000, at_once, Order::OldestFirst);
        upload.until_stored(1_000);
        let (now, mut upload) = (upload.now(), upload.upload().clone());
        while !matches!(upload.poll(now), chunkwise_core::Output::Idle { .. }) {}
        // The operations under way are the last ones that were given out.
        let op = OpId::from_raw(upload.stats().operations - 1);
        let mut bytes = 0;
        group.bench_function(BenchmarkId::new("sent", at_once), |bencher| {
            bencher.iter(|| {
                bytes = (bytes + 1) % CHUNK;
                upload.handle(black_box(now), Input::Sent { op, bytes });
            });
        });
        group.bench_function(BenchmarkId::new("tick", at_once), |bencher| {
            bencher.iter(|| upload.handle(black_box(now), Input::Tick));
        });
        group.bench_function(BenchmarkId::new("unknown", at_once), |bencher| {
            bencher.iter(|| upload.handle(black_box(now), Input::Started(OpId::from_raw(u64::MAX))));
        });
        group.bench_function(BenchmarkId::new("poll for nothing", at_once), |bencher| {
            bencher.iter(|| upload.poll(black_box(now)));
        });
        group.bench_function(BenchmarkId::new("progress", at_once), |bencher| {
            bencher.iter(|| black_box(&upload).progress());
        });
    }
    group.finish();
}

/// A checkpoint taken in the midst of an upload, and an upload that goes on from it.
fn checkpoints(criterion: &mut Criterion<CpuTime>) {
    let mut group = criterion.benchmark_group("engine/checkpoint");
    for segments in SEGMENTS {
        let mut upload = smooth(segments, 4, Order::OldestFirst);
        upload.until_stored(segments / 2);
        group.bench_function(BenchmarkId::new("take", segments), |bencher| {
            bencher.iter(|| upload.upload().checkpoint());
        });
        let checkpoint = half_stored(segments);
        group.bench_function(BenchmarkId::new("resume, to the next segment", segments), |bencher| {
            bencher.iter_batched(
                || checkpoint.clone(),
                |checkpoint| {
                    let mut upload = resumed(checkpoint);
                    upload.until_stored(1);
                    upload
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("engine/resume");
    for segments in SEGMENTS {
        let checkpoint = half_stored(segments);
        group.throughput(Throughput::Elements(u64::from(segments - segments / 2)));
        group.bench_function(BenchmarkId::new("and to its end", segments), |bencher| {
            bencher.iter_batched(
                || checkpoint.clone(),
                |checkpoint| resumed(checkpoint).finish(),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// Many uploads in one process, a segment of each in turn: all of them together don't fit into a cache. Per element:
/// per segment.
fn many(criterion: &mut Criterion<CpuTime>) {
    const UPLOADS: u32 = 10_000;
    const EACH: u32 = 128;
    let mut group = criterion.benchmark_group("engine/many");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    group.throughput(Throughput::Elements(u64::from(UPLOADS * EACH)));
    group.bench_function("10000 uploads at once", |bencher| {
        bencher.iter_batched(
            || (0..UPLOADS).map(|_| smooth(EACH, 4, Order::OldestFirst)).collect::<Vec<_>>(),
            |mut uploads| {
                for stored in 1..=EACH {
                    uploads.iter_mut().for_each(|upload| upload.until_stored(stored));
                }
                uploads.iter_mut().map(|upload| upload.finish().stored).sum::<u32>()
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group! {
    name = engine;
    config = Criterion::default().with_measurement(CpuTime).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    targets = life, inputs, checkpoints, many
}
criterion_main!(engine);
