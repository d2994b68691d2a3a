//! JSON as it streams in: the grammar of RFC 8259, a stack of bounded depth, and no buffer but for the strings that
//! somebody wants.

mod number;
mod strings;

use std::fmt;

use number::Number;
use strings::{Out, Purpose};

use super::media::Decoder;
use super::schema::{Kind, Schema, Want};
use super::string::StringState;
use super::{IngestLimits, MediaSink, Reason, Rejected};

#[derive(Debug)]
enum State {
    /// Before the object.
    Start,
    /// A value must come, or the array's end if this is its beginning.
    Value {
        or_end: bool,
    },
    /// A name must come, or the object's end if this is its beginning.
    Name {
        or_end: bool,
    },
    Colon,
    /// A value is over.
    After,
    String(Purpose),
    Number(Number),
    Literal(&'static [u8]),
    /// The object is over.
    End,
}

#[derive(Debug)]
struct Level {
    array: bool,
    entered: bool,
    members: u32,
    /// How many names of the levels above are kept.
    names_above: usize,
}

/// Scans one body.
pub(super) struct Scanner {
    limits: IngestLimits,
    /// Bytes taken in.
    at: u64,
    beside_media: u64,
    state: State,
    stack: Vec<Level>,
    /// The names so far in each object that was entered; the last one is the one whose value comes.
    names: Vec<String>,
    string: StringState,
    text: Vec<u8>,
    decoder: Decoder,
    value_at: u64,
    rejected: Option<Rejected>,
}

/// Without what it keeps: that may be half of a secret.
impl fmt::Debug for Scanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, state, rejected, .. } = self;
        f.debug_struct("Scanner")
            .field("at", at)
            .field("state", state)
            .field("rejected", rejected)
            .finish_non_exhaustive()
    }
}

impl Scanner {
    pub(super) const fn new(limits: IngestLimits) -> Self {
        Self {
            limits,
            at: 0,
            beside_media: 0,
            state: State::Start,
            stack: Vec::new(),
            names: Vec::new(),
            string: StringState::NEW,
            text: Vec::new(),
            decoder: Decoder::new(limits.media, limits.short),
            value_at: 0,
            rejected: None,
        }
    }

    /// Bytes of memory that it holds.
    pub(super) fn held(&self) -> usize {
        let names: usize = self.names.iter().map(String::capacity).sum();
        self.text.capacity() + names + self.decoder.held()
    }

    /// Where the scanner is, or where it stopped.
    pub(super) const fn at(&self) -> u64 {
        self.at
    }

    /// Takes in the next bytes. Once a body is rejected it stays so.
    pub(super) fn push<S: Schema>(
        &mut self,
        bytes: &[u8],
        schema: &mut S,
        sink: &mut dyn MediaSink,
    ) -> Result<(), Rejected> {
        if let Some(rejected) = &self.rejected {
            return Err(rejected.clone());
        }
        let room = usize::try_from(self.limits.body - self.at).unwrap_or(usize::MAX);
        let within = &bytes[..bytes.len().min(room)];
        let result = self.scan(within, schema, sink).and_then(|()| {
            if within.len() < bytes.len() {
                return Err(Reason::BodyTooLarge { limit: self.limits.body });
            }
            Ok(())
        });
        result.map_err(|reason| {
            let rejected = Rejected { reason, at: self.at };
            self.rejected = Some(rejected.clone());
            rejected
        })
    }

    /// There are no more bytes.
    pub(super) fn finish(&self) -> Result<(), Rejected> {
        if let Some(rejected) = &self.rejected {
            return Err(rejected.clone());
        }
        let reason = match self.state {
            State::End => return Ok(()),
            State::Start => Reason::NotAnObject,
            _ => Reason::Truncated,
        };
        Err(Rejected { reason, at: self.at })
    }

    fn scan<S: Schema>(
        &mut self,
        mut rest: &[u8],
        schema: &mut S,
        sink: &mut dyn MediaSink,
    ) -> Result<(), Reason> {
        while let Some(&byte) = rest.first() {
            let State::String(purpose) = self.state else {
                self.count(1)?;
                self.structure(byte, schema)?;
                self.at += 1;
                rest = &rest[1..];
                continue;
            };
            let mut out = Out { schema, sink };
            let taken = self.string(purpose, rest, &mut out)?;
            rest = &rest[taken..];
        }
        if matches!(self.state, State::String(Purpose::Media)) {
            self.decoder.flush(&mut Out { schema, sink })?;
        }
        Ok(())
    }

    /// So many bytes more that are beside the media.
    fn count(&mut self, bytes: usize) -> Result<(), Reason> {
        let limit = self.limits.beside_media;
        if self.beside_media + bytes as u64 > limit {
            return Err(Reason::TooMuchBesideMedia { limit });
        }
        self.beside_media += bytes as u64;
        Ok(())
    }

