//! Plans against a naive oracle.

use chunkwise_core::{ChunkSize, Empty, Plan, PlanError, SegmentIndex, Sizing, Uniformity};

use super::Tape;
use super::finding::{Finding, ensure};

/// So many segments are looked at one by one; of more, some.
const ALL: u32 = 2_000;

fn sizing(tape: &mut Tape<'_>) -> Sizing {
    Sizing {
        min: tape.number(),
        max: tape.number().max(u64::from(tape.byte()) * 16),
        multiple_of: if tape.one_in(2) { tape.number() } else { 1 },
        max_count: if tape.one_in(4) { tape.number() as u32 } else { u32::from(tape.byte()) },
        max_total: if tape.one_in(4) { tape.number() } else { u64::MAX },
        uniformity: tape.pick(&[Uniformity::Free, Uniformity::Uniform]),
        empty: tape.pick(&[Empty::Refused, Empty::OneSegment, Empty::NoSegment]),
    }
}

/// The size that the segments must have: the smallest that is allowed, not below what is wanted, and makes few enough.
fn oracle(total: u64, sizing: &Sizing, wanted: u64) -> Option<u64> {
    let step = u128::from(sizing.multiple_of.max(1));
    let (total, count) = (u128::from(total), u128::from(sizing.max_count));
    let least = u128::from(wanted.max(sizing.min)).max(1);
    let allowed = |size: u128| size.is_multiple_of(step) && size >= least && size * count >= total;
    let highest = u128::from(sizing.max);
    let size = if highest <= 4096 {
        // As naive as can be.
        (1..=highest).find(|size| allowed(*size))
    } else {
        let size = least.max(if count == 0 { u128::MAX >> 1 } else { total.div_ceil(count) });
        Some(size.div_ceil(step) * step).filter(|size| *size <= highest)
    };
    size.and_then(|size| u64::try_from(size).ok())
}

/// Reads the bytes as a source, what the server takes and what the caller wants, and plans it.
///
/// The plan is the oracle's: its size, segments that tile the source in order, and lookups that agree; where there is
/// none, the oracle has none either, and the error says the right thing.
///
/// # Errors
///
/// A [`Finding`] if one of these does not hold.
pub fn run(bytes: &[u8]) -> Result<(), Finding> {
    let mut tape = Tape::new(bytes);
    let total =
        if tape.one_in(8) { tape.number() } else { u64::from(tape.byte()) * (1 + u64::from(tape.byte())) };
    let wanted = tape.number().max(1);
    let sizing = sizing(&mut tape);
    let Some(chunk) = ChunkSize::new(wanted) else { return Ok(()) };
    let plan = Plan::new(total, &sizing, chunk);
    let size = oracle(total, &sizing, wanted);
    let plan = match plan {
        Ok(plan) => plan,
        Err(error) => {
            let right = match &error {
                PlanError::EmptySource => total == 0 && sizing.empty == Empty::Refused,
                PlanError::SourceTooLarge { .. } => total > sizing.max_total,
                PlanError::ChunkTooLarge { .. } => wanted > sizing.max,
                PlanError::TooManySegments { .. } => total > 0 && size.is_none(),
                PlanError::LengthRequired | PlanError::Unsupported(_) | PlanError::Policy(_) => false,
            };
            ensure!(right, "{error} ({error:?}), but the oracle has {size:?}: {total} {wanted} {sizing:?}");
            return Ok(());
        }
    };
    ensure!(plan.total() == total, "it is for {} bytes, not for {total}", plan.total());
    if total == 0 {
        let count = match sizing.empty {
            Empty::Refused => None,
            Empty::OneSegment => Some(1),
            Empty::NoSegment => Some(0),
        };
        ensure!(Some(plan.count()) == count, "{} segments of nothing: {sizing:?}", plan.count());
    } else {
        ensure!(total <= sizing.max_total, "{total} is more than {}", sizing.max_total);
        ensure!(
            Some(plan.chunk_size()) == size,
            "{plan:?}, but the oracle has {size:?}: {wanted} {sizing:?}"
        );
        ensure!(plan.count() <= sizing.max_count, "{plan:?} has more than {} segments", sizing.max_count);
    }
    check_segments(&plan, &sizing, &mut tape)
}

fn check_segments(plan: &Plan, sizing: &Sizing, tape: &mut Tape<'_>) -> Result<(), Finding> {
    let (total, count) = (plan.total(), plan.count());
    if count <= ALL {
        let mut end = 0;
        for segment in plan.segments() {
            ensure!(segment.range.start() == end, "{segment:?} does not begin at {end}");
            end = segment.range.end();
            check_segment(plan, sizing, segment.index)?;
        }
        ensure!(end == total, "the segments end at {end}, the source at {total}");
        ensure!(plan.segments().count() == count as usize, "{count} segments are not given out");
    } else {
        for index in [0, 1, count / 2, count - 1, (tape.number() as u32) % count] {
            check_segment(plan, sizing, SegmentIndex::new(index))?;
        }
        let last = plan.segment(SegmentIndex::new(count - 1)).map(|last| last.range.end());
        ensure!(last == Some(total), "the last segment ends at {last:?}, the source at {total}");
    }
    for index in [count, count.saturating_add(1), u32::MAX] {
        let beyond = plan.segment(SegmentIndex::new(index));
        ensure!(index < count || beyond.is_none(), "{beyond:?} is one of {count} segments");
    }
    for offset in [total, total.saturating_add(1), u64::MAX] {
        ensure!(plan.index_at(offset).is_none(), "there is a segment at {offset} of {total}");
    }
    let offset = tape.number() % total.max(1);
    let holds =
        |index| plan.segment(index).is_some_and(|s| s.range.start() <= offset && offset < s.range.end());
    ensure!(
        total == 0 || plan.index_at(offset).is_some_and(holds),
        "the segment at {offset} does not hold it"
    );
    Ok(())
}

fn check_segment(plan: &Plan, sizing: &Sizing, index: SegmentIndex) -> Result<(), Finding> {
    let Some(segment) = plan.segment(index) else {
        return Err(Finding::new(format!("there is no segment {index} in {plan:?}")));
    };
    ensure!(segment.index == index, "segment {index} has index {}", segment.index);
    let (range, is_last) = (segment.range, segment.range.end() == plan.total());
    if plan.total() == 0 {
        return Ok(());
    }
    ensure!(!range.is_empty() && range.len() <= sizing.max, "{range} is empty or above {}", sizing.max);
    let whole = range.len() >= sizing.min && range.len().is_multiple_of(sizing.multiple_of.max(1));
    ensure!(is_last || whole, "{range} is not of an allowed size: {sizing:?}");
    for offset in [range.start(), range.end() - 1] {
        let found = plan.index_at(offset);
        ensure!(found == Some(index), "the segment at {offset} is {found:?}, not {index}");
    }
    Ok(())
}
