//! What is uploaded, by which kind of protocol, as the caller wants it.

use std::num::NonZeroU32;
use std::time::Duration;

use chunkwise_core::{
    Abort, Append, ChunkSize, Commit, Empty, Finalize, Length, Listing, Open, Parts, Policy, Processed,
    Profile, Receipts, Resend, RetryPolicy, Rewind, Sizing, SourceLength, Timestamp, Transfer, Uniformity,
    UploadSpec, Verify, WindowPolicy,
};

use super::Tape;
use crate::smooth;

/// When every run begins.
pub(super) const START: Timestamp = Timestamp::from_secs(1_000);

/// What an upload is made of.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) spec: UploadSpec,
    pub(super) profile: Profile,
    pub(super) policy: Policy,
}

/// A protocol like X: parts, no listing, no receipts, processing, no abort.
pub(super) fn parts() -> Profile {
    let like_x = smooth::profile();
    let sizing = Sizing { max_count: 12, empty: Empty::NoSegment, ..like_x.sizing };
    Profile { name: "fuzz".into(), sizing, ..like_x }
}

/// A protocol like S3: parts with receipts and a listing, an abort, no processing.
pub(super) fn listed() -> Profile {
    Profile {
        transfer: Transfer::Parts(Parts { resend: Resend::ProbeFirst, listing: Listing::Complete }),
        length: Length::AtEnd,
        finalize: Finalize::Call { receipts: Receipts::Required },
        processing: Processed::Never,
        abort: Abort::Call,
        ..parts()
    }
}

/// A protocol like tus: one writer, no Finalize, no Verify.
pub(super) fn append(commit: Commit) -> Profile {
    Profile {
        transfer: Transfer::Append(Append { commit }),
        length: Length::AtEnd,
        finalize: Finalize::Implicit,
        verify: Verify::Unsupported,
        processing: Processed::Never,
        abort: Abort::Call,
        ..parts()
    }
}

/// A number from one on.
pub(super) fn count(n: u8) -> NonZeroU32 {
    NonZeroU32::new(u32::from(n)).unwrap_or(NonZeroU32::MIN)
}

pub(super) fn chunk(bytes: u64) -> ChunkSize {
    ChunkSize::new(bytes).unwrap_or(ChunkSize::DEFAULT)
}

/// A policy under which the small sources of these worlds have several segments.
pub(super) fn policy() -> Policy {
    Policy { chunk_size: chunk(10), ..Policy::default() }
}

fn profile(tape: &mut Tape<'_>) -> Profile {
    let mut profile = match tape.below(8) {
        0..=2 => parts(),
        3..=4 => listed(),
        5 => {
            let transfer = Transfer::Parts(Parts { resend: Resend::Overwrites, listing: Listing::Complete });
            Profile { transfer, ..parts() }
        }
        6 => append(Commit::Prefix),
        _ => append(Commit::Atomic),
    };
    let flags = tape.byte();
    let set = |bit: u8| flags & (1 << bit) != 0;
    if set(0) {
        profile.open = Open::None;
    }
    if set(1) {
        profile.finalize = Finalize::Implicit;
    }
    if set(2) {
        profile.verify = Verify::Unsupported;
    }
    if set(3) {
        profile.sizing.uniformity = Uniformity::Uniform;
    }
    if set(4) {
        profile.processing = Processed::Polled;
    }
    if set(5) {
        profile.abort = Abort::Call;
    }
    if set(6) {
        profile.length = Length::AtEnd;
    }
    if set(7) {
        profile.sizing = Sizing {
            min: tape.pick(&[1, 5, 10]),
            max: tape.pick(&[1000, 20, 57, u64::MAX]),
            multiple_of: tape.pick(&[1, 0, 4, 10]),
            max_count: tape.pick(&[12, 1, 3, 40]),
            max_total: u64::MAX,
            uniformity: profile.sizing.uniformity,
            empty: tape.pick(&[Empty::NoSegment, Empty::OneSegment, Empty::Refused]),
        };
    }
    profile
}

impl World {
    /// What the tape says; what can't be planned so is refused when the upload is made.
    pub(super) fn read(tape: &mut Tape<'_>) -> Self {
        let profile = profile(tape);
        let n = count(1 + tape.below(5));
        let window = if tape.one_in(2) { WindowPolicy::Adaptive { max: n } } else { WindowPolicy::Fixed(n) };
        let retry = RetryPolicy {
            budget: u32::from(tape.below(7)),
            attempts: count(8 - tape.below(8)),
            ..RetryPolicy::default()
        };
        let mut policy = Policy { window, retry, ..policy() };
        let mut spec = UploadSpec::whole(tape.pick(&[57, 57, 57, 0, 1, 10, 100]));
        // What is seldom wanted stands behind one byte, so that most programs are about the inputs.
        let extras = tape.byte();
        let set = |bit: u8| extras & (1 << bit) != 0;
        if set(0) {
            spec.rewind = Rewind::UntilReleased;
        }
        if set(1) {
            spec.available = Some(tape.number());
        }
        if set(2) && set(3) {
            spec.length = SourceLength::Unknown;
        }
        if set(4) {
            policy.sessions = count(1 + tape.below(4));
        }
        if set(5) && set(6) {
            spec.length = SourceLength::Known(tape.number());
            policy.chunk_size = chunk(tape.number());
        }
        if set(7) {
            policy.deadline = Duration::from_secs(1 + tape.number() / 4);
        }
        Self { spec, profile, policy }
    }
}
