use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use chunkwise_core::SourceLength;

use super::*;

const EDGE: usize = 64 << 10;

fn file(content: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content).unwrap();
    file
}

/// Moves the time of last change, as a write does (which may fall into the clock's same tick).
fn touch(file: &tempfile::NamedTempFile) {
    file.as_file().set_modified(SystemTime::now() + Duration::from_secs(10)).unwrap();
}

#[test]
fn what_is_no_file_is_told_before_it_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let missing = FileSource::open(directory.path().join("nothing.mp4")).unwrap_err();
    assert!(matches!(missing, SourceError::Missing { .. }));
    assert!(missing.to_string().contains("nothing.mp4"));
    assert!(matches!(
        FileSource::open(directory.path()),
        Err(SourceError::NotAFile { what: "a directory", .. })
    ));
    #[cfg(unix)]
    assert!(matches!(FileSource::open("/dev/null"), Err(SourceError::NotAFile { .. })));
    let empty = file(b"");
    assert_eq!(FileSource::open(empty.path()).unwrap().spec(), UploadSpec::whole(0));
}

#[test]
fn a_file_reads_at_any_place_and_keeps_its_path_absolute() {
    let source = FileSource::open(file(b"0123456789").path()).unwrap();
    let mut buffer = [0; 4];
    read_exact(&source, 3, &mut buffer).unwrap();
    assert_eq!(&buffer, b"3456");
    assert!(source.path().unwrap().is_absolute());
}

#[test]
fn a_file_that_shrinks_grows_or_is_written_to_has_changed() {
    let content = file(&[7; 1000]);
    let change = |act: fn(&tempfile::NamedTempFile)| {
        let source = FileSource::open(content.path()).unwrap();
        source.check().unwrap();
        act(&content);
        match source.check().unwrap_err() {
            SourceError::Changed { change, .. } => change,
            other => panic!("{other}"),
        }
    };
    assert_eq!(change(|f| f.as_file().set_len(900).unwrap()), SourceChange::Size { was: 1000, is: 900 });
    assert_eq!(change(|f| f.as_file().set_len(901).unwrap()), SourceChange::Size { was: 900, is: 901 });
    assert_eq!(change(touch), SourceChange::Modified);
}

#[test]
fn reading_behind_the_end_is_a_change_and_not_a_short_frame() {
    let content = file(&[7; 10]);
    let source = FileSource::open(content.path()).unwrap();
    content.as_file().set_len(6).unwrap();
    let error = read_exact(&source, 4, &mut [0; 4]).unwrap_err();
    assert!(
        matches!(error, SourceError::Changed { change: SourceChange::EndsEarly { at: 6 }, .. }),
        "{error}"
    );
}

#[test]
fn short_and_interrupted_reads_fill_the_frame_all_the_same() {
    struct Stutter(std::sync::atomic::AtomicU32);
    impl Source for Stutter {
        fn spec(&self) -> UploadSpec {
            UploadSpec::whole(100)
        }
        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed).is_multiple_of(2) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            buffer[0] = offset as u8;
            Ok(1)
        }
    }
    let mut buffer = [0; 9];
    read_exact(&Stutter(0.into()), 5, &mut buffer).unwrap();
    assert_eq!(buffer, [5, 6, 7, 8, 9, 10, 11, 12, 13]);
}

#[test]
fn a_fingerprint_tells_what_differs() {
    let content = file(&vec![1; 3 * EDGE]);
    let of = || FileSource::open(content.path()).unwrap().fingerprint().unwrap();
    let write_at = |offset: u64, byte: u8| {
        use std::io::{Seek as _, SeekFrom};
        let mut file = OpenOptions::new().write(true).open(content.path()).unwrap();
        file.seek(SeekFrom::Start(offset)).unwrap();
        file.write_all(&[byte]).unwrap();
    };
    let before = of();
    assert_eq!(of().difference(&before), None);
    touch(&content);
    assert_eq!(of().difference(&before), Some(SourceChange::Modified));
    let before = of();
    write_at(10, 2);
    assert_eq!(of().difference(&before), Some(SourceChange::Head));
    let before = of();
    write_at(3 * EDGE as u64 - 10, 2);
    assert_eq!(of().difference(&before), Some(SourceChange::Tail));
    let before = of();
    content.as_file().set_len(7).unwrap();
    assert_eq!(of().difference(&before), Some(SourceChange::Size { was: 3 * EDGE as u64, is: 7 }));
}

