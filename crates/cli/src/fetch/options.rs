//! Where is fetched from, and what is allowed beyond the public internet.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chunkwise::Policy;
use chunkwise::hyper::Trust;
use chunkwise::media::MediaCategory;
use chunkwise_fetch::{AddressPolicy, FetchLimits, Fetcher, OwnAddresses, SystemResolver};
use clap::Args;
use ipnet::IpNet;

use crate::args::ConnectionOptions;
use crate::engine::limit_values;
use crate::exit::Exit;
use crate::failed::Failed;
use crate::values::LimitSet;

/// What a URL may lead to beside the public internet.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Fetching (of URLs)")]
pub(crate) struct FetchOptions {
    /// A host that may be in a private network; may be given several times
    #[arg(long, value_name = "HOST")]
    pub(crate) allow_host: Vec<String>,
    /// A private network that may be fetched from, as in 192.168.7.0/24; may be given several times
    #[arg(long, value_name = "NETWORK")]
    pub(crate) allow_network: Vec<IpNet>,
    /// A port besides 80 and 443; may be given several times
    #[arg(long, value_name = "PORT")]
    pub(crate) allow_port: Vec<u16>,
}

/// What fetches, and where it keeps what it fetches.
pub(crate) struct Fetching {
    pub(crate) fetcher: Fetcher,
    pub(crate) folder: PathBuf,
}

impl Fetching {
    pub(crate) async fn of(
        options: FetchOptions,
        connection: &ConnectionOptions,
        limits: LimitSet,
        folder: PathBuf,
    ) -> Result<Self, Failed> {
        let config = |what: String| Failed::new(Exit::Config, what);
        let mut trust = Trust::platform();
        if let Some(ca_file) = &connection.ca_file {
            let trusted = trust.and_file(ca_file);
            trust = trusted
                .map_err(|error| config(format!("--ca-file: {error}; give a PEM file that can be read")))?;
        }
        let tls = trust.client_config().await.map_err(|error| config(error.to_string()))?;
        let own = OwnAddresses::of_interfaces();
        let own = own.map_err(|error| Failed::new(Exit::Io, format!("no interface can be seen: {error}")))?;
        let mut policy = AddressPolicy::public().deny_own(own);
        for network in options.allow_network {
            policy = policy.allow(network);
        }
        for host in &options.allow_host {
            policy = policy.allow_host(host);
        }
        let mut fetch = FetchLimits {
            body_bytes: largest(limits),
            // As long as an upload may take: it goes on meanwhile.
            total: Policy::default().deadline,
            rate_bytes: 1 << 10,
            // Nobody waits for the answer but whoever asked.
            floor: Duration::ZERO,
            jitter: Duration::ZERO,
            ..FetchLimits::default()
        };
        fetch.ports.extend(options.allow_port);
        Ok(Self { fetcher: Fetcher::new(fetch, policy, Arc::new(SystemResolver::default()), tls), folder })
    }
}

/// The largest media of any kind.
fn largest(limits: LimitSet) -> u64 {
    let limits = limit_values(limits);
    let each = [
        MediaCategory::TweetVideo,
        MediaCategory::AmplifyVideo,
        MediaCategory::DmVideo,
        MediaCategory::TweetGif,
    ]
    .map(|category| limits.limit(category).unwrap_or(u64::MAX));
    each.into_iter().max().unwrap_or(u64::MAX)
}

/// What to call a URL: without its query, which may be a signature, and of its path only what looks like a file's name, for a
/// path may be a secret as well.
pub(crate) fn label(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_name = name.rsplit_once('.').is_some_and(|(stem, ending)| {
        !stem.is_empty()
            && (1..=10).contains(&ending.len())
            && ending.bytes().all(|b| b.is_ascii_alphanumeric())
    });
    let scheme = scheme.to_ascii_lowercase();
    match (is_name, path.contains('/')) {
        (true, true) => format!("{scheme}://{host}/…/{name}"),
        (true, false) => format!("{scheme}://{host}/{name}"),
        (false, _) if path.is_empty() => format!("{scheme}://{host}"),
        (false, _) => format!("{scheme}://{host}/…"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_has_no_secret() {
        for (url, told) in [
            ("https://a.example/clip.mp4", "https://a.example/clip.mp4"),
            ("HTTPS://a.example:8443/b/c/clip.mp4?signature=s#f", "https://a.example:8443/…/clip.mp4"),
            ("http://me:password@a.example/b/clip.mp4", "http://a.example/…/clip.mp4"),
            ("http://a.example/secret-path", "http://a.example/…"),
            ("http://a.example/secret/", "http://a.example/…"),
            ("http://a.example?q", "http://a.example"),
            ("http://a.example/?q", "http://a.example"),
        ] {
            assert_eq!(label(url), told, "{url}");
        }
    }
}
