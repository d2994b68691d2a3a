//! Uploads over every emulated link of `chunkwise_testkit::link::catalogue`, chunk size by segments at once.
//!
//! The rates are those of the links, in virtual time: the same on every machine, and printed as tables; what X's limits don't
//! allow has an asterisk. Nothing of these links has to be measured over sockets: round trip, rates, failures and throttles are
//! all of them. What real sockets add, `throughput` measures, and `chunkwise bench --link … --over-sockets` beside a round trip.
//! What criterion measures below `link/emulating` is what emulating one upload costs, and says nothing of any network.

#![expect(clippy::print_stdout, reason = "its rates are its answer")]

mod cpu;

use std::num::NonZeroU32;
use std::time::Duration;

use chunkwise_core::WindowPolicy;
use chunkwise_testkit::link::{Link, Load, Named, catalogue, run};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

use crate::cpu::CpuTime;

const MIB: u64 = 1 << 20;
const KIB: u64 = 1 << 10;
const CHUNKS: [u64; 9] = [256 * KIB, 512 * KIB, MIB, 2 * MIB, 4 * MIB, 8 * MIB, 16 * MIB, 32 * MIB, 64 * MIB];
const AT_ONCE: [u32; 7] = [1, 2, 4, 8, 16, 32, 64];

/// What is uploaded: a video as large as X takes.
const TOTAL: u64 = 512 * MIB;

/// Where a rate changes it does so for the middle half of an upload in segments of 4 MiB, as long as the link is what bounds it.
fn links() -> Vec<Named> {
    catalogue(4 * MIB, 32)
}

/// X takes 1,000 segments of 5,000,000 bytes at most (X fact sheet §1.2, §2.3).
const fn is_for_x(chunk: u64) -> bool {
    chunk <= 5_000_000 && TOTAL.div_ceil(chunk) <= 1_000
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
    for Named { name, link } in links() {
        println!("\n{name}: MB/s of 512 MiB, by segments at once");
        print!("{:>9}", "chunk");
        windows().iter().for_each(|(window, _)| print!("{window:>9}"));
        println!();
        for chunk in CHUNKS {
            let (unit, size) = if chunk < MIB { ("KiB", chunk / KIB) } else { ("MiB", chunk / MIB) };
            print!("{:>9}", format!("{}{size} {unit}", if is_for_x(chunk) { "" } else { "*" }));
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
    for chunk in [MIB, 4 * MIB, 8 * MIB] {
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
