//! What the suite uploads: as little as a profile allows.

use std::time::Duration;

use bytes::Bytes;
use chunkwise_core::{
    ChunkSize, Policy, ProcessingPolicy, Profile, RetryPolicy, Sizing, Timeouts, WindowPolicy,
};

use crate::transport::content;

/// The chunk size where a profile has no smallest: large enough to be cut in the middle.
const CHUNK: u64 = 16 << 10;

/// How many bytes a segment has.
pub(super) fn chunk(sizing: &Sizing) -> u64 {
    let multiple = sizing.multiple_of.max(1);
    CHUNK.max(sizing.min).min(sizing.max).div_ceil(multiple) * multiple
}

/// Two segments and half of one; less where fewer are allowed.
pub(super) fn several(profile: &Profile) -> Bytes {
    let chunk = chunk(&profile.sizing);
    let whole = u64::from(profile.sizing.max_count.clamp(1, 3)) - 1;
    bytes(whole * chunk + chunk / 2 + 7)
}

/// Less than a segment.
pub(super) fn small() -> Bytes {
    bytes(1_001)
}

fn bytes(len: u64) -> Bytes {
    Bytes::from(content(usize::try_from(len).unwrap_or(usize::MAX)))
}

/// Quick to try again, and patient with slow machines.
pub(super) fn policy(profile: &Profile) -> Policy {
    let (millis, secs) = (Duration::from_millis, Duration::from_secs);
    let default = Policy::default();
    Policy {
        chunk_size: ChunkSize::new(chunk(&profile.sizing)).unwrap_or(ChunkSize::DEFAULT),
        window: WindowPolicy::default(),
        retry: RetryPolicy { backoff_base: millis(20), backoff_cap: millis(200), ..RetryPolicy::default() },
        timeouts: Timeouts { stall: secs(30), response: secs(60) },
        processing: ProcessingPolicy {
            default_delay: millis(50),
            floor: millis(20),
            ceiling: secs(2),
            ..ProcessingPolicy::default()
        },
        deadline: secs(1_800),
        ..default
    }
}
