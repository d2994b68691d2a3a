//! Uploads over emulated links, chunk size by segments at once.
//!
//! The rates are those of the links, in virtual time: the same on every machine, and printed as tables. What criterion
//! measures below `link/emulating` is what emulating one upload costs, and says nothing of any network.

#![expect(clippy::print_stdout, reason = "its rates are its answer")]

mod cpu;

use std::num::NonZeroU32;
use std::time::Duration;

use chunkwise_core::WindowPolicy;
use chunkwise_testkit::link::{Link, Load, run};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

use crate::cpu::CpuTime;

const MIB: u64 = 1 << 20;
const CHUNKS: [u64; 3] = [MIB, 4 * MIB, 8 * MIB];
const AT_ONCE: [u32; 7] = [1, 2, 4, 8, 16, 32, 64];

/// What is uploaded: a video as large as X takes.
const TOTAL: u64 = 512 * MIB;

fn links() -> Vec<(String, Link)> {
    let link = |millis, megabytes: u64| {
        let name = format!("{millis} ms, {megabytes} MB/s");
        (name, Link::new(Duration::from_millis(millis), megabytes * 1_000_000))
    };
    let (name, long) = link(150, 100);
    let limited = (format!("{name}, 10 MB/s a connection"), long.per_connection(10_000_000));
    vec![link(1, 100), link(40, 100), link(150, 10), link(150, 100), limited]
}

fn windows() -> Vec<(String, WindowPolicy)> {
    let lanes = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
    let fixed = AT_ONCE.into_iter().map(|n| (n.to_string(), WindowPolicy::Fixed(lanes(n))));
    fixed.chain([("adaptive".into(), WindowPolicy::Adaptive { max: lanes(64) })]).collect()
}

fn rate(link: &Link, chunk: u64, window: WindowPolicy) -> u64 {
    let load = Load { total: TOTAL, chunk, window };
    run(link, &load, 1).unwrap_or_else(|error| unreachable!("{error}")).rate()
}

fn tables() {
    for (name, link) in links() {
        println!("\n{name}: MB/s of 512 MiB, by segments at once");
        print!("{:>6}", "MiB");
        windows().iter().for_each(|(window, _)| print!("{window:>9}"));
        println!();
        for chunk in CHUNKS {
            print!("{:>6}", chunk / MIB);
            for (_, window) in windows() {
                print!("{:>9.2}", rate(&link, chunk, window) as f64 / 1e6);
            }
            println!();
        }
    }
    println!();
}

fn emulating(criterion: &mut Criterion<CpuTime>) {
    tables();
    let mut group = criterion.benchmark_group("link/emulating");
    let link = Link::new(Duration::from_millis(150), 100_000_000);
    for chunk in CHUNKS {
        group.throughput(Throughput::Elements(TOTAL / chunk));
        for (name, window) in windows() {
            let id = BenchmarkId::new(format!("{} MiB", chunk / MIB), name);
            group.bench_function(id, |bencher| bencher.iter(|| rate(&link, chunk, window)));
        }
    }
    group.finish();
}

criterion_group! {
    name = link;
    config = Criterion::default().with_measurement(CpuTime).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    targets = emulating
}
criterion_main!(link);
