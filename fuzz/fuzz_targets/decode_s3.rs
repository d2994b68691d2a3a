//! S3's answers, and what is none.
#![no_main]

#[path = "../../crates/protocol-s3/tests/s3_answers/mod.rs"]
mod s3_answers;

use chunkwise_testkit::fuzz::decode;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(finding) = decode::run(&s3_answers::s3(), &s3_answers::S3, &s3_answers::rule, bytes) {
        panic!("{finding}");
    }
});
