//! Bodies that are refused, each with its sentence and its place.

use super::*;

/// A body; `^` stands before the byte that is blamed and is no part of it (the end, if it is not there).
fn check(read: fn(Vec<u8>) -> Reading, marked: &[u8], sentence: &str) {
    let at = marked.iter().position(|&byte| byte == b'^').unwrap_or(marked.len());
    let body: Vec<u8> = marked.iter().copied().filter(|&byte| byte != b'^').collect();
    assert_eq!(refusal(read(body)), (at as u64, sentence.to_owned()), "{}", String::from_utf8_lossy(marked));
}

#[test]
fn what_is_not_json() {
    let expected = |what: &str| format!("The body is not valid JSON: {what} was expected");
    let cut_off = "The body ends before the JSON object does";
    let cases: &[(&[u8], &str)] = &[
        (b"", "The body must be a JSON object"),
        (b"  ", "The body must be a JSON object"),
        (b"^[]", "The body must be a JSON object"),
        (b" ^\"a\"", "The body must be a JSON object"),
        (b"^null", "The body must be a JSON object"),
        (b"^auth_token=x", "The body must be a JSON object"),
        (b"^\xef\xbb\xbf{}", "The body must not begin with a byte order mark"),
        (b"^\xff\xfe{\0}\0", "The body must not begin with a byte order mark"),
        (b"^\xfe\xff\0{\0}", "The body must not begin with a byte order mark"),
        (b"{", cut_off),
        (b"{\"a", cut_off),
        (b"{\"a\":\"\\u00", cut_off),
        (b"{\"a\":1", cut_off),
        (b"{\"a\":tru", cut_off),
        (b"{\"a\":[{}]", cut_off),
        (b"{} ^x", "The body goes on after the JSON object"),
        (b"{}^{}", "The body goes on after the JSON object"),
        (b"{}^\0", "The body goes on after the JSON object"),
        (b"{^a:1}", &expected("a member's name")),
        (b"{^'a':1}", &expected("a member's name")),
        (b"{\"a\":1,^}", &expected("a member's name")),
        (b"{^,}", &expected("a member's name")),
        (b"{\"a\"^1}", &expected("a colon")),
        (b"{\"a\"^}", &expected("a colon")),
        (b"{\"a\":^}", &expected("a value")),
        (b"{\"a\":^+1}", &expected("a value")),
        (b"{\"a\":^.5}", &expected("a value")),
        (b"{\"a\":^NaN}", &expected("a value")),
        (b"{\"a\":[^,1]}", &expected("a value")),
        (b"{\"a\":[1,^]}", &expected("a value")),
        (b"{\"a\":^// x\n1}", &expected("a value")),
        (b"{\"a\":1 ^2}", &expected("a comma or the end of the object")),
        (b"{\"a\":1^]", &expected("a comma or the end of the object")),
        (b"{\"a\":0^1}", &expected("a comma or the end of the object")),
        (b"{\"a\":1^x}", &expected("a comma or the end of the object")),
        (b"{\"a\":[1^}", &expected("a comma or the end of the array")),
        (b"{\"a\":[\"x\"^:1]}", &expected("a comma or the end of the array")),
        (b"{\"a\":tr^ee}", &expected("true, false or null")),
        (b"{\"a\":nul^}", &expected("true, false or null")),
        (b"{\"a\":-^}", &expected("a digit")),
        (b"{\"a\":-^a}", &expected("a digit")),
        (b"{\"a\":1.^}", &expected("a digit")),
        (b"{\"a\":1.^e5}", &expected("a digit")),
        (b"{\"a\":1e^}", &expected("a digit")),
        (b"{\"a\":1e+^-1}", &expected("a digit")),
    ];
    for (body, sentence) in cases {
        check(upload, body, sentence);
        check(create, body, sentence);
    }
}

#[test]
fn what_is_not_a_string() {
    let escape = "A string holds an escape that JSON does not have";
    let half = "A string holds one half of a surrogate pair";
    let control = "A string holds a control character that is not escaped";
    let utf8 = "The body is not valid UTF-8";
    let cases: &[(&[u8], &str)] = &[
        (b"\\^x", escape),
        (b"\\^'", escape),
        (b"\\^U0041", escape),
        (b"\\u00^g0", escape),
        (b"\\u^ 041", escape),
        (b"\\ud83d^", half),
        (b"\\ud83d^a", half),
        (b"\\ud83d\\^n", half),
        (b"\\ud83d\\u004^1", half),
        (b"\\ud83d\\ud83^d", half),
        (b"\\ude0^0", half),
        (b"a^\nb", control),
        (b"^\0", control),
        (b"^\x1f", control),
        (b"^\x80", utf8),
        (b"\xc3^", utf8),
        (b"\xc3^(", utf8),
        (b"\xc3^\\n", utf8),
        (b"\xc3^\n", utf8),
        (b"^\xc0\xaf", utf8),
        (b"\xe0^\x9f\xbf", utf8),
        (b"\xed^\xa0\x80", utf8),
        (b"\xf4^\x90\x80\x80", utf8),
        (b"^\xf5\x80\x80\x80", utf8),
        (b"\xe2\x82\xac\xe2\x82^", utf8),
        (b"^\xff", utf8),
    ];
    for (string, sentence) in cases {
        // Wanted or skipped, a name or a value, it is the same.
        for (before, after) in [
            ("{\"auth_token\":\"", "\"}"),
            ("{\"unknown\":\"", "\"}"),
            ("{\"", "\":1}"),
            ("{\"unknown\":{\"", "\":1}}"),
            ("{\"alt_text\":\"", "\"}"),
        ] {
            check(upload, &[before.as_bytes(), string, after.as_bytes()].concat(), sentence);
        }
    }
}

