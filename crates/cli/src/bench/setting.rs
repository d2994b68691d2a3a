//! One setting of a sweep, and what it means for a file.

use std::num::NonZeroU32;

use chunkwise::ChunkSize;
use chunkwise::core::{Plan, PlanError, Sizing};
use chunkwise::transport::http::Protocol as _;
use chunkwise::x::{Api, Category, Media, MediaType, XProtocol};

use crate::values::Window;

/// A chunk size and how many segments at once: what an upload is told by `--chunk-size` and `--window`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// In bytes.
    pub(super) chunk: ChunkSize,
    pub(super) window: Window,
}

impl Setting {
    /// Every chunk size with every number at once, and with the adaptive window up to the largest; each once, in order.
    pub(super) fn grid(chunks: &[ChunkSize], lanes: &[NonZeroU32]) -> Vec<Self> {
        let mut chunks = chunks.to_vec();
        chunks.sort_unstable_by_key(|chunk| chunk.bytes());
        chunks.dedup();
        let mut lanes = lanes.to_vec();
        lanes.sort_unstable();
        lanes.dedup();
        let adaptive = lanes.last().map(|most| Window::Adaptive(*most));
        let windows: Vec<_> = lanes.iter().map(|lanes| Window::Fixed(*lanes)).chain(adaptive).collect();
        let row = |chunk| windows.iter().map(move |window| Self { chunk, window: *window });
        chunks.iter().flat_map(|chunk| row(*chunk)).collect()
    }

    /// What has to be typed for it.
    pub(super) fn flags(&self) -> String {
        format!("--chunk-size {} --window {}", exact_size(self.chunk.bytes()), self.window)
    }

    /// How many requests an upload of so many bytes takes: INIT, a segment each, FINALIZE.
    ///
    /// # Errors
    ///
    /// Why X does not take so many bytes in such segments.
    pub(super) fn requests(&self, size: u64) -> Result<u64, Unplannable> {
        let plan = Plan::new(size, &x_sizing(), self.chunk).map_err(Unplannable::Refused)?;
        if plan.chunk_size() > self.chunk.bytes() {
            return Err(Unplannable::Raised { raised: plan.chunk_size(), most: x_sizing().max_count });
        }
        Ok(u64::from(plan.count()) + 2)
    }
}

/// Why a setting is none for a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unplannable {
    /// Segments would be larger than the setting says.
    #[error("X takes at most {most} segments: the chunk size would be raised to {}", exact_size(*raised))]
    Raised { raised: u64, most: u32 },
    /// There is no plan at all.
    #[error("{0}")]
    Refused(PlanError),
}

/// What X takes: the size of an account's media is the account's affair.
fn x_sizing() -> Sizing {
    let media = Media::new(MediaType::MP4, Category::TweetVideo).with_max_total(u64::MAX);
    XProtocol::new(Api::default(), media).profile().sizing
}

/// A size as `--chunk-size` takes it, without loss: in the unit in which it is shortest.
pub(super) fn exact_size(bytes: u64) -> String {
    let units = [
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
        ("GB", 1_000_000_000),
        ("MB", 1_000_000),
        ("KB", 1000),
    ];
    let whole = units.into_iter().filter(|(_, unit)| bytes.is_multiple_of(*unit) && bytes > 0);
    let told = whole.map(|(name, unit)| format!("{}{name}", bytes / unit));
    told.min_by_key(String::len).unwrap_or_else(|| bytes.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(chunk: u64, window: &str) -> Setting {
        Setting { chunk: ChunkSize::new(chunk).unwrap(), window: window.parse().unwrap() }
    }

    #[test]
    fn a_grid_has_every_pair_once_and_an_adaptive_row() {
        let chunk = |bytes| ChunkSize::new(bytes).unwrap();
        let lanes = |n| NonZeroU32::new(n).unwrap();
        let grid =
            Setting::grid(&[chunk(2 << 20), chunk(1 << 20), chunk(2 << 20)], &[lanes(4), lanes(1), lanes(4)]);
        let told: Vec<_> = grid.iter().map(Setting::flags).collect();
        let rows = |size| ["1", "4", "adaptive:4"].map(|n| format!("--chunk-size {size} --window {n}"));
        assert_eq!(told, [rows("1MiB"), rows("2MiB")].concat());
    }

    #[test]
    fn what_is_told_to_be_typed_is_read_as_the_same() {
        for bytes in [1, 1000, 1024, 262_144, 256_000_000, 5_000_000, 4_194_305, 3 << 30, 524_288] {
            let size: crate::values::Size = exact_size(bytes).parse().unwrap();
            assert_eq!(size.bytes(), bytes, "{}", exact_size(bytes));
        }
        let told = [4 << 20, 5_000_000, 256_000_000, 4_194_305].map(exact_size);
        assert_eq!(told, ["4MiB", "5MB", "256MB", "4194305"]);
    }

    #[test]
    fn what_x_does_not_take_is_no_setting_for_a_size() {
        assert_eq!(setting(1 << 20, "4").requests(64 << 20), Ok(66));
        assert_eq!(setting(256 << 10, "4").requests(250 << 20), Ok(1002));
        let error = setting(256 << 10, "4").requests(512 << 20).unwrap_err();
        assert_eq!(
            error.to_string(),
            "X takes at most 1000 segments: the chunk size would be raised to 536871"
        );
        assert!(matches!(setting(5_000_001, "1").requests(9_000_000), Err(Unplannable::Refused(_))));
        assert!(matches!(setting(5_000_000, "1").requests(5_000_000_001), Err(Unplannable::Refused(_))));
    }
}
