//! Whatever a server answers, decoding gives an outcome that fits the operation, is bounded, and holds no credential.

mod tus_answers;

use chunkwise_core::OperationKind;
use chunkwise_testkit::fuzz::Replay;
use chunkwise_testkit::fuzz::decode::{check, operation, run};
use chunkwise_transport::http::Response;
use chunkwise_tus::{Capabilities, Way};
use http::{HeaderValue, StatusCode};
use proptest::prelude::*;

use tus_answers::{TUS, WAYS, rule, tus};

fn way() -> impl Strategy<Value = Way> {
    proptest::sample::select(&WAYS[..])
}

fn header() -> impl Strategy<Value = (&'static str, HeaderValue)> {
    let value = prop_oneof![
        (0u64..10).prop_map(|n| n.to_string().into_bytes()),
        any::<u64>().prop_map(|n| n.to_string().into_bytes()),
        proptest::sample::select(TUS.words).prop_map(|word| word.as_bytes().to_vec()),
        Just(b"Tue, 14 Nov 2023 22:14:20 GMT".to_vec()),
        Just(b"Mon, 01 Jan 1601 00:00:00 GMT".to_vec()),
        prop::collection::vec(prop_oneof![Just(b'\t'), 32u8..127, 128u8..=255], 0..3_000),
    ];
    let value = value.prop_filter_map("a header value", |bytes| HeaderValue::from_bytes(&bytes).ok());
    (proptest::sample::select(TUS.headers), value)
}

proptest! {
    #[test]
    fn any_answer_gives_a_fitting_outcome(
        way in way(),
        status in prop_oneof![4 => proptest::sample::select(TUS.statuses), 1 => 100u16..=999],
        headers in prop::collection::vec(header(), 0..6),
        body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut response = Response::new(body.into());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        response.headers_mut().extend(headers.into_iter().map(|(name, value)| (http::HeaderName::from_static(name), value)));
        for kind in OperationKind::ALL {
            let operation = operation(kind, TUS.session);
            let ruled = check(&tus(way), &operation, &response, None)
                .and_then(|outcome| rule(&operation, &outcome));
            prop_assert!(ruled.is_ok(), "{:?}", ruled);
        }
        let _ = Capabilities::decode(&response, chunkwise_testkit::fuzz::decode::NOW);
    }
}

/// What the fuzz target runs, over its seeds and over noise.
#[test]
fn what_bytes_make_of_an_answer_is_decoded_well() {
    let fuzz = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz");
    let replay = Replay { fuzz, target: "decode_tus", runs: 2_000, longest: 300 };
    for way in WAYS {
        replay.run(|bytes| run(&tus(way), &TUS, &rule, bytes)).unwrap();
    }
}
