//! Policies: what the caller wants. Nothing here is clamped silently: what is out of range is an error.

use core::num::{NonZeroU32, NonZeroU64};
use core::time::Duration;

const fn nonzero_u32(n: u32) -> NonZeroU32 {
    match NonZeroU32::new(n) {
        Some(n) => n,
        None => NonZeroU32::MIN,
    }
}

/// What the caller wants of an upload.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct Policy {
    /// How many bytes a segment should hold. Default 4 MiB. Raised where the file would otherwise need more
    /// segments than the protocol allows. Larger: fewer requests; smaller: less to send again after a failure.
    pub chunk_size: ChunkSize,
    /// How many Appends may be live at once. Default: four. In the append family it is always one.
    pub window: WindowPolicy,
    /// When to try again, and how often.
    pub retry: RetryPolicy,
    /// When an operation counts as stuck.
    pub timeouts: Timeouts,
    /// How long the upload may take from its start to the end of Finalize, pauses excluded. Default 24 hours.
    pub deadline: Duration,
    /// How to wait for the server's processing.
    pub processing: ProcessingPolicy,
    /// How many sessions an upload may use, the first included. Default 2: one may be lost.
    pub sessions: NonZeroU32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            chunk_size: ChunkSize::DEFAULT,
            window: WindowPolicy::default(),
            retry: RetryPolicy::default(),
            timeouts: Timeouts::default(),
            deadline: Duration::from_secs(24 * 3600),
            processing: ProcessingPolicy::default(),
            sessions: nonzero_u32(2),
        }
    }
}

/// How many bytes a planned segment holds. At least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ChunkSize(NonZeroU64);

impl ChunkSize {
    /// 4 MiB: below every cap that has been met at X's edge (X fact sheet §2.3).
    pub const DEFAULT: Self = match Self::new(4 << 20) {
        Some(size) => size,
        None => Self(NonZeroU64::MIN),
    };

    /// A chunk size of this many bytes; zero is none.
    pub const fn new(bytes: u64) -> Option<Self> {
        match NonZeroU64::new(bytes) {
            Some(bytes) => Some(Self(bytes)),
            None => None,
        }
    }

    /// In bytes.
    pub const fn bytes(self) -> u64 {
        self.0.get()
    }
}

/// How many Appends may be live at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum WindowPolicy {
    /// Always this many.
    Fixed(NonZeroU32),
    /// From one to `max`, by measured goodput: bytes stored per second, while as many are live as the window allows.
    ///
    /// It begins with four and doubles while that brings at least half as much again. Then it goes down to what is needed for the
    /// same goodput, and a little more; where lanes are uneven, half more. There it stays. When the goodput of two rounds in
    /// a row is a sixth below or above what it was, the link has changed, and it searches anew.
    ///
    /// A throttle makes it smaller if nothing that began among as many was stored since the last throttle; that many are not
    /// tried again for 64 times the wait (at most five minutes), and then by one. A throttle that names the time of a reset
    /// is a quota's, and changes nothing. An Append that fails costs goodput and changes nothing else, unless as many fail in
    /// a row as the window holds: that halves it.
    Adaptive {
        /// The most that may be live.
        max: NonZeroU32,
    },
}

impl WindowPolicy {
    /// The most Appends that may ever be live.
    pub const fn max(self) -> u32 {
        match self {
            Self::Fixed(n) | Self::Adaptive { max: n } => n.get(),
        }
    }
}

impl WindowPolicy {
    /// How many may be live at first.
    pub const fn first(self) -> u32 {
        match self {
            Self::Fixed(n) => n.get(),
            Self::Adaptive { max } if max.get() < FIRST => max.get(),
            Self::Adaptive { .. } => FIRST,
        }
    }
}

/// What an adaptive window begins with, and what is fixed by default.
const FIRST: u32 = 4;

impl Default for WindowPolicy {
    fn default() -> Self {
        Self::Fixed(nonzero_u32(FIRST))
    }
}

/// When to try again, and how often.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct RetryPolicy {
    /// How often one thing may be tried, the first time included. Default 8.
    pub attempts: NonZeroU32,
    /// How many retries the whole upload may have outstanding: every retry takes one, every stored segment gives
    /// one back, up to this number. Default 32.
    pub budget: u32,
    /// The longest the first backoff may be; every further one may be twice as long. Default 500 ms.
    pub backoff_base: Duration,
    /// The longest any backoff may be. Default 60 s.
    pub backoff_cap: Duration,
    /// Which part of that is waited. Default: full jitter.
    pub jitter: Jitter,
    /// How often one thing may be throttled or found busy in a row. Default 60.
    pub throttles: NonZeroU32,
    /// The longest wait that a server may ask for; a longer one ends the upload (it can be resumed).
    /// Default 1 hour, four times X's rate-limit window.
    pub longest_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: nonzero_u32(8),
            budget: 32,
            backoff_base: Duration::from_millis(500),
            backoff_cap: Duration::from_secs(60),
            jitter: Jitter::Full,
            throttles: nonzero_u32(60),
            longest_wait: Duration::from_secs(3600),
        }
    }
}

