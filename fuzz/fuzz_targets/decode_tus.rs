//! The answers of tus servers, and what is none.
#![no_main]

#[path = "../../crates/protocol-tus/tests/tus_answers/mod.rs"]
mod tus_answers;

use chunkwise_testkit::fuzz::decode;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for way in tus_answers::WAYS {
        let tus = tus_answers::tus(way);
        if let Err(finding) = decode::run(&tus, &tus_answers::TUS, &tus_answers::rule, bytes) {
            panic!("{finding}");
        }
    }
});
