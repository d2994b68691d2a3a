//! Inputs that make no sense, from a tape.

use std::time::Duration;

use bytes::Bytes;
use chunkwise_core::{
    ByteRange, CheckpointSeq, Commitment, CredentialEpoch, Cut, Delay, Detail, Disposition, Failure, Final,
    Growth, Input, NotSent, OperationKind, Outcome, Pace, Page, PageToken, Part, Percent, Problem,
    ProblemKind, Processing, Receipt, Refusal, Reply, SegmentIndex, ServerError, Session, Timestamp, Verdict,
};

use super::Tape;

/// A session's or page's name; there are three.
fn name(tape: &mut Tape<'_>) -> &'static str {
    tape.pick(&["a", "b", ""])
}

fn timestamp(tape: &mut Tape<'_>, now: Timestamp) -> Timestamp {
    match tape.below(4) {
        0 => Timestamp::from_micros(tape.number()),
        1 => now,
        2 => Timestamp::from_secs(tape.number()),
        _ => now.after(Duration::from_secs(tape.number())),
    }
}

fn delay(tape: &mut Tape<'_>, now: Timestamp) -> Delay {
    match tape.below(4) {
        0 => Delay::After(Duration::from_millis(100 * u64::from(tape.byte()))),
        1 => Delay::After(Duration::from_secs(tape.number())),
        2 => Delay::After(Duration::MAX),
        _ => Delay::At(timestamp(tape, now)),
    }
}

fn perhaps<'a, T>(tape: &mut Tape<'a>, one_in: u8, some: impl FnOnce(&mut Tape<'a>) -> T) -> Option<T> {
    tape.one_in(one_in).then(|| some(tape))
}

fn receipt(tape: &mut Tape<'_>) -> Option<Receipt> {
    let text: Option<&'static [u8]> = tape.pick(&[Some(b"r".as_slice()), Some(b"s"), Some(b""), None]);
    text.map(|text| Receipt::new(Bytes::from_static(text)))
}

fn final_answer(tape: &mut Tape<'_>) -> Final {
    let size = perhaps(tape, 3, |tape| if tape.one_in(2) { 57 } else { tape.number() });
    Final { id: "77".into(), size, expires_at: None, body: Bytes::new() }
}

fn page(tape: &mut Tape<'_>) -> Page {
    let parts = (0..tape.below(6)).map(|_| {
        let index = if tape.one_in(8) { tape.number() as u32 } else { u32::from(tape.below(9)) };
        let len = if tape.one_in(4) { tape.number() } else { 10 };
        let range = perhaps(tape, 5, |tape| ByteRange::at(tape.number(), len));
        Part { index: SegmentIndex::new(index), len, receipt: receipt(tape), range }
    });
    let parts = parts.collect();
    Page { parts, next: perhaps(tape, 3, |tape| PageToken::new(name(tape))) }
}

fn processing(tape: &mut Tape<'_>, now: Timestamp) -> Processing {
    if tape.one_in(6) {
        return Processing::Failed(ServerError::message("no"));
    }
    let after = perhaps(tape, 2, |tape| delay(tape, now));
    Processing::Running { after, percent: perhaps(tape, 2, |tape| Percent::saturating(tape.number())) }
}

fn reply(tape: &mut Tape<'_>, now: Timestamp) -> Reply {
    match tape.below(16) {
        0..=1 => {
            let session = Session::new(name(tape));
            Reply::Opened { session, expires: perhaps(tape, 3, |tape| delay(tape, now)) }
        }
        2..=5 => Reply::Stored { receipt: receipt(tape), expires: perhaps(tape, 6, |tape| delay(tape, now)) },
        6..=7 => {
            Reply::Advanced { cursor: tape.number(), expires: perhaps(tape, 6, |tape| delay(tape, now)) }
        }
        8..=9 => Reply::Probed(page(tape)),
        10 => Reply::Processing(processing(tape, now)),
        11 => Reply::Completed(final_answer(tape)),
        12..=13 => Reply::Verified(match tape.below(4) {
            0 => Verdict::Committed(Commitment::Ready(final_answer(tape))),
            1 => Verdict::Committed(Commitment::Processing(processing(tape, now))),
            2 => Verdict::NotCommitted,
            _ => Verdict::CannotTell,
        }),
        14 => Reply::Aborted,
        _ => Reply::AbortPending,
    }
}

fn problem(tape: &mut Tape<'_>) -> ProblemKind {
    match tape.below(15) {
        0 => ProblemKind::Transient,
        1 => ProblemKind::Throttled,
        2 => ProblemKind::Busy,
        3 => ProblemKind::OffsetConflict { cursor: perhaps(tape, 2, Tape::number) },
        4 => ProblemKind::AlreadyStored { receipt: receipt(tape) },
        5 => ProblemKind::SegmentRejected,
        6 => ProblemKind::SegmentsMissing,
        7 => ProblemKind::SizeMismatch,
        8 => ProblemKind::TooLarge { ceiling: perhaps(tape, 2, Tape::number) },
        9 => ProblemKind::SessionGone,
        10 => ProblemKind::CredentialsExpired,
        11 => ProblemKind::Refused(Refusal::Quota),
        12 => ProblemKind::Refused(Refusal::Forbidden),
        13 => ProblemKind::Refused(Refusal::Invalid),
        _ => ProblemKind::Broken,
    }
}

fn failure(tape: &mut Tape<'_>, now: Timestamp) -> Failure {
    let detail = Detail::EMPTY;
    match tape.below(8) {
        0 => Failure::NotSent { cause: NotSent::Unreachable, detail },
        1 => Failure::Unknown { cut: Cut::Reset, detail },
        2 => Failure::Unknown { cut: Cut::TimedOut, detail },
        3 => {
            let after = perhaps(tape, 2, |tape| delay(tape, now));
            Failure::Unknown { cut: Cut::Ambiguous { after }, detail }
        }
        4 if tape.one_in(8) => Failure::NotSent { cause: NotSent::Misconfigured, detail },
        _ => {
            let kind = problem(tape);
            let after = perhaps(tape, 3, |tape| delay(tape, now));
            Failure::Answered(Problem { kind, after, server: ServerError::default() })
        }
    }
}

/// What a server or a wire may do, whether it fits or not.
pub(super) fn outcome(tape: &mut Tape<'_>, now: Timestamp) -> Outcome {
    let result = if tape.one_in(2) { Err(failure(tape, now)) } else { Ok(reply(tape, now)) };
    let pace =
        |tape: &mut Tape<'_>| Pace { remaining: u64::from(tape.below(3)), reset: timestamp(tape, now) };
    Outcome { result, pace: perhaps(tape, 8, pace) }
}

/// What a caller may say, whether it fits or not; nothing about an operation.
pub(super) fn input(tape: &mut Tape<'_>, now: Timestamp, asked: Option<CheckpointSeq>) -> Input {
    match tape.below(20) {
        0 => Input::Tick,
        // Only numbers that were asked for can be made; late and doubled ones come by themselves.
        1 => asked.map_or(Input::Tick, Input::Persisted),
        2 => asked.map_or(Input::Tick, Input::PersistFailed),
        3..=6 => {
            let growth = if tape.one_in(3) { Growth::Ended } else { Growth::Growing };
            Input::Available { up_to: if tape.one_in(3) { 57 } else { tape.number() }, growth }
        }
        7 => Input::SourceChanged,
        8 => Input::SourceUnreadable(Detail::EMPTY),
        9..=11 => {
            let epoch = |tape: &mut Tape<'_>| CredentialEpoch::new(tape.number());
            let stale = epoch(tape);
            Input::Refreshed { stale, result: perhaps(tape, 2, epoch).ok_or(Detail::EMPTY) }
        }
        12..=13 => Input::Hold { kind: tape.pick(&OperationKind::ALL), until: timestamp(tape, now) },
        14..=15 => Input::Pause,
        16..=17 => Input::Resume,
        18 => Input::Cancel(Disposition::Keep),
        _ => Input::Cancel(Disposition::Discard),
    }
}
