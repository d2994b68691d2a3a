//! Which setting to use: the cheapest of those that are as good as the fastest.

use super::cell::Summary;
use super::options::MOST_LANES;
use super::report::megabytes;
use super::setting::{Setting, exact_size};
use super::sweep::Sweep;
use super::telling::spoken;
use crate::values::Window;

/// What is nearer to the fastest than this is as good, whatever the spread.
const WORTH: f64 = 0.03;

/// A setting to use, and why.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Recommendation {
    pub(super) setting: Setting,
    pub(super) summary: Summary,
    /// The fastest, and how much it may be slower than that and as good.
    pub(super) fastest: Setting,
    pub(super) tolerance: f64,
    /// One or two sentences.
    pub(super) reason: String,
    /// What else there is to know.
    pub(super) notes: Vec<String>,
}

/// A setting that could be recommended.
#[derive(Clone, Copy)]
struct Candidate {
    setting: Setting,
    lanes: u32,
    summary: Summary,
    /// For a file of the size that is meant.
    requests: u64,
}

impl Candidate {
    fn chunk(&self) -> u64 {
        self.setting.chunk.bytes()
    }

    /// By how much it is slower than another.
    fn loss(&self, fastest: &Self) -> f64 {
        1.0 - self.summary.rate / fastest.summary.rate
    }
}

/// The cheapest setting within 3 %, or within the spread if that is more, of the fastest. Of two the cheaper is that with fewer
/// at once (memory follows the frames under way, and these the segments at once), then that with fewer requests. Only what
/// can be planned for files of the size that is meant is looked at. The adaptive window is compared and not recommended: that it
/// needs no measurement is its use.
///
/// Nothing if nothing was measured that can be planned.
pub(super) fn recommend(sweep: &Sweep, meant_for: u64) -> Option<Recommendation> {
    let candidates: Vec<_> = sweep
        .cells
        .iter()
        .filter_map(|cell| {
            let lanes = match cell.setting.window {
                Window::Fixed(lanes) => lanes.get(),
                Window::Adaptive(_) => return None,
            };
            let (summary, requests) =
                (cell.summary(sweep.size)?, cell.setting.requests(sweep.speaks, meant_for).ok()?);
            Some(Candidate { setting: cell.setting, lanes, summary, requests })
        })
        .collect();
    let fastest = *candidates.iter().max_by(|a, b| a.summary.rate.total_cmp(&b.summary.rate))?;
    let tolerance = WORTH.max(fastest.summary.spread);
    let as_good = candidates.iter().filter(|candidate| candidate.loss(&fastest) <= tolerance);
    let chosen = *as_good.min_by_key(|candidate| (candidate.lanes, candidate.requests))?;
    Some(Recommendation {
        setting: chosen.setting,
        summary: chosen.summary,
        fastest: fastest.setting,
        tolerance,
        reason: reason(&chosen, &fastest, tolerance, &candidates),
        notes: notes(&chosen, sweep, meant_for, &candidates),
    })
}

/// Why it is neither more nor less.
fn reason(chosen: &Candidate, fastest: &Candidate, tolerance: f64, all: &[Candidate]) -> String {
    let gain = fastest.summary.rate / chosen.summary.rate - 1.0;
    let less_than =
        if tolerance > WORTH { format!("the spread of {}", percent(tolerance)) } else { percent(WORTH) };
    let mut reason = if chosen.setting == fastest.setting {
        format!("{} is the fastest that was measured", spoken(chosen.setting))
    } else if chosen.lanes == fastest.lanes {
        let (more, less) = (exact_size(fastest.chunk()), exact_size(chosen.chunk()));
        format!(
            "segments of {less}: those of {more} gain {}, less than {less_than}, and take more requests",
            percent(gain)
        )
    } else if chosen.chunk() == fastest.chunk() {
        format!("{} at once: {} gain {}, less than {less_than}", chosen.lanes, fastest.lanes, percent(gain))
    } else {
        format!(
            "{}: {} gains {}, less than {less_than}, with more at once",
            spoken(chosen.setting),
            spoken(fastest.setting),
            percent(gain)
        )
    };
    let fewer = all.iter().filter(|other| other.lanes < chosen.lanes);
    if let Some(fewer) = fewer.max_by(|a, b| a.summary.rate.total_cmp(&b.summary.rate)) {
        reason.push_str(&format!(
            ". With fewer at once {} does best, {} behind the fastest",
            spoken(fewer.setting),
            percent(fewer.loss(fastest))
        ));
    } else if let Some(larger) = next_larger(chosen, all) {
        reason.push_str(&format!(
            ". Segments of {} would take fewer requests, and are {} behind the fastest",
            exact_size(larger.chunk()),
            percent(larger.loss(fastest))
        ));
    }
    reason.push('.');
    reason
}

