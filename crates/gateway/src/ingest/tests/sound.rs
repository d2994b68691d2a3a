//! Bodies that are read.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use super::*;

/// Every byte twice, and something beside: all symbols are in it.
fn media() -> Vec<u8> {
    (0..=255).chain((0..=255).rev()).chain([1]).collect()
}

fn upload_of(data: &str) -> Reading {
    upload(format!(r#"{{"auth_token":"t","media_type":"image/png","media_data":"{data}"}}"#))
}

#[test]
fn a_url_is_read_with_all_that_goes_with_it() {
    let reading = upload(
        r#" { "proxy" : "socks5://u:p@h:1" , "media_category":"tweet_image","alt_text":"a\nb \ud83d\ude00",
        "auth_token":"to\/ken","media_url":"https://e.org/a?b=\u0063","media_type":"image/gif" } "#,
    );
    assert_eq!(field(&reading, "auth_token"), Some("to/ken"));
    assert_eq!(field(&reading, "media_url"), Some("https://e.org/a?b=c"));
    assert_eq!(field(&reading, "media_type"), Some("image/gif"));
    assert_eq!(field(&reading, "media_category"), Some("tweet_image"));
    assert_eq!(field(&reading, "alt_text"), Some("a\nb 😀"));
    assert_eq!(field(&reading, "proxy"), Some("socks5://u:p@h:1"));
    assert_eq!(reading.media, Vec::<Vec<u8>>::new());
}

#[test]
fn either_alphabet_is_taken_with_padding_and_without() {
    for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
        for cut in 0..3 {
            let media = &media()[cut..];
            let reading = upload_of(&engine.encode(media));
            assert_eq!(reading.media, [media]);
            assert_eq!(field(&reading, "len"), Some(media.len().to_string().as_str()));
        }
    }
}

#[test]
fn php_escapes_every_slash() {
    let media = media();
    let reading = upload_of(&STANDARD.encode(&media).replace('/', "\\/"));
    assert_eq!(reading.media, [media]);
}

#[test]
fn dot_net_escapes_every_plus() {
    let media = media();
    let reading = upload_of(&STANDARD.encode(&media).replace('+', "\\u002B").replace('=', "\\u003d"));
    assert_eq!(reading.media, [media]);
}

#[test]
fn a_data_uri_tells_the_type() {
    let body = r#"{"auth_token":"t","media_data":"data:Image/PNG;charset=x;base64,aGk="}"#;
    let reading = upload(body);
    assert_eq!(field(&reading, "media_type"), Some("image/png"));
    assert_eq!(reading.media, [b"hi"]);
    // Any case, any escapes; and what begins like one is none.
    assert_eq!(upload_of("DATA\\u003aimage\\/png;BASE64,aGk=").media, [b"hi"]);
    assert_eq!(upload_of("data").media, [STANDARD.decode("data").unwrap()]);
    assert_eq!(upload_of("dat4").media, [STANDARD.decode("dat4").unwrap()]);
}

#[test]
fn a_given_type_may_agree_with_the_uri_in_other_words() {
    for given in ["image/jpg", "image/jpeg", "IMAGE/JPEG; q=1"] {
        for members in [["media_type", "media_data"], ["media_data", "media_type"]] {
            let values = members.map(|member| match member {
                "media_type" => format!(r#""media_type":"{given}""#),
                _ => r#""media_data":"data:image/jpeg;base64,aGk""#.to_owned(),
            });
            let reading = upload(format!(r#"{{"auth_token":"t",{},{}}}"#, values[0], values[1]));
            assert_eq!(field(&reading, "media_type"), Some(given));
        }
    }
}

#[test]
fn what_is_unknown_is_skipped() {
    let reading = upload(
        r#"{"auth_token":"t","media_url":"u","x":[{"y":[1,-0.5e+3,true,false,null,"\u00e9",{}]},[]],
        "z":{"auth_token":{"media_url":[]},"auth_token":1}}"#,
    );
    assert_eq!(reading.result.unwrap().len(), 2);
}

#[test]
fn null_and_the_empty_string_are_none() {
    for none in ["null", "\"\""] {
        let reading = upload(format!(
            r#"{{"auth_token":"t","media_url":"u","media_data":{none},"media_type":{none},"proxy":{none}}}"#
        ));
        assert_eq!(reading.result.unwrap().len(), 2, "{none}");
    }
    let reading = create(r#"{"auth_token":"t","text":"x","media":null,"media_ids":null,"media_urls":[]}"#);
    assert_eq!(reading.result.unwrap().len(), 2);
}

#[test]
fn a_post_may_have_all_kinds_of_media() {
    let reading = create(
        r#"{"auth_token":"t","text":"hi \u00e9","media_ids":["1","18446744073709551615"],"media_urls":["u"],
        "media":[{"x":[],"data":"aGk","type":"image/png"}],"reply_to_tweet_id":"2","quote_tweet_id":"3"}"#,
    );
    assert_eq!(reading.media, [b"hi"]);
    assert_eq!(field(&reading, "media"), Some("image/png 2"));
    assert_eq!(field(&reading, "text"), Some("hi é"));
    assert_eq!(field(&reading, "reply_to_tweet_id"), Some("2"));
    let media = r#"{"data":"data:image/gif;base64,R0lG"}"#;
    let reading = create(format!(r#"{{"auth_token":"t","media":[{media},{media},{media},{media}]}}"#));
    assert_eq!(reading.media, [b"GIF"; 4]);
}

#[test]
fn the_longest_post_is_taken_though_every_character_is_escaped() {
    let text = "\\ud83d\\ude00".repeat(25_000);
    let reading = create(format!(r#"{{"auth_token":"t","text":"{text}"}}"#));
    assert_eq!(field(&reading, "text").map(str::len), Some(100_000));
}

#[test]
fn a_body_does_not_show_its_secrets() {
    let mut reader = super::super::UploadReader::new(IngestLimits::default());
    let body = br#"{"auth_token":"hunter2","media_url":"hunter3","proxy":"hunter4"}"#;
    struct NoMedia;
    impl super::super::MediaSink for NoMedia {
        fn begin(&mut self, _: super::super::MediaStart<'_>) -> Result<(), super::super::SinkRefusal> {
            panic!("there is no media");
        }
        fn bytes(&mut self, _: &[u8]) -> Result<(), super::super::SinkRefusal> {
            panic!("there is no media");
        }
        fn end(&mut self) -> Result<(), super::super::SinkRefusal> {
            panic!("there is no media");
        }
    }
    let bytes = format!("{:?}", b"hunt").trim_matches(['[', ']']).to_owned();
    for piece in body.chunks(1) {
        reader.push(piece, &mut NoMedia).unwrap();
        // Nor half of one, nor as numbers.
        let shown = format!("{reader:?}");
        assert!(!shown.contains("hunt") && !shown.contains(&bytes), "{shown}");
    }
    assert!(!format!("{:?}", reader.finish().unwrap()).contains("hunter"));
}
