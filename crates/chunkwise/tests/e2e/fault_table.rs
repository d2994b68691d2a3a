//! What becomes of every fault at every operation: the whole behaviour under failure on one page. The tests in
//! `fault_matrix` run each cell over real sockets and check that the table tells the truth.

use std::collections::BTreeMap;

use chunkwise::x::Api;
use chunkwise_sandbox::{Fault, Moment, Rest};

use crate::support::{Carrier, Kind};

/// What becomes of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    /// Ready, the same bytes; what was struck (this segment, or this operation) was sent so often.
    Ready { sent: u32 },
    /// Ready, the same bytes, in smaller segments, if need be in a second session.
    Smaller,
    /// This error, and a checkpoint. Without the fault a resume ends ready, the same bytes.
    Resumable(Kind),
    /// This error, and no checkpoint.
    Over(Kind),
    /// This error, and a checkpoint, of which a resume can make no more.
    Stuck(Kind),
    /// It can't happen there.
    No,
}

pub(crate) use Cell::{No, Over, Resumable, Smaller, Stuck};

/// As if nothing had been.
pub(crate) const ONCE: Cell = Cell::Ready { sent: 1 };
/// Sent a second time.
pub(crate) const TWICE: Cell = Cell::Ready { sent: 2 };
/// The server says that the request will never do.
const REFUSED: Cell = Over(Kind::Refused);
/// It says that these credentials, or this account, may not. Once a session is open, it is kept.
const FORBIDDEN: Cell = Resumable(Kind::Refused);
const EXPIRED: Cell = Resumable(Kind::Credentials);
/// Nobody can tell whether the video was committed; a resume asks again.
const DOUBT: Cell = Resumable(Kind::FinalizeUnknown);
/// X has no STATUS for images: nobody can ever tell, and the error names the media id.
const DOUBT_FOR_GOOD: Cell = Stuck(Kind::FinalizeUnknown);
const EXHAUSTED: Cell = Resumable(Kind::Exhausted);
const EXHAUSTED_AT_INIT: Cell = Over(Kind::Exhausted);
/// The video is committed, but its processing can't be followed.
const LOST_SIGHT: Cell = Resumable(Kind::StatusLost);

/// A fault, and what becomes of it at each operation.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) fault: fn() -> Fault,
    pub(crate) setting: Setting,
    /// In the order of [`Place::ALL`].
    pub(crate) cells: [Cell; 6],
}

/// What a row wants besides its fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    Plain,
    /// Timeouts of two seconds.
    Impatient,
    /// A bearer token with a refresh hook. Not for OAuth 1.0a.
    Refresh,
}

use Setting::{Impatient, Plain, Refresh};

/// Where a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Init,
    /// The first, a middle and the last segment each, one upload for each.
    Append,
    /// Of a video.
    Finalize,
    FinalizeOfImage,
    Status,
    /// STATUS, asked because the answer to FINALIZE was lost.
    Verify,
}

impl Place {
    pub(crate) const ALL: [Self; 6] =
        [Self::Init, Self::Append, Self::Finalize, Self::FinalizeOfImage, Self::Status, Self::Verify];
}

const fn row(name: &'static str, setting: Setting, fault: fn() -> Fault, cells: [Cell; 6]) -> Row {
    Row { name, fault, setting, cells }
}

