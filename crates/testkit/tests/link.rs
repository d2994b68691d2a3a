//! Uploads over emulated links: what a link does.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::num::NonZeroU32;
use std::time::Duration;

use chunkwise_core::WindowPolicy;
use chunkwise_testkit::link::{Link, Load, Phase, Run, Sweep, Throttle, catalogue, run};

const MIB: u64 = 1 << 20;

fn fixed(n: u32) -> WindowPolicy {
    WindowPolicy::Fixed(NonZeroU32::new(n).unwrap())
}

fn adaptive(max: u32) -> WindowPolicy {
    WindowPolicy::Adaptive { max: NonZeroU32::new(max).unwrap() }
}

fn once(link: &Link, segments: u64, window: WindowPolicy) -> Run {
    run(link, &Load { total: segments * MIB, chunk: MIB, window }, 7).unwrap()
}

/// Whether a rate in bytes per second is nearly that many.
fn near(rate: u64, bytes: f64) -> bool {
    (rate as f64 / bytes - 1.0).abs() < 0.02
}

#[test]
fn the_same_seed_gives_the_same_run_to_the_microsecond() {
    let at = |seconds| Duration::from_secs(seconds);
    let link = Link::new(Duration::from_millis(40), 50_000_000)
        .per_connection(9_000_000)
        .failing(20_000)
        .halved(at(4), at(9))
        .throttled(Throttle::Quota { requests: 100, period: at(3) });
    let load = Load { total: 1_000 * MIB, chunk: MIB, window: adaptive(32) };
    let first = run(&link, &load, 7).unwrap();
    assert_eq!(run(&link, &load, 7).unwrap(), first);
    assert_ne!(run(&link, &load, 8).unwrap().stored, first.stored);
    assert!(first.failed > 0 && first.throttled > 0);
    assert_eq!(first.stored.iter().map(|(_, bytes)| bytes).sum::<u64>(), load.total);
}

#[test]
fn a_lane_has_a_round_trip_between_two_segments_and_lanes_share_the_link() {
    let link = Link::new(Duration::from_millis(100), 10_000_000);
    // A round trip takes up to a tenth longer: 105 ms as a mean.
    let lane = MIB as f64 / (MIB as f64 / 10e6 + 0.105);
    assert!(near(once(&link, 200, fixed(1)).rate(), lane));
    assert!(near(once(&link, 1_000, fixed(16)).rate(), 10e6));
    let limited = link.per_connection(2_000_000);
    let lane = MIB as f64 / (MIB as f64 / 2e6 + 0.105);
    assert!(near(once(&limited, 200, fixed(1)).rate(), lane));
    assert!(near(once(&limited, 300, fixed(3)).rate(), 3.0 * lane));
}

#[test]
fn a_quota_bounds_the_rate_and_a_429_comes_only_beyond_it() {
    let period = Duration::from_secs(10);
    let link = Link::new(Duration::from_millis(10), 100_000_000);
    let run = once(&link.throttled(Throttle::Quota { requests: 50, period }), 500, fixed(4));
    assert_eq!(run.stored.len(), 500);
    let per_period = |n: u32| run.rate_between(period * n, period * (n + 1));
    assert_eq!((0..9).map(per_period).collect::<Vec<_>>(), [50 * MIB / 10; 9]);
    assert!(run.throttled >= 9 && run.throttled <= 9 * 4, "{}", run.throttled);
}

#[test]
fn what_is_too_many_at_once_is_throttled() {
    let throttle = Throttle::AtOnce { most: 3, wait: Duration::from_secs(1) };
    let link = Link::new(Duration::from_millis(10), 100_000_000).throttled(throttle);
    assert_eq!(once(&link, 200, fixed(3)).throttled, 0);
    assert!(once(&link, 200, fixed(4)).throttled > 0);
}

/// On every link: no window is faster than the link, the adaptive one stays within its bounds, and a sweep finds the best.
#[test]
fn no_window_is_faster_than_its_link_nor_wider_than_its_bounds() {
    let windows = [1, 4, 16];
    for named in catalogue(MIB, 300) {
        let (name, link) = (&named.name, &named.link);
        let sweep = Sweep::of(link, MIB, 300, &windows, 1).unwrap_or_else(|error| panic!("{name}: {error}"));
        let megabytes = if name.contains("100mb") { 100.0 } else { 10.0 };
        let rates: Vec<_> = sweep.fixed.iter().map(|(_, run)| run.rate()).collect();
        for rate in rates.iter().copied().chain([sweep.adaptive.rate()]) {
            assert!(rate as f64 <= megabytes * 1e6 * 1.001, "{name}: {rate}");
        }
        let (best, rate) = sweep.best();
        assert_eq!((windows.contains(&best), Some(&rate)), (true, rates.iter().max()), "{name}");
        let (least, most) = sweep.adaptive.window_between(Duration::ZERO, Duration::MAX);
        assert!((1..=16).contains(&least) && least <= most && most <= 16, "{name}: {least} to {most}");
        let stored: u64 = sweep.adaptive.stored.iter().map(|(_, bytes)| bytes).sum();
        assert_eq!(stored, 300 * MIB, "{name}");
    }
}

