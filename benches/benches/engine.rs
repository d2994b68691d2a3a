//! The engine alone: no I/O, no clock, no bytes.

use chunkwise_core::{ChunkSize, Empty, Plan, Sizing, Uniformity};
use criterion::{Criterion, criterion_group, criterion_main};

fn planning(criterion: &mut Criterion) {
    // X's rules (X fact sheet §2.2), as far as sizes go.
    let sizing = Sizing {
        min: 1,
        max: 5 << 20,
        multiple_of: 1,
        max_count: 1_000,
        max_total: 512 << 20,
        uniformity: Uniformity::Free,
        empty: Empty::Refused,
    };
    criterion.bench_function("engine/plan", |bencher| {
        bencher.iter(|| Plan::new(std::hint::black_box(512 << 20), &sizing, ChunkSize::DEFAULT));
    });
}

criterion_group!(engine, planning);
criterion_main!(engine);
