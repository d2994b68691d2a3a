//! What a single request can and cannot do, as data.

use std::borrow::Cow;

use chunkwise_core::{
    Abort, Empty, Finalize, Length, Listing, Open, Parts, Processed, Profile, Resend, Sizing, Transfer,
    Uniformity, Verify,
};

use crate::{OneShot, Repeat};

pub(crate) fn profile(to: &OneShot) -> Profile {
    Profile {
        name: Cow::Borrowed("oneshot"),
        open: Open::None,
        transfer: Transfer::Parts(Parts {
            resend: match to.repeat {
                Repeat::ByKey(_) => Resend::Overwrites,
                Repeat::Never => Resend::Never,
            },
            listing: Listing::None,
        }),
        // A Content-Length goes first.
        length: Length::AtInit,
        sizing: Sizing {
            min: 1,
            max: u64::MAX,
            multiple_of: 1,
            max_count: 1,
            max_total: to.max_total,
            uniformity: Uniformity::Free,
            empty: Empty::OneSegment,
        },
        finalize: Finalize::Implicit,
        verify: Verify::Unsupported,
        processing: Processed::Never,
        // Half a request is nothing that a server keeps.
        abort: Abort::Expires,
    }
}
