//! An emulated link in virtual time: how fast the engine uploads over a way of a given length and width.
//!
//! [`run`] uploads through the engine itself and moves no byte: a link is arithmetic, and an hour of it is over at once.
//! The same [`Link`], [`Load`] and seed give the same [`Run`], to the microsecond.
//!
//! What a link does to a request:
//!
//! - A connection is kept and used again. A new one costs a round trip before its first byte.
//! - What is sent shares the link's rate, and no connection gets more than its limit. The shares are uneven, as those of
//!   TCP are: every request draws its weight, between a half and one and a half.
//! - The answer comes one round trip after the last byte, or up to a tenth later.
//! - Some requests fail: half of them break off in the midst, the other half are answered as a server's own mistake.
//! - A server may throttle ([`Throttle`]). What is throttled has been sent as a whole: that is the dearest way.
//!
//! What it leaves out: slow start and loss recovery of TCP, queues on the way, and what the machines themselves cost.
//!
//! ```
//! use chunkwise_core::WindowPolicy;
//! use chunkwise_testkit::link::{self, Link, Load};
//!
//! let link = Link::new(std::time::Duration::from_millis(150), 100_000_000);
//! let load = Load { total: 1 << 30, chunk: 4 << 20, window: WindowPolicy::default() };
//! let run = link::run(&link, &load, 1)?;
//! println!("{} bytes per second", run.rate());
//! # Ok::<(), chunkwise_core::UploadError>(())
//! ```

mod catalogue;
mod pipe;
mod record;
mod run;
mod server;
mod sweep;

use std::fmt;
use std::time::Duration;

pub use self::catalogue::{Named, catalogue};
pub use self::record::Run;
pub use self::run::run;
pub use self::sweep::{Phase, ROUNDS, ROUNDS_OF_QUOTA, SHARE, SPREAD, Sweep};
use chunkwise_core::WindowPolicy;

/// A way to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// From the last byte of a request to its answer.
    pub round_trip: Duration,
    /// What all connections get together.
    pub bandwidth: Bandwidth,
    /// The most that one connection gets, in bytes per second.
    pub per_connection: Option<u64>,
    /// How many of a million Appends fail.
    pub failing: u32,
    /// Whether the server throttles.
    pub throttle: Throttle,
}

/// A rate that may change, in bytes per second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bandwidth {
    /// From the beginning.
    pub first: u64,
    /// From each of these times on, counted from the beginning and in order.
    pub later: Vec<(Duration, u64)>,
}

/// Whether and how a server throttles, always by 429.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Throttle {
    /// It does not.
    Never,
    /// So many Appends in each period; a 429 names the end of the period, and nothing else tells of it.
    Quota {
        /// How many are answered.
        requests: u32,
        /// How long a period is. The first one begins with the upload.
        period: Duration,
    },
    /// So many Appends at once; a 429 names a wait.
    AtOnce {
        /// How many may be under way.
        most: u32,
        /// The wait that is named, as in Retry-After.
        wait: Duration,
    },
}

/// What is uploaded, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// How many bytes.
    pub total: u64,
    /// How many bytes a segment has. At least 1.
    pub chunk: u64,
    /// How many segments may be under way.
    pub window: WindowPolicy,
}

impl Link {
    /// A link that does nothing but take its time: a round trip, and so many bytes per second.
    pub const fn new(round_trip: Duration, rate: u64) -> Self {
        let bandwidth = Bandwidth { first: rate, later: Vec::new() };
        Self { round_trip, bandwidth, per_connection: None, failing: 0, throttle: Throttle::Never }
    }

    /// The same, with a limit to each connection.
    #[must_use]
    pub fn per_connection(self, limit: u64) -> Self {
        Self { per_connection: Some(limit), ..self }
    }

    /// The same, where so many of a million Appends fail.
    #[must_use]
    pub fn failing(self, of_a_million: u32) -> Self {
        Self { failing: of_a_million, ..self }
    }

    /// The same, where the server throttles.
    #[must_use]
    pub fn throttled(self, throttle: Throttle) -> Self {
        Self { throttle, ..self }
    }

    /// The same, at half its rate from the one time to the other.
    #[must_use]
    pub fn halved(self, from: Duration, to: Duration) -> Self {
        let rate = self.bandwidth.first;
        let bandwidth = Bandwidth { first: rate, later: vec![(from, (rate / 2).max(1)), (to, rate)] };
        Self { bandwidth, ..self }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let megabytes = |rate: u64| rate as f64 / 1e6;
        write!(f, "{} ms, {} MB/s", self.round_trip.as_millis(), megabytes(self.bandwidth.first))?;
        for (from, rate) in &self.bandwidth.later {
            write!(f, ", {} from {} s", megabytes(*rate), from.as_secs_f64())?;
        }
        if let Some(limit) = self.per_connection {
            write!(f, ", {} a connection", megabytes(limit))?;
        }
        if self.failing > 0 {
            write!(f, ", {} % failing", f64::from(self.failing) / 1e4)?;
        }
        match self.throttle {
            Throttle::Never => Ok(()),
            Throttle::Quota { requests, period } => {
                write!(f, ", 429 after {requests} in {} s", period.as_secs_f64())
            }
            Throttle::AtOnce { most, wait } => {
                write!(f, ", 429 above {most} at once, wait {} s", wait.as_secs_f64())
            }
        }
    }
}
