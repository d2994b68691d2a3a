//! Rate limits per user and endpoint.

use serde::{Deserialize, Serialize};

use crate::answer::Dialect;
use crate::faults::Operation;

/// So many requests in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// How many requests.
    pub requests: u32,
    /// How long the window is, in seconds; it opens with the first request.
    pub window_secs: u64,
}

impl RateLimit {
    /// So many requests in 15 minutes.
    pub const fn per_quarter_hour(requests: u32) -> Self {
        Self { requests, window_secs: 900 }
    }

    const fn per_hour(requests: u32) -> Self {
        Self { requests, window_secs: 3600 }
    }
}

/// Limits of the v2 endpoints. The defaults are X's per-user limits (X fact sheet §2.8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct V2Rates {
    /// 1,875 in 15 minutes.
    pub initialize: RateLimit,
    /// 1,875 in 15 minutes.
    pub append: RateLimit,
    /// 1,875 in 15 minutes.
    pub finalize: RateLimit,
    /// 1,000 in 15 minutes.
    pub status: RateLimit,
    /// 500 in 15 minutes.
    pub one_shot: RateLimit,
    /// 500 in 15 minutes.
    pub metadata: RateLimit,
    /// 100 in 15 minutes.
    pub tweet: RateLimit,
}

impl Default for V2Rates {
    fn default() -> Self {
        Self {
            initialize: RateLimit::per_quarter_hour(1875),
            append: RateLimit::per_quarter_hour(1875),
            finalize: RateLimit::per_quarter_hour(1875),
            status: RateLimit::per_quarter_hour(1000),
            one_shot: RateLimit::per_quarter_hour(500),
            metadata: RateLimit::per_quarter_hour(500),
            tweet: RateLimit::per_quarter_hour(100),
        }
    }
}

/// Limits of the v1.1 commands. Initialize, append and finalize are recorded ones (X fact sheet §1.1–§1.3); the others
/// are the sandbox's own choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct V1Rates {
    /// 200 an hour.
    pub initialize: RateLimit,
    /// 20,000 an hour.
    pub append: RateLimit,
    /// 615 an hour.
    pub finalize: RateLimit,
    /// 1,000 in 15 minutes.
    pub status: RateLimit,
    /// 500 in 15 minutes.
    pub one_shot: RateLimit,
    /// 500 in 15 minutes.
    pub metadata: RateLimit,
}

impl Default for V1Rates {
    fn default() -> Self {
        Self {
            initialize: RateLimit::per_hour(200),
            append: RateLimit::per_hour(20_000),
            finalize: RateLimit::per_hour(615),
            status: RateLimit::per_quarter_hour(1000),
            one_shot: RateLimit::per_quarter_hour(500),
            metadata: RateLimit::per_quarter_hour(500),
        }
    }
}

/// Whether limits bite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enforcement {
    /// 429 when the window is exhausted. The default.
    #[default]
    Enforced,
    /// The headers are sent, and stop at 0; nothing is refused.
    HeadersOnly,
    /// No headers, no refusals (but a throttle fault still does both).
    Off,
}

/// Whether a 429 has a `Retry-After`. X documents none (X fact sheet §2.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// The default.
    #[default]
    Omitted,
    /// In seconds, until the window's reset.
    Seconds,
}

/// What a 429 of v2 looks like; v1.1 always has code 88 (X fact sheet §2.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThrottleBody {
    /// `{"title":"Too Many Requests",…}`. The default.
    #[default]
    Problem,
    /// `{"errors":[{"code":88,…}]}`.
    Code88,
}

/// Rate limits and how a 429 looks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimits {
    /// Default: enforced.
    pub enforcement: Enforcement,
    /// Default: omitted.
    pub retry_after: RetryAfter,
    /// Default: a problem document.
    pub body: ThrottleBody,
    /// By operation.
    pub v2: V2Rates,
    /// By operation.
    pub v1: V1Rates,
}

impl RateLimits {
    pub(crate) fn of(&self, dialect: Dialect, operation: Operation) -> RateLimit {
        match (dialect, operation) {
            (Dialect::V2, Operation::Initialize) => self.v2.initialize,
            (Dialect::V2, Operation::Append) => self.v2.append,
            (Dialect::V2, Operation::Finalize) => self.v2.finalize,
            (Dialect::V2, Operation::Status) => self.v2.status,
            (Dialect::V2, Operation::OneShot) => self.v2.one_shot,
            (Dialect::V2, Operation::Metadata) => self.v2.metadata,
            (Dialect::V1 | Dialect::V2, Operation::Tweet) => self.v2.tweet,
            (Dialect::V1, Operation::Initialize) => self.v1.initialize,
            (Dialect::V1, Operation::Append) => self.v1.append,
            (Dialect::V1, Operation::Finalize) => self.v1.finalize,
            (Dialect::V1, Operation::Status) => self.v1.status,
            (Dialect::V1, Operation::OneShot) => self.v1.one_shot,
            (Dialect::V1, Operation::Metadata) => self.v1.metadata,
        }
    }
}
