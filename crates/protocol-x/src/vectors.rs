//! Golden vectors: requests byte for byte, and what every answer of the catalogue comes to. The files are in
//! `tests/vectors`.

mod requests;
mod responses;

use std::fs;
use std::path::PathBuf;

use chunkwise_core::{
    Action, ByteRange, Last, OpId, Operation, Segment, SegmentIndex, Session, Taken, Timestamp,
};

/// The media id of all vectors.
const MEDIA_ID: &str = "1880028106020515840";

/// The time of all vectors: 2023-11-14 22:13:20 UTC.
const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

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
    let session = Session::new(MEDIA_ID);
    operation(match name {
        "Init" => Action::Init { total: Some(8) },
        "Append" => {
            let segment = Segment { index: SegmentIndex::new(1), range: ByteRange::at(4, 4) };
            Action::Append { session, segment, last: Last::More }
        }
        "Probe" => Action::Probe { session, page: None },
        "Finalize" => Action::Finalize { session, total: 8, receipts: None },
        "Status" => Action::Status { session },
        "Verify" => Action::Verify { session, total: 8 },
        "Abort" => Action::Abort { session, taken: Taken::No },
        other => panic!("no such operation: {other}"),
    })
}
