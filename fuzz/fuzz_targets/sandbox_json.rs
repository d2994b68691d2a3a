//! The sandbox's rules for JSON requests.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(finding) = chunkwise_sandbox::fuzzing::json(bytes) {
        panic!("{finding}");
    }
});
