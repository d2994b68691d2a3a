//! Every cap, on the byte; and that no buffer grows with the media.

use super::super::{MediaSink, MediaStart, SinkRefusal, UploadReader};
use super::*;

fn limited(request: Request, change: impl FnOnce(&mut IngestLimits), body: impl AsRef<[u8]>) -> Reading {
    let mut limits = IngestLimits::default();
    change(&mut limits);
    reading(request, limits, body.as_ref())
}

#[test]
fn strings_end_at_their_limits() {
    let cases = [
        ("auth_token", 4 << 10),
        ("media_url", 8 << 10),
        ("media_type", 256),
        ("media_category", 256),
        ("alt_text", 8 << 10),
        ("proxy", 2 << 10),
    ];
    for (field, limit) in cases {
        for character in ["x", "\\u0078", "\\/"] {
            let body = |len| format!(r#"{{"{field}":"{}"}}"#, character.repeat(len));
            assert_ne!(refused(upload(body(limit))), Reason::TooLong { field, limit });
            assert_eq!(refused(upload(body(limit + 1))), Reason::TooLong { field, limit });
        }
    }
    // A character of several bytes counts as them.
    let body = |text: &str| format!(r#"{{"auth_token":"t","text":"{text}"}}"#);
    let three = |limits: &mut IngestLimits| limits.text = 3;
    for text in ["€", "\\u20ac", "x\\u00e9"] {
        assert!(limited(Request::Create, three, body(text)).result.is_ok(), "{text}");
    }
    for text in ["x€", "x\\u20ac", "\\ud83d\\ude00", "xyz€"] {
        let reading = limited(Request::Create, three, body(text));
        assert_eq!(refused(reading), Reason::TooLong { field: "text", limit: 3 }, "{text}");
    }
}

#[test]
fn the_header_of_a_data_uri_ends_at_its_limit() {
    let body = |len: usize| {
        let header = format!("image/png;{};base64", "x".repeat(len - 17));
        format!(r#"{{"auth_token":"t","media_data":"data:{header},aGk"}}"#)
    };
    assert_eq!(upload(body(256)).media, [b"hi"]);
    assert_eq!(refused(upload(body(257))), Reason::DataUriTooLong { field: "media_data", limit: 256 });
}

#[test]
fn names_members_and_levels_are_counted() {
    let body = |len| format!(r#"{{"{}":1}}"#, "x".repeat(len));
    assert_eq!(refused(upload(body(256))), Reason::NotOneMedia);
    assert_eq!(refused(upload(body(257))), Reason::NameTooLong { limit: 256 });

    let body = |members: usize| {
        let members: Vec<_> = (0..members).map(|n| format!("\"{n}\":{n}")).collect();
        format!("{{{}}}", members.join(","))
    };
    assert_eq!(refused(upload(body(32))), Reason::NotOneMedia);
    assert_eq!(refused(upload(body(33))), Reason::TooManyMembers { limit: 32 });

    for (open, close) in [("[", "]"), (r#"{"x":"#, "}"), (r#"[{"x":"#, "}]")] {
        let levels = open.matches(['[', '{']).count();
        let body = |times| format!(r#"{{"x":{}1{}}}"#, open.repeat(times), close.repeat(times));
        let most = 7 / levels;
        assert_eq!(refused(upload(body(most))), Reason::NotOneMedia, "{open}");
        assert_eq!(refused(upload(body(most + 1))), Reason::TooDeep { limit: 8 }, "{open}");
        assert_eq!(refused(upload(body(100_000))), Reason::TooDeep { limit: 8 }, "{open}");
    }
}

#[test]
fn what_is_beside_the_media_is_bounded() {
    let limit = 64 << 10;
    let ways: [fn(usize) -> String; 4] = [
        |len| format!(r#"{{"x":"{}"}}"#, "x".repeat(len - 8)),
        |len| format!("{{{}}}", " ".repeat(len - 2)),
        |len| format!(r#"{{"x":[{}1]}}"#, "1,".repeat((len - 9) / 2)),
        |len| format!(r#"{{"x":1{}}}"#, "0".repeat(len - 7)),
    ];
    for way in ways {
        assert_eq!(refused(upload(way(limit - 1))), Reason::NotOneMedia);
        let (at, _) = refusal(upload(way(limit + 2)));
        assert_eq!(at, limit as u64);
        assert_eq!(refused(upload(way(limit + 2))), Reason::TooMuchBesideMedia { limit: limit as u64 });
    }
    // Media does not count.
    let data = "AAAA".repeat(limit);
    let body = format!(r#"{{"auth_token":"t","media_type":"a/b","media_data":"{data}"}}"#);
    assert!(upload(body).result.is_ok());
}

#[test]
fn media_ends_at_its_limit_on_the_byte() {
    for limit in [1, 2, 3, 4, 5, 6, 3071, 3072, 3073, 100_000] {
        let body = |len: usize| {
            let data = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, vec![0; len]);
            format!(r#"{{"auth_token":"t","media_type":"a/b","media_data":"{data}"}}"#)
        };
        let media = |limits: &mut IngestLimits| limits.media = limit as u64;
        assert!(limited(Request::Upload, media, body(limit)).result.is_ok(), "{limit}");
        let reading = limited(Request::Upload, media, body(limit + 1));
        assert!(reading.media[0].len() <= limit);
        assert_eq!(refused(reading), Reason::MediaTooLarge { limit: limit as u64 });
    }
}

#[test]
fn the_body_ends_at_its_limit() {
    let body = r#"{"auth_token":"t","media_url":"u"}"#;
    let exactly = |limits: &mut IngestLimits| limits.body = body.len() as u64;
    assert!(limited(Request::Upload, exactly, body).result.is_ok());
    let (at, sentence) = refusal(limited(Request::Upload, exactly, format!("{body} ")));
    assert_eq!((at, sentence.as_str()), (34, "The body is larger than 34 bytes"));
}

#[test]
fn the_limits_on_the_wire_fit_each_other() {
    let limits = IngestLimits::default();
    // The rule of the reference: a third more for base64, a tenth for escapes, and the rest.
    let base64 = limits.media.div_ceil(3) * 4;
    assert_eq!(limits.body, base64 * 11 / 10 + limits.beside_media);
}

/// Counts and checks what comes, and keeps nothing.
struct Counting {
    bytes: u64,
    longest: usize,
}

impl MediaSink for Counting {
    fn begin(&mut self, _: MediaStart<'_>) -> Result<(), SinkRefusal> {
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), SinkRefusal> {
        for &byte in bytes.iter().step_by(997) {
            assert_eq!(byte, 0);
        }
        self.bytes += bytes.len() as u64;
        self.longest = self.longest.max(bytes.len());
        Ok(())
    }

    fn end(&mut self) -> Result<(), SinkRefusal> {
        Ok(())
    }
}

/// 64 MiB of string, in pieces of 64 KiB, plain and with an escape in each: the reader holds the same all along.
#[test]
fn a_string_of_64_mib_is_held_in_a_constant_52_kib() {
    for escape in ["", "\\u0041"] {
        let mut reader = UploadReader::new(IngestLimits::default());
        let mut sink = Counting { bytes: 0, longest: 0 };
        reader.push(br#"{"auth_token":"t","media_type":"video/mp4","media_data":""#, &mut sink).unwrap();
        let piece = format!("{}{escape}", "A".repeat((64 << 10) - escape.len()));
        let symbols = (64 << 10) - escape.len() + escape.len() / 6;
        reader.push(piece.as_bytes(), &mut sink).unwrap();
        let held = reader.buffered();
        assert!(held <= (52 << 10) + 256, "{held}");
        for _ in 1..1024 {
            reader.push(piece.as_bytes(), &mut sink).unwrap();
            assert_eq!(reader.buffered(), held);
        }
        let symbols = symbols * 1024;
        let end = "A".repeat((4 - symbols % 4) % 4);
        reader.push(format!("{end}\"}}").as_bytes(), &mut sink).unwrap();
        reader.finish().unwrap();
        assert_eq!(sink.bytes, ((symbols + end.len()) / 4 * 3) as u64);
        assert!(sink.longest <= 48 << 10);
    }
}

/// What comes in one push is decoded in it, but for less than a group of four: a sink sees the first bytes at once.
#[test]
fn a_push_holds_nothing_back() {
    let mut reader = UploadReader::new(IngestLimits::default());
    let mut sink = Counting { bytes: 0, longest: 0 };
    reader.push(br#"{"media_data":"AAAAA"#, &mut sink).unwrap();
    assert_eq!(sink.bytes, 3);
    reader.push(b"AAA", &mut sink).unwrap();
    assert_eq!(sink.bytes, 6);
}
