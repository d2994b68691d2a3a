//! Subtitles, and other text.

use super::{Content, Foreign, media};
use crate::media_type::MediaType;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

pub(super) fn sniff(head: &[u8]) -> Option<Content> {
    let text = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(head);
    if is_vtt(text) {
        return Some(media(MediaType::Vtt));
    }
    if is_srt(text) {
        return Some(media(MediaType::Srt));
    }
    if !is_text(text) {
        return None;
    }
    Some(Content::Foreign(kind(text.trim_ascii_start())))
}

/// The signature must be followed by the end, a blank or a line's end (WebVTT §4.1).
fn is_vtt(text: &[u8]) -> bool {
    text.strip_prefix(b"WEBVTT")
        .is_some_and(|rest| matches!(rest.first(), None | Some(b' ' | b'\t' | b'\n' | b'\r')))
}

/// The first cue: usually a number, then the line with its times. Told by the bytes, not as UTF-8: subtitles
/// in old encodings are common.
fn is_srt(text: &[u8]) -> bool {
    let mut lines = text.split(|byte| matches!(byte, b'\n' | b'\r')).map(<[u8]>::trim_ascii);
    let mut filled = lines.by_ref().filter(|line| !line.is_empty());
    match (filled.next(), filled.next()) {
        (Some(first), _) if is_timing(first) => true,
        (Some(number), Some(second)) => number.iter().all(u8::is_ascii_digit) && is_timing(second),
        (Some(_) | None, _) => false,
    }
}

/// `00:00:01,000 --> 00:00:02,500`, with any number of digits, and `.` for `,` as some programs write it.
fn is_timing(line: &[u8]) -> bool {
    let Some(arrow) = line.windows(3).position(|three| three == b"-->") else { return false };
    let begin = line.get(..arrow).unwrap_or_default().trim_ascii_end();
    let fields: Vec<&[u8]> = begin.split(|byte| matches!(byte, b':' | b',' | b'.')).collect();
    let numbers = |fields: &[&[u8]]| {
        fields.iter().all(|field| (1..=3).contains(&field.len()) && field.iter().all(u8::is_ascii_digit))
    };
    fields.len() == 4 && numbers(&fields)
}

/// UTF-8 without control characters other than those a text has; a character cut off by the head's end is
/// fine.
fn is_text(text: &[u8]) -> bool {
    let valid = match std::str::from_utf8(text) {
        Ok(_) => text,
        Err(error) if error.error_len().is_none() => text.get(..error.valid_up_to()).unwrap_or_default(),
        Err(_) => return false,
    };
    !valid.is_empty()
        && valid
            .iter()
            .all(|&byte| !byte.is_ascii_control() || matches!(byte, b'\t' | b'\n' | b'\r' | 0x0C | 0x1B))
}

fn kind(text: &[u8]) -> Foreign {
    let begins = |start: &str| {
        text.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start.as_bytes()))
    };
    // Declarations and comments may stand before the element that tells.
    let contains = |tag: &str| {
        let begin = text.get(..4096).unwrap_or(text);
        begin.windows(tag.len()).any(|window| window.eq_ignore_ascii_case(tag.as_bytes()))
    };
    if begins("#EXTM3U") {
        Foreign::HlsPlaylist
    } else if begins("<!doctype html") || begins("<html") || begins("<head") || begins("<body") {
        Foreign::Html
    } else if begins("<svg")
        || ((begins("<?xml") || begins("<!--") || begins("<!doctype svg")) && contains("<svg"))
    {
        Foreign::Svg
    } else if begins("<?xml") && contains("<html") {
        Foreign::Html
    } else if begins("<?xml") {
        Foreign::Xml
    } else if is_json(text) {
        Foreign::Json
    } else {
        Foreign::Text
    }
}

/// An object or an array by its first two marks. Not an array of numbers: logs and lyrics begin like one.
fn is_json(text: &[u8]) -> bool {
    match text.split_first() {
        Some((b'{', rest)) => matches!(rest.trim_ascii_start().first(), Some(b'"' | b'}')),
        Some((b'[', rest)) => matches!(rest.trim_ascii_start().first(), Some(b'"' | b'{' | b']')),
        Some(_) | None => false,
    }
}
