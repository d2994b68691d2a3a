//! The bar: what a segment costs the core in an upload's whole life, and that it costs the same in a small upload and in a
//! large one. CPU time; every round does each size once, one right after the other, and what is compared is the ratio
//! within a round.

mod cpu;

use std::num::NonZeroU32;

use chunkwise_testkit::smooth::{Order, Smooth};
use criterion::measurement::Measurement as _;

use crate::cpu::CpuTime;

const ROUNDS: usize = 15;
/// How many segments each size amounts to in a round: small uploads are lived often.
const SEGMENTS: u32 = 1_000_000;
const SIZES: [u32; 4] = [128, 1_000, 10_000, 1_000_000];

fn life(segments: u32, at_once: u32, order: Order) {
    let at_once = NonZeroU32::new(at_once).unwrap_or(NonZeroU32::MIN);
    let mut upload = Smooth::new(segments, at_once, order).unwrap_or_else(|error| unreachable!("{error}"));
    assert_eq!(upload.finish().stored, segments);
}

/// CPU nanoseconds per segment.
fn measured(segments: u32, at_once: u32, order: Order) -> f64 {
    let lives = SEGMENTS.div_ceil(segments);
    let began = CpuTime.start();
    (0..lives).for_each(|_| life(segments, at_once, order));
    CpuTime.end(began).as_nanos() as f64 / (f64::from(lives) * f64::from(segments))
}

/// The lower quartile, the median, the upper quartile.
fn spread(mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    let at = |quarter: usize| values.get(values.len() * quarter / 4).copied().unwrap_or(f64::NAN);
    format!("{:>7.2} ({:.2} to {:.2})", at(2), at(1), at(3))
}

fn main() {
    eprintln!(
        "CPU ns per segment, and the same against {} segments: median (quartiles) of {ROUNDS} rounds",
        SIZES[0]
    );
    for (at_once, order) in [(4, Order::OldestFirst), (4, Order::NewestFirst), (32, Order::NewestFirst)] {
        let rounds: Vec<Vec<f64>> =
            (0..ROUNDS).map(|_| SIZES.iter().map(|size| measured(*size, at_once, order)).collect()).collect();
        for (i, size) in SIZES.iter().enumerate() {
            let column = |of: fn(&[f64], usize) -> f64| rounds.iter().map(|round| of(round, i)).collect();
            eprintln!(
                "{at_once:>3} at once {:<12} {size:>9} {:<28} {}",
                format!("{order:?}"),
                spread(column(|round, i| round[i])),
                spread(column(|round, i| round[i] / round[0])),
            );
        }
    }
}
