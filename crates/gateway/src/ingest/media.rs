//! Media within a string: an optional `data:` header, then base64, decoded as it comes.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};

use super::Reason;

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
use base64::{alphabet, engine::GeneralPurpose};
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
type Engine = base64::engine::Simd;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
type Engine = GeneralPurpose;

const CONFIG: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireNone);

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
static ENGINES: LazyLock<[Engine; 2]> =
    LazyLock::new(|| [Engine::standard(CONFIG), Engine::url_safe(CONFIG)]);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
static ENGINES: LazyLock<[Engine; 2]> =
    LazyLock::new(|| [Engine::new(&alphabet::STANDARD, CONFIG), Engine::new(&alphabet::URL_SAFE, CONFIG)]);

/// Symbols decoded at once, straight from what was pushed.
const PIECE: usize = 64 << 10;
/// Symbols that are collected one by one before they are decoded: those between escapes.
const STAGED: usize = 4 << 10;
/// Runs shorter than this are not worth decoding on their own.
const WORTH: usize = 256;

/// Takes what is decoded.
pub(super) trait Output {
    /// Before the first bytes; with the media type that a `data:` URI named.
    fn begins(&mut self, named: Option<&str>) -> Result<(), Reason>;
    /// The next bytes.
    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Reason>;
}

/// What a media string was.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    /// Decoded bytes.
    pub(super) len: u64,
    /// The media type that a `data:` URI named.
    pub(super) named: Option<String>,
}

/// Decodes one media string at a time. It holds at most [`Decoder::MOST_HELD`] bytes and a `data:` header.
#[derive(Debug)]
pub(super) struct Decoder {
    field: &'static str,
    stage: Stage,
    /// What may be, or is, the header of a `data:` URI.
    header: Vec<u8>,
    header_most: usize,
    named: Option<String>,
    alphabet: Alphabet,
    /// Symbols so far, without padding, and the most there may be.
    symbols: u64,
    symbols_most: u64,
    media_most: u64,
    padding: u8,
    staged: Vec<u8>,
    decoded: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It may still become `data:`.
    Undecided,
    /// In the header of a `data:` URI, before its comma.
    Header,
    /// Nothing of the base64 was seen yet.
    Begin,
    Base64,
}

/// Told by the first symbol that only one of them has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alphabet {
    Either,
    Standard,
    UrlSafe,
}

impl Decoder {
    /// What it holds at most, beside a header.
    pub(super) const MOST_HELD: usize = STAGED + PIECE / 4 * 3;

    /// For media of at most `media_most` bytes, in `data:` URIs with a header of at most `header_most`.
    pub(super) const fn new(media_most: u64, header_most: usize) -> Self {
        Self {
            field: "",
            stage: Stage::Undecided,
            header: Vec::new(),
            header_most,
            named: None,
            alphabet: Alphabet::Either,
            symbols: 0,
            symbols_most: media_most.saturating_mul(4).div_ceil(3),
            media_most,
            padding: 0,
            staged: Vec::new(),
            decoded: Vec::new(),
        }
    }

    /// A new string begins, called so in what is said of it.
    pub(super) fn begin(&mut self, field: &'static str) {
        self.field = field;
        self.stage = Stage::Undecided;
        self.header.clear();
        self.named = None;
        self.alphabet = Alphabet::Either;
        self.symbols = 0;
        self.padding = 0;
        self.staged.clear();
        if self.decoded.is_empty() {
            self.staged.reserve_exact(STAGED);
            self.decoded = vec![0; PIECE / 4 * 3];
        }
    }

    /// Bytes of memory that it holds.
    pub(super) fn held(&self) -> usize {
        self.header.capacity() + self.staged.capacity() + self.decoded.capacity()
    }

    /// The next bytes of the string, none of them escaped.
    pub(super) fn run(&mut self, run: &[u8], out: &mut dyn Output) -> Result<(), (usize, Reason)> {
        let mut at = 0;
        while at < run.len() {
            let piece = self.piece(&run[at..]);
            if piece > 0 {
                self.flush(out).map_err(|reason| (at, reason))?;
                if self.decode(&run[at..at + piece], out).map_err(|reason| (at, reason))? {
                    at += piece;
                    continue;
                }
            }
            // One by one it is seen exactly where and what it is: padding, the other alphabet, or a fault.
            let until = at + piece.max(1);
            while at < until {
                self.symbol(run[at], out).map_err(|reason| (at, reason))?;
                at += 1;
            }
        }
        Ok(())
    }

    /// How many bytes of the run can be decoded straight from it.
    fn piece(&self, run: &[u8]) -> usize {
        let straight = self.stage == Stage::Base64 && self.padding == 0 && self.symbols.is_multiple_of(4);
        if !straight || run.len() < WORTH {
            return 0;
        }
        let room = usize::try_from(self.symbols_most - self.symbols).unwrap_or(usize::MAX);
        run.len().min(room).min(PIECE) / 4 * 4
    }

    /// Decodes whole groups of four; false if there is anything in them but symbols of one alphabet.
    fn decode(&mut self, piece: &[u8], out: &mut dyn Output) -> Result<bool, Reason> {
        let engine = &ENGINES[usize::from(self.alphabet == Alphabet::UrlSafe)];
        let Ok(len) = engine.decode_slice(piece, &mut self.decoded) else { return Ok(false) };
        if self.alphabet == Alphabet::Either && memchr::memchr2(b'+', b'/', piece).is_some() {
            self.alphabet = Alphabet::Standard;
        }
        self.symbols += piece.len() as u64;
        out.bytes(&self.decoded[..len])?;
        Ok(true)
    }

