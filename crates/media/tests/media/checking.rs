//! What is inside, held against X's rules: what is refused, what is warned of, and what is let pass.

use std::io::Cursor;

use chunkwise_media::{
    Checked, FileProblem, Inspection, MediaCategory, MediaType, Problem, Rules, Severity, Structure, Use,
};
use tempfile::TempDir;

use crate::mp4::{Audio, Mp4, QUARTER, avcc, boxed, boxes, sps, words};
use crate::random::Random;
use crate::samples;
use crate::structure::CLIP;

fn check(file: &[u8]) -> Checked {
    Inspection::new().check(&mut Cursor::new(file)).expect("media")
}

/// The findings as severity and code.
fn found(checked: &Checked) -> Vec<(Severity, &'static str)> {
    checked.findings.iter().map(|finding| (finding.severity, finding.code())).collect()
}

fn of(file: &Mp4) -> Vec<(Severity, &'static str)> {
    found(&check(&file.made()))
}

const fn warned(code: &'static str) -> (Severity, &'static str) {
    (Severity::Warn, code)
}

#[test]
fn nothing_is_wrong_with_what_x_wants() {
    for file in [CLIP.to_vec(), Mp4::default().made(), Mp4 { index_last: true, ..Mp4::default() }.made()] {
        let checked = check(&file);
        assert_eq!(found(&checked), []);
        assert!(checked.refusal().is_none());
        assert_eq!(checked.media.category, MediaCategory::TweetVideo);
    }
}

/// A file of so many frames of so many ticks, without sound.
fn lasting(frames: u32, delta: u32, timescale: u32) -> Mp4 {
    Mp4 { frames, delta, timescale, audio: None, ..Mp4::default() }
}

#[test]
fn every_rule_has_its_edge() {
    let sized = |size| Mp4 { size, ..Mp4::default() };
    let coded = |sps: Vec<u8>| Mp4 { entry: vec![avcc(&sps)], ..Mp4::default() };
    let with = |entry: Vec<u8>| Mp4 { entry: vec![avcc(&sps(100, 1, 8, true)), entry], ..Mp4::default() };
    let sound = |config: &[u8]| {
        let audio = Audio { format: *b"mp4a", channels: 2, config: config.to_vec(), seconds: 2 };
        Mp4 { audio: Some(audio), ..Mp4::default() }
    };
    let other_sound = Audio { format: *b"Opus", channels: 2, config: Vec::new(), seconds: 2 };
    let rows: Vec<(Mp4, Vec<(Severity, &str)>)> = vec![
        (lasting(10, 50, 1000), vec![]),
        (lasting(10, 49, 1000), vec![(Severity::Refuse, "too_short")]),
        (lasting(140, 1000, 1000), vec![]),
        (lasting(140, 1001, 1000), vec![warned("too_long")]),
        // What the sound makes long is long enough to be tried.
        (Mp4 { frames: 10, delta: 49, timescale: 1000, ..Mp4::default() }, vec![warned("picture_too_short")]),
        (lasting(600, 1001, 60_000), vec![]),
        (lasting(61, 1, 61), vec![warned("frame_rate")]),
        (sized((32, 32)), vec![]),
        (sized((31, 32)), vec![warned("picture_too_small")]),
        (sized((1280, 1024)), vec![]),
        (sized((1024, 1280)), vec![]),
        (sized((1282, 1024)), vec![warned("picture_too_large")]),
        (sized((1920, 1080)), vec![warned("picture_too_large")]),
        (sized((960, 320)), vec![]),
        (sized((962, 320)), vec![warned("ratio")]),
        (sized((320, 962)), vec![warned("ratio")]),
        // Turned by a quarter: 30 pixels wide, not high.
        (Mp4 { matrix: QUARTER, ..sized((90, 30)) }, vec![warned("picture_too_small")]),
        (coded(sps(122, 2, 8, true)), vec![warned("chroma")]),
        (coded(sps(110, 1, 10, true)), vec![warned("bit_depth")]),
        (coded(sps(100, 1, 8, false)), vec![warned("interlaced")]),
        (with(boxed(b"pasp", &words(&[1, 1]))), vec![]),
        (with(boxed(b"pasp", &words(&[4, 3]))), vec![warned("pixel_shape")]),
        (with(boxed(b"pasp", &words(&[0, 0]))), vec![]),
        (Mp4 { format: *b"hvc1", ..Mp4::default() }, vec![warned("video_codec")]),
        (Mp4 { video: false, ..Mp4::default() }, vec![warned("no_video")]),
        (Mp4 { audio: None, ..Mp4::default() }, vec![]),
        (Mp4 { audio: Some(other_sound), ..Mp4::default() }, vec![warned("audio_codec")]),
        (sound(&[0x12, 0x08]), vec![]),
        (sound(&[0x2B, 0x92, 0x08, 0]), vec![warned("audio_codec")]),
        (sound(&[0x11, 0xB0]), vec![warned("channels")]),
        (Mp4 { timescale: 0, audio: None, ..Mp4::default() }, vec![warned("no_timescale")]),
        (Mp4 { more: vec![boxes(b"mvex", &[])], ..Mp4::default() }, vec![warned("fragmented")]),
    ];
    for (file, expected) in rows {
        assert_eq!(of(&file), expected, "{file:?}");
    }
}

