//! What is spoken at the other end, and what that means for a sweep.

use std::fmt;
use std::num::NonZeroU32;

use chunkwise::core::Sizing;
use chunkwise::s3::Store;
use chunkwise::transport::http::Protocol as _;
use chunkwise::tus::{Capabilities, Extension, Way};
use chunkwise::x::{Api, Category, Media, MediaType, XProtocol};

use crate::exit::Exit;
use crate::failed::Failed;
use crate::to::Place;
use crate::values::{Size, Window};

/// The protocol at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    X,
    S3,
    /// One upload with the server's offset: one segment at a time.
    Tus,
}

impl fmt::Display for Speaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X => "X",
            Self::S3 => "S3",
            Self::Tus => "tus",
        })
    }
}

impl From<&Place> for Speaks {
    fn from(place: &Place) -> Self {
        match place {
            Place::S3 { .. } => Self::S3,
            Place::Tus(_) => Self::Tus,
        }
    }
}

impl Speaks {
    /// What segments it takes. The size of an account's media is the account's affair, that of an upload the server's.
    pub(super) fn sizing(self) -> Sizing {
        match self {
            Self::X => {
                let media = Media::new(MediaType::MP4, Category::TweetVideo).with_max_total(u64::MAX);
                XProtocol::new(Api::default(), media).profile().sizing
            }
            Self::S3 => Store::COMPATIBLE.profile().sizing,
            Self::Tus => Capabilities::new([Extension::Creation]).profile(Way::Whole).sizing,
        }
    }

    /// The requests of an upload beside its segments: INIT and FINALIZE, create and complete, the creation.
    pub(super) const fn beside(self) -> u64 {
        match self {
            Self::X | Self::S3 => 2,
            Self::Tus => 1,
        }
    }

    /// The chunk sizes to measure, unless others are said.
    pub(super) const fn chunks(self) -> &'static [u64] {
        match self {
            Self::X => &[256 << 10, 512 << 10, 1 << 20, 2 << 20, 4 << 20],
            Self::S3 => &[5 << 20, 8 << 20, 16 << 20, 32 << 20],
            Self::Tus => &[1 << 20, 4 << 20, 16 << 20, 64 << 20],
        }
    }

    /// What is uploaded each time, unless another size is said: enough for some of the largest segments, and few enough
    /// seconds.
    pub(super) const fn size(self) -> Size {
        match self {
            Self::X => Size::of(64 << 20),
            Self::S3 => Size::of(256 << 20),
            Self::Tus => Size::of(128 << 20),
        }
    }

    /// The windows to measure: every number once, in order, and the adaptive one up to the largest. Of none said, the powers of
    /// two up to `most`.
    ///
    /// # Errors
    ///
    /// If there are to be several at once where one is all that is taken.
    pub(super) fn windows(self, lanes: Vec<NonZeroU32>, most: u32) -> Result<Vec<Window>, Failed> {
        match self {
            Self::X | Self::S3 => {
                let mut lanes = if lanes.is_empty() { powers_of_two(most) } else { lanes };
                lanes.sort_unstable();
                lanes.dedup();
                let adaptive = lanes.last().map(|most| Window::Adaptive(*most));
                Ok(lanes.iter().map(|lanes| Window::Fixed(*lanes)).chain(adaptive).collect())
            }
            Self::Tus if lanes.iter().all(|lanes| *lanes == NonZeroU32::MIN) => {
                Ok(vec![Window::Fixed(NonZeroU32::MIN)])
            }
            Self::Tus => Err(Failed::new(
                Exit::Usage,
                "a tus server takes one segment at a time, for it keeps the offset: leave --in-flight out, and \
                 --chunk-sizes are measured",
            )),
        }
    }
}

fn powers_of_two(most: u32) -> Vec<NonZeroU32> {
    (0..).map(|power| 1_u32 << power).take_while(|lanes| *lanes <= most).filter_map(NonZeroU32::new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes(numbers: &[u32]) -> Vec<NonZeroU32> {
        numbers.iter().copied().filter_map(NonZeroU32::new).collect()
    }

    #[test]
    fn windows_are_every_number_once_and_an_adaptive_one() {
        let told = |speaks: Speaks, numbers: &[u32], most| {
            let windows = speaks.windows(lanes(numbers), most).unwrap();
            windows.iter().map(Window::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(told(Speaks::X, &[4, 1, 4], 8), "1 4 adaptive:4");
        assert_eq!(told(Speaks::S3, &[], 8), "1 2 4 8 adaptive:8");
        assert_eq!(told(Speaks::X, &[], 32), "1 2 4 8 16 32 adaptive:32");
        assert_eq!((told(Speaks::Tus, &[], 8), told(Speaks::Tus, &[1, 1], 8)), ("1".into(), "1".into()));
        let failed = Speaks::Tus.windows(lanes(&[1, 2]), 8).unwrap_err();
        assert!(
            failed.exit == Exit::Usage && failed.what.contains("one segment at a time"),
            "{}",
            failed.what
        );
    }

    #[test]
    fn every_default_can_be_planned_for_the_default_size() {
        for speaks in [Speaks::X, Speaks::S3, Speaks::Tus] {
            let sizing = speaks.sizing();
            for chunk in speaks.chunks() {
                assert!((sizing.min..=sizing.max).contains(chunk), "{speaks:?}: {chunk}");
                assert!(speaks.size().bytes() >= 2 * chunk, "{speaks:?}: {chunk}");
            }
        }
    }
}
