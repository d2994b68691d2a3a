//! MP4 files made to break a reader, and ones that broke on their way. What is certain to fail is refused with the
//! reason; whatever it is, the answer comes soon, and no more is kept than the file has.

use std::io::Cursor;
use std::time::{Duration, Instant};

use chunkwise_media::fuzzing::{self, Counted};
use chunkwise_media::{Caps, Damage, Inspection, MediaType, Rest, Severity, Structure};

use crate::mp4::{Mp4, boxed, boxes, words};
use crate::structure::{CLIP, movie, read};

fn damage(file: &[u8]) -> Damage {
    match read(file, MediaType::Mp4) {
        Structure::Damaged(damage) => damage,
        other => panic!("{other:?}"),
    }
}

fn refused(file: &[u8]) -> String {
    match Inspection::new().check(&mut Cursor::new(file)) {
        Ok(checked) => checked.refusal().expect("refused").to_string(),
        Err(error) => error.to_string(),
    }
}

/// Padded with a `free` box to this length.
fn padded(file: Vec<u8>, length: usize) -> Vec<u8> {
    let padding = length - file.len() - 8;
    [file, boxed(b"free", &vec![0; padding])].concat()
}

#[test]
fn four_billion_samples_in_a_small_file() {
    // A table without room for them.
    let table =
        Mp4 { frames: 3, audio: None, stsz: Some(words(&[0, 0, u32::MAX, 4, 4, 4])), ..Mp4::default() };
    let file = padded(table.made(), 1643);
    assert_eq!(file.len(), 1643);
    match damage(&file) {
        Damage::Table { kind, entries: u32::MAX, room: 3 } => assert_eq!(kind.to_string(), "stsz"),
        other => panic!("{other:?}"),
    }
    assert_eq!(
        refused(&file),
        "its index is damaged: the table stsz claims 4294967295 entries and has room for 3; encode the video anew"
    );
    // One size for all, which no file has room for.
    let fixed = Mp4 { stsz: Some(words(&[0, 7, u32::MAX])), ..table };
    assert!(matches!(damage(&fixed.made()), Damage::SamplesBeyond { least_size: 30_064_771_065, .. }));
    // The compact form.
    for width in [4, 8, 16] {
        let compact = boxes(b"stbl", &[boxed(b"stz2", &words(&[0, width, u32::MAX, 0]))]);
        let track = boxes(b"trak", &[boxes(b"mdia", &[boxes(b"minf", &[compact])])]);
        let file = Mp4 { more: vec![track], ..Mp4::default() }.made();
        assert!(matches!(damage(&file), Damage::Table { entries: u32::MAX, .. }));
    }
}

#[test]
fn times_for_fewer_frames_than_there_are() {
    let short = Mp4 { audio: None, stts: Some(words(&[0, 1, 7, 512])), ..Mp4::default() };
    let counts = movie(&short.made()).video.expect("a picture").samples;
    assert_eq!((counts.sized, counts.timed), (50, 7));
    let checked = Inspection::new().check(&mut Cursor::new(short.made())).expect("media");
    assert_eq!(
        checked.findings[0].to_string(),
        "its index has sizes for 50 frames and times for 7: write it anew"
    );
    assert_eq!(checked.findings[0].severity, Severity::Warn);
    for stts in [words(&[0, 0]), Vec::new(), words(&[0])] {
        movie(&Mp4 { stts: Some(stts), ..Mp4::default() }.made());
    }
    // Sums beyond 64 bits.
    let endless = [words(&[0, 1000]), words(&[u32::MAX, u32::MAX].repeat(1000))].concat();
    assert_eq!(movie(&Mp4 { stts: Some(endless), ..short }.made()).video.expect("one").samples.sized, 50);
}

#[test]
fn every_table_is_held_to_its_own_length() {
    for (kind, row) in [(b"stts", 2), (b"stco", 1), (b"co64", 2), (b"stsc", 3), (b"ctts", 2), (b"stss", 1)] {
        for (claimed, fits) in [(0, true), (2, true), (3, false), (u32::MAX, false)] {
            let table = boxed(kind, &[words(&[0, claimed]), words(&vec![0; 2 * row])].concat());
            let track = boxes(b"trak", &[boxes(b"mdia", &[boxes(b"minf", &[boxes(b"stbl", &[table])])])]);
            let structure = read(&Mp4 { more: vec![track], ..Mp4::default() }.made(), MediaType::Mp4);
            let refused = matches!(structure, Structure::Damaged(Damage::Table { .. }));
            assert_eq!(refused, !fits, "{claimed} in {kind:?}: {structure:?}");
        }
    }
    let edits = Mp4 { edits: Some(words(&[0, u32::MAX, 1, 1, 1])), ..Mp4::default() };
    assert!(matches!(damage(&edits.made()), Damage::Table { .. }));
}

