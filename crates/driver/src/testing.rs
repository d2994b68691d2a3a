//! What unit tests share.

use chunkwise_core::{
    Abort, Checkpoint, Empty, Finalize, Length, Listing, Open, Parts, Policy, Processed, Profile, Receipts,
    Resend, Sizing, Timestamp, Transfer, Uniformity, Upload, UploadSpec, Verify,
};
use serde_json::json;

use crate::checkpoint::{RECORD_VERSION, Record, SourceBinding, UploadId};
use crate::source::{BytesSource, Source as _};

/// Segments in any order, nothing else of note.
pub(crate) fn profile() -> Profile {
    Profile {
        name: "model".into(),
        open: Open::Request,
        transfer: Transfer::Parts(Parts { resend: Resend::Overwrites, listing: Listing::None }),
        length: Length::AtInit,
        sizing: Sizing {
            min: 1,
            max: 1 << 30,
            multiple_of: 1,
            max_count: 1000,
            max_total: 1 << 40,
            uniformity: Uniformity::Free,
            empty: Empty::Refused,
        },
        finalize: Finalize::Call { receipts: Receipts::NotWanted },
        verify: Verify::Call,
        processing: Processed::Never,
        abort: Abort::Expires,
    }
}

pub(crate) fn checkpoint() -> Checkpoint {
    Upload::new(Timestamp::from_secs(1), UploadSpec::whole(5), profile(), Policy::default(), 7)
        .unwrap()
        .checkpoint()
}

pub(crate) fn record(id: &str) -> Record {
    let fingerprint = BytesSource::new("12345").fingerprint().unwrap();
    Record {
        version: RECORD_VERSION,
        id: UploadId::new(id).unwrap(),
        created_at: Timestamp::from_secs(1),
        updated_at: Timestamp::from_secs(2),
        expires_at: None,
        source: SourceBinding::new(Some("/videos/one.mp4".into()), fingerprint),
        destination: json!({ "flavour": "v2" }),
        checkpoint: checkpoint(),
        finished: None,
    }
}