#[test]
fn a_sentence_has_the_figures() {
    let sentence = |file: &Mp4| check(&file.made()).findings[0].to_string();
    assert_eq!(
        sentence(&lasting(10, 49, 1000)),
        "it lasts 0.49 s, and X takes no video shorter than 0.5 s: make it longer"
    );
    assert_eq!(
        sentence(&lasting(300, 1000, 1000)),
        "it lasts 300 s, which is longer than the 140 s of this account: cut it, unless the account may send more"
    );
    assert_eq!(
        sentence(&lasting(120, 1, 60_000)),
        "it lasts 0 s, and X takes no video shorter than 0.5 s: make it longer"
    );
}

#[test]
fn the_account_and_the_use_decide_how_long() {
    let five_minutes = lasting(300, 1000, 1000).made();
    for (rules, destined_for, codes) in [
        (Rules::standard(), Use::Post, vec!["too_long"]),
        (Rules::long_video(), Use::Post, vec![]),
        (Rules::long_video(), Use::DirectMessage, vec!["too_long"]),
        (Rules::premium(), Use::DirectMessage, vec![]),
        (Rules::none(), Use::Post, vec![]),
    ] {
        let inspection = Inspection::new().destined_for(destined_for).rules(rules);
        let checked = inspection.check(&mut Cursor::new(&five_minutes)).expect("media");
        assert_eq!(checked.findings.iter().map(|finding| finding.code()).collect::<Vec<_>>(), codes);
    }
    let wide = Mp4 { size: (1920, 1080), ..Mp4::default() }.made();
    let checked = Inspection::new().rules(Rules::premium()).check(&mut Cursor::new(&wide)).expect("media");
    assert_eq!(found(&checked), []);
    let short = lasting(1, 1, 1000).made();
    let checked = Inspection::new().rules(Rules::none()).check(&mut Cursor::new(&short)).expect("media");
    assert_eq!(found(&checked), [], "X's own answer decides");
}

#[test]
fn a_certain_failure_is_a_refusal_and_comes_first() {
    let file = Mp4 { size: (1920, 1080), format: *b"hvc1", ..lasting(10, 49, 1000) };
    let checked = check(&file.made());
    assert_eq!(
        found(&checked),
        [(Severity::Refuse, "too_short"), warned("video_codec"), warned("picture_too_large")]
    );
    assert_eq!(checked.refusal().map(|finding| finding.code()), Some("too_short"));
    assert_eq!(checked.warnings().count(), 2);
}

#[test]
fn who_knows_better_is_warned_and_not_refused() {
    let cut = &CLIP[..3000];
    let inspection = Inspection::new();
    assert!(inspection.check(&mut Cursor::new(cut)).is_err());
    let told = inspection.media_type(MediaType::Mp4).check(&mut Cursor::new(cut)).expect("as told");
    assert_eq!(found(&told), [warned("truncated")]);
    let told =
        inspection.media_type(MediaType::Mp4).check(&mut Cursor::new(samples::NOISE)).expect("as told");
    assert_eq!(found(&told), [warned("no_index")]);
}

/// Of content that says nothing a name or a header may speak, but nobody plays a video without an index.
#[test]
fn noise_that_is_called_a_video_is_refused() {
    for inspection in [Inspection::new().file_name("a.mp4"), Inspection::new().declared(MediaType::Mp4)] {
        let called = inspection.check(&mut Cursor::new(samples::NOISE)).expect("as called");
        assert_eq!(found(&called), [(Severity::Refuse, "no_index")]);
    }
}

