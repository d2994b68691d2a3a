//! What the fuzz target `gateway_json` runs, and the tests too: bytes in, what is wrong or nothing out. Not part of the
//! API.

mod oracle;

use super::{CreateReader, IngestLimits, MediaSink, MediaStart, Reason, Rejected, SinkRefusal, UploadReader};

/// Which request a body is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// `POST /twitter/media/upload`
    Upload,
    /// `POST /twitter/tweet/create`
    Create,
}

/// What became of a body, in words that two readings can be compared by.
#[derive(Debug, PartialEq, Eq)]
pub struct Reading {
    /// The body that was read (secrets shown), or why there is none.
    pub result: Result<Vec<(&'static str, String)>, Rejected>,
    /// What the sink was given.
    pub media: Vec<Vec<u8>>,
    /// The most that the reader held at any time, in bytes.
    pub most_held: usize,
}

/// Returns what is wrong unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err(format!($($text)+));
        }
    };
}

/// The first byte chooses the request, the next seven where the body, which is the rest, is cut.
///
/// # Errors
///
/// What does not hold.
pub fn json(bytes: &[u8]) -> Result<(), String> {
    let Some((&[choice, ref cuts @ ..], body)) = bytes.split_first_chunk::<8>() else { return Ok(()) };
    let request = if choice & 1 == 0 { Request::Upload } else { Request::Create };
    check(request, body, cuts)
}

/// Reads the body whole, byte by byte and in pieces of these lengths, over and over: whatever it is, it is read the same,
/// in bounded memory, and as `serde_json` and `base64` read it.
///
/// # Errors
///
/// What does not hold.
pub fn check(request: Request, body: &[u8], cuts: &[u8]) -> Result<(), String> {
    let limits = IngestLimits::default();
    let whole = read(request, limits, [body]);
    let bytes = read(request, limits, body.chunks(1));
    ensure!(same(&whole, &bytes), "whole it is {whole:?}, byte by byte {bytes:?}");
    let mut rest = body;
    let pieces = read(
        request,
        limits,
        cuts.iter().cycle().map_while(|&cut| {
            let piece = usize::from(cut).max(1).min(rest.len());
            let (piece, left) = rest.split_at(piece);
            rest = left;
            (!piece.is_empty()).then_some(piece)
        }),
    );
    ensure!(cuts.is_empty() || same(&whole, &pieces), "whole it is {whole:?}, cut by {cuts:?} {pieces:?}");

    // Every string that is kept has at most twice its limit as a buffer.
    let most = super::media::Decoder::MOST_HELD + 2 * body.len() + 4 * limits.short;
    ensure!(whole.most_held <= most, "{} bytes are held of {}", whole.most_held, body.len());

    if let Err(rejected) = &whole.result {
        ensure!(rejected.at() <= body.len() as u64, "it is refused at {} of {}", rejected.at(), body.len());
        let sentence = rejected.to_string();
        ensure!(sentence.len() < 100 && !sentence.ends_with('.'), "it is refused with {sentence:?}");
    }

    let Some(expected) = oracle::read(request, body) else { return Ok(()) };
    match (&whole.result, &expected) {
        (Ok(fields), Ok((theirs, media))) => {
            ensure!(fields == theirs, "it is read as {fields:?} and not as {theirs:?}");
            ensure!(whole.media == *media, "its media are {:?} and not {media:?}", whole.media);
        }
        (Ok(fields), Err(why)) => return Err(format!("it is read as {fields:?}, but {why}")),
        (Err(rejected), Ok(_)) => {
            ensure!(is_a_limit(rejected.reason()), "it is refused: {rejected}, at {}", rejected.at());
        }
        (Err(_), Err(_)) => {}
    }
    Ok(())
}

/// What it reads as when pushed in these pieces.
pub fn read<'a>(
    request: Request,
    limits: IngestLimits,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Reading {
    let mut media = Collected::default();
    let mut most_held = 0;
    let result = match request {
        Request::Upload => {
            let mut reader = UploadReader::new(limits);
            let pushed = pieces.into_iter().try_for_each(|piece| {
                let result = reader.push(piece, &mut media);
                most_held = most_held.max(reader.buffered());
                result
            });
            pushed.and_then(|()| reader.finish()).map(|body| oracle::upload_fields(&body))
        }
        Request::Create => {
            let mut reader = CreateReader::new(limits);
            let pushed = pieces.into_iter().try_for_each(|piece| {
                let result = reader.push(piece, &mut media);
                most_held = most_held.max(reader.buffered());
                result
            });
            pushed.and_then(|()| reader.finish()).map(|body| oracle::create_fields(&body))
        }
    };
    Reading { result, media: media.0, most_held }
}

/// What was given before a body was refused may differ by as much as was collected and not decoded yet.
fn same(one: &Reading, other: &Reading) -> bool {
    one.result == other.result && (one.result.is_err() || one.media == other.media)
}

/// Whether it is about how much, which the oracle does not judge.
const fn is_a_limit(reason: &Reason) -> bool {
    matches!(
        reason,
        Reason::TooDeep { .. }
            | Reason::TooManyMembers { .. }
            | Reason::NameTooLong { .. }
            | Reason::TooLong { .. }
            | Reason::DataUriTooLong { .. }
            | Reason::TooMuchBesideMedia { .. }
            | Reason::BodyTooLarge { .. }
            | Reason::MediaTooLarge { .. }
            | Reason::TooManyMedia { .. }
    )
}

#[derive(Default)]
struct Collected(Vec<Vec<u8>>);

impl MediaSink for Collected {
    fn begin(&mut self, start: MediaStart<'_>) -> Result<(), SinkRefusal> {
        if start.index != self.0.len() {
            return Err(SinkRefusal { sentence: "media out of order".into() });
        }
        self.0.push(Vec::new());
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), SinkRefusal> {
        match self.0.last_mut() {
            Some(media) => media.extend_from_slice(bytes),
            None => return Err(SinkRefusal { sentence: "bytes of no media".into() }),
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), SinkRefusal> {
        Ok(())
    }
}
