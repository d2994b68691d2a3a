//! The links that a window has to do well on.

use std::time::Duration;

use super::{Link, Throttle};

/// A link with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its name: of small letters, digits and hyphens.
    pub name: String,
    /// The link.
    pub link: Link,
}

const MB: u64 = 1_000_000;

/// Every link that the adaptive window is measured on, for segments of a size: round trips of 1, 40 and 150 ms at 10 and
/// 100 MB/s, each as it is, with a limit to a connection (a tenth of the whole), with one of 1,000 Appends failing, and
/// with both; and at 40 and 150 ms one whose bandwidth halves and recovers, one with a quota and one that throttles what
/// is too many at once.
///
/// The size is needed because times are in it: a bandwidth halves after some `phase` segments, and recovers as many later.
pub fn catalogue(chunk: u64, phase: u32) -> Vec<Named> {
    let mut links = Vec::new();
    for millis in [1, 40, 150] {
        for megabytes in [10, 100] {
            let (round_trip, rate) = (Duration::from_millis(millis), megabytes * MB);
            let plain = Link::new(round_trip, rate);
            let name = |what: &str| format!("{millis}ms-{megabytes}mb{what}");
            let mut add = |what: &str, link: Link| links.push(Named { name: name(what), link });
            add("", plain.clone());
            add("-failing", plain.clone().failing(1_000));
            add("-limited", plain.clone().per_connection(rate / 10));
            add("-limited-failing", plain.clone().per_connection(rate / 10).failing(1_000));
            if millis == 1 {
                continue;
            }
            // As much as 64 lanes can send of it.
            let lanes = 64 * chunk * 1_000 / millis;
            let lasts = Duration::from_secs_f64(f64::from(phase) * chunk as f64 / rate.min(lanes) as f64);
            add("-halved", plain.clone().halved(lasts, 3 * lasts));
            // Half of what the link could take, in periods of 500 segments.
            let period = Duration::from_secs_f64(1_000.0 * chunk as f64 / rate.min(lanes) as f64);
            add("-quota", plain.clone().throttled(Throttle::Quota { requests: 500, period }));
            let at_once = Throttle::AtOnce { most: 6, wait: Duration::from_secs(1) };
            add("-at-once", plain.throttled(at_once));
        }
    }
    links
}
