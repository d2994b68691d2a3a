//! What is inside good videos and images.

use std::io::Cursor;
use std::time::Duration;

use chunkwise_media::{
    AudioCodec, Caps, Chroma, Damage, IndexPlace, MediaType, Movie, Picture, PictureSize, Rest, Rotation,
    Structure, VideoCodec,
};

use crate::mp4::{Audio, Mp4, QUARTER, avcc, boxed, boxes, sps, words};
use crate::random::Random;
use crate::samples;

pub(crate) const CLIP: &[u8] = include_bytes!("../../../cli/assets/clip.mp4");

pub(crate) fn read(file: &[u8], media_type: MediaType) -> Structure {
    Structure::read(&mut Cursor::new(file), media_type, &Caps::default()).expect("memory can be read")
}

pub(crate) fn movie(file: &[u8]) -> Movie {
    match read(file, MediaType::Mp4) {
        Structure::Movie(movie) => *movie,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_real_clip_is_read_as_what_its_maker_made() {
    let movie = movie(CLIP);
    assert_eq!(movie.brand.expect("one").to_string(), "isom");
    assert_eq!((movie.index, movie.rest, movie.other_tracks), (IndexPlace::First, Rest::Nothing, 0));
    assert!(!movie.fragmented && !movie.compressed);
    let video = movie.video.expect("a picture");
    assert_eq!(video.codec.to_string(), "H.264 High");
    assert_eq!(video.shown(), PictureSize { width: 320, height: 180 });
    assert_eq!((video.frame_rate, video.duration), (Some(25.0), Some(Duration::from_secs(4))));
    assert_eq!((video.samples.sized, video.samples.timed), (100, 100));
    let VideoCodec::H264(Some(h264)) = video.codec else { panic!("{:?}", video.codec) };
    assert_eq!((h264.chroma, h264.bit_depth, h264.progressive), (Chroma::Yuv420, 8, true));
    let audio = movie.audio.expect("a tone");
    assert_eq!(audio.codec, AudioCodec::Aac { object_type: Some(AudioCodec::AAC_LC) });
    assert_eq!((audio.channels, audio.sample_rate), (1, 44_100));
}

#[test]
fn the_index_may_be_at_either_end() {
    for (index_last, place) in [(false, IndexPlace::First), (true, IndexPlace::Last)] {
        let movie = movie(&Mp4 { index_last, ..Mp4::default() }.made());
        assert_eq!((movie.index, movie.duration), (place, Some(Duration::from_secs(2))));
    }
}

#[test]
fn a_turned_picture_is_shown_turned() {
    let turned = Mp4 { matrix: QUARTER, ..Mp4::default() };
    let video = movie(&turned.made()).video.expect("a picture");
    assert_eq!((video.rotation, video.rotation.degrees()), (Rotation::Quarter, Some(90)));
    assert_eq!(video.shown(), PictureSize { width: 360, height: 640 });
    let odd = Mp4 { matrix: [1, 2, 3, 4], ..Mp4::default() };
    assert_eq!(movie(&odd.made()).video.expect("a picture").rotation, Rotation::Other);
}

#[test]
fn edits_say_how_long_it_is_shown() {
    let shown = |edits: &[u32]| {
        let edits = [words(&[0, edits.len() as u32 / 3]), words(edits)].concat();
        movie(&Mp4 { edits: Some(edits), ..Mp4::default() }.made())
    };
    const GAP: u32 = u32::MAX;
    // Half a second of nothing, then 700 ms from the second frame on.
    let cut = shown(&[500, GAP, 0x1_0000, 700, 512, 0x1_0000]);
    assert_eq!(cut.video.expect("a picture").duration, Some(Duration::from_millis(700)));
    assert_eq!(cut.duration, Some(Duration::from_secs(2)), "the samples are all there");
    let open = shown(&[0, 512, 0x1_0000]);
    assert_eq!(open.video.expect("a picture").duration, Some(Duration::from_secs(2)));
}

#[test]
fn parameter_sets_of_every_kind_are_read() {
    for (profile, chroma, expected, depth) in [
        (66, 1, Chroma::Yuv420, 8),
        (77, 1, Chroma::Yuv420, 8),
        (100, 0, Chroma::Monochrome, 8),
        (110, 1, Chroma::Yuv420, 10),
        (122, 2, Chroma::Yuv422, 10),
        (244, 3, Chroma::Yuv444, 8),
    ] {
        for progressive in [true, false] {
            let file = Mp4 { entry: vec![avcc(&sps(profile, chroma, depth, progressive))], ..Mp4::default() };
            let codec = movie(&file.made()).video.expect("a picture").codec;
            let VideoCodec::H264(Some(h264)) = codec else { panic!("{codec:?} of profile {profile}") };
            let found = (h264.profile, h264.chroma, u32::from(h264.bit_depth), h264.progressive);
            assert_eq!(found, (profile, expected, depth, progressive));
        }
    }
}

#[test]
fn a_parameter_set_cut_anywhere_or_changed_anywhere_is_no_reason_to_fail() {
    let mut random = Random::new();
    let whole = sps(244, 3, 10, true);
    for end in 0..whole.len() {
        let cut = boxed(b"avcC", &[&[1, 100, 0, 31, 0xFF, 0xE1, 0, end as u8], &whole[..end]].concat());
        movie(&Mp4 { entry: vec![cut], ..Mp4::default() }.made());
    }
    for _ in 0..2000 {
        let length = 4 + random.below(60);
        let noise = [&[0x67, 100][..], &random.bytes(length)].concat();
        movie(&Mp4 { entry: vec![avcc(&noise)], ..Mp4::default() }.made());
    }
}

#[test]
fn sound_is_told_by_its_own_description() {
    let sound = |config: &[u8], channels| {
        let audio = Audio { format: *b"mp4a", channels, config: config.to_vec(), seconds: 2 };
        let audio = movie(&Mp4 { audio: Some(audio), ..Mp4::default() }.made()).audio.expect("sound");
        (audio.codec.to_string(), audio.channels)
    };
    assert_eq!(sound(&[0x12, 0x08], 2), ("AAC-LC".to_owned(), 1));
    assert_eq!(sound(&[0x11, 0xB0], 2), ("AAC-LC".to_owned(), 6));
    assert_eq!(sound(&[0x2B, 0x92, 0x08, 0], 2), ("HE-AAC".to_owned(), 2));
    // The object type behind its escape, the rate in 24 bits, eight channels.
    assert_eq!(sound(&[0xF9, 0x5E, 0x01, 0x58, 0x88, 0xE0], 2), ("AAC (object type 42)".to_owned(), 8));
    // No description: the entry's own channels.
    assert_eq!(sound(&[], 2), ("AAC".to_owned(), 2));
}

#[test]
fn other_codecs_have_their_names() {
    for (format, name) in [
        (b"avc3", "H.264"),
        (b"hvc1", "H.265"),
        (b"av01", "AV1"),
        (b"vp09", "VP9"),
        (b"jpeg", "jpeg"),
        (b"a\0b ", "a\\x00b"),
    ] {
        let file = Mp4 { format: *format, entry: Vec::new(), ..Mp4::default() };
        assert_eq!(movie(&file.made()).video.expect("a picture").codec.to_string(), name);
    }
}

#[test]
fn a_fragmented_file_lasts_as_long_as_it_says() {
    let extends = boxes(b"mvex", &[boxed(b"mehd", &words(&[0, 7500])), boxed(b"trex", &[0; 24])]);
    let empty = Mp4 { frames: 0, delta: 0, audio: None, more: vec![extends], ..Mp4::default() };
    let file = [empty.made(), boxed(b"moof", &[0; 16]), boxed(b"mdat", &[0; 16])].concat();
    let fragmented = movie(&file);
    assert!(fragmented.fragmented);
    assert_eq!(fragmented.duration, Some(Duration::from_millis(7500)));
    // The beginning of one alone is nothing to play.
    assert_eq!(read(&empty.made(), MediaType::Mp4), Structure::Damaged(Damage::NothingToPlay));
}

#[test]
fn of_several_tracks_the_first_enabled_one_counts() {
    let cover = Mp4 { size: (99, 99), audio: None, ..Mp4::default() };
    let mut track = cover.index(0)[8..].to_vec();
    track.drain(..108);
    // The flags of `tkhd`: not enabled.
    track[8 + 8 + 3] = 6;
    let mut file = Mp4::default();
    file.more.push(track.clone());
    let movie_of = |file: &Mp4| movie(&file.made());
    assert_eq!(movie_of(&file).video.expect("one").coded, PictureSize { width: 640, height: 360 });
    assert_eq!(movie_of(&file).other_tracks, 1);
    file = Mp4 { video: false, more: vec![track, Mp4::default().index(0)[8 + 108..].to_vec()], ..file };
    assert_eq!(movie_of(&file).video.expect("one").coded, PictureSize { width: 640, height: 360 });
}

#[test]
fn images_say_how_large_they_are() {
    let jpeg = [
        &b"\xFF\xD8\xFF\xE0\0\x10JFIF\0\x01\x02\0\0\x01\0\x01\0\0\xFF\xE1\xFF\xFF"[..],
        &[0x11; 65_533],
        b"\xFF\xFF\xFF\xC2\0\x11\x08\x01\x40\x02\x80\x03",
    ];
    let lossless = b"RIFF\x1A\0\0\0WEBPVP8L\x0D\0\0\0\x2F\x7F\xC2\x59\0\0\0\0\0";
    let extended = b"RIFF\x1A\0\0\0WEBPVP8X\x0A\0\0\0\x02\0\0\0\x7F\x02\0\x67\x01\0";
    for (media_type, file, width, height) in [
        (MediaType::Png, samples::PNG, 64, 48),
        (MediaType::Jpeg, &jpeg.concat(), 640, 320),
        (MediaType::WebP, samples::WEBP, 64, 48),
        (MediaType::WebP, lossless, 640, 360),
        (MediaType::WebP, extended, 640, 360),
    ] {
        let size = Some(PictureSize { width, height });
        match read(file, media_type) {
            Structure::Picture(Picture { size: found, frames: None, .. }) => assert_eq!(found, size),
            other => panic!("{other:?}"),
        }
    }
    for media_type in [MediaType::Png, MediaType::Jpeg, MediaType::WebP, MediaType::Gif] {
        for file in [&b""[..], b"\xFF\xD8", b"\xFF\xD8\xFF\xC0\0", samples::NOISE] {
            assert!(matches!(read(file, media_type), Structure::Picture(Picture { size: None, .. })));
        }
    }
}

#[test]
fn the_frames_of_a_gif_are_counted() {
    let mut random = Random::new();
    for frames in [0, 1, 2, 7, 400] {
        let gif = samples::gif(&mut random, frames);
        match read(&gif, MediaType::Gif) {
            Structure::Picture(picture) => assert_eq!(picture.frames, Some(frames as u32)),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_is_not_looked_into_says_so() {
    assert_eq!(read(samples::WEBM, MediaType::WebM), Structure::NotRead);
    assert_eq!(read(samples::SRT, MediaType::Srt), Structure::NotRead);
}