/// Struck once.
#[rustfmt::skip]
pub(crate) const ONCE_STRUCK: &[Row] = &[
    //                                                                                   INIT     APPEND     FINALIZE   of an image     STATUS   VERIFY
    row("400",                      Plain,     || problem(400, INVALID),                 [REFUSED, REFUSED,   REFUSED,   REFUSED,        TWICE,   DOUBT]),
    row("400 unknown media",        Plain,     || problem(400, UNKNOWN_MEDIA),           [REFUSED, TWICE,     TWICE,     TWICE,          TWICE,   TWICE]),
    row("400 sizes do not add up",  Plain,     || problem(400, MISMATCH),                [No,      No,        Over(Kind::SizeMismatch), Over(Kind::SizeMismatch), No, No]),
    row("401",                      Plain,     || problem(401, ""),                      [Over(Kind::Credentials), EXPIRED, EXPIRED, EXPIRED,  EXPIRED, EXPIRED]),
    row("401, with a hook",         Refresh,   || problem(401, ""),                      [TWICE,   TWICE,     TWICE,     TWICE,          TWICE,   TWICE]),
    row("402",                      Plain,     || problem(402, ""),                      [REFUSED, FORBIDDEN, FORBIDDEN, FORBIDDEN,      TWICE,   TWICE]),
    row("403",                      Plain,     || problem(403, ""),                      [REFUSED, FORBIDDEN, FORBIDDEN, FORBIDDEN,      TWICE,   TWICE]),
    row("404",                      Plain,     || html(404),                             [TWICE,   TWICE,     TWICE,     TWICE,          TWICE,   TWICE]),
    row("408",                      Plain,     || problem(408, ""),                      [TWICE,   TWICE,     TWICE,     TWICE,          TWICE,   TWICE]),
    row("413",                      Plain,     || empty(413),                            [REFUSED, Smaller,   REFUSED,   REFUSED,        TWICE,   DOUBT]),
    row("429",                      Plain,     || problem(429, ""),                      [TWICE,   TWICE,     TWICE,     TWICE,          TWICE,   TWICE]),
    row("429 with Retry-After",     Plain,     || with(429, "retry-after", "1"),         [TWICE,   TWICE,     TWICE,     TWICE,          TWICE,   TWICE]),
    row("429 until the reset",      Plain,     throttle,                                 [TWICE,   TWICE,     TWICE,     TWICE,          TWICE,   TWICE]),
    row("429 for two hours",        Plain,     || with(429, "retry-after", "7200"),      [Over(Kind::Throttled), THROTTLED, THROTTLED, THROTTLED, LOST_SIGHT, DOUBT]),
    row("431",                      Plain,     || html(431),                             [REFUSED, Smaller,   REFUSED,   REFUSED,        TWICE,   DOUBT]),
    row("500",                      Plain,     || problem(500, ""),                      [TWICE,   TWICE,     TWICE,     DOUBT_FOR_GOOD, TWICE,   TWICE]),
    row("500, empty",               Plain,     || empty(500),                            [TWICE,   TWICE,     TWICE,     DOUBT_FOR_GOOD, TWICE,   TWICE]),
    row("502, a page",              Plain,     || html(502),                             [TWICE,   TWICE,     TWICE,     DOUBT_FOR_GOOD, TWICE,   TWICE]),
    row("503",                      Plain,     || problem(503, ""),                      [TWICE,   TWICE,     TWICE,     TWICE,          TWICE,   TWICE]),
    row("503 of 2 MiB",             Plain,     || huge(503),                             [TWICE,   TWICE,     TWICE,     TWICE,          TWICE,   TWICE]),
    row("504, a page",              Plain,     || html(504),                             [TWICE,   TWICE,     TWICE,     DOUBT_FOR_GOOD, TWICE,   TWICE]),
    row("a redirect",               Plain,     || with(302, "location", "/elsewhere"),   [TWICE,   TWICE,     TWICE,     DOUBT_FOR_GOOD, TWICE,   TWICE]),
    row("a 2xx about another id",   Plain,     || problem(200, OTHER_ID),                [TWICE,   LIED,      TWICE,     DOUBT_FOR_GOOD, TWICE,   TWICE]),
    row("early 503, body drained",  Plain,     || early(503, Rest::default()),           [No,      TWICE,     No,        No,             No,      No]),
    row("early 503, closed",        Plain,     || early(503, Rest::Close),               [No,      TWICE,     No,        No,             No,      No]),
    row("early 413, body drained",  Plain,     || early(413, Rest::default()),           [No,      Smaller,   No,        No,             No,      No]),
    row("early 413, closed",        Plain,     || early(413, Rest::Close),               [No,      Smaller,   No,        No,             No,      No]),
    row("a delay",                  Plain,     || delay(80, Moment::BeforeBody),         [ONCE,    ONCE,      ONCE,      ONCE,           ONCE,    ONCE]),
    row("a delayed answer",         Plain,     || delay(80, Moment::AfterCommit),        [ONCE,    ONCE,      ONCE,      ONCE,           ONCE,    ONCE]),
    row("no end, before the body",  Impatient, || delay(9_000, Moment::BeforeBody),      [TWICE,   TWICE,     TWICE,     DOUBT_FOR_GOOD, TWICE,   TWICE]),
    row("no end, after the body",   Impatient, || delay(9_000, Moment::AfterBody),       [TWICE,   TWICE,     TWICE,     DOUBT_FOR_GOOD, TWICE,   TWICE]),
    row("no end, after the commit", Impatient, || delay(9_000, Moment::AfterCommit),     [TWICE,   TWICE,     ONCE,      DOUBT_FOR_GOOD, TWICE,   TWICE]),
    row("reset before the body",    Plain,     || reset(Moment::BeforeBody),             [TWICE,   TWICE,     TWICE,     DOUBT_FOR_GOOD, TWICE,   TWICE]),
    row("reset during the body",    Plain,     || reset(DURING),                         [No,      TWICE,     No,        No,             No,      No]),
    row("reset after the body",     Plain,     || reset(Moment::AfterBody),              [TWICE,   TWICE,     TWICE,     DOUBT_FOR_GOOD, TWICE,   TWICE]),
    row("reply lost",               Plain,     Fault::lost_reply,                        [TWICE,   TWICE,     ONCE,      DOUBT_FOR_GOOD, TWICE,   TWICE]),
    row("closed before the body",   Plain,     || close(Moment::BeforeBody),             [TWICE,   TWICE,     TWICE,     DOUBT_FOR_GOOD, TWICE,   TWICE]),
    row("closed during the body",   Plain,     || close(DURING),                         [No,      TWICE,     No,        No,             No,      No]),
    row("closed after the body",    Plain,     || close(Moment::AfterBody),              [TWICE,   TWICE,     TWICE,     DOUBT_FOR_GOOD, TWICE,   TWICE]),
    row("closed after the commit",  Plain,     || close(Moment::AfterCommit),            [TWICE,   TWICE,     ONCE,      DOUBT_FOR_GOOD, TWICE,   TWICE]),
    row("read slowly",              Plain,     || slow(400_000),                         [ONCE,    ONCE,      ONCE,      ONCE,           ONCE,    ONCE]),
    row("half of the JSON",         Plain,     || Fault::MalformedJson,                  [TWICE,   ONCE,      ONCE,      DOUBT_FOR_GOOD, TWICE,   TWICE]),
    row("a 2xx without a body",     Plain,     || Fault::EmptyAnswer,                    [TWICE,   ONCE,      ONCE,      DOUBT_FOR_GOOD, TWICE,   TWICE]),
    row("a 2xx of 2 MiB",           Plain,     || Fault::HugeAnswer { bytes: HUGE },     [TWICE,   TWICE,     ONCE,      DOUBT_FOR_GOOD, TWICE,   TWICE]),
];

