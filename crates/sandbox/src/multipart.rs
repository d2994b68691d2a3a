//! A small, strict push parser for `multipart/form-data`: byte-exact, and no more memory than one part's headers.
//!
//! A delimiter is CRLF, two dashes, the boundary, and then CRLF or two dashes; anything else that looks like one is
//! data, every byte of it. Nothing but one CRLF may stand before the first boundary and after the last.

use bytes::{Buf, Bytes};
use memchr::{memmem, memrchr};

/// The most bytes of one part's headers.
pub const HEAD_LIMIT: usize = 8 * 1024;
/// The most parts of a body.
pub const PART_LIMIT: usize = 64;

/// Why a body is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum MultipartError {
    #[error("the content type is not multipart/form-data with a boundary")]
    NoBoundary,
    #[error("the boundary is not one to seventy of the characters allowed")]
    BadBoundary,
    #[error("the body does not begin with its boundary")]
    Preamble,
    #[error("a part's headers exceed {HEAD_LIMIT} bytes")]
    HeadTooLong,
    #[error("a part's headers are malformed")]
    BadHead,
    #[error("a part has no form-data content disposition with a name")]
    NoName,
    #[error("a part has a content transfer encoding that is not known")]
    UnknownEncoding,
    #[error("there are more than {PART_LIMIT} parts")]
    TooManyParts,
    #[error("bytes follow the final boundary")]
    Epilogue,
    #[error("the body ends before its final boundary")]
    Unfinished,
}

/// `Content-Transfer-Encoding` of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TransferEncoding {
    /// None, or one that changes nothing.
    #[default]
    Plain,
    /// The bytes are base64 (X fact sheet §2.3).
    Base64,
}

/// What a part's headers say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartHead {
    /// The field's name.
    pub name: String,
    /// The file's name, if there is one.
    pub file_name: Option<String>,
    /// How the bytes are encoded.
    pub encoding: TransferEncoding,
}

/// What has been found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A part begins.
    Part(PartHead),
    /// Bytes of the part, in order, never empty.
    Data(Bytes),
    /// The part is complete.
    PartEnd,
}

/// The parser. Push input, then draw events until there are none.
#[derive(Debug)]
pub struct Parser {
    pending: Bytes,
    state: State,
    /// CRLF, dashes, boundary.
    delimiter: Bytes,
    /// The same and one dash more.
    delimiter_dash: Bytes,
    finder: memmem::Finder<'static>,
    parts: usize,
}

#[derive(Debug)]
enum State {
    Preamble { seen: Vec<u8> },
    Head { seen: Vec<u8> },
    Data { matched: usize, after: After },
    Epilogue { seen: Vec<u8> },
}

/// What has been seen behind a complete delimiter.
#[derive(Debug, Clone, Copy)]
enum After {
    Nothing,
    Return,
    Dash,
}

