//! A reading in words short enough for a cell.

use std::time::Duration;

use chunkwise_core::{Discard, ErrorKind, Kept, SessionEnd};

use super::reading::{Count, Ending, Reading, Step, Wait};
use super::scene::SEGMENT;
use crate::judge::kind_name;

/// What the engine did, and how it ended if not well.
pub(super) fn reaction(reading: &Reading) -> String {
    let steps: Vec<_> = reading.steps.iter().map(|(step, count)| told(*step, *count)).collect();
    let told = match (steps.is_empty(), ending(&reading.end)) {
        (true, None) => "nothing, it goes on".into(),
        (false, None) => steps.join("; "),
        (true, Some(end)) => format!("→ {end}"),
        (false, Some(end)) => format!("{} → {end}", steps.join("; ")),
    };
    if reading.varies { format!("~ {told}") } else { told }
}

/// Bytes sent again, and how many segments that is.
pub(super) fn again(bytes: u64) -> String {
    match (bytes / SEGMENT, bytes % SEGMENT * 10 / SEGMENT) {
        (0, 0) => "-".into(),
        (segments, 0) => format!("{bytes} ({segments})"),
        (segments, tenths) => format!("{bytes} ({segments}.{tenths})"),
    }
}

/// How it ended; nothing if the object is ready.
pub(super) fn ending(end: &Ending) -> Option<String> {
    match end {
        Ending::Ready => None,
        Ending::Hollow => Some("ready, but no such object".into()),
        Ending::None => Some("no end of its own".into()),
        Ending::Failed(error) => Some(format!("{}, {}", ended(&error.kind), kept(error.kept))),
    }
}

/// What ended it, by its name.
pub(super) fn ended(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::Discarded(discard) => format!("discarded: {}", discarded(discard)),
        ErrorKind::FinalizeUnknown { .. } => "unknown".into(),
        kind => kind_name(kind).into(),
    }
}

const fn discarded(discard: &Discard) -> &'static str {
    match discard {
        Discard::NothingToDo => "nothing to do",
        Discard::Confirmed => "confirmed",
        Discard::ExpiresByItself => "expires",
        Discard::LeftBehind => "left behind",
        Discard::Unconfirmed { .. } => "unconfirmed",
        Discard::AlreadyCommitted(_) => "too late",
        Discard::Unknown => "unknown",
    }
}

/// What is left.
pub(super) const fn kept(kept: Kept) -> &'static str {
    match kept {
        Kept::Checkpoint => "kept",
        Kept::AbortOwed => "owed",
        Kept::Nothing => "nothing",
    }
}

fn told(step: Step, count: Count) -> String {
    let what = match step {
        Step::GivenUp(secs) => return format!("after {}{}", span(secs), times(count.times)),
        Step::Again(kind) => kind.name().into(),
        Step::Probe => "Probe".into(),
        Step::Verify => "Verify".into(),
        Step::Abort => "Abort".into(),
        Step::NewCredentials => "new credentials".into(),
        // What follows says why.
        Step::NewSession(SessionEnd::Unplannable) => "anew".into(),
        Step::NewSession(end) => format!("anew ({})", because(end)),
        Step::Smaller(size) => format!("cut to {size}"),
        Step::Leak => return "leak?".into(),
        Step::Unwritten => "write fails".into(),
        Step::Resumed => "resumes".into(),
        Step::BegunAnew => "begins anew".into(),
        Step::Paused => "waits".into(),
    };
    let wait = match count.wait {
        None => String::new(),
        Some((first, last)) if first == last => format!(" {}", wait(first)),
        Some((Wait::UpTo(_), last @ Wait::UpTo(_))) => format!(" {}", wait(last)),
        Some((first, last)) => format!(" {}, {}", wait(first), wait(last)),
    };
    format!("{what}{}{wait}", times(count.times))
}

/// So many seconds, in hours where they are many.
fn span(secs: u64) -> String {
    if secs >= 3_600 { format!("{} h", secs / 3_600) } else { format!("{secs} s") }
}

fn times(n: u32) -> String {
    if n > 1 { format!(" ×{n}") } else { String::new() }
}

fn wait(wait: Wait) -> String {
    match wait {
        Wait::UpTo(most) => format!("≤{} s", secs(most)),
        Wait::Told(told) => format!("{} s as told", secs(told)),
    }
}

/// In seconds, with a decimal where there is one.
pub(super) fn secs(wait: Duration) -> String {
    let tenths = wait.as_millis() / 100;
    if tenths.is_multiple_of(10) {
        format!("{}", tenths / 10)
    } else {
        format!("{}.{}", tenths / 10, tenths % 10)
    }
}

const fn because(end: SessionEnd) -> &'static str {
    match end {
        SessionEnd::Gone => "gone",
        SessionEnd::Expired => "expired",
        SessionEnd::Foreign => "foreign",
        SessionEnd::Unplannable => "too large",
        SessionEnd::SizeMismatch => "mismatch",
        SessionEnd::RepetitionRefused => "repetition refused",
    }
}