#[test]
fn a_file_cut_off_anywhere_is_refused() {
    for whole in [CLIP.to_vec(), Mp4 { index_last: true, ..Mp4::default() }.made(), Mp4::default().made()] {
        let ftyp = 32;
        for end in (0..whole.len()).filter(|&end| whole.len() < 4000 || end % 97 == 0) {
            let structure = read(&whole[..end], MediaType::Mp4);
            match structure {
                Structure::Damaged(Damage::Truncated { size, least_size, .. }) => {
                    assert!(size == end as u64 && least_size > size);
                }
                // Only a few bytes of the next box are left, or none.
                Structure::Damaged(Damage::NoIndex | Damage::SamplesBeyond { .. }) => {}
                other => panic!("{end} of {}: {other:?}", whole.len()),
            }
            assert!(
                end < ftyp || Inspection::new().check(&mut Cursor::new(&whole[..end])).is_err() || {
                    Inspection::new()
                        .check(&mut Cursor::new(&whole[..end]))
                        .expect("media")
                        .refusal()
                        .is_some()
                }
            );
        }
    }
}

#[test]
fn a_file_whose_last_box_has_no_size_is_cut_off_by_its_index() {
    let mut open = Mp4::default().made();
    let data = open.len() - 408;
    open[data..data + 4].fill(0);
    assert!(movie(&open).video.is_some());
    open.truncate(data + 100);
    assert!(matches!(damage(&open), Damage::SamplesBeyond { .. }));
}

#[test]
fn there_is_no_index() {
    assert_eq!(damage(b""), Damage::NoIndex);
    let ftyp = Mp4::default().ftyp;
    assert_eq!(damage(&ftyp), Damage::NoIndex);
    let unfinished = [ftyp, boxed(b"mdat", &[7; 5000])].concat();
    assert_eq!(damage(&unfinished), Damage::NoIndex);
    assert!(refused(&unfinished).starts_with("it has no index (moov box)"));
}

#[test]
fn an_index_beyond_the_cap_is_not_read() {
    let ftyp = Mp4::default().ftyp;
    let file = [ftyp, boxed(b"moov", &vec![0; (16 << 20) + 1])].concat();
    let mut source = Counted::new(Cursor::new(&file));
    let structure = Structure::read(&mut source, MediaType::Mp4, &Caps::default()).expect("read");
    assert_eq!(
        structure,
        Structure::Damaged(Damage::IndexTooLarge { size: (16 << 20) + 1, limit: 16 << 20 })
    );
    assert!(source.bytes < 100, "{} bytes were read", source.bytes);
}

#[test]
fn sizes_at_the_ends_of_their_range() {
    let whole = Mp4::default().made();
    let (ftyp, rest) = whole.split_at(32);
    let long = |size: u64, kind: &[u8; 4], content: &[u8]| {
        [&1u32.to_be_bytes()[..], kind, &size.to_be_bytes(), content].concat()
    };
    // 64 bits for a small box are fine; the samples move, and there are enough of them left.
    let index = &rest[..rest.len() - 408];
    let file =
        [ftyp, &long(index.len() as u64 + 8, b"moov", &index[8..]), &boxed(b"mdat", &[0; 900])].concat();
    assert!(movie(&file).video.is_some());
    for size in [0, 1, 7, 15] {
        let file = [ftyp, &long(size, b"moov", &index[8..])].concat();
        assert_eq!(damage(&file), Damage::NoIndex, "{size}");
    }
    for size in [1 << 32, u64::MAX - 31, u64::MAX] {
        let file = [ftyp, &long(size, b"mdat", &[0; 100])].concat();
        assert!(matches!(damage(&file), Damage::Truncated { .. }), "{size}");
    }
    // Inside the index: a box smaller than its header, larger than what it stands in, with an endless size.
    for header in
        [&b"\0\0\0\x07abcd"[..], b"\0\0\0\x09abcd", b"\xFF\xFF\xFF\xFFabcd", b"\0\0\0\x01abcd\xFF\xFF"]
    {
        let file = [ftyp, &boxed(b"moov", header)].concat();
        assert!(matches!(damage(&file), Damage::Misfit { .. }), "{header:?}");
    }
    let endless = [&1u32.to_be_bytes()[..], b"trak", &u64::MAX.to_be_bytes()].concat();
    assert!(matches!(damage(&[ftyp, &boxed(b"moov", &endless)].concat()), Damage::Misfit { .. }));
}