/// Which part of the longest backoff is waited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Jitter {
    /// A time drawn evenly between zero and the longest: many uploads that failed at once come back one by one.
    #[default]
    Full,
    /// All of it, always the same: for tests, and where nobody else is waiting.
    None,
}

/// When an operation counts as stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct Timeouts {
    /// How long no byte may be taken while a segment is sent. Default 30 s.
    pub stall: Duration,
    /// How long an answer may take once everything is sent. Default 120 s.
    pub response: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { stall: Duration::from_secs(30), response: Duration::from_secs(120) }
    }
}

/// How to wait for the server's processing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct ProcessingPolicy {
    /// How long processing may take, pauses excluded. Default 30 minutes. When it is over, the still valid media
    /// id is returned with "still processing".
    pub deadline: Duration,
    /// The wait between two Status operations where the server gives no hint. Default 5 s.
    pub default_delay: Duration,
    /// The shortest wait, whatever the server's hint. Default 1 s.
    pub floor: Duration,
    /// The longest wait, whatever the server's hint. Default 60 s.
    pub ceiling: Duration,
    /// How many Status operations in a row may fail. Default 10.
    pub failures: NonZeroU32,
}

impl Default for ProcessingPolicy {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(30 * 60),
            default_delay: Duration::from_secs(5),
            floor: Duration::from_secs(1),
            ceiling: Duration::from_secs(60),
            failures: nonzero_u32(10),
        }
    }
}

/// A policy that can't be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the policy's {field} can't be {problem}: {remedy}")]
pub struct PolicyError {
    field: &'static str,
    problem: &'static str,
    remedy: &'static str,
}

impl Policy {
    /// Whether the policy can be followed.
    ///
    /// # Errors
    ///
    /// A deadline or timeout of zero, a backoff cap below its base, a floor above its ceiling.
    pub fn validate(&self) -> Result<(), PolicyError> {
        let zero = [
            ("deadline", self.deadline),
            ("stall timeout", self.timeouts.stall),
            ("response timeout", self.timeouts.response),
            ("processing deadline", self.processing.deadline),
            ("processing ceiling", self.processing.ceiling),
            ("longest wait", self.retry.longest_wait),
        ];
        for (field, duration) in zero {
            if duration.is_zero() {
                return Err(PolicyError { field, problem: "zero", remedy: "give it a positive duration" });
            }
        }
        if self.retry.backoff_cap < self.retry.backoff_base {
            let (field, problem) = ("backoff cap", "shorter than its base");
            return Err(PolicyError { field, problem, remedy: "raise the cap or lower the base" });
        }
        if self.processing.floor > self.processing.ceiling {
            let (field, problem) = ("processing floor", "above its ceiling");
            return Err(PolicyError { field, problem, remedy: "lower the floor or raise the ceiling" });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_policy_can_be_followed() {
        assert_eq!(Policy::default().validate(), Ok(()));
        assert_eq!(ChunkSize::DEFAULT.bytes(), 4_194_304);
    }

    #[test]
    fn bounds_may_be_equal() {
        let (at, retry) = (Duration::from_secs(7), RetryPolicy::default());
        let retry = RetryPolicy { backoff_base: at, backoff_cap: at, ..retry };
        let processing = ProcessingPolicy { floor: at, ceiling: at, ..ProcessingPolicy::default() };
        assert_eq!(Policy { retry, processing, ..Policy::default() }.validate(), Ok(()));
    }

    #[test]
    fn a_window_has_its_most() {
        let n = nonzero_u32(7);
        assert_eq!(
            [WindowPolicy::Fixed(n), WindowPolicy::Adaptive { max: n }].map(WindowPolicy::max),
            [7, 7]
        );
    }

    #[test]
    fn what_cannot_be_followed_is_named() {
        let policy = Policy { deadline: Duration::ZERO, ..Policy::default() };
        let error = policy.validate().unwrap_err();
        assert_eq!(
            alloc::string::ToString::to_string(&error),
            "the policy's deadline can't be zero: give it a positive duration"
        );
        let retry = RetryPolicy { backoff_cap: Duration::from_millis(1), ..RetryPolicy::default() };
        assert!(Policy { retry, ..Policy::default() }.validate().is_err());
        let processing = ProcessingPolicy { floor: Duration::from_secs(90), ..ProcessingPolicy::default() };
        assert!(Policy { processing, ..Policy::default() }.validate().is_err());
    }
}
