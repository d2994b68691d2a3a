//! What an upload allocates, as an allocator counts it: the same on every machine and however busy it is, so this is a
//! table and no time. `crates/testkit/tests/economy.rs` holds what of it is promised.

use std::num::NonZeroU32;

use allocation_counter::{AllocationInfo, measure};
use chunkwise_core::Upload;
use chunkwise_testkit::smooth::{Order, Smooth};

fn smooth(segments: u32, at_once: u32, order: Order) -> Smooth {
    let at_once = NonZeroU32::new(at_once).unwrap_or(NonZeroU32::MIN);
    Smooth::new(segments, at_once, order).unwrap_or_else(|error| unreachable!("{error}"))
}

fn row(segments: u32, at_once: u32, order: Order) {
    let whole = measure(|| assert_eq!(smooth(segments, at_once, order).finish().stored, segments));
    let mut upload = smooth(segments, at_once, order);
    let begun = segments / 2;
    upload.until_stored(begun);
    let second_half = measure(|| upload.until_stored(segments));
    let mut upload = smooth(segments, at_once, order);
    upload.until_stored(begun);
    let checkpoint = measure(|| drop(upload.upload().checkpoint()));
    let state = size_of::<Upload>() as u64 + whole.bytes_max;
    let per_segment = |counted: AllocationInfo, of: u32| counted.count_total as f64 / f64::from(of);
    eprintln!(
        "{segments:>9} {at_once:>7} {:<12} {:>11} {:>14.6} {:>14.6} {state:>12} {:>16}",
        format!("{order:?}"),
        whole.count_total,
        per_segment(whole, segments),
        per_segment(second_half, segments - begun),
        format!("{} ({} B)", checkpoint.count_total, checkpoint.bytes_total),
    );
}

fn main() {
    eprintln!(
        "{:>9} {:>7} {:<12} {:>11} {:>14} {:>14} {:>12} {:>16}",
        "segments",
        "at once",
        "answers",
        "allocations",
        "per segment",
        "2nd half",
        "bytes, most",
        "checkpoint"
    );
    for segments in [128, 1_000, 10_000, 1_000_000] {
        for (at_once, order) in [(4, Order::OldestFirst), (4, Order::NewestFirst), (32, Order::NewestFirst)] {
            row(segments, at_once, order);
        }
    }
}
