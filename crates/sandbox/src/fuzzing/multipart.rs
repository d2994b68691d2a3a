//! The multipart parser, over arbitrary bodies cut in arbitrary places.

use bytes::Bytes;

use super::ensure;
use crate::base64_stream::Base64Stream;
use crate::multipart::{
    Event, HEAD_LIMIT, MultipartError, PART_LIMIT, Parser, PartHead, TransferEncoding, boundary_of,
};

/// What a body holds.
#[derive(Debug, PartialEq, Eq)]
struct Form {
    parts: Vec<Part>,
    result: Result<(), MultipartError>,
}

#[derive(Debug, PartialEq, Eq)]
struct Part {
    head: PartHead,
    data: Vec<u8>,
    /// The media, where the data is base64; nothing if it is not valid.
    media: Option<Vec<u8>>,
    ended: bool,
}

/// Takes the base64 of a part as it comes.
#[derive(Default)]
struct Media {
    stream: Base64Stream,
    decoded: Vec<u8>,
    broken: bool,
}

impl Media {
    fn push(&mut self, data: &[u8]) {
        self.broken = self.broken || self.stream.push(data, &mut self.decoded).is_err();
    }

    fn finish(self) -> Option<Vec<u8>> {
        (!self.broken && self.stream.finish().is_ok()).then_some(self.decoded)
    }
}

/// Parses the body in pieces of the lengths that `cut` gives.
fn parse(boundary: &str, body: &Bytes, mut cut: impl FnMut() -> usize) -> Result<Form, String> {
    let mut parser = Parser::new(boundary).map_err(|error| error.to_string())?;
    let mut form = Form { parts: Vec::new(), result: Ok(()) };
    let mut media = Media::default();
    let mut left = body.clone();
    let mut found = 0;
    while !left.is_empty() {
        parser.push(left.split_to(cut().clamp(1, left.len())));
        loop {
            let event = match parser.next_event() {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(error) => {
                    form.result = Err(error);
                    return Ok(form);
                }
            };
            found += 1;
            ensure!(found <= 3 * body.len() + 3, "{found} events of {} bytes", body.len());
            match event {
                Event::Part(head) => {
                    ensure!(form.parts.last().is_none_or(|part| part.ended), "a part within a part");
                    ensure!(form.parts.len() < PART_LIMIT, "more than {PART_LIMIT} parts");
                    media = Media::default();
                    form.parts.push(Part { head, data: Vec::new(), media: None, ended: false });
                }
                Event::Data(data) => {
                    ensure!(!data.is_empty(), "no data, and said so");
                    let Some(part) = form.parts.last_mut().filter(|part| !part.ended) else {
                        return Err(format!("data outside of parts: {data:?}"));
                    };
                    part.data.extend_from_slice(&data);
                    media.push(&data);
                }
                Event::PartEnd => {
                    let Some(part) = form.parts.last_mut().filter(|part| !part.ended) else {
                        return Err("a part ends outside of parts".into());
                    };
                    part.ended = true;
                    if part.head.encoding == TransferEncoding::Base64 {
                        part.media = std::mem::take(&mut media).finish();
                    }
                }
            }
        }
    }
    form.result = parser.finish();
    Ok(form)
}

/// The bytes up to a line end, and what is behind it.
fn line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'\n', bytes) {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[]),
    }
}

/// A body of parts that hold these bytes, as a client writes it.
fn written(boundary: &str, contents: &[&[u8]]) -> Vec<u8> {
    let mut body = Vec::new();
    for (nth, content) in contents.iter().enumerate() {
        let head = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"{nth}\"; filename=\"a;b\\\"\"\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    body
}

/// Reads the first line as a content type, the second as the places to cut at, and the rest as the body.
///
/// However the body is cut, the parser finds the same; what it finds is bounded by the body; and what a client writes
/// with the rest as the content of its parts is found again, byte by byte.
///
/// # Errors
///
/// What does not hold.
pub fn multipart(bytes: &[u8]) -> Result<(), String> {
    let (content_type, bytes) = line(bytes);
    let (cuts, body) = line(bytes);
    let content_type = String::from_utf8_lossy(content_type);
    let boundary = match boundary_of(&content_type) {
        Ok(boundary) if Parser::new(&boundary).is_ok() => boundary,
        Ok(_) | Err(MultipartError::NoBoundary) => "b".to_owned(),
        Err(other) => return Err(format!("a content type is refused as {other:?}")),
    };
    let body = Bytes::copy_from_slice(body);
    let places = || {
        let mut cuts = cuts.iter().cycle();
        move || cuts.next().map_or(1, |cut| usize::from(*cut))
    };
    let whole = parse(&boundary, &body, || usize::MAX)?;
    for cut in [parse(&boundary, &body, || 1)?, parse(&boundary, &body, places())?] {
        ensure!(cut == whole, "cut in pieces {body:?} is {cut:?}, as a whole {whole:?}");
    }
    let size: usize = whole.parts.iter().map(|part| part.data.len() + part.head.name.len()).sum();
    ensure!(size <= body.len(), "{size} bytes of {}", body.len());
    ensure!(whole.parts.iter().all(|part| part.head.name.len() <= HEAD_LIMIT), "a name is too long");

    let contents: Vec<&[u8]> = body.splitn(3, |byte| *byte == 0).collect();
    let delimiter = format!("\r\n--{boundary}");
    let clear = |content: &&[u8]| memchr::memmem::find(content, delimiter.as_bytes()).is_none();
    if contents.iter().all(clear) {
        let body = Bytes::from(written(&boundary, &contents));
        let found = parse(&boundary, &body, places())?;
        ensure!(found.result.is_ok(), "{:?} of {body:?}", found.result);
        let data: Vec<&[u8]> = found.parts.iter().map(|part| part.data.as_slice()).collect();
        ensure!(data == contents, "{data:?} of {body:?}");
        let named = |(nth, part): (usize, &Part)| {
            part.ended && part.head.name == nth.to_string() && part.head.file_name.as_deref() == Some("a;b\"")
        };
        ensure!(found.parts.iter().enumerate().all(named), "{:?}", found.parts);
    }
    Ok(())
}
