//! Whatever a server answers, decoding gives an outcome that fits the operation, is bounded, and holds no credential.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use chunkwise_oneshot::{Form, Id, OneShot};
use chunkwise_testkit::fuzz::decode::{Vocabulary, run};
use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

const ANSWERS: Vocabulary = Vocabulary {
    session: "",
    words: &["data", "media_id", "id", "0", "7", "Bearer abc"],
    headers: &["location", "retry-after", "x-request-id", "content-type"],
    statuses: &[200, 201, 202, 204, 301, 400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 502, 503, 504],
    secret: "12345-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789abcdx",
};

fn to(id: Id, key: Option<&str>) -> OneShot {
    let form = Form::Raw { content_type: HeaderValue::from_static("video/mp4") };
    let to = OneShot::new("https://example.com/upload", form, id).unwrap();
    match key {
        Some(key) => to.with_idempotency_key(key).unwrap(),
        None => to,
    }
}

proptest! {
    #[test]
    fn any_answer_gives_a_fitting_outcome(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for id in [Id::Pointer("/data/media_id".to_owned()), Id::Header(HeaderName::from_static("location"))] {
            for key in [None, Some("k7")] {
                let ran = run(&to(id.clone(), key), &ANSWERS, &|_, _| Ok(()), &bytes);
                prop_assert!(ran.is_ok(), "{:?}", ran);
            }
        }
    }
}