/// The server wants a longer wait than the policy allows.
const THROTTLED: Cell = Resumable(Kind::Throttled);
/// It acknowledged a segment that it did not store: FINALIZE finds that out.
const LIED: Cell = Over(Kind::SizeMismatch);

/// Struck at every call (an Append of the middle segment: at every one of it).
#[rustfmt::skip]
pub(crate) const ALWAYS_STRUCK: &[Row] = &[
    //                                                                                   INIT               APPEND     FINALIZE   of an image     STATUS      VERIFY
    row("401, with a hook",         Refresh,   || problem(401, ""),                      [Over(Kind::Credentials), EXPIRED, EXPIRED, EXPIRED,    EXPIRED,    EXPIRED]),
    row("404",                      Plain,     || html(404),                             [EXHAUSTED_AT_INIT, NO_SESSION, NO_SESSION, NO_SESSION, LOST_SIGHT, DOUBT]),
    row("413",                      Plain,     || empty(413),                            [REFUSED,          Over(Kind::TooLarge), REFUSED, REFUSED, LOST_SIGHT, DOUBT]),
    row("429",                      Plain,     || problem(429, ""),                      [EXHAUSTED_AT_INIT, EXHAUSTED, EXHAUSTED, EXHAUSTED,   LOST_SIGHT, DOUBT]),
    row("500",                      Plain,     || problem(500, ""),                      [EXHAUSTED_AT_INIT, EXHAUSTED, DOUBT,     DOUBT_FOR_GOOD, LOST_SIGHT, DOUBT]),
    row("503",                      Plain,     || problem(503, ""),                      [EXHAUSTED_AT_INIT, EXHAUSTED, EXHAUSTED, EXHAUSTED,   LOST_SIGHT, DOUBT]),
    row("a redirect",               Plain,     || with(302, "location", "/elsewhere"),   [Over(Kind::Protocol), BROKEN, DOUBT,     DOUBT_FOR_GOOD, LOST_SIGHT, DOUBT]),
    row("no end",                   Impatient, || delay(9_000, Moment::AfterBody),       [EXHAUSTED_AT_INIT, EXHAUSTED, DOUBT,     DOUBT_FOR_GOOD, LOST_SIGHT, DOUBT]),
    row("reset before the body",    Plain,     || reset(Moment::BeforeBody),             [EXHAUSTED_AT_INIT, EXHAUSTED, DOUBT,     DOUBT_FOR_GOOD, LOST_SIGHT, DOUBT]),
    row("reset during the body",    Plain,     || reset(DURING),                         [No,               EXHAUSTED, No,        No,             No,         No]),
    row("reply lost",               Plain,     Fault::lost_reply,                        [EXHAUSTED_AT_INIT, EXHAUSTED, ONCE,      DOUBT_FOR_GOOD, LOST_SIGHT, DOUBT]),
    row("closed after the body",    Plain,     || close(Moment::AfterBody),              [EXHAUSTED_AT_INIT, EXHAUSTED, DOUBT,     DOUBT_FOR_GOOD, LOST_SIGHT, DOUBT]),
    row("half of the JSON",         Plain,     || Fault::MalformedJson,                  [Over(Kind::Protocol), ONCE,   ONCE,      DOUBT_FOR_GOOD, LOST_SIGHT, DOUBT]),
    row("a 2xx without a body",     Plain,     || Fault::EmptyAnswer,                    [Over(Kind::Protocol), ONCE,   ONCE,      DOUBT_FOR_GOOD, LOST_SIGHT, DOUBT]),
    row("a 2xx of 2 MiB",           Plain,     || Fault::HugeAnswer { bytes: HUGE },     [EXHAUSTED_AT_INIT, EXHAUSTED, ONCE,      DOUBT_FOR_GOOD, LOST_SIGHT, DOUBT]),
];

