//! What the fuzz target of the gateway runs, over the kept seeds and over noise.

use chunkwise_gateway::ingest::fuzzing;
use chunkwise_testkit::fuzz::Replay;

const FUZZ: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz");

#[test]
fn any_body_is_read_the_same_however_it_is_cut() {
    Replay { fuzz: FUZZ, target: "gateway_json", runs: 3_000, longest: 200 }.run(fuzzing::json).unwrap();
}
