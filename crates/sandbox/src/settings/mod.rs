//! Everything that can be set, with its default.
//!
//! Two kinds of default: what X documents, and, where X documents nothing, the strictest behaviour that clients in the
//! field can live with. The second kind is gathered in [`Undocumented`].

mod access;
mod limits;
mod rates;
mod undocumented;

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use access::{
    Access, AccessMode, BearerToken, OAuth1Account, Secret, SignatureTime, TokenKind, credentials, scope,
};
pub use limits::{Limits, SizeLimits};
pub use rates::{Enforcement, RateLimit, RateLimits, RetryAfter, ThrottleBody, V1Rates, V2Rates};
pub use undocumented::{
    AppendAnswer, DuplicateSegment, FinalizeBody, Gap, ProcessingErrorInV2, SecondFinalize, SuccessStatus,
    Undocumented, UnknownSession,
};

use crate::faults::FaultPlan;
use crate::processing::Processing;

/// Where the sandbox listens and where it keeps what it is given. Read once, when it starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Listen {
    /// Plain HTTP. Default `127.0.0.1:0`: a free port of the loopback interface.
    pub http: SocketAddr,
    /// Default: HTTPS at `127.0.0.1:0`.
    pub https: Https,
    /// Where media go, in a directory of their own that is removed in the end (or, if the sandbox is killed, by the next
    /// one that starts here). Default: the system's directory for temporary files.
    pub directory: Option<PathBuf>,
    /// Where the certificate of the sandbox's own authority is written, as PEM. Default: beside the media.
    pub ca_file: Option<PathBuf>,
}

impl Default for Listen {
    fn default() -> Self {
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        Self { http: any_port, https: Https::At(any_port), directory: None, ca_file: None }
    }
}

/// Whether there is HTTPS beside HTTP. (No `Option`: TOML has no word for nothing.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Https {
    /// At this address, with a certificate of the sandbox's own authority.
    At(SocketAddr),
    /// There is none.
    Off,
}

impl Https {
    pub(crate) fn address(self) -> Option<SocketAddr> {
        match self {
            Self::At(address) => Some(address),
            Self::Off => None,
        }
    }
}

/// How long things live, by the sandbox's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lifetimes {
    /// From INIT until all bytes must have arrived. Default 86,400 s (X fact sheet §1.1; 15 days were seen too, §2.2).
    pub session_secs: u64,
    /// From FINALIZE until the media can no longer be posted. Default 86,400 s (X fact sheet §2.2).
    pub media_secs: u64,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self { session_secs: 86_400, media_secs: 86_400 }
    }
}

/// Everything. As JSON or TOML every part may be left out; an unknown name is an error.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Read once, at the start.
    pub listen: Listen,
    /// Who may come in.
    pub access: Access,
    /// Sizes and counts.
    pub limits: Limits,
    /// Session and media expiry.
    pub lifetimes: Lifetimes,
    /// Rate limits and the 429 answer.
    pub rates: RateLimits,
    /// What X leaves undocumented.
    pub undocumented: Undocumented,
    /// What happens after FINALIZE.
    pub processing: Processing,
    /// What goes wrong.
    pub faults: FaultPlan,
    /// How many requests the log keeps, the newest. Default 100,000.
    pub log_entries: LogEntries,
}

/// How many requests the log keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LogEntries(pub usize);

impl Default for LogEntries {
    fn default() -> Self {
        Self(100_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_settings_are_the_defaults_and_round_trip() {
        let defaults = Settings::default();
        assert_eq!(serde_json::from_str::<Settings>("{}").unwrap(), defaults);
        let text = serde_json::to_string(&defaults).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), defaults);
        assert!(serde_json::from_str::<Settings>(r#"{"limitz":{}}"#).is_err());
    }

    #[test]
    fn settings_can_be_written_as_toml() {
        let text = r#"
            log_entries = 10
            [listen]
            http = "127.0.0.1:8080"
            https = "off"
            [limits.media]
            video = 8589934592
            [rates]
            enforcement = "headers_only"
            v2.append = { requests = 5, window_secs = 60 }
            [undocumented]
            duplicate_other_bytes = "accumulate"
            [[processing.video]]
            info = { state = "pending", check_after_secs = 1 }
            lasts = { millis = 1500 }
            [[processing.video]]
            info = { state = "failed", error = { code = 1, name = "InvalidMedia", message = "no" } }
            [[faults]]
            operation = "append"
            on = { every_nth = 3 }
            fault = { kind = "reset", moment = { during_body = { after_bytes = 4096 } } }
            [[faults]]
            on = { segment = 7 }
            times = 1
            fault = { kind = "answer", status = 503, headers = { retry-after = "1" }, rest = "close" }
        "#;
        let settings: Settings = toml::from_str(text).unwrap();
        assert_eq!(settings.listen.https, Https::Off);
        assert_eq!(settings.processing.video.steps.len(), 2);
        assert_eq!(settings.faults.rules.len(), 2);
        assert_eq!(settings.limits.media.image, 5_242_880);
        for settings in [settings, Settings::default()] {
            let written = toml::to_string(&settings).unwrap();
            assert_eq!(toml::from_str::<Settings>(&written).unwrap(), settings);
        }
    }

    #[test]
    fn debug_output_holds_no_secret() {
        let shown = format!("{:?}", Settings::default());
        for secret in [credentials::USER_TOKEN, credentials::CONSUMER_SECRET, credentials::ACCESS_SECRET] {
            assert!(!shown.contains(secret), "{secret}");
        }
    }
}
