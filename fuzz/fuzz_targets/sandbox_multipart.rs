//! The sandbox's multipart parser.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(finding) = chunkwise_sandbox::fuzzing::multipart(bytes) {
        panic!("{finding}");
    }
});
