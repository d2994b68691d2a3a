//! What X's media upload can and cannot do, as data.

use std::borrow::Cow;

use chunkwise_core::{
    Abort, Empty, Finalize, Length, Listing, Open, Parts, Processed, Profile, Receipts, Resend, Sizing,
    Transfer, Uniformity, Verify,
};

use crate::{Api, Media};

/// The largest APPEND in bytes: five decimal megabytes. The exact cap of the production service is not known; the
/// edge has refused 5 MiB. Source: X fact sheet §1.2, §2.3.
pub const MAX_SEGMENT: u64 = 5_000_000;

/// The most segments: their indexes go from 0 to 999. Source: X fact sheet §1.2, §2.3.
pub const MAX_SEGMENTS: u32 = 1_000;

/// The profile of an upload of this media.
pub(crate) fn profile(api: Api, media: &Media) -> Profile {
    Profile {
        name: Cow::Borrowed(match api {
            Api::V2 => "x-v2",
            Api::V1_1 => "x-v1.1",
        }),
        open: Open::Request,
        transfer: Transfer::Parts(Parts {
            // Not documented; what every retrying client relies on (X fact sheet §2.11).
            resend: Resend::Overwrites,
            // Nothing lists the segments: STATUS before FINALIZE is an error (X fact sheet §2.11).
            listing: Listing::None,
        }),
        length: Length::AtInit,
        sizing: Sizing {
            min: 1,
            max: MAX_SEGMENT,
            multiple_of: 1,
            max_count: MAX_SEGMENTS,
            max_total: media.max_total,
            uniformity: Uniformity::Free,
            empty: Empty::Refused,
        },
        finalize: Finalize::Call { receipts: Receipts::NotWanted },
        verify: Verify::Call,
        // For images too: FINALIZE says itself whether anything follows, and none does.
        processing: Processed::Polled,
        abort: Abort::Expires,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Category, MediaType};

    #[test]
    fn the_largest_file_of_every_category_fits_into_the_segments() {
        for category in Category::ALL {
            let sizing = profile(Api::V2, &Media::new(MediaType::MP4, category)).sizing;
            assert!(sizing.max * u64::from(sizing.max_count) >= sizing.max_total, "{category}");
        }
    }

    #[test]
    fn the_limit_is_the_callers_and_the_name_the_apis() {
        let media = Media::new(MediaType::MP4, Category::TweetVideo);
        assert_eq!(profile(Api::V2, &media).sizing.max_total, 536_870_912);
        let more = media.with_max_total(5_000_000_000);
        assert_eq!(profile(Api::V1_1, &more).sizing.max_total, 5_000_000_000);
        let names = [Api::V2, Api::V1_1].map(|api| (profile(api, &more).name, api.name().parse()));
        assert_eq!(names, [("x-v2".into(), Ok(Api::V2)), ("x-v1.1".into(), Ok(Api::V1_1))]);
    }
}