    /// A byte outside of strings.
    fn structure(&mut self, byte: u8, schema: &mut impl Schema) -> Result<(), Reason> {
        if let State::Number(number) = self.state {
            if let Some(next) = number.after(byte)? {
                self.state = State::Number(next);
                return Ok(());
            }
            self.state = State::After;
        }
        if let State::Literal(missing) = self.state {
            return match missing {
                [next, rest @ ..] if *next == byte => {
                    self.state = if rest.is_empty() { State::After } else { State::Literal(rest) };
                    Ok(())
                }
                _ => Err(Reason::Syntax { expected: "true, false or null" }),
            };
        }
        if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            return Ok(());
        }
        match (&self.state, byte) {
            (State::Start, b'{') => self.open(false, true),
            // The marks of UTF-8 (EF BB BF) and UTF-16 (FE FF, FF FE).
            (State::Start, 0xef | 0xfe | 0xff) if self.at == 0 => Err(Reason::ByteOrderMark),
            (State::Start, _) => Err(Reason::NotAnObject),
            (State::End, _) => Err(Reason::Trailing),
            (State::Value { or_end: true }, b']') | (State::Name { or_end: true }, b'}') => {
                self.close(schema)
            }
            (State::Value { .. }, _) => self.value(byte, schema),
            (State::Name { .. }, b'"') => self.name(),
            (State::Name { .. }, _) => Err(Reason::Syntax { expected: "a member's name" }),
            (State::Colon, b':') => {
                self.state = State::Value { or_end: false };
                Ok(())
            }
            (State::Colon, _) => Err(Reason::Syntax { expected: "a colon" }),
            (State::After, _) => self.after(byte, schema),
            (State::String(_) | State::Number(_) | State::Literal(_), _) => Ok(()),
        }
    }

    fn after(&mut self, byte: u8, schema: &mut impl Schema) -> Result<(), Reason> {
        let array = self.stack.last().is_some_and(|level| level.array);
        match (byte, array) {
            (b',', true) => self.state = State::Value { or_end: false },
            (b',', false) => self.state = State::Name { or_end: false },
            (b']', true) | (b'}', false) => return self.close(schema),
            (_, true) => return Err(Reason::Syntax { expected: "a comma or the end of the array" }),
            (_, false) => return Err(Reason::Syntax { expected: "a comma or the end of the object" }),
        }
        Ok(())
    }

    fn name(&mut self) -> Result<(), Reason> {
        let limit = self.limits.members;
        let mut purpose = Purpose::SkippedName;
        if let Some(level) = self.stack.last_mut()
            && level.entered
        {
            if level.members == limit {
                return Err(Reason::TooManyMembers { limit });
            }
            level.members += 1;
            purpose = Purpose::Name;
        }
        self.state = State::String(purpose);
        Ok(())
    }

    fn value(&mut self, byte: u8, schema: &mut impl Schema) -> Result<(), Reason> {
        let (kind, literal): (_, &[u8]) = match byte {
            b'"' => (Kind::String, b""),
            b'{' => (Kind::Object, b""),
            b'[' => (Kind::Array, b""),
            b'-' | b'0'..=b'9' => (Kind::Number, b""),
            b't' => (Kind::Boolean, b"rue"),
            b'f' => (Kind::Boolean, b"alse"),
            b'n' => (Kind::Null, b"ull"),
            _ => return Err(Reason::Syntax { expected: "a value" }),
        };
        self.value_at = self.at;
        let want = match self.stack.last() {
            Some(Level { entered: true, array: true, .. }) => schema.element(kind)?,
            Some(Level { entered: true, array: false, .. }) => {
                schema.member(self.names.last().map_or("", String::as_str), kind)?
            }
            _ => Want::Skip,
        };
        self.state = match kind {
            Kind::String => State::String(match want {
                Want::Text(text) => Purpose::Text(text),
                Want::Media(field) => {
                    self.decoder.begin(field);
                    Purpose::Media
                }
                Want::Skip | Want::Enter => Purpose::Skip,
            }),
            Kind::Object | Kind::Array => return self.open(kind == Kind::Array, want == Want::Enter),
            Kind::Number => State::Number(Number::first(byte)),
            Kind::Boolean | Kind::Null => State::Literal(literal),
        };
        Ok(())
    }

    fn open(&mut self, array: bool, entered: bool) -> Result<(), Reason> {
        let limit = self.limits.depth;
        if self.stack.len() == limit {
            return Err(Reason::TooDeep { limit });
        }
        self.stack.push(Level { array, entered, members: 0, names_above: self.names.len() });
        self.state = if array { State::Value { or_end: true } } else { State::Name { or_end: true } };
        Ok(())
    }

    fn close(&mut self, schema: &mut impl Schema) -> Result<(), Reason> {
        if let Some(level) = self.stack.pop()
            && level.entered
        {
            self.names.truncate(level.names_above);
            schema.left()?;
        }
        self.state = if self.stack.is_empty() { State::End } else { State::After };
        Ok(())
    }
}
