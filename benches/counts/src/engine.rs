//! The engine's cases.

use std::num::NonZeroU32;

use chunkwise_core::{Checkpoint, ChunkSize, Input, OpId, Output, Plan, Upload};
use chunkwise_testkit::smooth::{CHUNK, Order, Smooth, profile};

use crate::{Case, counted};

pub(crate) const CASES: &[Case] = &[
    Case { name: "plan", times: 1, run: plan },
    Case { name: "life-128", times: 128, run: life },
    Case { name: "life-1000", times: 1_000, run: life },
    Case { name: "life-10000", times: 10_000, run: life },
    Case { name: "life-10000-32-out-of-order", times: 10_000, run: life_out_of_order },
    Case { name: "input-sent", times: 1_000, run: sent },
    Case { name: "input-tick", times: 1_000, run: tick },
    Case { name: "poll-for-nothing", times: 1_000, run: poll },
    Case { name: "checkpoint-take-1000", times: 1, run: take },
    Case { name: "checkpoint-resume-1000", times: 1, run: resume },
    Case { name: "checkpoint-encode-1000", times: 1, run: encode },
    Case { name: "checkpoint-decode-1000", times: 1, run: decode },
];

fn smooth(segments: u32, at_once: u32, order: Order) -> Smooth {
    let at_once = NonZeroU32::new(at_once).unwrap_or(NonZeroU32::MIN);
    Smooth::new(segments, at_once, order).unwrap_or_else(|error| unreachable!("{error}"))
}

fn plan(_: u32) {
    counted((1_000 * CHUNK, profile().sizing), |(total, sizing)| {
        Plan::new(total, &sizing, ChunkSize::DEFAULT)
    });
}

fn life(segments: u32) {
    counted(segments, |segments| smooth(segments, 4, Order::OldestFirst).finish());
}

fn life_out_of_order(segments: u32) {
    counted(segments, |segments| smooth(segments, 32, Order::NewestFirst).finish());
}

/// In the midst of an upload, with nothing to do.
fn midst() -> Smooth {
    let mut smooth = smooth(1_000, 4, Order::OldestFirst);
    smooth.until_stored(500);
    smooth
}

fn idle() -> (Upload, Smooth, OpId) {
    let smooth = midst();
    let mut upload = smooth.upload().clone();
    while !matches!(upload.poll(smooth.now()), Output::Idle { .. }) {}
    let op = OpId::from_raw(upload.stats().operations - 1);
    (upload, smooth, op)
}

fn sent(times: u32) {
    counted(idle(), |(mut upload, smooth, op)| {
        (1..=times).for_each(|bytes| upload.handle(smooth.now(), Input::Sent { op, bytes: bytes.into() }));
        (upload, smooth)
    });
}

fn tick(times: u32) {
    counted(idle(), |(mut upload, smooth, _)| {
        (0..times).for_each(|_| upload.handle(smooth.now(), Input::Tick));
        (upload, smooth)
    });
}

fn poll(times: u32) {
    counted(idle(), |(mut upload, smooth, _)| {
        let idle = (0..times).filter(|_| matches!(upload.poll(smooth.now()), Output::Idle { .. })).count();
        (upload, smooth, idle)
    });
}

fn take(_: u32) {
    counted(midst(), |smooth| (smooth.upload().checkpoint(), smooth));
}

fn resume(_: u32) {
    counted(midst().upload().checkpoint(), |checkpoint| {
        let at_once = NonZeroU32::new(4).unwrap_or(NonZeroU32::MIN);
        Smooth::resume(checkpoint, at_once, Order::OldestFirst)
    });
}

fn encode(_: u32) {
    counted(midst().upload().checkpoint(), |checkpoint| (serde_json::to_vec(&checkpoint), checkpoint));
}

fn decode(_: u32) {
    let json = serde_json::to_vec(&midst().upload().checkpoint()).unwrap_or_default();
    counted(json, |json| (serde_json::from_slice::<Checkpoint>(&json), json));
}
