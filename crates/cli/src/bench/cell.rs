//! What was measured of one setting.

use std::time::Duration;

use super::setting::{Setting, Unplannable};
use super::speaks::Speaks;
use crate::exit::Exit;

/// One upload, measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    /// From the first segment's turn until all are stored.
    pub(super) transfer: Duration,
    /// From before the session is opened until the media is ready; a link in virtual time has no such thing.
    pub(super) whole: Option<Duration>,
    /// Operations that failed and were tried again.
    pub(super) retries: u64,
}

/// One setting and what came of it.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) setting: Setting,
    /// One for every round so far.
    pub(super) samples: Vec<Sample>,
    pub(super) state: State,
}

/// Whether a setting is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It is, with so many requests to an upload.
    Goes { requests: u64 },
    /// An upload failed; the setting is left out from then on.
    Failed { exit: Exit, reason: String },
    /// No such segments are taken of a file of this size.
    Unplannable(Unplannable),
}

/// What the samples of a cell come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Summary {
    pub(super) requests: u64,
    /// Bytes per second of the transfer: the median of the rounds.
    pub(super) rate: f64,
    /// Between what the middle half of the rounds lies, as a part of the median.
    pub(super) spread: f64,
    /// The slowest and the fastest round.
    pub(super) range: (f64, f64),
    /// Bytes per second of the whole.
    pub(super) whole: Option<f64>,
    /// Of all rounds together.
    pub(super) retries: u64,
    pub(super) rounds: usize,
}

impl Cell {
    pub(super) fn new(setting: Setting, speaks: Speaks, size: u64) -> Self {
        let state = match setting.requests(speaks, size) {
            Ok(requests) => State::Goes { requests },
            Err(why) => State::Unplannable(why),
        };
        Self { setting, samples: Vec::new(), state }
    }

    /// What it comes to for uploads of so many bytes; nothing if it failed or was not reached.
    pub(super) fn summary(&self, size: u64) -> Option<Summary> {
        let requests = match self.state {
            State::Goes { requests } => requests,
            State::Failed { .. } | State::Unplannable(_) => return None,
        };
        let rate = |time: Duration| size as f64 / time.as_secs_f64().max(1e-9);
        let rates = Sorted::of(self.samples.iter().map(|sample| rate(sample.transfer)))?;
        let whole = Sorted::of(self.samples.iter().filter_map(|sample| sample.whole.map(rate)));
        Some(Summary {
            requests,
            rate: rates.at(0.5),
            spread: (rates.at(0.75) - rates.at(0.25)) / rates.at(0.5),
            range: (rates.at(0.0), rates.at(1.0)),
            whole: whole.map(|rates| rates.at(0.5)),
            retries: self.samples.iter().map(|sample| sample.retries).sum(),
            rounds: self.samples.len(),
        })
    }
}

/// Numbers in order, one at least.
struct Sorted(Vec<f64>);

impl Sorted {
    fn of(numbers: impl Iterator<Item = f64>) -> Option<Self> {
        let mut numbers: Vec<_> = numbers.collect();
        numbers.sort_unstable_by(f64::total_cmp);
        (!numbers.is_empty()).then_some(Self(numbers))
    }

    /// The number at a part of the way from the first to the last, between two of them if need be.
    fn at(&self, part: f64) -> f64 {
        let place = part * (self.0.len() - 1) as f64;
        let number = |place: f64| self.0.get(place as usize).copied().unwrap_or_default();
        let (low, high) = (number(place.floor()), number(place.ceil()));
        low + (high - low) * place.fract()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use chunkwise::ChunkSize;

    use super::*;

    pub(in crate::bench) fn cell(chunk: u64, window: &str, size: u64, rates: &[f64]) -> Cell {
        let setting = Setting { chunk: ChunkSize::new(chunk).unwrap(), window: window.parse().unwrap() };
        let sample = |rate: &f64| Sample {
            transfer: Duration::from_secs_f64(size as f64 / rate),
            whole: Some(Duration::from_secs_f64(size as f64 / rate * 2.0)),
            retries: 1,
        };
        Cell { samples: rates.iter().map(sample).collect(), ..Cell::new(setting, Speaks::X, size) }
    }

    #[test]
    fn a_cell_is_its_median_and_how_far_the_middle_half_lies_apart() {
        let near = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-6;
        let summary =
            cell(1 << 20, "4", 10 << 20, &[90.0, 100.0, 400.0, 110.0, 80.0]).summary(10 << 20).unwrap();
        assert!(near(summary.rate, 100.0) && near(summary.spread, 0.2), "{summary:?}");
        assert!(near(summary.range.0, 80.0) && near(summary.range.1, 400.0), "{summary:?}");
        assert!(near(summary.whole.unwrap(), 50.0), "{summary:?}");
        assert_eq!((summary.retries, summary.rounds, summary.requests), (5, 5, 12));
        let even = cell(1 << 20, "4", 1 << 20, &[100.0, 200.0]).summary(1 << 20).unwrap();
        assert!(near(even.rate, 150.0), "{even:?}");
        let one = cell(1 << 20, "4", 1 << 20, &[100.0]).summary(1 << 20).unwrap();
        assert_eq!(one.spread, 0.0);
    }

    #[test]
    fn what_was_not_measured_comes_to_nothing() {
        assert_eq!(cell(1 << 20, "4", 1 << 20, &[]).summary(1 << 20), None);
        assert_eq!(cell(1024, "4", 10 << 20, &[100.0]).summary(10 << 20), None, "too many segments");
        let failed = State::Failed { exit: Exit::Temporary, reason: "no".to_owned() };
        let failed = Cell { state: failed, ..cell(1 << 20, "4", 1 << 20, &[100.0]) };
        assert_eq!(failed.summary(1 << 20), None);
    }
}
