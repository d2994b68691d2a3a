//! Foreign checkpoints.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(finding) = chunkwise_testkit::fuzz::checkpoint::run(bytes) {
        panic!("{finding}");
    }
});
