//! What the fuzz targets of the sandbox run, over the kept seeds and over noise.

use chunkwise_sandbox::fuzzing;
use chunkwise_testkit::fuzz::Replay;

const FUZZ: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz");

#[test]
fn multipart_is_the_same_however_it_is_cut() {
    let replay = Replay { fuzz: FUZZ, target: "sandbox_multipart", runs: 3_000, longest: 400 };
    replay.run(fuzzing::multipart).unwrap();
}

#[test]
fn any_json_is_read_or_refused_with_a_reason() {
    Replay { fuzz: FUZZ, target: "sandbox_json", runs: 3_000, longest: 100 }.run(fuzzing::json).unwrap();
}
