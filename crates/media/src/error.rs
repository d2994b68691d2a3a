//! What can be wrong with media or with the file that holds it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::category::{MediaCategory, Use};
use crate::content::Foreign;
use crate::limits::TooLarge;
use crate::media_type::{MediaType, list};

/// Who has to act on an error, for a program that maps errors to exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaErrorKind {
    /// The media itself is of the wrong type, too large, empty, cut off, or not what it is said to be.
    BadMedia,
    /// There is no file to read: it is missing, not a file, or may not be read.
    NoInput,
    /// Reading failed half-way; the file may be fine.
    Io,
}

/// Somebody's word for what the media is, weaker than its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Claim {
    /// A type that came along with the media, say in a `Content-Type` header.
    Declared(MediaType),
    /// The type the extension of the file's name stands for.
    FileName(MediaType),
}

impl Claim {
    /// The type that is claimed.
    pub const fn media_type(self) -> MediaType {
        match self {
            Self::Declared(media_type) | Self::FileName(media_type) => media_type,
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Declared(media_type) => write!(f, "it is declared as {media_type}"),
            Self::FileName(media_type) => write!(f, "its name says {media_type}"),
        }
    }
}

/// Why media won't be taken. Every message is one sentence that says what is wrong and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// There is not one byte.
    #[error("it is empty (0 bytes): choose a file with content")]
    Empty,
    /// It is something well known that X does not take.
    #[error("this is {content}{}, which X does not take: {}", although(*claim), content.advice())]
    Unsupported {
        /// What it is.
        content: Foreign,
        /// What it was said to be.
        claim: Option<Claim>,
    },
    /// Neither the content nor a name says what it is.
    #[error(
        "neither its content ({begin}) nor its name tells its type: if X takes it, give the media type, one of {}",
        list(&MediaType::ALL, MediaType::as_str)
    )]
    Unrecognised {
        /// How it begins.
        begin: Begin,
    },
    /// The content is one type and a claim says another one.
    #[error("the content is {content} but {claim}: correct that, or give the media type yourself")]
    Contradiction {
        /// What the content is.
        content: MediaType,
        /// What it was said to be.
        claim: Claim,
    },
    /// It is said to be of a type whose files always begin with a signature, and does not begin with it.
    #[error(
        "{claim}, but it does not begin as such ({begin}): it may be damaged, or give the media type yourself"
    )]
    Unconfirmed {
        /// What it was said to be.
        claim: Claim,
        /// How it begins.
        begin: Begin,
    },
    /// The structure at its start needs more bytes than there are.
    #[error(
        "it is cut off: this {media_type} needs at least {least_size} bytes and has {size}; fetch it again"
    )]
    Truncated {
        /// What it is.
        media_type: MediaType,
        /// What there is, in bytes.
        size: u64,
        /// What its structure needs, in bytes.
        least_size: u64,
    },
    /// X has no category for this type in this use.
    #[error("X has no media category for {media_type} as {destined_for} media: {}", other_use(*destined_for))]
    NoCategory {
        /// What it is.
        media_type: MediaType,
        /// What it was meant for.
        destined_for: Use,
    },
    /// The category that the caller gave is for something else.
    #[error(
        "{media_type} can't be {category}, which is for {}: leave the category out or give one for {}",
        category.takes(), media_type.kind().plural()
    )]
    WrongCategory {
        /// What it is.
        media_type: MediaType,
        /// What it was to be.
        category: MediaCategory,
    },
    /// It is larger than its category allows.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

impl MediaError {
    /// Always [`MediaErrorKind::BadMedia`].
    pub const fn kind(&self) -> MediaErrorKind {
        MediaErrorKind::BadMedia
    }
}

fn although(claim: Option<Claim>) -> String {
    claim.map(|claim| format!(" (although {claim})")).unwrap_or_default()
}

const fn other_use(destined_for: Use) -> &'static str {
    match destined_for {
        Use::Post => "give the category yourself if you know that X takes it",
        Use::DirectMessage => "send it as media of a post, or give the category yourself",
        Use::Amplify => "Amplify takes video; send it as media of a post, or give the category yourself",
    }
}

/// The first eight bytes at most, shown in an error as hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Begin {
    bytes: [u8; 8],
    length: usize,
}

impl Begin {
    pub(crate) fn of(head: &[u8]) -> Self {
        let mut bytes = [0; 8];
        bytes.iter_mut().zip(head).for_each(|(kept, &byte)| *kept = byte);
        Self { bytes, length: head.len().min(8) }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl fmt::Display for Begin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it begins with")?;
        self.as_bytes().iter().try_for_each(|byte| write!(f, " {byte:02x}"))
    }
}

impl fmt::Debug for Begin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Begin({self})")
    }
}

/// Why the media in a file can't be taken: the file's path, and what is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", Shown(path))]
#[non_exhaustive]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: FileProblem,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileProblem {
    /// Nothing of this name is there.
    #[error("there is no such file: check the path")]
    NotFound,
    /// It is a symbolic link, and what it points to isn't there.
    #[error("this link points to a file that does not exist: mend the link or give the file itself")]
    DanglingLink,
    /// It is a directory.
    #[error("this is a directory: give a file in it")]
    Directory,
    /// It is a pipe, a socket or a device, whose size can't be known before sending.
    #[error("this is not a regular file (a pipe, socket or device): save its content to a file first")]
    NotAFile,
    /// It may not be read.
    #[error("it may not be read: give yourself permission to read it")]
    PermissionDenied,
    /// Reading it failed.
    #[error("reading it failed ({0}): try again, or check the disk")]
    Io(#[source] io::Error),
    /// Its content won't be taken.
    #[error(transparent)]
    Media(MediaError),
}

impl FileError {
    /// Who has to act on it.
    pub const fn kind(&self) -> MediaErrorKind {
        match &self.problem {
            FileProblem::NotFound
            | FileProblem::DanglingLink
            | FileProblem::Directory
            | FileProblem::NotAFile
            | FileProblem::PermissionDenied => MediaErrorKind::NoInput,
            FileProblem::Io(_) => MediaErrorKind::Io,
            FileProblem::Media(error) => error.kind(),
        }
    }
}

/// A path on one line: what a terminal would act on is shown as an escape.
struct Shown<'a>(&'a Path);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.to_string_lossy().chars().try_for_each(|character| {
            if character.is_control() {
                write!(f, "{}", character.escape_default())
            } else {
                write!(f, "{character}")
            }
        })
    }
}
