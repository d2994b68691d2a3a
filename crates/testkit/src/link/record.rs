//! What was seen of an upload over a link.

use std::time::Duration;

/// What was seen of an upload over a link. Times count from its beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// From the first Append to the answer to the last.
    pub took: Duration,
    /// Every segment's end, and its bytes.
    pub stored: Vec<(Duration, u64)>,
    /// The sizes of the window, each from its time on.
    pub windows: Vec<(Duration, u32)>,
    /// The most Appends that were ever under way.
    pub most: u32,
    /// Appends that went out.
    pub appends: u64,
    /// Appends that failed, other than by a 429.
    pub failed: u64,
    /// Appends that were answered by a 429.
    pub throttled: u64,
}

impl Run {
    /// Bytes stored per second of the transfer.
    pub fn rate(&self) -> u64 {
        let bytes: u64 = self.stored.iter().map(|(_, bytes)| bytes).sum();
        per_second(bytes, self.took)
    }

    /// Bytes stored per second between two times.
    pub fn rate_between(&self, from: Duration, to: Duration) -> u64 {
        let within = self.stored.iter().filter(|(at, _)| (from..to).contains(at));
        per_second(within.map(|(_, bytes)| bytes).sum(), to.saturating_sub(from))
    }

    /// The smallest and the largest size that the window had between two times.
    pub fn window_between(&self, from: Duration, to: Duration) -> (u32, u32) {
        let before = self.windows.iter().rev().find(|(at, _)| *at <= from);
        let within = self.windows.iter().filter(|(at, _)| (from..to).contains(at));
        let sizes = before.into_iter().chain(within).map(|(_, size)| *size);
        sizes.fold((u32::MAX, 0), |(least, most), size| (least.min(size), most.max(size)))
    }

    /// When this many rounds are over after a time: in a round, as many segments are stored as the window holds, and at
    /// least eight. `None` if the transfer ends before.
    pub fn rounds_after(&self, from: Duration, rounds: u32) -> Option<Duration> {
        let mut segments = self.stored.iter().map(|(at, _)| *at).skip_while(|at| *at < from);
        let mut at = from;
        for _ in 0..rounds {
            let (_, size) = self.window_between(at, at);
            at = segments.nth((size.max(8) - 1) as usize)?;
        }
        Some(at)
    }
}

fn per_second(bytes: u64, time: Duration) -> u64 {
    let micros = time.as_micros().max(1);
    u64::try_from(u128::from(bytes) * 1_000_000 / micros).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn rates_and_windows_are_those_between_two_times() {
        let run = Run {
            took: at(4),
            stored: vec![(at(1), 100), (at(2), 100), (at(3), 300), (at(4), 300)],
            windows: vec![(at(0), 1), (at(2), 2), (at(3), 3)],
            ..Run::default()
        };
        assert_eq!((run.rate(), run.rate_between(at(2), at(4))), (200, 200));
        let windows = [(0, 2), (1, 3), (2, 3), (3, 9)].map(|(from, to)| run.window_between(at(from), at(to)));
        assert_eq!(windows, [(1, 1), (1, 2), (2, 2), (3, 3)]);
    }

    #[test]
    fn a_round_is_a_window_of_segments_and_at_least_eight() {
        let stored = (1..=40).map(|n| (at(n), 100)).collect();
        let run = Run { stored, windows: vec![(at(0), 1), (at(16), 10)], ..Run::default() };
        let ends = [0, 1, 2, 3, 4].map(|n| run.rounds_after(at(0), n));
        assert_eq!(ends, [Some(at(0)), Some(at(8)), Some(at(16)), Some(at(26)), Some(at(36))]);
        assert_eq!(run.rounds_after(at(30), 2), None);
    }
}
