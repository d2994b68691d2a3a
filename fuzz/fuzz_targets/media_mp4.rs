//! What looks into MP4 files, over any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(finding) = chunkwise_media::fuzzing::mp4(bytes) {
        panic!("{finding}");
    }
});
