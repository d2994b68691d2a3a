//! X's answers, and what is none.
#![no_main]

#[path = "../../crates/protocol-x/tests/x_answers/mod.rs"]
mod x_answers;

use chunkwise_testkit::fuzz::decode;
use chunkwise_x::{Api, Category, Media, MediaType, XProtocol};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for (api, category) in [(Api::V2, Category::TweetVideo), (Api::V1_1, Category::TweetImage)] {
        let x = XProtocol::new(api, Media::new(MediaType::MP4, category));
        if let Err(finding) = decode::run(&x, &x_answers::X, &x_answers::rule, bytes) {
            panic!("{finding}");
        }
    }
});
