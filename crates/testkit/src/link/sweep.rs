//! The same upload with one window after the other.

use std::num::NonZeroU32;
use std::time::Duration;

use chunkwise_core::{UploadError, WindowPolicy};

use super::{Link, Load, Run, Throttle, run};

/// The same upload over a link with fixed windows, and with the adaptive one.
#[derive(Clone, Debug)]
pub struct Sweep {
    link: Link,
    /// Each fixed window, and how it went. Those are missing with which the upload came to no good end.
    pub fixed: Vec<(u32, Run)>,
    /// How it went with the adaptive window.
    pub adaptive: Run,
}

/// How the adaptive window did in one phase of a link: from one change of its bandwidth to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phase {
    /// The best fixed window of this phase.
    pub best: u32,
    /// Its rate in bytes per second.
    pub best_rate: u64,
    /// The adaptive window's rate, after it had its rounds to settle.
    pub rate: u64,
    /// The smallest and the largest size of the adaptive window after that.
    pub sizes: (u32, u32),
}

/// How many rounds the adaptive window has to settle.
pub const ROUNDS: u32 = 20;

/// The same under a quota: every wait for the next period breaks a round off.
pub const ROUNDS_OF_QUOTA: u32 = 30;

impl Phase {
    /// The adaptive window's rate as a part of the best fixed one's.
    pub fn ratio(&self) -> f64 {
        self.rate as f64 / self.best_rate.max(1) as f64
    }
}

impl Sweep {
    /// Uploads so many segments with every one of these windows, and with an adaptive one up to the largest of them.
    ///
    /// # Errors
    ///
    /// If the upload with the adaptive window does not end well.
    pub fn of(
        link: &Link,
        chunk: u64,
        segments: u64,
        windows: &[u32],
        seed: u64,
    ) -> Result<Self, UploadError> {
        let once = |window| run(link, &Load { total: chunk * segments, chunk, window }, seed);
        let lanes = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let fixed =
            windows.iter().filter_map(|n| Some((*n, once(WindowPolicy::Fixed(lanes(*n))).ok()?))).collect();
        let max = lanes(windows.iter().copied().max().unwrap_or(1));
        Ok(Self { link: link.clone(), fixed, adaptive: once(WindowPolicy::Adaptive { max })? })
    }

    /// The fixed window whose whole transfer was the fastest, and its rate.
    pub fn best(&self) -> (u32, u64) {
        self.best_by(Run::rate)
    }

    /// The smallest of the fixed windows that come within 1 % of the best rate.
    fn best_by(&self, rate: impl Fn(&Run) -> u64) -> (u32, u64) {
        let best = self.fixed.iter().map(|(_, run)| rate(run)).max().unwrap_or_default();
        let near =
            self.fixed.iter().map(|(n, run)| (*n, rate(run))).find(|(_, rate)| *rate >= best - best / 100);
        near.map_or((0, best), |(n, _)| (n, best))
    }

    /// The rate of the whole transfer with the adaptive window, as a part of the best fixed one's.
    pub fn ratio(&self) -> f64 {
        self.adaptive.rate() as f64 / self.best().1.max(1) as f64
    }

    /// How the adaptive window did in each phase of the link; `None` for one that was over before its rounds were.
    pub fn phases(&self) -> Vec<Option<Phase>> {
        let changes = self.link.bandwidth.later.iter().map(|(at, _)| *at);
        let ends = changes.clone().map(Some).chain([None]);
        let starts = [Duration::ZERO].into_iter().chain(changes);
        starts.zip(ends).map(|(from, to)| self.phase(from, to)).collect()
    }

    fn phase(&self, from: Duration, to: Option<Duration>) -> Option<Phase> {
        let rounds = match self.link.throttle {
            Throttle::Quota { .. } => ROUNDS_OF_QUOTA,
            Throttle::Never | Throttle::AtOnce { .. } => ROUNDS,
        };
        // When it goes to its end there is less and less to do.
        let end = |run: &Run| match to {
            Some(to) => to,
            None => run.stored.get(run.stored.len().saturating_sub(100)).map_or(from, |(at, _)| *at),
        };
        // Every window has its rounds to begin with: its connections have to be opened, too.
        let rate = |run: &Run| {
            let from = run.rounds_after(from, rounds).unwrap_or(from);
            let (from, to) =
                (self.whole(from, Duration::div_ceil_by), self.whole(end(run), Duration::div_by));
            run.rate_between(from, to)
        };
        let settled = self.adaptive.rounds_after(from, rounds)?;
        let to = end(&self.adaptive);
        if to <= settled {
            return None;
        }
        let (best, best_rate) = self.best_by(rate);
        let sizes = self.adaptive.window_between(settled, to);
        Some(Phase { best, best_rate, rate: rate(&self.adaptive), sizes })
    }

    /// A time in whole periods, where there are any: within one, first there are answers and then there are none.
    fn whole(&self, at: Duration, in_periods: fn(Duration, Duration) -> u32) -> Duration {
        match self.link.throttle {
            Throttle::Quota { period, .. } => period * in_periods(at, period),
            Throttle::Never | Throttle::AtOnce { .. } => at,
        }
    }
}

trait Periods {
    fn div_by(self, period: Self) -> u32;
    fn div_ceil_by(self, period: Self) -> u32;
}

impl Periods for Duration {
    fn div_by(self, period: Self) -> u32 {
        (self.as_micros() / period.as_micros().max(1)) as u32
    }

    fn div_ceil_by(self, period: Self) -> u32 {
        self.as_micros().div_ceil(period.as_micros().max(1)) as u32
    }
}
