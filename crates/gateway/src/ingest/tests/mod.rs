//! What the readers take and what they refuse.

mod bounds;
mod differential;
mod refusals;
mod sound;

use super::fuzzing::{Reading, Request, read};
use super::{IngestLimits, Reason, Rejected};

/// Read whole, byte by byte and in threes: the same each time.
fn reading(request: Request, limits: IngestLimits, body: &[u8]) -> Reading {
    let whole = read(request, limits, [body]);
    for piece in [1, 3] {
        let pieces = read(request, limits, body.chunks(piece));
        assert_eq!(pieces.result, whole.result, "in pieces of {piece}: {}", String::from_utf8_lossy(body));
        if whole.result.is_ok() {
            assert_eq!(pieces.media, whole.media, "in pieces of {piece}");
        }
    }
    whole
}

fn upload(body: impl AsRef<[u8]>) -> Reading {
    reading(Request::Upload, IngestLimits::default(), body.as_ref())
}

fn create(body: impl AsRef<[u8]>) -> Reading {
    reading(Request::Create, IngestLimits::default(), body.as_ref())
}

/// The field of that name, of a body that was read.
fn field<'a>(reading: &'a Reading, name: &str) -> Option<&'a str> {
    let fields = reading.result.as_ref().unwrap();
    fields.iter().find(|(given, _)| *given == name).map(|(_, value)| value.as_str())
}

/// Where and why it was refused.
fn refusal(reading: Reading) -> (u64, String) {
    let rejected: Rejected = reading.result.unwrap_err();
    (rejected.at(), rejected.to_string())
}

fn refused(reading: Reading) -> Reason {
    reading.result.unwrap_err().reason().clone()
}
