//! What a file is, and whether a destination will take it.
//!
//! Sending 512 MB to learn that the file is a Matroska video is a waste of everybody's time. This crate looks
//! at the first 64 KiB and at the size, and says what X will be told ([`Media`]: type, category, size), or in
//! one sentence why X would refuse and what to do ([`MediaError`], [`FileError`]).
//!
//! ```
//! use chunkwise_media::{Inspection, Limits, MediaCategory, MediaErrorKind, Use, inspect_path};
//!
//! # let folder = std::env::temp_dir().join(format!("chunkwise-media-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # let path = folder.join("clip.mp4");
//! # std::fs::write(&path, b"\0\0\0\x14ftypmp42\0\0\0\0isom\0\0\0\x08free")?;
//! # let notes = folder.join("notes.pdf");
//! # std::fs::write(&notes, b"%PDF-1.7\n")?;
//! // With everything as X has it for any account:
//! let media = inspect_path(&path)?;
//! assert_eq!(media.media_type.as_str(), "video/mp4");
//! assert_eq!(media.category, MediaCategory::TweetVideo);
//!
//! // With what you know better:
//! let message = Inspection::new().destined_for(Use::DirectMessage).limits(Limits::premium());
//! let media = message.inspect_path(&path)?;
//! assert_eq!(media.category, MediaCategory::DmVideo);
//!
//! // An error names the file, what it is and what to do:
//! let error = inspect_path(&notes).unwrap_err();
//! assert!(error.to_string().ends_with(
//!     "notes.pdf: this is a PDF document, which X does not take: check that this is the right file"
//! ));
//! assert_eq!(error.kind(), MediaErrorKind::BadMedia);
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The pieces
//!
//! - [`Inspection`] holds what the caller knows and wants; it judges a head ([`Inspection::inspect`], no
//!   I/O), pieces as they come ([`Inspector`], no I/O) or a file ([`Inspection::inspect_path`], blocking).
//! - [`Inspection::check`] looks inside as well ([`Structure`]: tracks, codecs, durations, picture sizes) and says
//!   what X may object to ([`Finding`]); [`Inspector::first_look`] does so while media are still on their way.
//! - [`sniff`] alone says what bytes are, [`GifWalk`] whether a GIF moves and how many frames it has.
//! - [`MediaType`], [`MediaCategory`] and [`Use`] are X's words; [`Limits`] are X's sizes and [`Rules`] what it
//!   publishes of the inside, as data; [`Caps`] bound what is read.
//!
//! # What it refuses
//!
//! Only what is certain: content X has no type for, a claim that contradicts the content, a size over the
//! limit, a structure that needs more bytes than there are; and in a check a video that nobody can play
//! ([`Damage`]) or that is shorter than X takes from anybody. The rest of X's rules make warnings. A caller who
//! knows better overrides the type, the category, every limit and every rule.

mod category;
mod check;
mod content;
mod error;
mod file;
mod finding;
#[doc(hidden)]
pub mod fuzzing;
mod gif;
mod inspection;
mod judge;
mod limits;
mod media_type;
mod read;
mod rules;
mod sniff;
mod structure;

pub use category::{MediaCategory, UnknownMediaCategory, UnknownUse, Use};
pub use check::{Checked, FirstLook};
pub use content::{Animation, Content, Foreign, HEAD_LEN};
pub use error::{Begin, Claim, FileError, FileProblem, MediaError, MediaErrorKind};
pub use file::inspect_path;
pub use finding::{Finding, Problem, Severity};
pub use gif::{GifMotion, GifWalk};
pub use inspection::{Ground, Inspection, Inspector, Media, OnContradiction, Wanted};
pub use limits::{Limits, TooLarge};
pub use media_type::{MediaKind, MediaType, UnknownMediaType};
pub use rules::{GifRules, Rules, VideoRules};
pub use sniff::sniff;
pub use structure::{
    AudioCodec, AudioTrack, Caps, Chroma, Damage, FourCc, H264, IndexPlace, Movie, Picture, PictureSize,
    Rest, Rotation, SampleCounts, Structure, VideoCodec, VideoTrack,
};