fn next_larger(chosen: &Candidate, all: &[Candidate]) -> Option<Candidate> {
    let larger = all.iter().filter(|other| other.lanes == chosen.lanes && other.chunk() > chosen.chunk());
    larger.copied().min_by_key(Candidate::chunk)
}

fn notes(chosen: &Candidate, sweep: &Sweep, meant_for: u64, all: &[Candidate]) -> Vec<String> {
    let mut notes = Vec::new();
    let most = all.iter().map(|candidate| candidate.lanes).max().unwrap_or(1);
    if chosen.lanes == most && most < MOST_LANES && all.iter().any(|candidate| candidate.lanes < most) {
        let mut wider = [1, 2, 4].map(|times| most.saturating_mul(times).min(MOST_LANES)).to_vec();
        wider.dedup();
        let wider: Vec<_> = wider.iter().map(u32::to_string).collect();
        notes.push(format!(
            "no more than {most} at once was measured, and more may be faster: --in-flight {}",
            wider.join(",")
        ));
    }
    let adaptive = sweep.cells.iter().find(|cell| match cell.setting.window {
        Window::Adaptive(_) => cell.setting.chunk == chosen.setting.chunk,
        Window::Fixed(_) => false,
    });
    if let Some((cell, summary)) = adaptive.and_then(|cell| Some((cell, cell.summary(sweep.size)?))) {
        let part = summary.rate / chosen.summary.rate;
        notes.push(format!(
            "--window {} finds {} MB/s by itself, {} of that",
            cell.setting.window,
            megabytes(summary.rate),
            percent(part)
        ));
    }
    let left_out: Vec<_> = sweep
        .cells
        .iter()
        .filter(|cell| {
            cell.summary(sweep.size).is_some() && cell.setting.requests(sweep.speaks, meant_for).is_err()
        })
        .map(|cell| cell.setting.chunk.bytes())
        .collect();
    if let (Some(first), Some(last)) = (left_out.iter().min(), left_out.iter().max()) {
        let sizes = if first == last {
            exact_size(*first)
        } else {
            format!("{} to {}", exact_size(*first), exact_size(*last))
        };
        notes.push(format!(
            "segments of {sizes} are not recommended: a file of {} would have too many",
            exact_size(meant_for)
        ));
    }
    notes
}

/// A part as per cent, in three digits at most.
pub(super) fn percent(part: f64) -> String {
    let percent = part * 100.0;
    if percent.abs() >= 9.95 { format!("{percent:.0} %") } else { format!("{percent:.1} %") }
}

#[cfg(test)]
mod tests {
    use super::super::cell::tests::cell;
    use super::super::speaks::Speaks;
    use super::super::sweep::Ended;
    use super::*;

    const SIZE: u64 = 64 << 20;
    const MIB: u64 = 1 << 20;

    /// A sweep of chunk size, window and the rates of its rounds in MB/s.
    fn sweep(cells: &[(u64, &str, &[f64])]) -> Sweep {
        let cells = cells.iter().map(|(chunk, window, rates)| {
            let rates: Vec<_> = rates.iter().map(|rate| rate * 1e6).collect();
            cell(*chunk, window, SIZE, &rates)
        });
        Sweep { speaks: Speaks::X, size: SIZE, rounds: 3, cells: cells.collect(), ended: Ended::Complete }
    }

    fn flags(cells: &[(u64, &str, &[f64])], meant_for: u64) -> String {
        recommend(&sweep(cells), meant_for).map(|found| found.setting.flags()).unwrap_or_default()
    }

    #[test]
    fn fewer_at_once_is_cheaper_than_fewer_requests() {
        let cells: &[(u64, &str, &[f64])] = &[
            (MIB, "1", &[50.0]),
            (MIB, "4", &[98.0]),
            (MIB, "8", &[100.0]),
            (4 * MIB, "4", &[90.0]),
            (4 * MIB, "8", &[99.0]),
        ];
        let found = recommend(&sweep(cells), SIZE).unwrap();
        assert_eq!(found.setting.flags(), "--chunk-size 1MiB --window 4");
        assert_eq!(found.fastest.flags(), "--chunk-size 1MiB --window 8");
        assert_eq!(
            found.reason,
            "4 at once: 8 gain 2.0 %, less than 3.0 %. With fewer at once 1 × 1MiB does best, 50 % behind the fastest."
        );
        assert_eq!(found.notes, Vec::<String>::new());
    }