#[test]
fn what_is_no_base64() {
    let symbol = "media_data is not valid base64: it holds a character that base64 does not have";
    let space = "media_data holds white space: send the base64 without line breaks";
    let mixed = "media_data is not valid base64: it mixes the standard and the URL-safe alphabet";
    let padding = "media_data is not valid base64: the padding is wrong";
    let end = "media_data is not valid base64: its end was cut off or damaged";
    let uri = "media_data is a data: URI that is not data:<media type>;base64,<data>";
    let long = "aGVsbG8h".repeat(1000);
    let cases = [
        ("aGk^ ", space),
        ("aGk\\^r\\n", space),
        ("aGk^\r\naGk", space),
        ("aGk^\taGk", space),
        ("aGk\\^t", space),
        ("^*", symbol),
        ("aG^.k", symbol),
        ("aGk^\0", symbol),
        ("aGk^é", symbol),
        ("aGk\\u00e^9", symbol),
        ("aGk\\u000^0", symbol),
        ("aGk\\^b", symbol),
        ("aGk%^", symbol),
        ("+A^-A", mixed),
        ("_A^/A", mixed),
        ("-A\\^/A", mixed),
        ("+A\\u005^f", mixed),
        ("^=", padding),
        ("a^=", padding),
        ("aGVs^=", padding),
        ("aG=^", padding),
        ("aGk=^=", padding),
        ("aA==^=", padding),
        ("aGk=^a", padding),
        ("aGk=^aGk=", padding),
        ("aGVsb^", end),
        ("a^", end),
        ("aH^", end),
        ("aH==^", end),
        ("aGl^", end),
        ("data:image/png;base64^", uri),
        ("data:image/png^,aGk", uri),
        ("data:image/png;base64;x^,aGk", uri),
        ("data:^,aGk", uri),
        ("data:ima ge/png;base64^,aGk", uri),
        ("data:image/png;base64,^", "media_data is empty"),
        ("data:image/png;base64,aG^ k", space),
        ("data:image/png;base64,aGVsb^", end),
    ]
    .map(|(data, sentence)| {
        // A percent sign is blamed itself, where its mark was not put before it.
        if data == "aGk%^" { ("aGk^%".to_owned(), sentence) } else { (data.to_owned(), sentence) }
    });
    for (data, sentence) in &cases {
        // Alone, and behind so much that it is decoded in bulk.
        for before in ["", &long] {
            if !before.is_empty() && (data.starts_with("data:")) {
                continue;
            }
            let body = format!(r#"{{"media_type":"image/png","media_data":"{before}{data}"}}"#);
            check(upload, body.as_bytes(), sentence);
        }
    }
    // What is wrong amid much is found where it is.
    for (wrong, sentence) in [("*", symbol), (" ", space), ("=", padding), ("-", mixed)] {
        let body =
            format!(r#"{{"media_data":"{long}+/A{}^{wrong}{long}"}}"#, if wrong == "=" { "A" } else { "" });
        check(upload, body.as_bytes(), sentence);
    }
}

#[test]
fn what_asks_for_nothing_sensible() {
    let either = "Provide either media_url or media_data";
    let cases = [
        ("{}", either),
        (r#"{"auth_token":"t"}"#, either),
        (r#"{"auth_token":"t","media_url":"","media_data":""}"#, either),
        (r#"{"auth_token":"t","media_url":null}"#, either),
        (r#"{"media_url":"u","media_type":"x/y","media_data":"^aGk"}"#, either),
        (r#"{"media_type":"x/y","media_data":"aGk","media_url":^"u"}"#, either),
        (r#"{"media_url":"u"}"#, "auth_token is required"),
        (r#"{"media_url":"u","auth_token":""}"#, "auth_token is required"),
        (r#"{"auth_token":"t","media_data":"aGk"}"#, "media_type is required with base64 data"),
        (r#"{"auth_token":"t","media_data":"data:;base64,aGk"}"#, "media_type is required with base64 data"),
        (
            r#"{"media_type":"image/png","media_data":"data:image/gif;base64,^aGk"}"#,
            "media_type is not the media type that the data: URI names",
        ),
        (
            r#"{"media_data":"data:image/gif;base64,aGk","media_type":"image/png"}"#,
            "media_type is not the media type that the data: URI names",
        ),
        (r#"{"auth_token":^1}"#, "auth_token must be a string"),
        (r#"{"auth_token":^true}"#, "auth_token must be a string"),
        (r#"{"media_url":^["u"]}"#, "media_url must be a string"),
        (r#"{"media_data":^{}}"#, "media_data must be a string"),
        (r#"{"proxy":^[]}"#, "proxy must be a string"),
        (r#"{"media_type":^0}"#, "media_type must be a string"),
        (r#"{"auth_token":"t","auth_token^":"t"}"#, "auth_token is given twice"),
        (r#"{"auth_token":"t","auth\u005ftoken^":null}"#, "auth_token is given twice"),
        (r#"{"x":"t","x^":"t"}"#, "A member is given twice"),
        (r#"{"auth_token":^"a\r\nb"}"#, "auth_token holds a control character"),
        (r#"{"media_url":^"a\u0000"}"#, "media_url holds a control character"),
        (r#"{"proxy":^"a\u007f"}"#, "proxy holds a control character"),
    ];
    for (body, sentence) in cases {
        check(upload, body.as_bytes(), sentence);
    }
}

#[test]
fn posts_that_make_no_sense() {
    let cases = [
        ("{}", "Provide text or media"),
        (r#"{"auth_token":"t","text":"","media":[]}"#, "Provide text or media"),
        (r#"{"auth_token":"t","reply_to_tweet_id":"1"}"#, "Provide text or media"),
        (r#"{"text":"x"}"#, "auth_token is required"),
        (r#"{"text":^1}"#, "text must be a string"),
        (r#"{"media_ids":^"1"}"#, "media_ids must be an array"),
        (r#"{"media_ids":[^1]}"#, "media_ids must be an array of strings"),
        (r#"{"media_ids":["1",^null]}"#, "media_ids must be an array of strings"),
        (r#"{"media_ids":[^["1"]]}"#, "media_ids must be an array of strings"),
        (r#"{"media_ids":[^""]}"#, "media_ids is empty"),
        (r#"{"media_ids":[^"x"]}"#, "media_ids must be made of digits"),
        (r#"{"media_ids":[^"123456789012345678901"]}"#, "media_ids must be made of digits"),
        (r#"{"reply_to_tweet_id":^"-1"}"#, "reply_to_tweet_id must be made of digits"),
        (r#"{"quote_tweet_id":^5}"#, "quote_tweet_id must be a string"),
        (r#"{"media_urls":^{}}"#, "media_urls must be an array"),
        (r#"{"media_urls":[^{}]}"#, "media_urls must be an array of strings"),
        (r#"{"media":^{}}"#, "media must be an array"),
        (r#"{"media":[^"aGk"]}"#, "media must be an array of objects"),
        (r#"{"media":[{^}]}"#, "media[].data is required"),
        (r#"{"media":[{"type":"image/png"^}]}"#, "media[].data is required"),
        (r#"{"media":[{"data":"aGk"^}]}"#, "media[].type is required with base64 data"),
        (r#"{"media":[{"data":^1}]}"#, "media[].data must be a string"),
        (r#"{"media":[{"data":"aGk","data^":"aGk"}]}"#, "media[].data is given twice"),
        (r#"{"media":[{"type":"a","type^":"b"}]}"#, "media[].type is given twice"),
        (
            r#"{"media":[{"type":"a/b","data":"data:c/d;base64,^aGk"}]}"#,
            "media[].type is not the media type that the data: URI names",
        ),
        (
            r#"{"media":[{"data":"^*"}]}"#,
            "media[].data is not valid base64: it holds a character that base64 does not have",
        ),
        (r#"{"media_ids":["1","2","3"],"media_urls":["u",^"v"]}"#, "A post takes at most 4 media"),
        (r#"{"text":"x","text^":"x"}"#, "text is given twice"),
    ];
    for (body, sentence) in cases {
        check(create, body.as_bytes(), sentence);
    }
}

#[test]
fn a_sink_refuses_in_its_own_words() {
    use super::super::{MediaSink, MediaStart, SinkRefusal, UploadReader};

    struct Picky(&'static str);
    impl Picky {
        fn judge(&self, step: &'static str) -> Result<(), SinkRefusal> {
            if self.0 == step { Err(SinkRefusal { sentence: step.into() }) } else { Ok(()) }
        }
    }
    impl MediaSink for Picky {
        fn begin(&mut self, start: MediaStart<'_>) -> Result<(), SinkRefusal> {
            assert_eq!(start, MediaStart { index: 0, media_type: Some("image/png") });
            self.judge("begin")
        }
        fn bytes(&mut self, _: &[u8]) -> Result<(), SinkRefusal> {
            self.judge("bytes")
        }
        fn end(&mut self) -> Result<(), SinkRefusal> {
            self.judge("end")
        }
    }

    for step in ["begin", "bytes", "end"] {
        let mut reader = UploadReader::new(IngestLimits::default());
        let body = br#"{"auth_token":"t","media_type":"image/png","media_data":"aGVsbG8h"}"#;
        let rejected = reader.push(body, &mut Picky(step)).unwrap_err();
        assert_eq!(rejected.to_string(), step);
        // And so it stays.
        assert_eq!(reader.push(b" ", &mut Picky("")).unwrap_err(), rejected);
        assert_eq!(reader.finish().unwrap_err(), rejected);
    }
}
