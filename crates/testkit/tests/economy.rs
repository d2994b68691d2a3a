//! What an upload costs in memory, as an allocator counts it: the same on every machine.
#![cfg(test)]

use std::num::NonZeroU32;

use allocation_counter::measure;
use chunkwise_core::{Timestamp, Upload};
use chunkwise_testkit::smooth::{Order, Smooth};

/// What one upload of a thousand segments may hold, without payload and receipts, in bytes.
const STATE: u64 = 16 << 10;

fn smooth(segments: u32, at_once: u32, order: Order) -> Smooth {
    Smooth::new(segments, NonZeroU32::new(at_once).unwrap(), order).unwrap()
}

#[test]
fn once_it_runs_a_segment_costs_no_allocation() {
    for (at_once, order) in
        [(1, Order::OldestFirst), (4, Order::OldestFirst), (4, Order::NewestFirst), (32, Order::NewestFirst)]
    {
        let mut smooth = smooth(20_000, at_once, order);
        // Until every buffer has its size: more than once through the window.
        smooth.until_stored(1_000);
        let counted = measure(|| smooth.until_stored(19_000));
        assert_eq!(smooth.lived().stored, 19_000);
        assert_eq!(counted.count_total, 0, "{at_once} at once, {order:?}");
    }
}

#[test]
fn the_state_of_an_upload_is_small_and_does_not_grow_with_its_segments() {
    // The most that it ever holds from its beginning to its end, with the list of what this test has under way.
    let most = |segments| {
        let held = measure(|| assert_eq!(smooth(segments, 4, Order::NewestFirst).finish().stored, segments));
        size_of::<Upload>() as u64 + held.bytes_max
    };
    let thousand = most(1_000);
    assert!(thousand <= STATE, "{thousand} bytes");
    assert!(most(20_000) <= thousand, "{} bytes instead of {thousand}", most(20_000));
}

#[test]
fn a_poll_for_nothing_costs_no_allocation() {
    let mut upload = smooth(1_000, 4, Order::OldestFirst).upload().clone();
    let now = Timestamp::from_secs(1_700_000_000);
    drain(&mut upload, now);
    assert_eq!(measure(|| drain(&mut upload, now)).count_total, 0);
}

fn drain(upload: &mut Upload, now: Timestamp) {
    while !matches!(upload.poll(now), chunkwise_core::Output::Idle { .. }) {}
}
