//! The window: how many Appends may be live at once.

use core::time::Duration;

use crate::policy::WindowPolicy;
use crate::time::{Timestamp, micros};

/// The size of the window, fixed or learned.
///
/// The adaptive one climbs a hill: it measures the goodput of rounds in which the window itself was the limit. It
/// doubles while that pays, then goes down by one as long as that costs nothing, and from then on tries one more and
/// one less in turn, with a rest in between. What gains less than one part in 32 is taken back; what costs less than
/// that, against the best measured, is kept. A throttle or a broken connection takes a quarter away. Integer
/// arithmetic only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Window {
    max: u32,
    size: u32,
    mode: Mode,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Mode {
    Fixed,
    Adaptive(Climb),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Climb {
    round: Option<Round>,
    trial: Option<Trial>,
    next: Step,
    /// Rounds to stay before the next trial.
    rest: u32,
}

/// A step that was taken and is to be judged by its goodput.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Trial {
    from: u32,
    /// Bytes per second before it.
    goodput: u64,
    step: Step,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    Double,
    Up,
    Down,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Round {
    began: Timestamp,
    stored: u32,
    bytes: u64,
}

/// How many rounds a size is kept after a step up did not pay.
const REST: u32 = 6;

impl Window {
    pub(crate) const fn new(policy: WindowPolicy) -> Self {
        match policy {
            WindowPolicy::Fixed(n) => Self { max: n.get(), size: n.get(), mode: Mode::Fixed },
            WindowPolicy::Adaptive { max } => {
                let climb = Climb { round: None, trial: None, next: Step::Double, rest: 0 };
                Self { max: max.get(), size: 1, mode: Mode::Adaptive(climb) }
            }
        }
    }

    /// How many Appends may be live now; at least one.
    pub(crate) const fn size(&self) -> u32 {
        self.size
    }

    /// A segment was stored; `limited`: as many were live as the window allowed. Says whether the size changed.
    pub(crate) fn stored(&mut self, now: Timestamp, bytes: u64, limited: bool) -> bool {
        let (size, max) = (self.size, self.max);
        let Mode::Adaptive(climb) = &mut self.mode else { return false };
        if !limited {
            climb.round = None;
            return false;
        }
        let Some(round) = &mut climb.round else {
            // The first one only marks the beginning: its own time lies before.
            climb.round = Some(Round { began: now, stored: 1, bytes: 0 });
            return false;
        };
        round.stored += 1;
        round.bytes = round.bytes.saturating_add(bytes);
        // A round is long enough to see every lane twice.
        if round.stored <= size.saturating_mul(2) {
            return false;
        }
        let goodput = per_second(round.bytes, now.since(round.began));
        climb.round = None;
        self.size = climb.judge(size, max, goodput);
        self.size != size
    }

    /// A connection broke or the server throttled. Says whether the size changed.
    pub(crate) fn troubled(&mut self) -> bool {
        let size = self.size;
        let Mode::Adaptive(climb) = &mut self.mode else { return false };
        climb.round = None;
        climb.trial = None;
        climb.next = Step::Up;
        climb.rest = REST;
        self.size = (size - size.div_ceil(4)).max(1);
        self.size != size
    }
}

impl Climb {
    /// The size of the next round.
    fn judge(&mut self, size: u32, max: u32, goodput: u64) -> u32 {
        let mut reference = goodput;
        if let Some(Trial { from, goodput: before, step }) = self.trial.take() {
            let margin = before / 32;
            match step {
                Step::Double | Step::Up if goodput >= before.saturating_add(margin) => self.next = step,
                Step::Double => {
                    self.next = Step::Down;
                    return from;
                }
                Step::Up => {
                    (self.next, self.rest) = (Step::Down, REST);
                    return from;
                }
                Step::Down if goodput >= before.saturating_sub(margin) => {
                    // Many small losses must not add up: the best goodput stays the measure.
                    reference = before.max(goodput);
                    self.next = Step::Down;
                }
                Step::Down => {
                    (self.next, self.rest) = (Step::Up, REST);
                    return from;
                }
            }
        }
        if let Some(rest) = self.rest.checked_sub(1) {
            self.rest = rest;
            return size;
        }
        let step = self.next;
        let to = match step {
            Step::Double => size.saturating_mul(2).min(max),
            Step::Up => size.saturating_add(1).min(max),
            Step::Down => size.saturating_sub(1).max(1),
        };
        if to == size {
            // At a bound there is only the other way.
            self.next = if step == Step::Down { Step::Up } else { Step::Down };
            self.rest = REST;
            return size;
        }
        self.trial = Some(Trial { from: size, goodput: reference, step });
        to
    }
}

fn per_second(bytes: u64, time: Duration) -> u64 {
    let micros = u128::from(micros(time).max(1));
    u64::try_from(u128::from(bytes) * 1_000_000 / micros).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use core::num::NonZeroU32;

    use super::*;

    fn adaptive(max: u32) -> Window {
        Window::new(WindowPolicy::Adaptive { max: NonZeroU32::new(max).unwrap() })
    }

    /// Feeds the window with what a link stores that gains from up to `knee` lanes.
    fn run(window: &mut Window, now: &mut Timestamp, knee: u32, segments: u32) -> u32 {
        for _ in 0..segments {
            let lanes = u64::from(window.size().min(knee));
            *now = now.after(Duration::from_micros(1_000_000 / lanes));
            window.stored(*now, 1 << 20, true);
        }
        window.size()
    }

    #[test]
    fn it_finds_the_knee_and_stays_near() {
        for knee in [1, 2, 5, 8, 16] {
            let (mut window, mut now) = (adaptive(64), Timestamp::from_secs(1));
            run(&mut window, &mut now, knee, 2000);
            for _ in 0..50 {
                let size = run(&mut window, &mut now, knee, 100);
                assert!(size.abs_diff(knee) <= 2, "{size} lanes on a link for {knee}");
            }
        }
    }

    #[test]
    fn a_round_sees_every_lane_twice() {
        let mut window = adaptive(8);
        let at = Timestamp::from_secs(1);
        // Even if all come at once: the first one marks the beginning.
        assert_eq!([0; 3].map(|_| window.stored(at, 100, true)), [false, false, true]);
        assert_eq!(window.size(), 2);
        // What was limited by something else ends the round, and it begins anew.
        assert_eq!([true, true, false].map(|limited| window.stored(at, 1 << 40, limited)), [false; 3]);
        assert_eq!([0; 5].map(|_| window.stored(at, 1 << 40, true)), [false, false, false, false, true]);
        assert_eq!(window.size(), 4);
    }

    #[test]
    fn goodput_is_bytes_per_second() {
        assert_eq!(per_second(3_000, Duration::from_millis(1_500)), 2_000);
        assert_eq!(per_second(7, Duration::ZERO), 7_000_000);
        assert_eq!(per_second(u64::MAX, Duration::ZERO), u64::MAX);
    }

    /// Feeds a climb that is at this size with the goodput of rounds; the sizes that follow.
    fn climb(climb: &mut Climb, mut size: u32, max: u32, rounds: &[u64]) -> std::vec::Vec<u32> {
        let judge = |goodput: &u64| {
            size = climb.judge(size, max, *goodput);
            size
        };
        rounds.iter().map(judge).collect()
    }

    const fn start(next: Step) -> Climb {
        Climb { round: None, trial: None, next, rest: 0 }
    }

    #[test]
    fn what_gains_less_than_a_thirty_second_part_is_taken_back() {
        let mut up = start(Step::Double);
        // 3300 is 3200 and its part; 3402 is one less than 3300 and its part.
        assert_eq!(climb(&mut up, 1, 16, &[3200, 3300, 3402]), [2, 4, 2]);
        // So it tries one less, keeps that for a loss of less than a part, and is at the bound: then it rests.
        assert_eq!(climb(&mut up, 2, 16, &[3300, 3197]), [1, 1]);
        assert_eq!(climb(&mut up, 1, 16, &[3200; 6]), [1; 6]);
        // One more: it does not pay, so it is taken back, and there is a rest before one less is tried.
        assert_eq!(climb(&mut up, 1, 16, &[3200, 3299]), [2, 1]);
        assert_eq!(climb(&mut up, 1, 16, &[3200; 6]), [1; 6]);
        assert_eq!(climb(&mut up, 1, 16, &[3200; 7]), [1; 7], "there is no less than one");
        assert_eq!(climb(&mut up, 1, 16, &[3200, 3300, 3404]), [2, 3, 4], "as long as one more pays");
    }

    #[test]
    fn many_small_losses_do_not_add_up() {
        let mut down = start(Step::Down);
        assert_eq!(climb(&mut down, 8, 16, &[3200, 3150, 3110, 3099]), [7, 6, 5, 6]);
        assert_eq!(climb(&mut down, 6, 16, &[3200; 7]), [6, 6, 6, 6, 6, 6, 7], "a rest, then one more");
    }

    #[test]
    fn at_its_most_it_tries_one_less_after_a_rest() {
        let mut top = start(Step::Double);
        assert_eq!(climb(&mut top, 5, 8, &[3200, 6400]), [8, 8]);
        assert_eq!(climb(&mut top, 8, 8, &[6400; 7]), [8, 8, 8, 8, 8, 8, 7]);
    }

    #[test]
    fn trouble_takes_a_quarter_away_and_is_followed_by_a_rest() {
        let mut window = adaptive(64);
        window.size = 16;
        let sizes = [0; 12].map(|_| {
            let changed = window.troubled();
            (window.size(), changed)
        });
        let expected = [12, 9, 6, 4, 3, 2, 1, 1, 1, 1, 1, 1].into_iter().scan(16, |before, size| {
            let changed = *before != size;
            *before = size;
            Some((size, changed))
        });
        assert!(sizes.into_iter().eq(expected), "{sizes:?}");
        let Mode::Adaptive(mut after) = window.mode else { panic!("it is adaptive") };
        assert_eq!(climb(&mut after, 1, 64, &[100; 7]), [1, 1, 1, 1, 1, 1, 2]);
    }

    #[test]
    fn it_keeps_its_bounds() {
        let mut window = adaptive(4);
        assert_eq!(run(&mut window, &mut Timestamp::from_secs(1), 64, 1000), 4);
        for _ in 0..20 {
            window.troubled();
        }
        assert_eq!(window.size(), 1);
    }

    #[test]
    fn rounds_that_something_else_limited_teach_nothing() {
        let mut window = adaptive(64);
        let mut now = Timestamp::from_secs(1);
        for _ in 0..1000 {
            now = now.after(Duration::from_secs(1));
            assert!(!window.stored(now, 1 << 20, false));
        }
        assert_eq!(window.size(), 1);
    }

    #[test]
    fn a_fixed_window_is_fixed() {
        let mut window = Window::new(WindowPolicy::Fixed(NonZeroU32::new(3).unwrap()));
        assert!(!window.troubled());
        assert_eq!(run(&mut window, &mut Timestamp::from_secs(1), 1, 100), 3);
    }
}
