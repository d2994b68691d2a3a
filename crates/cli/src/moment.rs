//! Points in time, for people: in UTC, and how far away.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chunkwise::core::Timestamp;

use crate::values::Span;

/// A point in time to come, as in `2026-11-22 17:18:10 UTC (in 2h)`.
pub(crate) fn moment(at: Timestamp) -> String {
    let now = Timestamp::EPOCH.after(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
    seen_from(now, at)
}

fn seen_from(now: Timestamp, at: Timestamp) -> String {
    let secs = at.since(now).as_secs();
    // Two units are enough: 90 minutes are not two hours.
    let units = [(86_400, 3_600), (3_600, 60)];
    let unit = units.into_iter().find(|(least, _)| secs >= *least).map_or(1, |(_, unit)| unit);
    let away = Span::of(Duration::from_secs(secs - secs % unit));
    if secs == 0 { utc(at) } else { format!("{} (in {away})", utc(at)) }
}

fn utc(at: Timestamp) -> String {
    let secs = at.as_micros() / 1_000_000;
    let (days, of_day) = (secs / 86_400, secs % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// Year, month and day of a day since 1970-01-01, in the Gregorian calendar. Years are counted from March on, so that
/// the leap day is a year's last; 400 of them always have 146,097 days.
const fn civil(days: u64) -> (u64, u64, u64) {
    // From 0000-03-01.
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let of_era_year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * of_era_year + of_era_year / 4 - of_era_year / 100);
    // From March on, months have 31, 30, 31, 30, 31 days, again and again: 153 in five.
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + of_era_year + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_dates() {
        for (days, date) in [
            (0, (1970, 1, 1)),
            (58, (1970, 2, 28)),
            (59, (1970, 3, 1)),
            (10_956, (1999, 12, 31)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (19_782, (2024, 2, 29)),
            (47_540, (2100, 2, 28)),
            (47_541, (2100, 3, 1)),
        ] {
            assert_eq!(civil(days), date, "{days}");
        }
        // Every date follows the one before.
        for days in 0..80_000 {
            let ((year, month, day), next) = (civil(days), civil(days + 1));
            let follows = next == (year, month, day + 1)
                || (next == (year, month + 1, 1) && day >= 28)
                || (next == (year + 1, 1, 1) && (month, day) == (12, 31));
            assert!(follows, "{days}: {next:?}");
        }
    }

    #[test]
    fn a_time_is_said_in_utc_and_from_here() {
        let (now, at) = (Timestamp::from_secs(1_795_361_090), Timestamp::from_secs(1_795_368_290));
        assert_eq!(seen_from(now, at), "2026-11-22 17:24:50 UTC (in 2h)");
        assert_eq!(seen_from(Timestamp::from_secs(1_795_368_199), at), "2026-11-22 17:24:50 UTC (in 91s)");
        assert_eq!(seen_from(at, now), "2026-11-22 15:24:50 UTC");
        assert!(
            seen_from(now, Timestamp::MAX).contains(" UTC (in "),
            "the end of time is no reason to panic"
        );
    }
}
