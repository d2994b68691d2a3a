//! How much is read of media whose bytes nobody vouches for.

/// How much is read, whatever the bytes say. Defaults are ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Caps {
    /// The largest index (`moov`) of a video, in bytes; a larger one is [`Damage::IndexTooLarge`](crate::Damage).
    /// Default: 16 MiB. Two hours of 60 frames a second and sound take less than a quarter of it.
    pub index_bytes: u64,
    /// How many boxes are visited inside an index. Default: 65,536; a video has a few hundred.
    pub index_boxes: u32,
    /// How many boxes are visited at the top of a video; one of fragments has two for each. Default: 65,536.
    pub file_boxes: u32,
    /// How far a GIF is walked to count its frames, in bytes; those behind are not counted. Default: 64 MiB.
    pub gif_bytes: u64,
    /// How many segments of a JPEG are visited to find its size. Default: 4,096; a JPEG has a dozen.
    pub jpeg_segments: u32,
}

impl Default for Caps {
    fn default() -> Self {
        const MIB: u64 = 1024 * 1024;
        Self {
            index_bytes: 16 * MIB,
            index_boxes: 65_536,
            file_boxes: 65_536,
            gif_bytes: 64 * MIB,
            jpeg_segments: 4096,
        }
    }
}