#[test]
fn moving_images_that_are_no_gif_are_shown_still() {
    for sample in samples::accepted() {
        let (name, media_type, animation, file) = sample;
        if !matches!(media_type, MediaType::Png | MediaType::WebP) {
            continue;
        }
        let size = file.len().max(0x1000);
        let file = [file.clone(), vec![0; size - file.len()]].concat();
        let checked = check(&file);
        let moves = animation == chunkwise_media::Animation::Animated;
        let told = checked.findings.iter().any(|finding| finding.problem == Problem::ShownStill);
        assert_eq!(told, moves, "{name}");
        assert!(checked.refusal().is_none());
    }
}

#[test]
fn gifs_are_held_to_their_own_rules() {
    let gif = |width: u16, height: u16, frames: usize| {
        let mut gif = b"GIF89a".to_vec();
        gif.extend(width.to_le_bytes());
        gif.extend(height.to_le_bytes());
        gif.extend([0; 3]);
        gif.extend(b",\0\0\0\0\x01\0\x01\0\0\x02\x01\0\0".repeat(frames));
        gif.push(b';');
        found(&check(&gif))
    };
    assert_eq!(gif(800, 600, 350), []);
    assert_eq!(gif(80, 60, 351), [warned("gif_frames")]);
    assert_eq!(gif(1080, 1280, 2), []);
    assert_eq!(gif(1281, 800, 2), [warned("picture_too_large")]);
    assert_eq!(gif(1000, 1000, 300), []);
    assert_eq!(gif(1000, 1000, 301), [warned("gif_pixels")]);
    // One that stands still is an image.
    assert_eq!(gif(4000, 4000, 1), []);
    assert_eq!(gif(0, 10, 2), [warned("no_picture_size")]);
}

#[test]
fn a_first_look_says_what_the_beginning_tells_and_the_end_has_the_last_word() {
    let look = |file: &[u8], seen: usize, size| {
        let mut inspector = Inspection::new().inspector();
        inspector.push(&file[..seen]);
        inspector.first_look(size)
    };
    // Index first: all is known before the data come.
    let short = lasting(10, 49, 1000).made();
    let seen = short.len() - 300;
    for size in [None, Some(short.len() as u64)] {
        let looked = look(&short, seen, size).expect("an MP4");
        assert_eq!(looked.refusal().map(|finding| finding.code()), Some("too_short"));
        assert!(matches!(looked.structure, Some(Structure::Movie(_))));
    }
    // Index last: nothing is known before the end.
    let short = Mp4 { index_last: true, ..lasting(10, 49, 1000) }.made();
    let looked = look(&short, 500, Some(short.len() as u64)).expect("an MP4");
    assert!(looked.structure.is_none() && looked.findings.is_empty());
    assert_eq!(check(&short).refusal().map(|finding| finding.code()), Some("too_short"));
    // An index that goes on to an end nobody knows yet is not all there.
    let mut open = Mp4 { index_last: true, ..Mp4::default() }.made();
    let at = open.windows(4).position(|window| window == b"moov").expect("an index") - 4;
    open[at..at + 4].fill(0);
    let looked = look(&open, open.len() - 300, None).expect("an MP4");
    assert!(looked.structure.is_none() && looked.findings.is_empty(), "{looked:?}");
    assert_eq!(found(&check(&open)), []);
    // Cut off, by what was announced.
    assert!(look(&short, 100, Some(200)).is_err());
    assert!(look(&short, 100, None).is_ok());
    // A JPEG whose size stands further on is not warned of.
    let jpeg = look(samples::JPEG, samples::JPEG.len(), Some(9000)).expect("a JPEG");
    assert!(jpeg.structure.is_none() && jpeg.findings.is_empty());
    let moving = samples::gif(&mut Random::new(), 3);
    let looked = look(&moving, moving.len(), Some(moving.len() as u64)).expect("a GIF");
    assert_eq!(looked.media.category, MediaCategory::TweetGif);
}

#[test]
fn a_file_is_checked_by_its_path() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("clip.mp4");
    std::fs::write(&path, CLIP).expect("written");
    let checked = Inspection::new().check_path(&path).expect("media");
    match &checked.structure {
        // The sound is a little longer than the picture: 173 frames of 1,024 samples and one of 272.
        Structure::Movie(movie) => {
            assert_eq!(movie.duration.map(|duration| duration.as_millis()), Some(4023))
        }
        other => panic!("{other:?}"),
    }
    let error = Inspection::new().check_path(folder.path().join("none.mp4")).expect_err("not there");
    assert!(matches!(error.problem, FileProblem::NotFound));
    let picture = folder.path().join("clip.png");
    std::fs::write(&picture, CLIP).expect("written");
    let error = Inspection::new().check_path(&picture).expect_err("no PNG");
    assert!(error.to_string().contains("clip.png: the content is video/mp4"), "{error}");
}
