//! A sandbox as the other end: its settings, and as much of a link as it can emulate.

use chunkwise_sandbox::ProcessingScript;
use chunkwise_testkit::link::{Bandwidth, Link, Throttle};
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::failed::Failed;

/// A sandbox for measurements: media are ready at once, and no limit of a size or a rate is in the way.
pub(super) fn settings(rules: Vec<Value>) -> Result<Value, Failed> {
    let at_once = serde_json::to_value(ProcessingScript::already_succeeded()).map_err(|error| {
        Failed::new(Exit::Bug, format!("the sandbox's settings can't be written: {error}"))
    })?;
    let most = u64::MAX;
    let media = json!({ "image": most, "gif": most, "video": most, "dm_video": most, "subtitles": most });
    Ok(json!({
        "limits": { "media": media }, "rates": { "enforcement": "off" }, "processing": { "video": at_once },
        "log_entries": 1, "faults": rules,
    }))
}

/// The link as faults of the sandbox: every answer a round trip late, every body read no faster than a connection may
/// be. A sandbox has no bounds over all connections, and fails by number and not by chance.
///
/// # Errors
///
/// What it can't emulate.
pub(super) fn rules(link: &Link) -> Result<Vec<Value>, Failed> {
    let Link { round_trip, bandwidth: Bandwidth { first: rate, later }, per_connection, failing, throttle } =
        link;
    let beyond = match (later.as_slice(), failing, throttle) {
        ([], 0, Throttle::Never) => None,
        ([_, ..], _, _) => Some("a rate that changes"),
        (_, 1.., _) => Some("requests that fail by chance"),
        (_, _, Throttle::Quota { .. } | Throttle::AtOnce { .. }) => Some("a throttle"),
    };
    if let Some(beyond) = beyond {
        let what = format!(
            "over real sockets a sandbox emulates rtt and per-connection, and not {beyond}: leave out --over-sockets"
        );
        return Err(Failed::new(Exit::Usage, what));
    }
    let millis = u64::try_from(round_trip.as_millis()).unwrap_or(u64::MAX);
    let limit = per_connection.unwrap_or(*rate).min(*rate);
    Ok(vec![
        json!({ "fault": { "kind": "delay", "millis": millis } }),
        json!({ "operation": "append", "fault": { "kind": "slow_body", "bytes_per_sec": limit } }),
    ])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_sandbox_takes_its_settings_and_a_links_rules() {
        let link = Link::new(Duration::from_millis(20), 5_000_000).per_connection(1_000_000);
        let settings = settings(rules(&link).unwrap()).unwrap();
        let settings: chunkwise_sandbox::Settings = serde_json::from_value(settings).unwrap();
        assert_eq!(settings.faults.rules.len(), 2);
    }

    #[test]
    fn no_connection_is_faster_than_the_link() {
        let link = Link::new(Duration::from_millis(20), 5_000_000);
        for (per_connection, limit) in [(1_000_000, 1_000_000), (20_000_000, 5_000_000)] {
            let rules = rules(&link.clone().per_connection(per_connection)).unwrap();
            assert_eq!(rules[1]["fault"]["bytes_per_sec"], limit);
        }
    }

    #[test]
    fn what_a_sandbox_cannot_emulate_is_refused() {
        let link = || Link::new(Duration::from_millis(20), 5_000_000);
        let at_once = Throttle::AtOnce { most: 1, wait: Duration::from_secs(1) };
        for (link, beyond) in [
            (link().failing(1), "requests that fail by chance"),
            (link().halved(Duration::from_secs(1), Duration::from_secs(2)), "a rate that changes"),
            (link().throttled(at_once), "a throttle"),
        ] {
            let failed = rules(&link).unwrap_err();
            assert!(failed.exit == Exit::Usage && failed.what.contains(beyond), "{}", failed.what);
        }
    }
}
