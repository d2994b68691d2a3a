//! Files on disk: what is read of them, and every way in which there is none to read.

use std::fs;
use std::path::{Path, PathBuf};

use chunkwise_media::{
    Animation, FileError, FileProblem, HEAD_LEN, Inspection, Limits, MediaCategory, MediaError,
    MediaErrorKind, MediaType, inspect_path,
};
use tempfile::TempDir;

use crate::samples;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("written");
        path
    }

    /// A file of so many bytes, most of which take no room on the disk.
    fn sparse(&self, name: &str, head: &[u8], size: u64) -> PathBuf {
        let path = self.file(name, head);
        fs::OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(size)).expect("grown");
        path
    }
}

/// The error, which must name the path and be one line.
fn refused(path: &Path, kind: MediaErrorKind) -> FileError {
    let error = inspect_path(path).expect_err("refused");
    assert_eq!(error.kind(), kind, "{error}");
    assert_eq!(error.path, path);
    let message = error.to_string();
    assert!(message.starts_with(&format!("{}: ", path.display())), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
    error
}

#[test]
fn a_file_is_judged_by_content_name_and_size() {
    let folder = Folder::new();
    let media = inspect_path(folder.sparse("video.mp4", samples::MP4, 536_870_912)).expect("accepted");
    assert_eq!((media.media_type, media.category), (MediaType::Mp4, MediaCategory::TweetVideo));
    assert_eq!(media.size, 536_870_912);

    let error = refused(&folder.sparse("video.mov", samples::MP4, 536_870_913), MediaErrorKind::BadMedia);
    assert!(matches!(error.problem, FileProblem::Media(MediaError::TooLarge(_))), "{error}");

    let error = refused(&folder.file("picture.gif", samples::PNG), MediaErrorKind::BadMedia);
    assert!(matches!(error.problem, FileProblem::Media(MediaError::Contradiction { .. })), "{error}");
    // A name the caller gives counts instead of the file's own.
    let path = folder.path("picture.gif");
    assert!(Inspection::new().file_name("picture.png").inspect_path(path).is_ok());
}

#[test]
fn an_empty_file_is_bad_media() {
    let folder = Folder::new();
    let error = refused(&folder.file("video.mp4", b""), MediaErrorKind::BadMedia);
    assert!(matches!(error.problem, FileProblem::Media(MediaError::Empty)), "{error}");
    assert!(error.to_string().ends_with("video.mp4: it is empty (0 bytes): choose a file with content"));
}

#[test]
fn a_missing_file_is_no_input() {
    let folder = Folder::new();
    let error = refused(&folder.path("none.mp4"), MediaErrorKind::NoInput);
    assert!(matches!(error.problem, FileProblem::NotFound), "{error}");
    // Nor is there one below a file.
    let file = folder.file("a.mp4", samples::MP4);
    let error = refused(&file.join("b.mp4"), MediaErrorKind::NoInput);
    assert!(matches!(error.problem, FileProblem::NotFound), "{error}");
    assert!(matches!(inspect_path("").expect_err("no path").problem, FileProblem::NotFound));
}

#[test]
fn a_directory_is_no_input() {
    let folder = Folder::new();
    let error = refused(folder.0.path(), MediaErrorKind::NoInput);
    assert!(matches!(error.problem, FileProblem::Directory), "{error}");
}

/// A GIF that has not ended yet, with as many images, each of so many sub-blocks of data.
fn open_gif(images: usize, sub_blocks: usize) -> Vec<u8> {
    let mut gif = b"GIF89a@\x000\0\0\0\0".to_vec();
    for _ in 0..images {
        gif.extend_from_slice(&[b',', 0, 0, 0, 0, 64, 0, 48, 0, 0, 8]);
        gif.extend_from_slice(&[&[255], [9; 255].as_slice()].concat().repeat(sub_blocks));
        gif.push(0);
    }
    gif
}

#[test]
fn the_rest_of_a_gif_is_read_to_see_if_it_moves() {
    let folder = Folder::new();
    for (images, end, animation, category) in [
        (1, &b";"[..], Animation::Still, MediaCategory::TweetImage),
        (2, b";", Animation::Animated, MediaCategory::TweetGif),
        (1, b"", Animation::Still, MediaCategory::TweetImage),
    ] {
        let gif = [&open_gif(images, 1000), end].concat();
        assert!(gif.len() > 3 * HEAD_LEN);
        let media = inspect_path(folder.file("a.gif", &gif)).expect("accepted");
        assert_eq!((media.animation, media.category), (animation, category));
    }
}

#[test]
fn a_gif_beyond_its_limit_is_not_read_to_the_end() {
    let folder = Folder::new();
    // It stands still, which only its last byte would tell: it is refused as one that may move.
    let path = folder.file("huge.gif", &[&open_gif(1, 62_000), &b";"[..]].concat());
    let error = refused(&path, MediaErrorKind::BadMedia);
    match error.problem {
        FileProblem::Media(MediaError::TooLarge(too_large)) => {
            assert_eq!((too_large.category, too_large.limit), (MediaCategory::TweetGif, 15_728_640));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn limits_and_overrides_hold_for_files() {
    let folder = Folder::new();
    let path = folder.file("notes.pdf", samples::PDF);
    let media = Inspection::new().media_type(MediaType::Png).inspect_path(&path).expect("as the caller says");
    assert_eq!(media.media_type, MediaType::Png);
    let tight = Limits::standard().with(MediaCategory::TweetImage, Some(10));
    let error =
        Inspection::new().limits(tight).media_type(MediaType::Png).inspect_path(&path).expect_err("10 bytes");
    assert!(matches!(error.problem, FileProblem::Media(MediaError::TooLarge(_))), "{error}");
}

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_link_to_nothing_is_no_input() {
        let folder = Folder::new();
        let link = folder.path("link.mp4");
        symlink(folder.path("gone.mp4"), &link).expect("linked");
        let error = refused(&link, MediaErrorKind::NoInput);
        assert!(matches!(error.problem, FileProblem::DanglingLink), "{error}");
        // A link to a file is that file, under the link's name.
        folder.file("gone.mp4", samples::MP4);
        assert_eq!(inspect_path(&link).expect_err("917 bytes are missing").kind(), MediaErrorKind::BadMedia);
        folder.sparse("gone.mp4", samples::MP4, 5000);
        assert_eq!(inspect_path(&link).expect("accepted").size, 5000);
    }

    #[test]
    fn a_link_to_itself_is_an_error_and_no_endless_loop() {
        let folder = Folder::new();
        let link = folder.path("loop.mp4");
        symlink(&link, &link).expect("linked");
        refused(&link, MediaErrorKind::Io);
    }

    #[test]
    fn a_socket_a_device_and_a_pipe_are_no_input() {
        let folder = Folder::new();
        let socket = folder.path("socket");
        let _listener = UnixListener::bind(&socket).expect("bound");
        let pipe = folder.path("pipe");
        let made = Command::new("mkfifo").arg(&pipe).status().is_ok_and(|status| status.success());
        // Without `mkfifo` the other two are tried alone. Opening a pipe would wait for ever.
        let pipe = made.then_some(pipe);
        for path in [Some(socket), Some(PathBuf::from("/dev/null")), pipe].into_iter().flatten() {
            let error = refused(&path, MediaErrorKind::NoInput);
            assert!(matches!(error.problem, FileProblem::NotAFile), "{error}");
        }
    }

    #[test]
    fn a_file_that_may_not_be_read_is_no_input() {
        let folder = Folder::new();
        let path = folder.sparse("secret.mp4", samples::MP4, 5000);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("forbidden");
        match inspect_path(&path) {
            Err(error) => {
                assert!(matches!(error.problem, FileProblem::PermissionDenied), "{error}");
                assert_eq!(error.kind(), MediaErrorKind::NoInput);
            }
            // Nothing is forbidden to root.
            Ok(media) => assert_eq!(media.size, 5000),
        }
    }

    /// The memory of this process is a regular file whose first page is never there.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_failing_read_is_an_input_output_error() {
        let error = refused(Path::new("/proc/self/mem"), MediaErrorKind::Io);
        assert!(matches!(error.problem, FileProblem::Io(_)), "{error}");
        assert!(error.to_string().contains("reading it failed"), "{error}");
    }

    #[test]
    fn an_odd_name_does_no_harm() {
        let folder = Folder::new();
        let path = folder.0.path().join(OsStr::from_bytes(b"\xFF\xFE.mp4"));
        if fs::write(&path, samples::PDF).is_ok() {
            assert_eq!(inspect_path(&path).expect_err("a PDF").kind(), MediaErrorKind::BadMedia);
        }
        let path = folder.file("a\n\x1B[31m.mp4", samples::PDF);
        let message = inspect_path(&path).expect_err("a PDF").to_string();
        assert!(message.contains("a\\n\\u{1b}[31m.mp4: this is a PDF document"), "{message}");
    }
}
