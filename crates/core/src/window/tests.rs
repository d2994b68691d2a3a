use alloc::collections::VecDeque;
use core::num::NonZeroU32;
use core::time::Duration;
use std::vec;
use std::vec::Vec;

use super::*;
use crate::failure::ServerError;

const SEGMENT: u64 = 1 << 20;

fn adaptive(max: u32) -> Window {
    Window::new(WindowPolicy::Adaptive { max: NonZeroU32::new(max).unwrap() })
}

/// A link whose lanes bring the same each up to a number of them, and nothing beyond; the oldest Append ends first.
struct Lanes {
    window: Window,
    now: Timestamp,
    /// How many lanes it gains from.
    knee: u32,
    /// What one of them brings, in segments per second.
    lane: u64,
    live: VecDeque<(OpId, Among)>,
    next: u64,
}

impl Lanes {
    fn new(max: u32, knee: u32) -> Self {
        let now = Timestamp::from_secs(1);
        Self { window: adaptive(max), now, knee, lane: 1, live: VecDeque::new(), next: 0 }
    }

    fn fill(&mut self) {
        while self.live.len() < self.window.size() as usize {
            self.live.push_back((OpId(self.next), self.window.among(self.live.len() + 1)));
            self.next += 1;
        }
    }

    /// The oldest one ends.
    fn end(&mut self) -> Ended {
        self.fill();
        let (op, among) = self.live.pop_front().unwrap();
        Ended { op, next: OpId(self.next), among }
    }

    fn store(&mut self) -> u32 {
        self.fill();
        let lanes = u64::from(self.window.size().min(self.knee));
        self.now = self.now.after(Duration::from_micros(1_000_000 / (lanes * self.lane)));
        let ended = self.end();
        self.window.stored(self.now, ended, SEGMENT, true);
        self.window.size()
    }

    /// The sizes after each of so many segments.
    fn run(&mut self, segments: u32) -> Vec<u32> {
        (0..segments).map(|_| self.store()).collect()
    }

    /// The sizes that it goes through.
    fn steps(&mut self, segments: u32) -> Vec<u32> {
        let mut sizes = vec![self.window.size()];
        sizes.extend(self.run(segments));
        sizes.dedup();
        sizes
    }

    fn throttle(&mut self, wait: Duration, reason: Reason) -> bool {
        let ended = self.end();
        self.window.throttled(self.now, ended, self.now.after(wait), reason)
    }

    /// The newest one is throttled.
    fn throttle_newest(&mut self) -> bool {
        self.fill();
        let (op, among) = self.live.pop_back().unwrap();
        let ended = Ended { op, next: OpId(self.next), among };
        self.window.throttled(self.now, ended, self.now.after(Duration::from_secs(1)), Reason::Unknown)
    }
}

#[test]
fn it_finds_the_knee_and_stays_near() {
    for knee in [1, 2, 5, 8, 16] {
        let mut link = Lanes::new(64, knee);
        link.run(2_000);
        for size in link.run(5_000) {
            assert!(size.abs_diff(knee) <= 2, "{size} lanes on a link for {knee}");
        }
    }
}

#[test]
fn once_found_the_size_is_kept_while_the_link_stays_as_it_is() {
    for knee in [1, 2, 5, 8, 16, 40, 64] {
        let mut link = Lanes::new(64, knee);
        link.run(2_000);
        let found = link.steps(20_000);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0] >= knee && found[0] <= knee + knee / 16 + 2, "{found:?} on a link for {knee}");
    }
}

#[test]
fn it_doubles_while_that_pays_and_halves_while_that_costs_nothing() {
    // One part in 16 and one come on top of what is needed.
    assert_eq!(Lanes::new(64, 13).steps(1_000), [4, 8, 16, 32, 14]);
    assert_eq!(Lanes::new(64, 11).steps(1_000), [4, 8, 16, 12]);
    assert_eq!(Lanes::new(64, 1).steps(1_000), [4, 8, 2, 1, 2]);
    assert_eq!(Lanes::new(3, 64).steps(1_000), [3]);
    assert_eq!(Lanes::new(6, 64).steps(1_000), [4, 6]);
}

#[test]
fn what_something_else_limited_teaches_nothing() {
    let mut link = Lanes::new(64, 64);
    for _ in 0..1_000 {
        link.now = link.now.after(Duration::from_secs(1));
        let ended = link.end();
        assert!(!link.window.stored(link.now, ended, SEGMENT, false));
    }
    assert_eq!(link.window.size(), 4);
}

#[test]
fn a_link_that_becomes_another_is_searched_anew() {
    let mut link = Lanes::new(64, 16);
    assert_eq!(link.run(2_000).last(), Some(&18));
    link.knee = 4;
    assert_eq!(link.run(400).last(), Some(&5));
    link.knee = 30;
    assert_eq!(link.run(1_000).last(), Some(&32));
    // Fewer lanes that bring more each, and less together.
    (link.knee, link.lane) = (12, 2);
    assert_eq!(link.run(1_000).last(), Some(&13));
}

#[test]
fn a_short_while_that_is_out_of_measure_changes_nothing() {
    let mut link = Lanes::new(64, 8);
    link.run(1_000);
    for knee in [4, 2, 1, 4, 2, 1, 4, 2, 1] {
        // It may be part of two rounds.
        link.knee = knee;
        assert_eq!(link.steps(knee), [9]);
        link.knee = 8;
        assert_eq!(link.steps(100), [9]);
    }
}