/// A link whose bandwidth changes twice has three phases, each judged for itself; the slow one is slower.
#[test]
fn a_link_that_halves_and_recovers_has_three_phases() {
    let at = Duration::from_secs;
    let link = Link::new(Duration::from_millis(40), 10_000_000).halved(at(100), at(300));
    let sweep = Sweep::of(&link, MIB, 3_500, &[1, 4], 1).unwrap();
    let phases: Vec<_> = sweep.phases().into_iter().map(|phase| phase.unwrap()).collect();
    assert_eq!(phases.len(), 3);
    for (phase, rate) in phases.iter().zip([10e6, 5e6, 10e6]) {
        assert!(near(phase.best_rate, rate) && phase.ratio() <= 1.02, "{phase:?}");
        assert!(phase.sizes.0 >= 1 && phase.sizes.1 <= 4, "{phase:?}");
    }
}

/// What is asked of the adaptive window, strictly, on every link of the catalogue: see [`Phase`]. The full matrix, with more
/// sizes and seeds, is `cargo run --release -p chunkwise-testkit --bin links`.
#[test]
fn on_every_link_the_adaptive_window_is_near_the_best_fixed_one_and_stays_there() {
    let judged: usize = catalogue(4 * MIB, 1_500)
        .iter()
        .map(|named| {
            let name = &named.name;
            let segments = if named.link.bandwidth.later.is_empty() { 1_500 } else { 4_500 };
            let sweep = Sweep::judging(&named.link, 4 * MIB, segments, &[6, 64], 1)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            let (least, most) = sweep.adaptive.window_between(Duration::ZERO, Duration::MAX);
            assert!(least >= 1 && most <= 64, "{name}: {least} to {most}");
            let phases = sweep.phases();
            for phase in &phases {
                let phase = phase.as_ref().unwrap_or_else(|| panic!("{name}: it was over before its rounds"));
                assert!(phase.best_rate > 0 && phase.holds(), "{name}: {phase:?}");
            }
            phases.len()
        })
        .sum();
    assert_eq!(judged, 36 + 4 * 2, "every phase of every link");
}

#[test]
fn what_is_asked_of_a_phase_can_be_missed() {
    let phase = Phase { best: vec![6], best_rate: 1_000, rate: 900, sizes: (4, 8) };
    assert!(phase.holds() && phase.centre() == Some(6));
    assert!(!Phase { rate: 899, ..phase.clone() }.holds());
    assert!(!Phase { sizes: (3, 6), ..phase.clone() }.holds());
    assert!(!Phase { sizes: (6, 9), ..phase.clone() }.holds());
    let plateau = Phase { best: (8..=64).collect(), ..phase };
    assert_eq!(Phase { sizes: (30, 34), ..plateau.clone() }.centre(), Some(32));
    assert!(!Phase { sizes: (30, 35), ..plateau.clone() }.holds(), "not even on a plateau");
    assert!(Phase { sizes: (6, 7), ..plateau.clone() }.holds());
    assert!(!Phase { sizes: (5, 8), ..plateau }.holds());
}

/// 150 ms, 100 MB/s, 10 MB/s per connection. A lane sends 4 MiB in 0.42 s and waits a round trip for the answer: 14 lanes
/// are the least that could fill the link.
#[test]
fn with_the_window_that_a_sweep_finds_a_long_link_is_filled_to_nine_tenths() {
    let link = Link::new(Duration::from_millis(150), 100_000_000).per_connection(10_000_000);
    let rate =
        |n| run(&link, &Load { total: 128 * 4 * MIB, chunk: 4 * MIB, window: fixed(n) }, 1).unwrap().rate();
    let (best, window) = (8..=40).map(|n| (rate(n), n)).max().unwrap();
    assert!(best >= 90_000_000, "{best} bytes per second with {window}");
    assert!(rate(8) < 80_000_000, "with fewer lanes than are needed it is not");
}