    #[test]
    fn of_as_many_at_once_the_fewest_requests_are_the_cheapest() {
        let cells: &[(u64, &str, &[f64])] =
            &[(MIB, "4", &[100.0]), (2 * MIB, "4", &[97.5]), (4 * MIB, "4", &[96.0])];
        let found = recommend(&sweep(cells), SIZE).unwrap();
        assert_eq!(found.setting.flags(), "--chunk-size 2MiB --window 4");
        assert_eq!(
            found.reason,
            "segments of 2MiB: those of 1MiB gain 2.6 %, less than 3.0 %, and take more requests. Segments of 4MiB \
             would take fewer requests, and are 4.0 % behind the fastest."
        );
    }

    #[test]
    fn what_lies_within_the_spread_is_as_good() {
        // The middle half of the fastest lies between 80 and 120.
        let wide: &[f64] = &[60.0, 80.0, 100.0, 120.0, 140.0];
        let cells: &[(u64, &str, &[f64])] = &[(MIB, "2", &[65.0]), (MIB, "8", wide)];
        let found = recommend(&sweep(cells), SIZE).unwrap();
        assert_eq!(found.setting.flags(), "--chunk-size 1MiB --window 2");
        assert!(
            found.reason.starts_with("2 at once: 8 gain 54 %, less than the spread of 40 %."),
            "{}",
            found.reason
        );
        assert_eq!(flags(&[(MIB, "2", &[59.0]), (MIB, "8", wide)], SIZE), "--chunk-size 1MiB --window 8");
        let narrow: &[f64] = &[99.0, 100.0, 101.0];
        assert_eq!(flags(&[(MIB, "2", &[96.0]), (MIB, "8", narrow)], SIZE), "--chunk-size 1MiB --window 8");
    }

    #[test]
    fn what_cannot_be_planned_for_the_size_that_is_meant_is_not_recommended() {
        let cells: &[(u64, &str, &[f64])] = &[(256 << 10, "4", &[100.0]), (MIB, "4", &[40.0])];
        assert_eq!(flags(cells, SIZE), "--chunk-size 256KiB --window 4");
        let found = recommend(&sweep(cells), 512 * MIB).unwrap();
        assert_eq!(found.setting.flags(), "--chunk-size 1MiB --window 4");
        assert_eq!(
            found.notes,
            ["segments of 256KiB are not recommended: a file of 512MiB would have too many"]
        );
        assert_eq!(recommend(&sweep(cells), 6_000_000_000), None);
    }

    #[test]
    fn the_edge_of_the_sweep_and_the_adaptive_window_are_told() {
        let cells: &[(u64, &str, &[f64])] = &[
            (MIB, "4", &[50.0]),
            (MIB, "8", &[100.0]),
            (MIB, "adaptive:8", &[97.0]),
            (4 * MIB, "adaptive:8", &[900.0]),
        ];
        let found = recommend(&sweep(cells), SIZE).unwrap();
        assert_eq!(
            found.reason,
            "8 × 1MiB is the fastest that was measured. With fewer at once 4 × 1MiB does best, 50 % behind the fastest."
        );
        assert_eq!(
            found.notes,
            [
                "no more than 8 at once was measured, and more may be faster: --in-flight 8,16,32",
                "--window adaptive:8 finds 97.0 MB/s by itself, 97 % of that"
            ]
        );
    }

    #[test]
    fn no_more_at_once_is_advised_than_can_be_asked_for() {
        let notes = |most: &str| {
            let cells: &[(u64, &str, &[f64])] = &[(MIB, "1", &[50.0]), (MIB, most, &[100.0])];
            recommend(&sweep(cells), SIZE).unwrap().notes
        };
        assert!(notes("64")[0].ends_with(": --in-flight 64,128,256"), "{:?}", notes("64"));
        assert!(notes("128")[0].ends_with(": --in-flight 128,256"), "{:?}", notes("128"));
        assert_eq!(notes("256"), Vec::<String>::new());
    }

    #[test]
    fn of_nothing_measured_nothing_is_recommended() {
        assert_eq!(recommend(&sweep(&[(MIB, "4", &[])]), SIZE), None);
        assert_eq!(recommend(&sweep(&[(MIB, "adaptive:4", &[5.0])]), SIZE), None);
    }
}
