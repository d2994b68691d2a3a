//! Within a JSON string: escapes and UTF-8 (RFC 8259 §7, §8.1).

use memchr::memchr2;

use super::Reason;

/// Where in a string the scanner is.
#[derive(Debug)]
pub(super) struct StringState {
    escape: Escape,
    /// The first half of a surrogate pair, whose second must come next.
    high: Option<u16>,
    utf8: Utf8,
}

#[derive(Debug)]
enum Escape {
    None,
    Backslash,
    Hex { digits: u8, value: u16 },
}

/// What comes next in a string.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    /// Bytes that stand for themselves; not yet checked.
    Run(&'a [u8]),
    /// An escape, of so many bytes of what was given.
    Char(char, usize),
    /// An escape that goes on behind what was given.
    Nothing(usize),
    /// The closing quote.
    End,
}

impl StringState {
    /// At the beginning of a string, and again after its end.
    pub(super) const NEW: Self =
        Self { escape: Escape::None, high: None, utf8: Utf8 { missing: 0, within: (0, 0) } };

    /// What these bytes (at least one) begin with. The caller takes a run as far as it likes.
    ///
    /// # Errors
    ///
    /// What is wrong, and at which byte.
    pub(super) fn next<'a>(&mut self, bytes: &'a [u8]) -> Result<Piece<'a>, (usize, Reason)> {
        for (i, &byte) in bytes.iter().enumerate() {
            match self.escape {
                Escape::None => {
                    if self.high.is_some() && byte != b'\\' {
                        return Err((i, Reason::LoneSurrogate));
                    }
                    match memchr2(b'"', b'\\', &bytes[i..]) {
                        Some(0) if !self.utf8.is_complete() => return Err((i, Reason::NotUtf8)),
                        Some(0) if byte == b'"' => return Ok(Piece::End),
                        Some(0) => self.escape = Escape::Backslash,
                        // It is the first byte: behind an escape begun here the loop has returned.
                        Some(end) => return Ok(Piece::Run(&bytes[i..i + end])),
                        None => return Ok(Piece::Run(&bytes[i..])),
                    }
                }
                Escape::Backslash => {
                    let meant = match byte {
                        b'"' | b'\\' | b'/' => char::from(byte),
                        b'b' => '\u{8}',
                        b'f' => '\u{c}',
                        b'n' => '\n',
                        b'r' => '\r',
                        b't' => '\t',
                        b'u' => {
                            self.escape = Escape::Hex { digits: 0, value: 0 };
                            continue;
                        }
                        _ => return Err((i, Reason::Escape)),
                    };
                    if self.high.is_some() {
                        return Err((i, Reason::LoneSurrogate));
                    }
                    self.escape = Escape::None;
                    return Ok(Piece::Char(meant, i + 1));
                }
                Escape::Hex { digits, value } => {
                    let digit = match byte {
                        b'0'..=b'9' => byte - b'0',
                        b'a'..=b'f' => byte - b'a' + 10,
                        b'A'..=b'F' => byte - b'A' + 10,
                        _ => return Err((i, Reason::Escape)),
                    };
                    let value = value << 4 | u16::from(digit);
                    if digits < 3 {
                        self.escape = Escape::Hex { digits: digits + 1, value };
                        continue;
                    }
                    self.escape = Escape::None;
                    match self.unit(value).map_err(|reason| (i, reason))? {
                        Some(meant) => return Ok(Piece::Char(meant, i + 1)),
                        None => return Ok(Piece::Nothing(i + 1)),
                    }
                }
            }
        }
        Ok(Piece::Nothing(bytes.len()))
    }

    /// A UTF-16 code unit was escaped.
    fn unit(&mut self, unit: u16) -> Result<Option<char>, Reason> {
        let code = match (self.high.take(), unit) {
            (None, 0xd800..=0xdbff) => {
                self.high = Some(unit);
                return Ok(None);
            }
            (Some(high), 0xdc00..=0xdfff) => {
                0x1_0000 + (u32::from(high - 0xd800) << 10) + u32::from(unit - 0xdc00)
            }
            (Some(_), _) => return Err(Reason::LoneSurrogate),
            (None, unit) => u32::from(unit),
        };
        char::from_u32(code).map(Some).ok_or(Reason::LoneSurrogate)
    }

    /// Whether these bytes of a run may be in a string.
    ///
    /// # Errors
    ///
    /// What is wrong, and at which byte.
    pub(super) fn check(&mut self, run: &[u8]) -> Result<(), (usize, Reason)> {
        let control = run.iter().position(|&byte| byte < 0x20);
        let sound = &run[..control.unwrap_or(run.len())];
        self.utf8.check(sound).map_err(|at| (at, Reason::NotUtf8))?;
        match control {
            Some(at) if !self.utf8.is_complete() => Err((at, Reason::NotUtf8)),
            Some(at) => Err((at, Reason::ControlCharacter)),
            None => Ok(()),
        }
    }
}

/// UTF-8, checked in pieces of any size (RFC 3629 §4).
#[derive(Debug)]
struct Utf8 {
    /// Continuation bytes that are still to come.
    missing: u8,
    /// What the next of them must be within.
    within: (u8, u8),
}

impl Utf8 {
    const fn is_complete(&self) -> bool {
        self.missing == 0
    }

    fn check(&mut self, bytes: &[u8]) -> Result<(), usize> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if self.is_complete()
                && let valid @ 1.. = valid_up_to(&bytes[at..])
            {
                at += valid;
                continue;
            }
            self.step(byte).map_err(|()| at)?;
            at += 1;
        }
        Ok(())
    }

    fn step(&mut self, byte: u8) -> Result<(), ()> {
        const ANY: (u8, u8) = (0x80, 0xbf);
        if self.missing > 0 {
            if byte < self.within.0 || byte > self.within.1 {
                return Err(());
            }
            *self = Self { missing: self.missing - 1, within: ANY };
            return Ok(());
        }
        let (missing, within) = match byte {
            0x00..=0x7f => (0, ANY),
            0xc2..=0xdf => (1, ANY),
            0xe0 => (2, (0xa0, 0xbf)),
            0xed => (2, (0x80, 0x9f)),
            0xe1..=0xef => (2, ANY),
            0xf0 => (3, (0x90, 0xbf)),
            0xf1..=0xf3 => (3, ANY),
            0xf4 => (3, (0x80, 0x8f)),
            _ => return Err(()),
        };
        *self = Self { missing, within };
        Ok(())
    }
}

fn valid_up_to(bytes: &[u8]) -> usize {
    std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len)
}
