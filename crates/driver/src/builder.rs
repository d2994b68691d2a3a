//! The settings of a driver.

use std::num::NonZeroU64;
use std::sync::Arc;

use chunkwise_core::Timestamp;

use crate::budget::ByteBudget;
use crate::checkpoint::{CheckpointStore, MemoryStore};
use crate::clock::Clock;
use crate::driver::Driver;
use crate::error::BuildError;
use crate::rate::RateLimit;

/// Settings of a [`Driver`].
#[derive(Clone, Debug)]
pub struct DriverBuilder {
    byte_budget: usize,
    frame_size: usize,
    read_ahead: u32,
    limit_rate: Option<NonZeroU64>,
    checkpoints: Arc<dyn CheckpointStore>,
    clock_shows: Option<Timestamp>,
}

impl Default for DriverBuilder {
    fn default() -> Self {
        Self {
            byte_budget: 16 << 20,
            frame_size: 64 << 10,
            read_ahead: 4,
            limit_rate: None,
            checkpoints: Arc::new(MemoryStore::default()),
            clock_shows: None,
        }
    }
}

impl DriverBuilder {
    /// How many bytes of sources may be in memory at once, for all uploads together. Default 16 MiB. It is rounded
    /// down to whole frames. One-pass streams have at most half of it, and a segment of one must fit into that.
    #[must_use]
    pub const fn byte_budget(mut self, bytes: usize) -> Self {
        self.byte_budget = bytes;
        self
    }

    /// In what pieces sources are read and sent, in bytes. Default 64 KiB: so small that what was read is still in the processor's
    /// cache when it is sent.
    #[must_use]
    pub const fn frame_size(mut self, bytes: usize) -> Self {
        self.frame_size = bytes;
        self
    }

    /// How many frames one Append may hold at once, read ahead or in the write buffers of the HTTP stack. Default 4.
    ///
    /// A transport must let go of the frames it was given before it is given more than this.
    #[must_use]
    pub const fn read_ahead(mut self, frames: u32) -> Self {
        self.read_ahead = frames;
        self
    }

    /// The most bytes of sources sent in a second, for all uploads together. Default: no limit.
    #[must_use]
    pub const fn limit_rate(mut self, bytes_per_second: Option<NonZeroU64>) -> Self {
        self.limit_rate = bytes_per_second;
        self
    }

    /// Where checkpoints are kept. Default: in memory, for as long as the process runs.
    #[must_use]
    pub fn checkpoints(mut self, store: impl CheckpointStore) -> Self {
        self.checkpoints = Arc::new(store);
        self
    }

    /// What the driver's clock shows when it is built; from then on it goes as fast as any. Default: the system's time.
    ///
    /// For tests and replays: in tokio's paused time a driver then always finds the same times, and a second one can go
    /// on from where the clock of the first stopped.
    #[must_use]
    pub const fn clock_shows(mut self, now: Timestamp) -> Self {
        self.clock_shows = Some(now);
        self
    }

    /// The driver.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if no frame fits the byte budget, or none may be read.
    pub fn build(self) -> Result<Driver, BuildError> {
        let Self { byte_budget, frame_size, read_ahead, .. } = self;
        if frame_size == 0 || frame_size > byte_budget {
            return Err(BuildError::FrameSize { frame_size, byte_budget });
        }
        if read_ahead == 0 {
            return Err(BuildError::ReadAhead);
        }
        Ok(self.assemble())
    }

    /// Of settings that hold together.
    fn assemble(self) -> Driver {
        let Self { byte_budget, frame_size, read_ahead, limit_rate, checkpoints, clock_shows } = self;
        let frames = u32::try_from(byte_budget / frame_size).unwrap_or(u32::MAX);
        let budget = ByteBudget::new(frames, frame_size);
        let limit = limit_rate.map(|rate| Arc::new(RateLimit::new(rate)));
        Driver::new(
            budget,
            read_ahead,
            limit,
            checkpoints,
            clock_shows.map_or_else(Clock::start, Clock::showing),
        )
    }
}

impl Default for Driver {
    /// With every default.
    fn default() -> Self {
        DriverBuilder::default().assemble()
    }
}
