//! Plans against an oracle.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(finding) = chunkwise_testkit::fuzz::plan::run(bytes) {
        panic!("{finding}");
    }
});
