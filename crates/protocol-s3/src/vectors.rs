//! Golden vectors: requests byte for byte, and what every answer comes to. The files are in `tests/vectors`.

mod requests;
mod responses;

use std::fs;
use std::path::PathBuf;

use chunkwise_core::{
    Action, ByteRange, Last, OpId, Operation, PageToken, Receipt, Segment, SegmentIndex, Session, Taken,
    Timestamp,
};

use crate::{AddressStyle, Mark, Object, S3Protocol, Store, aws_endpoint, session};

/// The time of all vectors: 2023-11-14 22:13:20 UTC.
const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

/// The upload id of all vectors; it has what has to be encoded.
const UPLOAD_ID: &str = "up+load/1=";

fn s3() -> S3Protocol {
    let object = Object::new("media", "clips/a b.mp4").unwrap();
    S3Protocol::new(object, aws_endpoint("eu-central-1").unwrap(), Mark::new(0xc0_ffee))
        .with_style(AddressStyle::VirtualHost)
        .with_store(Store::S3)
}

fn ours() -> Session {
    session::session(&s3(), UPLOAD_ID).unwrap()
}

/// The files of a folder, by name without extension, in order.
fn files(folder: &str) -> Vec<(String, String)> {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "vectors", folder].iter().collect();
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(&path).unwrap().replace("\r\n", "\n"))
        })
        .collect();
    files.sort();
    files
}

fn operation(action: Action) -> Operation {
    Operation { id: OpId::from_raw(1), attempt: 1, epoch: Default::default(), action }
}

/// The operation by this name, of the session of all vectors.
fn named(name: &str) -> Operation {
    named_in(name, ours())
}

fn named_in(name: &str, session: Session) -> Operation {
    let receipts = || ["\"e1\"", "\"e2\"\nrosUhgp5mIg="].map(|text| Receipt::new(text.as_bytes())).into();
    operation(match name {
        "Init" => Action::Init { total: Some(8) },
        "Append" => {
            let segment = Segment { index: SegmentIndex::new(1), range: ByteRange::at(4, 4) };
            Action::Append { session, segment, last: Last::More }
        }
        "Probe" => Action::Probe { session, page: None },
        "ProbePage" => Action::Probe { session, page: Some(PageToken::new("1000")) },
        "Finalize" => Action::Finalize { session, total: 8, receipts: Some(receipts()) },
        "Status" => Action::Status { session },
        "Verify" => Action::Verify { session, total: 8 },
        "Abort" => Action::Abort { session, taken: Taken::No },
        "AbortLook" => Action::Abort { session, taken: Taken::Yes },
        other => panic!("no such operation: {other}"),
    })
}