    /// The next character of the string.
    pub(super) fn symbol(&mut self, symbol: u8, out: &mut dyn Output) -> Result<(), Reason> {
        match self.stage {
            Stage::Undecided => {
                const SCHEME: &[u8] = b"data:";
                self.header.push(symbol);
                if self.header.eq_ignore_ascii_case(SCHEME) {
                    self.header.clear();
                    self.stage = Stage::Header;
                } else if !SCHEME[..self.header.len()].eq_ignore_ascii_case(&self.header) {
                    self.decide(out)?;
                }
                Ok(())
            }
            Stage::Header if symbol == b',' => {
                self.named = media_type(&self.header).ok_or(Reason::DataUri { field: self.field })?;
                self.stage = Stage::Begin;
                Ok(())
            }
            Stage::Header if self.header.len() == self.header_most => {
                Err(Reason::DataUriTooLong { field: self.field, limit: self.header_most })
            }
            Stage::Header => {
                self.header.push(symbol);
                Ok(())
            }
            Stage::Begin | Stage::Base64 => self.base64(symbol, out),
        }
    }

    /// It is no `data:` URI after all.
    fn decide(&mut self, out: &mut dyn Output) -> Result<(), Reason> {
        self.stage = Stage::Begin;
        let begin = std::mem::take(&mut self.header);
        begin.iter().try_for_each(|&symbol| self.base64(symbol, out))
    }

    fn base64(&mut self, symbol: u8, out: &mut dyn Output) -> Result<(), Reason> {
        let field = self.field;
        match symbol {
            b' ' | b'\t' | b'\r' | b'\n' => return Err(Reason::Base64Whitespace { field }),
            b'=' => {
                // Two or three symbols stand for one or two bytes and lack as many of a group of four.
                let lacking = match self.symbols % 4 {
                    tail @ 2.. => 4 - tail,
                    _ => 0,
                };
                if u64::from(self.padding) >= lacking {
                    return Err(Reason::Base64Padding { field });
                }
                self.padding += 1;
                return Ok(());
            }
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => {}
            b'+' | b'/' if self.alphabet == Alphabet::UrlSafe => return Err(Reason::Base64Mixed { field }),
            b'-' | b'_' if self.alphabet == Alphabet::Standard => return Err(Reason::Base64Mixed { field }),
            b'+' | b'/' => self.alphabet = Alphabet::Standard,
            b'-' | b'_' => self.alphabet = Alphabet::UrlSafe,
            _ => return Err(Reason::Base64Symbol { field }),
        }
        if self.padding > 0 {
            return Err(Reason::Base64Padding { field });
        }
        if self.symbols == self.symbols_most {
            return Err(Reason::MediaTooLarge { limit: self.media_most });
        }
        if self.stage == Stage::Begin {
            self.stage = Stage::Base64;
            out.begins(self.named.as_deref())?;
        }
        self.symbols += 1;
        self.staged.push(symbol);
        if self.staged.len() == STAGED {
            self.flush(out)?;
        }
        Ok(())
    }

    /// Decodes what was collected, as far as it is whole groups of four.
    pub(super) fn flush(&mut self, out: &mut dyn Output) -> Result<(), Reason> {
        let whole = self.staged.len() / 4 * 4;
        self.flush_to(whole, out)
    }

    fn flush_to(&mut self, end: usize, out: &mut dyn Output) -> Result<(), Reason> {
        if end == 0 {
            return Ok(());
        }
        let engine = &ENGINES[usize::from(self.alphabet == Alphabet::UrlSafe)];
        // Every symbol was looked at: what is left to be wrong is the end.
        let len = engine
            .decode_slice(&self.staged[..end], &mut self.decoded)
            .map_err(|_| Reason::Base64End { field: self.field })?;
        self.staged.drain(..end);
        out.bytes(&self.decoded[..len])
    }

    /// The string has ended. None if it was empty.
    pub(super) fn finish(&mut self, out: &mut dyn Output) -> Result<Option<Decoded>, Reason> {
        let field = self.field;
        if self.stage == Stage::Undecided {
            if self.header.is_empty() {
                return Ok(None);
            }
            self.decide(out)?;
        }
        match self.stage {
            Stage::Undecided | Stage::Header => return Err(Reason::DataUri { field }),
            Stage::Begin => return Err(Reason::Empty { field }),
            Stage::Base64 => {}
        }
        let tail = self.symbols % 4;
        if self.padding > 0 && u64::from(self.padding) + tail != 4 {
            return Err(Reason::Base64Padding { field });
        }
        if tail == 1 {
            return Err(Reason::Base64End { field });
        }
        self.flush_to(self.staged.len(), out)?;
        Ok(Some(Decoded { len: self.symbols * 3 / 4, named: self.named.take() }))
    }
}

/// The media type of a header like `image/png;base64` (RFC 2397), in lower case and without parameters; None within if
/// it names none, None if it is no header of base64.
fn media_type(header: &[u8]) -> Option<Option<String>> {
    let header = std::str::from_utf8(header).ok()?;
    let (rest, encoding) = header.rsplit_once(';')?;
    if !encoding.eq_ignore_ascii_case("base64") || !header.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let named = rest.split(';').next().unwrap_or_default();
    Some((!named.is_empty()).then(|| named.to_ascii_lowercase()))
}
