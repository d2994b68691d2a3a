//! What bytes are recognised as.

use chunkwise_media::{Content, Foreign, HEAD_LEN, MediaType, sniff};

use crate::samples;

#[test]
fn every_type_x_takes_is_recognised() {
    for (name, media_type, animation, head) in samples::accepted() {
        assert_eq!(sniff(&head), Content::Media { media_type, animation }, "{name}");
    }
}

#[test]
fn no_type_is_without_a_sample() {
    let samples = samples::accepted();
    for media_type in MediaType::ALL.into_iter().filter(|&media_type| media_type != MediaType::Pjpeg) {
        assert!(samples.iter().any(|sample| sample.1 == media_type), "{media_type}");
    }
}

#[test]
fn what_x_does_not_take_is_recognised() {
    for (foreign, head) in samples::foreign() {
        assert_eq!(sniff(&head), Content::Foreign(foreign), "{:?}", String::from_utf8_lossy(&head));
    }
}

#[test]
fn what_nothing_recognises_is_unknown() {
    let heads: &[&[u8]] = &[
        b"",
        b"\0",
        samples::NOISE,
        b"GIF88a\0\0\0\0",
        b"RIFF\0\0\0\0abcd\0",
        b"\0\0\0\x18ftypABCD\0\0\0\0EFGH\x01\0",
        b"\x1AE\xDF\xA3\x85B\x82\x82xy",
        b"\x89PNG\n",
        &[0; 100],
        // UTF-16, which may be subtitles.
        b"\xFF\xFE1\0\n\0",
    ];
    for head in heads {
        assert_eq!(sniff(head), Content::Unknown, "{head:02x?}");
    }
}

#[test]
fn a_transport_stream_needs_its_sync_in_every_packet() {
    let good = samples::transport_stream(5);
    for packet in 0..5 {
        let mut bad = good.clone();
        bad[188 * packet] = 0x48;
        assert_eq!(sniff(&bad), Content::Unknown, "packet {packet}");
    }
    assert_eq!(sniff(&samples::transport_stream(1)), Content::Unknown);
}

#[test]
fn a_text_with_letters_where_a_stream_has_its_sync_is_a_text() {
    let text: String = (0..188 * 6).map(|at| if at % 188 == 0 { 'G' } else { 'o' }).collect();
    assert_eq!(sniff(text.as_bytes()), Content::Foreign(Foreign::Text));
}

#[test]
fn a_character_cut_by_the_end_of_the_head_is_still_text() {
    let mut text = vec![b'a'; HEAD_LEN - 1];
    text.extend_from_slice("ü and a long rest".as_bytes());
    assert_eq!(sniff(&text), Content::Foreign(Foreign::Text));
}

#[test]
fn nothing_beyond_the_head_counts() {
    let mut padded = (HEAD_LEN as u32).to_be_bytes().to_vec();
    padded.extend_from_slice(b"free");
    padded.resize(HEAD_LEN, 1);
    padded.extend_from_slice(samples::MP4);
    assert_eq!(sniff(&padded), Content::Unknown);
}
