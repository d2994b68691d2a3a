//! Pairs of runs, one right after the other, in turn: what disturbs the machine disturbs both, so their ratio can be
//! believed where neither of them can.

use std::io;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};

/// The fewest pairs that say anything.
pub const FEWEST: usize = 11;

/// What a run took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Seconds from its start to its end.
    pub wall: f64,
    /// CPU seconds of the process and of all its children, by the kernel's accounting.
    pub cpu: f64,
    /// The most memory that it had at once, in KiB.
    pub memory: u64,
}

/// A median, and between what the middle half of the values lies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// A quarter of the values lies below.
    pub low: f64,
    /// The middle.
    pub median: f64,
    /// A quarter of the values lies above.
    pub high: f64,
}

impl Spread {
    /// Of these values; of none there is none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        // Between two values it goes in a straight line.
        let at = |share: f64| {
            let place = share * last as f64;
            let below = values[place.floor() as usize];
            below + (values[place.ceil() as usize] - below) * place.fract()
        };
        Some(Self { low: at(0.25), median: at(0.5), high: at(0.75) })
    }
}

/// Runs a command to its end and says what it took.
///
/// It counts what all children of this process took meanwhile: one command at a time, and from a process that has not
/// run a larger one before, since the kernel keeps only the largest peak of all (the program `pairs` starts itself anew
/// for each).
///
/// # Errors
///
/// If it can't be started, or does not succeed; with what it said.
pub fn cost(command: &mut Command) -> io::Result<Cost> {
    let before = cpu_of_children()?;
    let began = Instant::now();
    let output = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).output()?;
    let wall = began.elapsed().as_secs_f64();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(io::Error::other(format!("{command:?}: {}: {said}", output.status)));
    }
    let cpu = cpu_of_children()?.saturating_sub(before).as_secs_f64();
    let memory = u64::try_from(getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss()).unwrap_or(0);
    Ok(Cost { wall, cpu, memory })
}

fn cpu_of_children() -> io::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let micros = [usage.user_time(), usage.system_time()]
        .map(|time| u64::try_from(time.tv_sec() * 1_000_000 + time.tv_usec()).unwrap_or(0));
    Ok(Duration::from_micros(micros.iter().sum()))
}

/// The most memory that this process has had at once, in KiB; none where there is no `/proc`.
pub fn own_peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quartiles_lie_between_the_values() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0, 5.0]).unwrap();
        assert_eq!(spread, Spread { low: 2.0, median: 3.0, high: 4.0 });
        assert_eq!(Spread::of([1.0, 2.0]).unwrap(), Spread { low: 1.25, median: 1.5, high: 1.75 });
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn a_command_that_fails_is_an_error_with_its_words() {
        let error = cost(Command::new("sh").args(["-c", "echo no such luck >&2; exit 3"])).unwrap_err();
        assert!(error.to_string().contains("no such luck"), "{error}");
    }

    #[test]
    fn what_a_command_takes_is_counted() {
        // Some 100,000 turns of a loop, and the memory of a shell.
        let busy = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done";
        let cost = cost(Command::new("sh").args(["-c", busy])).unwrap();
        assert!(cost.cpu > 0.0 && cost.wall > 0.0 && cost.memory > 100, "{cost:?}");
    }
}
