//! The gateway's readers of JSON requests.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(finding) = chunkwise_gateway::ingest::fuzzing::json(bytes) {
        panic!("{finding}");
    }
});