/// Two sessions were tried, which is what the policy allows.
const NO_SESSION: Cell = Over(Kind::SessionLost);
const BROKEN: Cell = Resumable(Kind::Protocol);

/// A cell that differs between the backends or the APIs.
struct Exception {
    row: &'static str,
    place: Place,
    applies: fn(Carrier, Api) -> bool,
    cell: Cell,
    because: &'static str,
}

#[rustfmt::skip]
const EXCEPTIONS: &[Exception] = &[
    Exception {
        row: "a 2xx of 2 MiB", place: Place::Append, applies: |_, api| api == Api::V1_1, cell: ONCE,
        because: "v1.1 answers 204 to an APPEND, which has no body",
    },
];

/// What a cell is for this backend and this API.
pub(crate) fn expected(row: &str, place: Place, cell: Cell, carrier: Carrier, api: Api) -> Cell {
    let mut exceptions = EXCEPTIONS.iter().filter(|exception| {
        exception.row == row && exception.place == place && (exception.applies)(carrier, api)
    });
    exceptions.next().map_or(cell, |exception| {
        assert!(!exception.because.is_empty());
        exception.cell
    })
}

const DURING: Moment = Moment::DuringBody { after_bytes: 20_000 };
const HUGE: u64 = 2 << 20;
const INVALID: &str = r#"{"errors":[{"message":"no"}],"title":"Invalid Request","type":"https://api.x.com/2/problems/invalid-request"}"#;
const UNKNOWN_MEDIA: &str = r#"{"errors":[{"parameters":{"media_id":["1"]},"message":"Invalid mediaId"}]}"#;
const MISMATCH: &str = r#"{"request":"/","error":"Segments do not add up to provided total file size."}"#;
const OTHER_ID: &str =
    r#"{"data":{"id":"1","media_id":1,"media_id_string":"1"},"media_id":1,"media_id_string":"1"}"#;
const PAGE: &str = "<html><head><title>Oh no</title></head><body><h1>Something went wrong</h1></body></html>";

fn problem(status: u16, body: &str) -> Fault {
    Fault::answer(
        status,
        if body.is_empty() { r#"{"title":"a problem","detail":"as scripted"}"# } else { body },
    )
}

fn with(status: u16, name: &str, value: &str) -> Fault {
    let headers = BTreeMap::from([(name.to_owned(), value.to_owned())]);
    Fault::Answer { status, headers, body: String::new(), moment: Moment::AfterBody, rest: Rest::default() }
}

fn html(status: u16) -> Fault {
    let headers = BTreeMap::from([("content-type".to_owned(), "text/html".to_owned())]);
    Fault::Answer { status, headers, body: PAGE.into(), moment: Moment::AfterBody, rest: Rest::default() }
}

fn empty(status: u16) -> Fault {
    Fault::answer(status, "")
}

fn huge(status: u16) -> Fault {
    Fault::answer(status, "x".repeat(usize::try_from(HUGE).unwrap()))
}

fn early(status: u16, rest: Rest) -> Fault {
    Fault::Answer { status, headers: BTreeMap::new(), body: String::new(), moment: DURING, rest }
}

fn throttle() -> Fault {
    Fault::Throttle { reset_after_secs: 0, retry_after_secs: None, body: None }
}

fn delay(millis: u64, moment: Moment) -> Fault {
    Fault::Delay { millis, moment }
}

fn reset(moment: Moment) -> Fault {
    Fault::Reset { moment }
}

fn close(moment: Moment) -> Fault {
    Fault::Close { moment }
}

fn slow(bytes_per_sec: u64) -> Fault {
    Fault::SlowBody { bytes_per_sec }
}
