//! Bodies made of sound and unsound parts, cut anywhere: as `serde_json` and `base64` read them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use proptest::sample::select;

use super::super::fuzzing::{Request, check};

/// A string as JSON writes it, some of it escaped in one of the ways there are.
fn written(text: &str, ways: &[u8]) -> String {
    let mut ways = ways.iter().copied().cycle();
    let mut json = String::from("\"");
    for character in text.chars() {
        match (character, ways.next().unwrap_or(0)) {
            ('/', 1..=3) => json.push_str("\\/"),
            ('"' | '\\', 0..=5) => json.extend(['\\', character]),
            ('\n', 0..=5) => json.push_str("\\n"),
            (character, way) if way > 5 || character < ' ' || matches!(character, '"' | '\\') => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let escape =
                        if way % 2 == 0 { format!("\\u{unit:04x}") } else { format!("\\u{unit:04X}") };
                    json.push_str(&escape);
                }
            }
            (character, _) => json.push(character),
        }
    }
    json + "\""
}

fn string(text: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    (text, prop::collection::vec(0u8..8, 1..9)).prop_map(|(text, ways)| written(&text, &ways))
}

fn base64() -> impl Strategy<Value = String> {
    let engines = [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD];
    let length = prop_oneof![8 => 1usize..12, 1 => Just(0usize), 4 => 100usize..400, 3 => Just(7000usize)];
    let bytes = length.prop_flat_map(|len| prop::collection::vec(any::<u8>(), len));
    let header = prop_oneof![
        8 => Just(""),
        3 => Just("data:image/png;base64,"),
        1 => select(vec!["DATA:;base64,", "data:a/b,", "data:"]),
    ];
    // What to put in somewhere, mostly nothing.
    let fault = prop_oneof![9 => Just(""), 2 => select(vec!["=", " ", "-", "+", "*", "A", "é", "=="])];
    (bytes, select(engines.to_vec()), header, fault, any::<prop::sample::Index>()).prop_map(
        |(bytes, engine, header, fault, at)| {
            let mut data = engine.encode(bytes);
            let at = at.index(data.len() + 1);
            data.insert_str(at, fault);
            format!("{header}{data}")
        },
    )
}

fn any_value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        string(any::<String>()),
        select(vec![
            "null", "true", "false", "0", "-1.5E+7", "12e-3", "[]", "{}", "01", "+1", "tru", "\"\\x\""
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|all| format!("[{}]", all.join(", "))),
            prop::collection::vec((string("[a-d]{1,2}"), inner), 0..3).prop_map(|all| {
                let all: Vec<_> = all.into_iter().map(|(name, value)| format!("{name} :{value}")).collect();
                format!("{{{}}}", all.join(","))
            }),
        ]
    })
}

fn short() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => string("[ -~]{0,12}"),
        1 => string(any::<String>()),
        1 => Just("null".to_owned()),
        1 => any_value(),
    ]
}

fn media_type() -> impl Strategy<Value = String> {
    let types = select(vec!["image/png", "IMAGE/PNG", "image/png; x", "image/jpg", ""]);
    prop_oneof![4 => string(types.prop_map(str::to_owned)), 1 => short()]
}

fn ids() -> impl Strategy<Value = String> {
    let id = prop_oneof![8 => string("[0-9]{1,20}"), 1 => short()];
    let list = prop::collection::vec(id, 0..3).prop_map(|ids| format!("[{}]", ids.join(",")));
    prop_oneof![8 => list, 1 => any_value()]
}

fn data() -> impl Strategy<Value = String> {
    prop_oneof![12 => string(base64()), 1 => any_value()]
}

fn items() -> impl Strategy<Value = String> {
    let (data, given) = (named("data", data()), named("type", media_type()));
    let other = prop_oneof![
        1 => named("data", short()),
        1 => named("type", media_type()),
        4 => named("x", any_value()),
    ];
    let item = (data, given, prop::option::weighted(0.1, other))
        .prop_map(|(data, given, other)| [data, given].into_iter().chain(other).collect::<Vec<_>>())
        .prop_shuffle()
        .prop_map(|members| format!("{{{}}}", members.join(",")));
    prop::collection::vec(item, 0..3).prop_map(|items| format!("[{}]", items.join(",")))
}

fn named(name: &'static str, value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    value.prop_map(move |value| format!("\"{name}\":{value}"))
}