#[test]
fn nesting_is_followed_no_further_than_it_matters() {
    for kind in [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"stsd", b"wave"] {
        let mut nested = boxed(b"free", &[]);
        for _ in 0..1000 {
            nested = boxed(kind, &nested);
        }
        let track = boxes(b"trak", &[nested.clone()]);
        let file = Mp4 { more: vec![nested, track], ..Mp4::default() }.made();
        assert!(movie(&file).video.is_some(), "{kind:?}");
    }
}

/// Soon enough on a machine that is busy with other things; it takes a hundredth of that.
const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_million_tiny_boxes_end_soon() {
    let began = Instant::now();
    let tiny = b"\0\0\0\x08free".repeat(1_000_000);
    let caps = Caps::default();
    for file in [[Mp4::default().ftyp, tiny.clone()].concat(), [Mp4::default().made(), tiny.clone()].concat()]
    {
        let mut source = Counted::new(Cursor::new(&file));
        let structure = Structure::read(&mut source, MediaType::Mp4, &caps).expect("read");
        match structure {
            Structure::Damaged(damage) => assert_eq!(damage, Damage::TooManyBoxes),
            Structure::Movie(movie) => assert_eq!(movie.rest, Rest::NotWalked),
            other => panic!("{other:?}"),
        }
        assert!(source.reads <= u64::from(caps.file_boxes) + 8, "{} reads", source.reads);
    }
    let file = [Mp4::default().ftyp, boxed(b"moov", &tiny)].concat();
    assert_eq!(damage(&file), Damage::TooManyBoxes);
    let tracks = boxed(b"trak", &[]).repeat(60_000);
    let file = Mp4 { more: vec![tracks], ..Mp4::default() }.made();
    assert_eq!(movie(&file).other_tracks, 60_000);
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}

#[test]
fn what_is_behind_the_end_is_told() {
    for (behind, rest) in [
        (&b"\0\0\0"[..], Rest::Trailing(3)),
        (&[0; 5000], Rest::Trailing(5000)),
        (b"<html>not found</html>", Rest::Trailing(22)),
        (b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", Rest::Trailing(9)),
    ] {
        let file = [Mp4::default().made(), behind.to_vec()].concat();
        assert_eq!(movie(&file).rest, rest, "{behind:?}");
    }
}

#[test]
fn a_file_that_is_two_things_is_judged_as_one() {
    let mp4 = Mp4::default().made();
    let gif = [&b"GIF89a\x01\0\x01\0\0\0\0;"[..], &mp4].concat();
    let html = [&mp4[..], b"<script>alert(1)</script>"].concat();
    let zip = [&mp4[..], b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"].concat();
    let pdf = [&b"%PDF-1.7\n"[..], &mp4].concat();
    let check = |file: &[u8]| Inspection::new().check(&mut Cursor::new(file));
    assert_eq!(check(&gif).expect("media").media.media_type, MediaType::Gif);
    for file in [&html, &zip] {
        let checked = check(file).expect("media");
        assert_eq!(checked.media.media_type, MediaType::Mp4);
        assert_eq!(checked.findings[0].code(), "trailing_bytes");
    }
    assert!(check(&pdf).is_err());
    for file in [gif, html, zip, pdf] {
        fuzzing::mp4(&file).expect("within bounds");
    }
}

#[test]
fn a_file_that_shrinks_meanwhile_is_a_failed_read() {
    /// Says it is longer than it is.
    struct Shrunk(Cursor<Vec<u8>>);
    impl std::io::Read for Shrunk {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            self.0.read(into)
        }
    }
    impl std::io::Seek for Shrunk {
        fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
            match to {
                std::io::SeekFrom::End(0) => Ok(5000),
                to => self.0.seek(to),
            }
        }
    }
    let mut source =
        Shrunk(Cursor::new([Mp4::default().ftyp, 2000u32.to_be_bytes().to_vec(), b"moov".to_vec()].concat()));
    let error = Structure::read(&mut source, MediaType::Mp4, &Caps::default()).expect_err("it shrank");
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
}
