//! Bytes made to break a reader. What is asserted is that there is an answer, and that it is a possible one.

use chunkwise_media::{Content, Inspection, Limits, MediaCategory, MediaError, sniff};

use crate::random::Random;
use crate::samples;

fn samples_of_both_sorts() -> Vec<Vec<u8>> {
    let accepted = samples::accepted().into_iter().map(|sample| sample.3);
    accepted.chain(samples::foreign().into_iter().map(|sample| sample.1)).collect()
}

/// Everything that reads a head, over one.
fn read(head: &[u8], size: u64) {
    let inspection = Inspection::new().category(MediaCategory::TweetImage).limits(Limits::none());
    let result = inspection.inspect(head, size);
    match (sniff(head), &result) {
        (_, Err(MediaError::Empty)) => assert_eq!(size, 0),
        (Content::Media { media_type, .. }, Ok(media)) => assert_eq!(media.media_type, media_type),
        (
            Content::Media { media_type: sniffed, .. },
            Err(MediaError::Truncated { media_type, least_size, .. }),
        ) => {
            assert_eq!(*media_type, sniffed);
            assert!(*least_size > size);
        }
        (
            Content::Media { media_type: sniffed, .. },
            Err(MediaError::WrongCategory { media_type, category: MediaCategory::TweetImage }),
        ) => {
            assert_eq!(*media_type, sniffed);
        }
        (Content::Foreign(sniffed), Err(MediaError::Unsupported { content, .. })) => {
            assert_eq!(*content, sniffed)
        }
        (Content::Unknown, Err(MediaError::Unrecognised { .. })) => {}
        (content, result) => panic!("{content:?} but {result:?}"),
    }
    if let Err(error) = result {
        let message = error.to_string();
        assert!(message.len() < 500 && !message.contains(char::is_control), "{message:?}");
    }
}

#[test]
fn random_bytes() {
    let mut random = Random::new();
    for _ in 0..20_000 {
        let length = random.below(300);
        let head = random.bytes(length);
        read(&head, length as u64);
    }
}

#[test]
fn every_sample_cut_at_every_byte() {
    for sample in samples_of_both_sorts() {
        for end in 0..sample.len() {
            read(&sample[..end], end as u64);
            read(&sample[..end], u64::MAX);
        }
    }
}

#[test]
fn every_sample_with_bytes_changed_or_noise_behind() {
    let mut random = Random::new();
    let extremes = [0, 1, 7, 8, 0x7F, 0x80, 0xFE, 0xFF];
    for sample in samples_of_both_sorts() {
        for _ in 0..200 {
            let mut changed = sample.clone();
            for _ in 0..=random.below(4) {
                let at = random.below(changed.len().min(64));
                changed[at] = if random.below(2) == 0 { random.byte() } else { extremes[random.below(8)] };
            }
            let noise = random.below(100);
            changed.extend_from_slice(&random.bytes(noise));
            read(&changed, random.below(1_000_000) as u64);
        }
    }
}

#[test]
fn sizes_at_the_end_of_their_range() {
    let heads: &[&[u8]] = &[
        b"\0\0\0\x01ftyp\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFmp42\0\0\0\0",
        b"\0\0\0\x01ftyp\0\0\0\0\0\0\0\0mp42\0\0\0\0",
        b"\0\0\0\x10ftypmp42\0\0\0\0\0\0\0\x01mdat\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        b"\0\0\0\x07ftypmp42",
        b"\0\0\0\0ftypmp42",
        b"\xFF\xFF\xFF\xFFftypmp42\0\0\0\0",
        b"\x89PNG\r\n\x1A\n\xFF\xFF\xFF\xFFIHDR",
        b"RIFF\xFF\xFF\xFF\xFFWEBPVP8X",
        b"\x1AE\xDF\xA3\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFFB\x82\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        b"\x1AE\xDF\xA3\0\0\0\0\0\0\0\0\0",
        b"glTF\x02\0\0\0\xFF\xFF\xFF\xFF",
        b"PK\x03\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xFF\xFF\0\0a.usdz",
    ];
    for head in heads {
        for size in [0, 1, head.len() as u64, u64::MAX] {
            read(head, size);
        }
    }
}

#[test]
fn an_endless_row_of_tiny_boxes_ends() {
    let boxes: Vec<u8> = b"\0\0\0\x08free".repeat(100_000);
    read(&boxes, boxes.len() as u64);
    let chunks: Vec<u8> = [&samples::PNG[..33], &b"\0\0\0\0tEXt\0\0\0\0".repeat(100_000)].concat();
    read(&chunks, chunks.len() as u64);
}
