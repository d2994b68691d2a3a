//! What the fuzz target of this crate runs, over the kept seeds, over noise, and over good files with changes.

use std::path::Path;

use chunkwise_media::fuzzing;

use crate::mp4::{Mp4, words};
use crate::random::Random;
use crate::structure::CLIP;

const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/media_mp4");

#[test]
fn every_kept_seed() {
    let mut seeds = 0;
    for entry in std::fs::read_dir(Path::new(SEEDS)).expect("the seeds") {
        let path = entry.expect("a seed").path();
        let seed = std::fs::read(&path).expect("readable");
        fuzzing::mp4(&seed).unwrap_or_else(|finding| panic!("{}: {finding}", path.display()));
        seeds += 1;
    }
    assert!(seeds >= 10, "{seeds} seeds");
}

#[test]
fn noise_and_good_files_with_changes() {
    let mut random = Random::new();
    let good = [
        Mp4::default().made(),
        Mp4 { index_last: true, ..Mp4::default() }.made(),
        Mp4 { edits: Some(words(&[0, 1, 700, 512, 0x1_0000])), ..Mp4::default() }.made(),
        CLIP[..4000].to_vec(),
        CLIP.to_vec(),
    ];
    let extremes = [0, 1, 7, 8, 0x7F, 0x80, 0xFE, 0xFF];
    for run in 0..4000 {
        let length = random.below(400);
        let noise = random.bytes(length);
        fuzzing::mp4(&noise).unwrap_or_else(|finding| panic!("noise {run}: {finding}"));
        let mut file = good[random.below(good.len())].clone();
        for _ in 0..=random.below(6) {
            // Most of the structure is at the start.
            let at = random.below(file.len().min(2500));
            match random.below(4) {
                0 => file[at] = random.byte(),
                1 => file[at] = extremes[random.below(8)],
                2 => _ = file.splice(at..at, noise.iter().copied().take(9)),
                _ => _ = file.drain(at..(at + 1 + random.below(9)).min(file.len())),
            }
        }
        fuzzing::mp4(&file).unwrap_or_else(|finding| panic!("change {run}: {finding}"));
    }
}