impl Parser {
    /// For a body with this boundary.
    pub fn new(boundary: &str) -> Result<Self, MultipartError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
        let sized = (1..=70).contains(&boundary.len());
        if !sized || !boundary.bytes().all(allowed) || boundary.ends_with(' ') {
            return Err(MultipartError::BadBoundary);
        }
        let delimiter = Bytes::from(format!("\r\n--{boundary}"));
        Ok(Self {
            pending: Bytes::new(),
            state: State::Preamble { seen: Vec::new() },
            delimiter_dash: Bytes::from(format!("\r\n--{boundary}-")),
            finder: memmem::Finder::new(&delimiter).into_owned(),
            delimiter,
            parts: 0,
        })
    }

    /// More of the body. Draw all events before pushing again.
    pub fn push(&mut self, input: Bytes) {
        if self.pending.is_empty() {
            self.pending = input;
        } else {
            self.pending = [std::mem::take(&mut self.pending), input].concat().into();
        }
    }

    /// What has been found next; `None`: more input is needed.
    pub fn next_event(&mut self) -> Result<Option<Event>, MultipartError> {
        loop {
            match &mut self.state {
                State::Preamble { seen } => {
                    let Some(byte) = take_byte(&mut self.pending) else { return Ok(None) };
                    seen.push(byte);
                    let line = self.delimiter.get(2..).unwrap_or_default();
                    let seen = seen.strip_prefix(b"\r\n").unwrap_or(seen);
                    if !is_opening(seen, line) && seen != b"\r" {
                        return Err(MultipartError::Preamble);
                    }
                    match seen.strip_prefix(line) {
                        Some(b"\r\n") => self.state = State::Head { seen: Vec::new() },
                        Some(b"--") => self.state = State::Epilogue { seen: Vec::new() },
                        Some(_) | None => {}
                    }
                }
                State::Head { seen } => {
                    let Some(byte) = take_byte(&mut self.pending) else { return Ok(None) };
                    seen.push(byte);
                    if seen.len() > HEAD_LIMIT {
                        return Err(MultipartError::HeadTooLong);
                    }
                    if seen == b"\r\n" {
                        return Err(MultipartError::NoName);
                    }
                    if seen.ends_with(b"\r\n\r\n") {
                        let head = parse_head(seen)?;
                        self.parts += 1;
                        if self.parts > PART_LIMIT {
                            return Err(MultipartError::TooManyParts);
                        }
                        self.state = State::Data { matched: 0, after: After::Nothing };
                        return Ok(Some(Event::Part(head)));
                    }
                }
                State::Data { matched: 0, .. } => match self.scan() {
                    Scan::Data(data) => return Ok(Some(Event::Data(data))),
                    Scan::Candidate => {}
                    Scan::Empty => return Ok(None),
                },
                State::Data { .. } => match self.continue_match() {
                    Match::Data(data) => return Ok(Some(Event::Data(data))),
                    Match::PartEnd => return Ok(Some(Event::PartEnd)),
                    Match::MoreInput => return Ok(None),
                },
                State::Epilogue { seen } => {
                    let Some(byte) = take_byte(&mut self.pending) else { return Ok(None) };
                    seen.push(byte);
                    if !b"\r\n".starts_with(seen) {
                        return Err(MultipartError::Epilogue);
                    }
                }
            }
        }
    }

    /// The body has ended.
    pub fn finish(&self) -> Result<(), MultipartError> {
        match &self.state {
            State::Epilogue { .. } => Ok(()),
            State::Preamble { .. } | State::Head { .. } | State::Data { .. } => {
                Err(MultipartError::Unfinished)
            }
        }
    }

    /// No delimiter is under way: everything up to the next candidate is data.
    fn scan(&mut self) -> Scan {
        if self.pending.is_empty() {
            return Scan::Empty;
        }
        let candidate = self.finder.find(&self.pending).or_else(|| {
            // The boundary holds no CR, so only the last CR can begin a delimiter that the input cuts short.
            let from = self.pending.len().saturating_sub(self.delimiter.len() - 1);
            let tail = self.pending.get(from..)?;
            let at = from + memrchr(b'\r', tail)?;
            self.delimiter.starts_with(self.pending.get(at..)?).then_some(at)
        });
        match candidate {
            None => Scan::Data(std::mem::take(&mut self.pending)),
            Some(0) => {
                let matched = self.delimiter.len().min(self.pending.len());
                self.pending.advance(matched);
                self.state = State::Data { matched, after: After::Nothing };
                Scan::Candidate
            }
            Some(at) => Scan::Data(self.pending.split_to(at)),
        }
    }

    /// A delimiter is under way; what turns out not to be one was data all along.
    fn continue_match(&mut self) -> Match {
        let State::Data { matched, after } = &mut self.state else { return Match::MoreInput };
        while *matched < self.delimiter.len() {
            let Some(&byte) = self.pending.first() else { return Match::MoreInput };
            if self.delimiter.get(*matched) != Some(&byte) {
                let held = self.delimiter.slice(..*matched);
                *matched = 0;
                return Match::Data(held);
            }
            self.pending.advance(1);
            *matched += 1;
        }
        let Some(&byte) = self.pending.first() else { return Match::MoreInput };
        match (*after, byte) {
            (After::Nothing, b'\r') => *after = After::Return,
            (After::Nothing, b'-') => *after = After::Dash,
            (After::Nothing, _) => {
                *matched = 0;
                return Match::Data(self.delimiter.clone());
            }
            (After::Return, b'\n') => {
                self.pending.advance(1);
                self.state = State::Head { seen: Vec::new() };
                return Match::PartEnd;
            }
            (After::Return, _) => {
                // That CR may begin the true delimiter.
                self.state = State::Data { matched: 1, after: After::Nothing };
                return Match::Data(self.delimiter.clone());
            }
            (After::Dash, b'-') => {
                self.pending.advance(1);
                self.state = State::Epilogue { seen: Vec::new() };
                return Match::PartEnd;
            }
            (After::Dash, _) => {
                self.state = State::Data { matched: 0, after: After::Nothing };
                return Match::Data(self.delimiter_dash.clone());
            }
        }
        self.pending.advance(1);
        self.continue_match()
    }
}

