//! What the core's own tests share.

use alloc::borrow::Cow;

use crate::profile::*;

/// A protocol like X: parts, no listing, no receipts, processing, no abort.
pub(crate) fn parts_profile() -> Profile {
    Profile {
        name: Cow::Borrowed("test"),
        open: Open::Request,
        transfer: Transfer::Parts(Parts { resend: Resend::Overwrites, listing: Listing::None }),
        length: Length::AtInit,
        sizing: Sizing {
            min: 1,
            max: 5_000_000,
            multiple_of: 1,
            max_count: 1000,
            max_total: u64::MAX,
            uniformity: Uniformity::Free,
            empty: Empty::Refused,
        },
        finalize: Finalize::Call { receipts: Receipts::NotWanted },
        verify: Verify::Call,
        processing: Processed::Polled,
        abort: Abort::Expires,
    }
}

/// A protocol like S3: parts with receipts and a listing, an abort, no processing.
pub(crate) fn listed_profile() -> Profile {
    Profile {
        name: Cow::Borrowed("listed"),
        transfer: Transfer::Parts(Parts { resend: Resend::ProbeFirst, listing: Listing::Complete }),
        length: Length::AtEnd,
        finalize: Finalize::Call { receipts: Receipts::Required },
        processing: Processed::Never,
        abort: Abort::Call,
        ..parts_profile()
    }
}

/// A protocol like tus: the server's cursor, the last Append makes the object, an abort, no processing.
pub(crate) fn append_profile() -> Profile {
    Profile {
        name: Cow::Borrowed("append"),
        transfer: Transfer::Append(Append { commit: Commit::Prefix }),
        length: Length::AtEnd,
        finalize: Finalize::Implicit,
        verify: Verify::Unsupported,
        processing: Processed::Never,
        abort: Abort::Call,
        ..parts_profile()
    }
}

/// The same with a Finalize of its own, a Verify, and processing after it.
pub(crate) fn finished_append_profile() -> Profile {
    Profile {
        name: Cow::Borrowed("append and finish"),
        length: Length::AtInit,
        finalize: Finalize::Call { receipts: Receipts::NotWanted },
        verify: Verify::Call,
        processing: Processed::Polled,
        ..append_profile()
    }
}

/// A protocol of a single request, which makes the object and must not be sent twice.
pub(crate) fn once_profile() -> Profile {
    Profile {
        name: Cow::Borrowed("once"),
        open: Open::None,
        transfer: Transfer::Parts(Parts { resend: Resend::Never, listing: Listing::None }),
        sizing: Sizing { max: u64::MAX, max_count: 1, max_total: u64::MAX, ..parts_profile().sizing },
        finalize: Finalize::Implicit,
        verify: Verify::Unsupported,
        processing: Processed::Never,
        ..parts_profile()
    }
}

/// One of each kind of transfer.
pub(crate) fn transfers() -> [(&'static str, Transfer); 3] {
    [
        ("parts", Transfer::Parts(Parts { resend: Resend::Overwrites, listing: Listing::None })),
        (
            "parts, probe first",
            Transfer::Parts(Parts { resend: Resend::ProbeFirst, listing: Listing::Complete }),
        ),
        ("append", Transfer::Append(Append { commit: Commit::Prefix })),
    ]
}
