//! The same upload with one window after the other.

use std::collections::BTreeSet;
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
///
/// What is asked of it, in every phase: at least [`SHARE`] of the best fixed window's rate ([`ratio`](Self::ratio)), and
/// sizes that stay within ±[`SPREAD`] of one of the best fixed windows ([`centre`](Self::centre)). The best are those that
/// come within 1 % of the best rate: on many links that is every one from some size on, and it does not matter which of
/// them the adaptive window is near, if only it stays there; where a single one is the best, it is that one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// The best fixed windows of this phase, in order; at least one.
    pub best: Vec<u32>,
    /// The rate of the best one in bytes per second.
    pub best_rate: u64,
    /// The adaptive window's rate, after it had its rounds to settle.
    pub rate: u64,
    /// The smallest and the largest size of the adaptive window after that.
    pub sizes: (u32, u32),
}

/// The least part of the best fixed window's rate that the adaptive one is to reach, in per cent.
pub const SHARE: u32 = 90;

/// How far the adaptive window's sizes may be from one of the best fixed ones, once it has settled.
pub const SPREAD: u32 = 2;

/// How many rounds the adaptive window has to settle.
pub const ROUNDS: u32 = 20;

/// How many a fixed one has: its connections have to be opened, and what was under way before a change has to end.
const ROUNDS_OF_FIXED: u32 = 4;

/// The same under a quota: every wait for the next period breaks a round off.
pub const ROUNDS_OF_QUOTA: u32 = 30;

impl Phase {
    /// The adaptive window's rate as a part of the best fixed one's.
    pub fn ratio(&self) -> f64 {
        self.rate as f64 / self.best_rate.max(1) as f64
    }

    /// One of the best fixed windows from which no size of the settled adaptive one is further away than [`SPREAD`], if
    /// there is one.
    pub fn centre(&self) -> Option<u32> {
        let (least, most) = self.sizes;
        let is_centre =
            |best: &u32| least.saturating_add(SPREAD) >= *best && most <= best.saturating_add(SPREAD);
        self.best.iter().copied().find(is_centre)
    }

    /// Whether the adaptive window did as is asked of it.
    pub fn holds(&self) -> bool {
        u128::from(self.rate) * 100 >= u128::from(self.best_rate) * u128::from(SHARE)
            && self.centre().is_some()
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

    /// The same with these windows and with every one that may be the centre of what the adaptive one settled at: what
    /// [`Phase::holds`] says is the same then as if every window had been tried, if the best rate is among those of these.
    ///
    /// # Errors
    ///
    /// If the upload with the adaptive window does not end well.
    pub fn judging(
        link: &Link,
        chunk: u64,
        segments: u64,
        windows: &[u32],
        seed: u64,
    ) -> Result<Self, UploadError> {
        let max = NonZeroU32::new(windows.iter().copied().max().unwrap_or(1)).unwrap_or(NonZeroU32::MIN);
        let load = Load { total: chunk * segments, chunk, window: WindowPolicy::Adaptive { max } };
        let adaptive = Self { link: link.clone(), fixed: Vec::new(), adaptive: run(link, &load, seed)? };
        let near = adaptive.phases().into_iter().flatten().flat_map(|phase| {
            let (least, most) = phase.sizes;
            most.saturating_sub(SPREAD).max(1)..=least.saturating_add(SPREAD).min(max.get())
        });
        let windows: BTreeSet<_> = windows.iter().copied().chain(near).collect();
        Self::of(link, chunk, segments, &windows.into_iter().collect::<Vec<_>>(), seed)
    }

    /// The smallest of the fixed windows whose whole transfer came within 1 % of the fastest, and that one's rate.
    pub fn best(&self) -> (u32, u64) {
        let (best, rate) = self.best_by(Run::rate);
        (best.first().copied().unwrap_or_default(), rate)
    }

    /// The fixed windows that come within 1 % of the best rate, and that rate.
    fn best_by(&self, rate: impl Fn(&Run) -> u64) -> (Vec<u32>, u64) {
        let rates: Vec<_> = self.fixed.iter().map(|(n, run)| (*n, rate(run))).collect();
        let best = rates.iter().map(|(_, rate)| *rate).max().unwrap_or_default();
        (rates.iter().filter(|(_, rate)| *rate >= best - best / 100).map(|(n, _)| *n).collect(), best)
    }

    /// The rate of the whole transfer with the adaptive window, as a part of the best fixed one's.
    pub fn ratio(&self) -> f64 {
        self.adaptive.rate() as f64 / self.best().1.max(1) as f64
    }

    /// How the adaptive window did in each phase of the link; `None` for one that was over before its rounds were.
    pub fn phases(&self) -> Vec<Option<Phase>> {
        self.spans().into_iter().map(|span| self.phase(span)).collect()
    }

    /// From when to when each phase of the link lasts; the last one to the end.
    fn spans(&self) -> Vec<Span> {
        let changes = self.link.bandwidth.later.iter().map(|(at, _)| *at);
        let ends = changes.clone().map(Some).chain([None]);
        [Duration::ZERO].into_iter().chain(changes).zip(ends).map(|(from, to)| Span { from, to }).collect()
    }

    fn phase(&self, span: Span) -> Option<Phase> {
        let settled = self.adaptive.rounds_after(span.from, self.rounds())?;
        let to = span.end(&self.adaptive);
        if to <= settled {
            return None;
        }
        let (best, best_rate) = self.best_by(|run| self.rate(run, span, ROUNDS_OF_FIXED));
        let sizes = self.adaptive.window_between(settled, to);
        Some(Phase { best, best_rate, rate: self.rate(&self.adaptive, span, self.rounds()), sizes })
    }

    /// The rate in a phase, after so many rounds.
    fn rate(&self, run: &Run, span: Span, rounds: u32) -> u64 {
        let from = run.rounds_after(span.from, rounds).unwrap_or(span.from);
        run.rate_between(self.whole(from, Duration::div_ceil_by), self.whole(span.end(run), Duration::div_by))
    }

    const fn rounds(&self) -> u32 {
        match self.link.throttle {
            Throttle::Quota { .. } => ROUNDS_OF_QUOTA,
            Throttle::Never | Throttle::AtOnce { .. } => ROUNDS,
        }
    }

    /// A time in whole periods, where there are any: within one, first there are answers and then there are none.
    fn whole(&self, at: Duration, in_periods: fn(Duration, Duration) -> u32) -> Duration {
        match self.link.throttle {
            Throttle::Quota { period, .. } => period * in_periods(at, period),
            Throttle::Never | Throttle::AtOnce { .. } => at,
        }
    }
}

/// A phase of a link.
#[derive(Clone, Copy, Debug)]
struct Span {
    from: Duration,
    /// `None`: to the end.
    to: Option<Duration>,
}

impl Span {
    /// When it ends for an upload. When that goes to its end there is less and less to do.
    fn end(self, run: &Run) -> Duration {
        match self.to {
            Some(to) => to,
            None => run.stored.get(run.stored.len().saturating_sub(100)).map_or(self.from, |(at, _)| *at),
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
