//! One setting of a sweep, and what it means for a file.

use chunkwise::ChunkSize;
use chunkwise::core::{Plan, PlanError};

use super::speaks::Speaks;
use crate::values::Window;

/// A chunk size and how many segments at once: what an upload is told by `--chunk-size` and `--window`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// In bytes.
    pub(super) chunk: ChunkSize,
    pub(super) window: Window,
}

impl Setting {
    /// Every chunk size, once and in order, with every window.
    pub(super) fn grid(chunks: &[ChunkSize], windows: &[Window]) -> Vec<Self> {
        let mut chunks = chunks.to_vec();
        chunks.sort_unstable_by_key(|chunk| chunk.bytes());
        chunks.dedup();
        let row = |chunk| windows.iter().map(move |window| Self { chunk, window: *window });
        chunks.iter().flat_map(|chunk| row(*chunk)).collect()
    }

    /// What has to be typed for it.
    pub(super) fn flags(&self) -> String {
        format!("--chunk-size {} --window {}", exact_size(self.chunk.bytes()), self.window)
    }

    /// How many requests an upload of so many bytes takes: a segment each, and those beside them.
    ///
    /// # Errors
    ///
    /// Why so many bytes are not taken in such segments.
    pub(super) fn requests(&self, speaks: Speaks, size: u64) -> Result<u64, Unplannable> {
        let sizing = speaks.sizing();
        let plan = Plan::new(size, &sizing, self.chunk).map_err(Unplannable::Refused)?;
        if self.chunk.bytes() < sizing.min {
            return Err(Unplannable::TooSmall { speaks, least: sizing.min });
        }
        if plan.chunk_size() > self.chunk.bytes() {
            return Err(Unplannable::TooMany { speaks, raised: plan.chunk_size(), most: sizing.max_count });
        }
        Ok(u64::from(plan.count()) + speaks.beside())
    }
}

/// Why a setting is none for a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unplannable {
    /// Segments are smaller than any but the last may be.
    #[error("{speaks} takes no segment below {} but the last", exact_size(*least))]
    TooSmall { speaks: Speaks, least: u64 },
    /// Segments would be larger than the setting says.
    #[error("{speaks} takes at most {most} segments: the chunk size would be raised to {}", exact_size(*raised))]
    TooMany { speaks: Speaks, raised: u64, most: u32 },
    /// There is no plan at all.
    #[error("{0}")]
    Refused(PlanError),
}

impl Unplannable {
    /// The same in two words.
    pub(super) const fn short(&self) -> &'static str {
        match self {
            Self::TooSmall { .. } => "too small",
            Self::TooMany { .. } => "too many",
            Self::Refused(_) => "refused",
        }
    }
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
    fn a_grid_has_every_pair_once() {
        let chunk = |bytes| ChunkSize::new(bytes).unwrap();
        let windows = ["1", "4", "adaptive:4"].map(|window| window.parse().unwrap());
        let grid = Setting::grid(&[chunk(2 << 20), chunk(1 << 20), chunk(2 << 20)], &windows);
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
    fn what_is_not_taken_is_no_setting_for_a_size() {
        let requests = |speaks, chunk, size: u64| {
            setting(chunk, "4").requests(speaks, size).map_err(|no| no.to_string())
        };
        assert_eq!(requests(Speaks::X, 1 << 20, 64 << 20), Ok(66));
        assert_eq!(requests(Speaks::X, 256 << 10, 250 << 20), Ok(1002));
        let error = "X takes at most 1000 segments: the chunk size would be raised to 536871";
        assert_eq!(requests(Speaks::X, 256 << 10, 512 << 20), Err(error.to_owned()));
        for (chunk, size) in [(5_000_001, 9_000_000), (5_000_000, 5_000_000_001)] {
            let no = setting(chunk, "1").requests(Speaks::X, size).unwrap_err();
            assert!(matches!(no, Unplannable::Refused(_)), "{no}");
        }
        // Create, parts, complete.
        assert_eq!(requests(Speaks::S3, 5 << 20, 12 << 20), Ok(5));
        let error = "S3 takes no segment below 5MiB but the last";
        assert_eq!(requests(Speaks::S3, 1 << 20, 12 << 20), Err(error.to_owned()));
        let error = "S3 takes at most 10000 segments: the chunk size would be raised to 10737419";
        assert_eq!(requests(Speaks::S3, 5 << 20, 100 << 30), Err(error.to_owned()));
        // The creation, and a PATCH each.
        assert_eq!(requests(Speaks::Tus, 1 << 20, (12 << 20) + 1), Ok(14));
    }
}
