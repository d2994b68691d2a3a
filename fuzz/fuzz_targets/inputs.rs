//! Arbitrary inputs into the engine.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(finding) = chunkwise_testkit::fuzz::inputs::run(bytes) {
        panic!("{finding}");
    }
});