#[test]
fn bytes_and_a_file_of_the_same_content_have_the_same_digests() {
    for len in [0, 1, EDGE - 1, EDGE, EDGE + 1, 3 * EDGE] {
        let content: Vec<u8> = (0..len).map(|i| i as u8).collect();
        let on_disk = FileSource::open(file(&content).path()).unwrap().fingerprint().unwrap();
        let in_memory = BytesSource::new(content).fingerprint().unwrap();
        assert_eq!(on_disk.difference(&in_memory), None);
        assert_eq!((on_disk.head, on_disk.tail), (in_memory.head, in_memory.tail));
    }
}

#[tokio::test]
async fn the_digest_is_sha_256() {
    let source = Arc::new(BytesSource::new("abc"));
    let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let digest = digest(source).await.unwrap();
    assert_eq!(digest.to_string(), expected);
    assert_eq!(Sha256::try_from(expected.to_owned()), Ok(digest));
    for bad in ["", "zz", &"é".repeat(32), &"g".repeat(64)] {
        assert!(Sha256::try_from(bad.to_owned()).is_err());
    }
}

#[test]
fn a_growing_file_says_how_far_it_has_come() {
    let content = file(&[1; 100]);
    let (source, growth) = GrowingFile::open(content.path(), Some(300), 100).unwrap();
    let news = source.availability().unwrap();
    assert_eq!(source.spec().available, Some(100));
    assert_eq!(source.spec().length, SourceLength::Known(300));
    growth.available(200);
    growth.available(150);
    assert_eq!(*news.borrow(), Availability::UpTo(200, Growth::Growing), "it never goes back");
    assert!(source.check().is_err(), "what was said to be there must be there");
    content.as_file().set_len(300).unwrap();
    source.check().unwrap();
    growth.ended(300);
    source.check().unwrap();
    assert_eq!(*news.borrow(), Availability::UpTo(300, Growth::Ended));
}

#[test]
fn a_growing_file_that_ends_before_its_length_has_changed() {
    let content = file(&[1; 100]);
    let (source, growth) = GrowingFile::open(content.path(), Some(300), 100).unwrap();
    growth.ended(100);
    let error = source.check().unwrap_err();
    let expected = SourceChange::Size { was: 300, is: 100 };
    assert!(matches!(error, SourceError::Changed { change, .. } if change == expected), "{error}");
}

#[test]
fn a_writer_that_vanishes_breaks_the_source() {
    let content = file(&[1; 100]);
    let (source, growth) = GrowingFile::open(content.path(), None, 0).unwrap();
    drop(growth);
    assert!(matches!(source.check(), Err(SourceError::Broken { .. })));
    let (source, growth) = GrowingFile::open(content.path(), None, 0).unwrap();
    growth.broken("the download failed: 404");
    assert!(source.check().unwrap_err().to_string().contains("404"));
    let (source, growth) = GrowingFile::open(content.path(), None, 0).unwrap();
    growth.ended(100);
    source.check().unwrap();
    assert_eq!(source.spec().length, SourceLength::Known(100));
}

#[test]
fn the_fingerprint_of_a_growing_file_fits_that_of_the_whole() {
    let content = file(&vec![3; 2 * EDGE]);
    let (young, _growth) = GrowingFile::open(content.path(), None, 10).unwrap();
    let (middle, _growth) = GrowingFile::open(content.path(), None, EDGE as u64).unwrap();
    let whole = FileSource::open(content.path()).unwrap().fingerprint().unwrap();
    assert_eq!(young.fingerprint().unwrap(), Fingerprint::default());
    assert!(middle.fingerprint().unwrap().head.is_some());
    let earlier = middle.fingerprint().unwrap();
    assert_eq!(whole.difference(&earlier), None);
    fs::write(content.path(), vec![4; 2 * EDGE]).unwrap();
    let other = FileSource::open(content.path()).unwrap().fingerprint().unwrap();
    assert_eq!(other.difference(&earlier), Some(SourceChange::Head));
}

/// How much is at hand is the system's to say; what it gives must be the file's.
#[test]
fn what_a_file_has_at_hand_is_what_it_holds() {
    let bytes: Vec<u8> = (0..100_000u32).map(|at| (at % 251) as u8).collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &bytes).unwrap();
    let source = FileSource::open(file.path()).unwrap();
    for (offset, len) in
        [(0, 100_000), (4_096, 4_096), (12_345, 50_000), (99_000, 5_000), (100_000, 10), (200_000, 10)]
    {
        let mut buffer = vec![0; len];
        let here = source.read_now(offset, &mut buffer);
        let rest = bytes.get(offset as usize..).unwrap_or_default();
        assert!(here <= rest.len().min(len), "{offset}: {here}");
        assert_eq!(buffer[..here], rest[..here], "{offset}");
    }
}
