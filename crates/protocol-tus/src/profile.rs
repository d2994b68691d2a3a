//! What a tus server can and cannot do, as data.

use std::borrow::Cow;

use chunkwise_core::{
    Abort, Append, Commit, Empty, Finalize, Length, Listing, Open, Parts, Processed, Profile, Receipts,
    Resend, Sizing, Transfer, Uniformity, Verify,
};

use crate::{Capabilities, Extension, Way};

/// How many partial uploads one is joined of at most, unless you say otherwise. Their URLs go into one header, and
/// servers in use take some eight KiB of one.
pub const MAX_PARTS: u32 = 64;

/// How an upload is given up: by a request, or by waiting, or not at all.
fn abort(capabilities: &Capabilities) -> Abort {
    match capabilities.has(Extension::Termination) {
        true => Abort::Call,
        false => forgets(capabilities),
    }
}

/// Whether the server forgets what nobody goes on with.
fn forgets(capabilities: &Capabilities) -> Abort {
    match capabilities.has(Extension::Expiration) {
        true => Abort::Expires,
        false => Abort::Unsupported,
    }
}

pub(crate) fn profile(capabilities: &Capabilities, way: Way, max_parts: u32) -> Profile {
    let one_writer = Transfer::Append(Append { commit: Commit::Prefix });
    // A part that is sent again becomes a partial upload of its own; the one before it is in no list and expires.
    let parts = Transfer::Parts(Parts { resend: Resend::Overwrites, listing: Listing::None });
    let whole = Profile {
        name: Cow::Borrowed("tus"),
        open: Open::Request,
        transfer: one_writer,
        length: Length::AtInit,
        sizing: Sizing {
            min: 1,
            max: u64::MAX,
            multiple_of: 1,
            max_count: u32::MAX,
            max_total: capabilities.max_size().unwrap_or(u64::MAX),
            uniformity: Uniformity::Free,
            // For where a creation with length zero is not the end already.
            empty: Empty::OneSegment,
        },
        finalize: Finalize::Implicit,
        verify: Verify::Unsupported,
        processing: Processed::Never,
        abort: abort(capabilities),
    };
    match way {
        Way::Whole => whole,
        Way::Deferred => Profile {
            name: Cow::Borrowed("tus-deferred"),
            length: Length::AtEnd,
            // The length goes alone and last. Were it in the last data's PATCH and that broke off, its rest could not be
            // sent: servers refuse a length that they have already, and nobody knows whether they do.
            finalize: Finalize::Call { receipts: Receipts::NotWanted },
            verify: Verify::Call,
            sizing: Sizing { empty: Empty::NoSegment, ..whole.sizing },
            ..whole
        },
        Way::Parts => Profile {
            name: Cow::Borrowed("tus-parts"),
            open: Open::None,
            transfer: parts,
            length: Length::AtEnd,
            finalize: Finalize::Call { receipts: Receipts::Required },
            sizing: Sizing { max_count: max_parts, ..whole.sizing },
            // There is no session: an Abort would have to name every partial upload, and knows none.
            abort: forgets(capabilities),
            ..whole
        },
    }
}