#[test]
fn what_the_server_throttles_is_not_tried_again_before_it_costs_little() {
    let wait = Duration::from_secs(1);
    let mut link = Lanes::new(64, 64);
    link.lane = 10;
    // Among six, all are stored; what began among more is throttled.
    let mut throttled = vec![];
    let mut sizes = vec![];
    for _ in 0..40_000 {
        link.fill();
        if link.live[0].1.0 > 6 {
            link.throttle(wait, Reason::Unknown);
            throttled.push(link.now);
            // Nothing goes out before the wait is over, and all begins anew.
            while link.live.front().is_some_and(|(_, among)| among.0 > 6) {
                link.throttle(wait, Reason::Unknown);
            }
            link.now = link.now.after(wait);
        } else {
            link.store();
        }
        sizes.push(link.window.size());
    }
    assert!(sizes[300..].iter().all(|size| (6..=7).contains(size)), "{:?}", &sizes[300..]);
    assert!(throttled.len() > 4, "it is tried again: {throttled:?}");
    let apart = throttled.windows(2).skip(1).map(|pair| pair[1].since(pair[0]));
    assert!(apart.into_iter().all(|apart| apart >= wait * 64), "{throttled:?}");
}

#[test]
fn a_server_that_bears_more_by_now_is_searched_anew() {
    let mut link = Lanes::new(64, 20);
    assert_eq!(link.run(5).last(), Some(&8));
    assert!(link.throttle_newest() && link.throttle_newest());
    assert_eq!(link.window.size(), 6);
    // It waits 64 seconds and the one that was named: at six segments a second that is 390 of them.
    assert_eq!(link.steps(390), [6]);
    let steps = link.steps(10_000);
    assert_eq!((&steps[..3], steps.last()), ([6, 7, 14].as_slice(), Some(&22)), "{steps:?}");
}

#[test]
fn a_quota_says_nothing_of_the_window() {
    let mut link = Lanes::new(64, 8);
    link.run(1_000);
    for reason in [Reason::Quota, Reason::Unknown] {
        for _ in 0..20 {
            // All that is under way is throttled, and was stored a moment ago.
            for _ in 0..link.window.size() {
                assert!(!link.throttle(Duration::from_secs(900), reason));
            }
            assert_eq!(link.steps(500), [9], "{reason:?}");
        }
    }
    // One that names its end is none of the window's before anything is stored, either.
    let mut fresh = Lanes::new(64, 8);
    assert!(!fresh.throttle(Duration::from_secs(900), Reason::Quota));
    assert!(fresh.throttle(Duration::from_secs(900), Reason::Unknown) || fresh.window.size() < 4);
}

#[test]
fn a_time_is_a_quota_and_a_length_of_time_is_not() {
    let problem = |kind, after| Failure::Answered(Problem { kind, after, server: ServerError::default() });
    let (at, after) = (Delay::At(Timestamp::MAX), Delay::After(Duration::from_secs(1)));
    let throttled = |after| Reason::of(&problem(ProblemKind::Throttled, after));
    assert_eq!(
        [Some(at), Some(after), None].map(throttled),
        [Reason::Quota, Reason::Unknown, Reason::Unknown]
    );
    assert_eq!(Reason::of(&problem(ProblemKind::Busy, Some(at))), Reason::Unknown);
}

#[test]
fn what_breaks_now_and_then_changes_nothing_and_a_whole_window_of_it_halves() {
    let mut link = Lanes::new(64, 16);
    link.run(2_000);
    for _ in 0..50 {
        let ended = link.end();
        assert!(!link.window.failed(ended));
        assert_eq!(link.steps(100), [18]);
    }
    let broken: Vec<_> = (0..18)
        .map(|_| {
            let ended = link.end();
            link.window.failed(ended)
        })
        .collect();
    assert_eq!(broken.iter().position(|changed| *changed), Some(17));
    assert_eq!(link.window.size(), 9);
    let mut one = Lanes::new(1, 1);
    for _ in 0..10 {
        let ended = one.end();
        assert!(!one.window.failed(ended));
    }
    assert_eq!(one.window.size(), 1);
}

#[test]
fn it_keeps_its_bounds() {
    let mut link = Lanes::new(5, 64);
    assert!(link.run(1_000).iter().all(|size| (4..=5).contains(size)));
    for _ in 0..40 {
        let ended = link.end();
        link.window.failed(ended);
        assert!(link.throttle(Duration::ZERO, Reason::Unknown) || link.window.size() >= 1);
    }
    assert!((1..=5).contains(&link.window.size()));
}

#[test]
fn a_fixed_window_is_fixed_and_remembers_nothing() {
    let mut window = Window::new(WindowPolicy::Fixed(NonZeroU32::new(3).unwrap()));
    let untouched = window.clone();
    let (now, ended) =
        (Timestamp::from_secs(1), Ended { op: OpId(7), next: OpId(8), among: window.among(3) });
    assert_eq!(ended.among, Among(0));
    assert!(!window.failed(ended));
    assert!(!window.throttled(now, ended, now.after(Duration::from_secs(9)), Reason::Unknown));
    for _ in 0..100 {
        assert!(!window.stored(now, ended, SEGMENT, true));
    }
    assert_eq!(window, untouched);
}