enum Scan {
    Data(Bytes),
    Candidate,
    Empty,
}

enum Match {
    Data(Bytes),
    PartEnd,
    MoreInput,
}

fn take_byte(pending: &mut Bytes) -> Option<u8> {
    (!pending.is_empty()).then(|| pending.get_u8())
}

/// Whether `seen` is, so far, an opening line.
fn is_opening(seen: &[u8], line: &[u8]) -> bool {
    match seen.strip_prefix(line) {
        None => line.starts_with(seen),
        Some(rest) => b"\r\n".starts_with(rest) || b"--".starts_with(rest),
    }
}

fn parse_head(bytes: &[u8]) -> Result<PartHead, MultipartError> {
    let text = std::str::from_utf8(bytes).map_err(|_| MultipartError::BadHead)?;
    let mut named = None;
    let mut encoding = TransferEncoding::Plain;
    for line in text.trim_end_matches("\r\n").split("\r\n") {
        let (name, value) = line.split_once(':').ok_or(MultipartError::BadHead)?;
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) || value.contains(['\r', '\n', '\0']) {
            return Err(MultipartError::BadHead);
        }
        let value = value.trim_matches([' ', '\t']);
        if name.eq_ignore_ascii_case("content-disposition") {
            if named.is_some() {
                return Err(MultipartError::BadHead);
            }
            named = Some(parse_disposition(value)?);
        } else if name.eq_ignore_ascii_case("content-transfer-encoding") {
            encoding = match value.to_ascii_lowercase().as_str() {
                "7bit" | "8bit" | "binary" => TransferEncoding::Plain,
                "base64" => TransferEncoding::Base64,
                _ => return Err(MultipartError::UnknownEncoding),
            };
        }
    }
    let (name, file_name) = named.ok_or(MultipartError::NoName)?;
    Ok(PartHead { name, file_name, encoding })
}

fn parse_disposition(value: &str) -> Result<(String, Option<String>), MultipartError> {
    let (kind, parameters) = value.split_once(';').ok_or(MultipartError::NoName)?;
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return Err(MultipartError::NoName);
    }
    let mut name = None;
    let mut file_name = None;
    for (key, value) in parse_parameters(parameters)? {
        if key.eq_ignore_ascii_case("name") {
            name = Some(value);
        } else if key.eq_ignore_ascii_case("filename") {
            file_name = Some(value);
        }
    }
    Ok((name.ok_or(MultipartError::NoName)?, file_name))
}

/// `key=value; key="quoted value"`.
fn parse_parameters(text: &str) -> Result<Vec<(String, String)>, MultipartError> {
    let mut parameters = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (key, value) = rest.split_once('=').ok_or(MultipartError::BadHead)?;
        let value = value.trim_start();
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => parse_quoted(quoted)?,
            None => {
                let end = value.find(';').unwrap_or(value.len());
                let (token, after) = value.split_at(end);
                (token.trim_end().to_owned(), after)
            }
        };
        parameters.push((key.trim().to_owned(), value));
        let after = after.trim_start();
        rest = match after.strip_prefix(';') {
            Some(more) => more.trim(),
            None if after.is_empty() => after,
            None => return Err(MultipartError::BadHead),
        };
    }
    Ok(parameters)
}

/// What stands up to the closing quote, and what comes after it.
fn parse_quoted(text: &str) -> Result<(String, &str), MultipartError> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Ok((value, text.get(at + 1..).unwrap_or_default())),
            // Only these two are escaped; a browser leaves other backslashes as they are.
            '\\' if matches!(text.get(at + 1..at + 2), Some("\"" | "\\")) => {
                value.extend(letters.next().map(|(_, escaped)| escaped));
            }
            letter => value.push(letter),
        }
    }
    Err(MultipartError::BadHead)
}

/// The boundary that a `Content-Type` names. A comma for the semicolon is refused, as X does (X fact sheet §2.3).
pub fn boundary_of(content_type: &str) -> Result<String, MultipartError> {
    let (kind, parameters) = content_type.split_once(';').ok_or(MultipartError::NoBoundary)?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return Err(MultipartError::NoBoundary);
    }
    let mut parameters = parse_parameters(parameters).map_err(|_| MultipartError::NoBoundary)?.into_iter();
    let found = parameters.find(|(key, _)| key.eq_ignore_ascii_case("boundary"));
    found.map(|(_, boundary)| boundary).ok_or(MultipartError::NoBoundary)
}

#[cfg(test)]
mod tests;