/// Some of them, mostly what belongs together.
fn members(request: Request) -> BoxedStrategy<Vec<String>> {
    let unknown = (string("[a-z]{1,3}"), any_value()).prop_map(|(name, value)| format!("{name}\t: {value}"));
    let rarely = |member: BoxedStrategy<String>| prop::option::weighted(0.15, member);
    let beside = match request {
        Request::Upload => (
            prop_oneof![
                6 => (named("media_data", data()), named("media_type", media_type()))
                    .prop_map(|(data, given)| vec![data, given]),
                1 => named("media_data", data()).prop_map(|data| vec![data]),
                2 => named("media_url", short()).prop_map(|url| vec![url]),
            ]
            .boxed(),
            [
                rarely(named("media_url", short()).boxed()),
                rarely(named("proxy", short()).boxed()),
                rarely(named("alt_text", short()).boxed()),
                rarely(named("media_category", short()).boxed()),
                rarely(unknown.boxed()),
            ],
        ),
        Request::Create => (
            prop_oneof![
                2 => named("text", short()).prop_map(|text| vec![text]),
                3 => named("media", items()).prop_map(|items| vec![items]),
                1 => named("media_ids", ids()).prop_map(|ids| vec![ids]),
                1 => named("media_urls", ids()).prop_map(|urls| vec![urls]),
            ]
            .boxed(),
            [
                rarely(named("text", short()).boxed()),
                rarely(named("media", items()).boxed()),
                rarely(named("reply_to_tweet_id", string("[0-9x]{0,3}")).boxed()),
                rarely(named("quote_tweet_id", string("[0-9]{0,3}")).boxed()),
                rarely(unknown.boxed()),
            ],
        ),
    };
    let token = prop_oneof![30 => Just("\"auth_token\":\"t\"".to_owned()), 1 => short()];
    (token, beside)
        .prop_map(|(token, (main, rest))| {
            main.into_iter().chain(rest.into_iter().flatten()).chain([token]).collect()
        })
        .prop_shuffle()
        .boxed()
}

fn body(request: Request) -> impl Strategy<Value = Vec<u8>> {
    let broken = prop::option::weighted(0.1, (any::<prop::sample::Index>(), any::<u8>()));
    (members(request), broken).prop_map(|(members, broken)| {
        let mut body = format!("{{{}}}", members.join(", ")).into_bytes();
        if let Some((at, byte)) = broken {
            let at = at.index(body.len());
            body[at] = byte;
        }
        body
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn an_upload_is_read_as_the_easy_way_reads_it(
        body in body(Request::Upload), cuts in prop::collection::vec(any::<u8>(), 1..8),
    ) {
        check(Request::Upload, &body, &cuts).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn a_post_is_read_as_the_easy_way_reads_it(
        body in body(Request::Create), cuts in prop::collection::vec(any::<u8>(), 1..8),
    ) {
        check(Request::Create, &body, &cuts).map_err(TestCaseError::fail)?;
    }
}

/// The strategies make both kinds of body often enough for the above to mean something.
#[test]
fn many_of_these_bodies_are_sound() {
    use super::super::IngestLimits;
    use super::super::fuzzing::read;
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;

    for request in [Request::Upload, Request::Create] {
        let mut runner = TestRunner::deterministic();
        let strategy = body(request);
        let sound = (0..300).filter(|_| {
            let body = strategy.new_tree(&mut runner).unwrap().current();
            read(request, IngestLimits::default(), [&body[..]]).result.is_ok()
        });
        let sound = sound.count();
        assert!((60..240).contains(&sound), "{request:?}: {sound} of 300");
    }
}

/// Two pieces, cut at every point there is.
#[test]
fn it_is_the_same_cut_at_every_point() {
    use super::super::IngestLimits;
    use super::super::fuzzing::read;

    let bodies = [
        r#"{"auth_token":"\u0074\ud83d\ude00é","media_data":"data:image/png;base64,-_\u0041Ahw","x":[-1.5e+3,{}]}"#,
        r#"{"auth_token":"t","media_type":"image/png","media_data":"aGVsbG8\u003D","alt_text":"€😀"}"#,
    ];
    for body in bodies.map(str::as_bytes) {
        let whole = read(Request::Upload, IngestLimits::default(), [body]);
        for at in 0..=body.len() {
            let (one, two) = body.split_at(at);
            let cut = read(Request::Upload, IngestLimits::default(), [one, two]);
            assert_eq!((&cut.result, &cut.media), (&whole.result, &whole.media), "at {at}");
        }
    }
}
