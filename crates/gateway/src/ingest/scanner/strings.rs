//! What becomes of a string's bytes.

use super::{Scanner, State};
use crate::ingest::media::Output;
use crate::ingest::schema::{Schema, Text};
use crate::ingest::string::Piece;
use crate::ingest::{MediaSink, Reason};

/// What a string is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    /// A name within something that was entered.
    Name,
    /// A name within something that is skipped.
    SkippedName,
    Skip,
    Text(Text),
    Media,
}

/// Hands on what is decoded.
pub(super) struct Out<'a, S> {
    pub(super) schema: &'a mut S,
    pub(super) sink: &'a mut dyn MediaSink,
}

impl<S: Schema> Output for Out<'_, S> {
    fn begins(&mut self, named: Option<&str>) -> Result<(), Reason> {
        let start = self.schema.media_begins(named)?;
        self.sink.begin(start).map_err(|refusal| Reason::Refused(refusal.sentence))
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        self.sink.bytes(bytes).map_err(|refusal| Reason::Refused(refusal.sentence))
    }
}

impl Scanner {
    /// What comes next within a string; says how many bytes that was.
    pub(super) fn string<S: Schema>(
        &mut self,
        purpose: Purpose,
        rest: &[u8],
        out: &mut Out<'_, S>,
    ) -> Result<usize, Reason> {
        let counts = !matches!(purpose, Purpose::Media | Purpose::Text(Text { prose: true, .. }));
        let mut rest = rest;
        if counts {
            let room = self.limits.beside_media - self.beside_media;
            rest = &rest[..rest.len().min(usize::try_from(room).unwrap_or(usize::MAX))];
            if rest.is_empty() {
                return Err(Reason::TooMuchBesideMedia { limit: self.limits.beside_media });
            }
        }
        let piece = self.string.next(rest).map_err(|(i, reason)| self.stop(i, reason))?;
        let taken = match piece {
            Piece::End => {
                self.ended(purpose, out)?;
                1
            }
            Piece::Run(run) => {
                let run = match self.room(purpose) {
                    Some((0, reason)) => return Err(reason),
                    Some((room, _)) => &run[..run.len().min(room)],
                    None => run,
                };
                if let Purpose::Media = purpose {
                    self.decoder.run(run, out).map_err(|(i, reason)| self.stop(i, reason))?;
                } else {
                    self.string.check(run).map_err(|(i, reason)| self.stop(i, reason))?;
                    self.keep(purpose, run);
                }
                run.len()
            }
            Piece::Char(meant, taken) => {
                let mut utf8 = [0; 4];
                let utf8 = meant.encode_utf8(&mut utf8).as_bytes();
                match self.room(purpose) {
                    Some((room, reason)) if room < utf8.len() => return Err(self.stop(taken - 1, reason)),
                    _ => self.keep(purpose, utf8),
                }
                if let Purpose::Media = purpose {
                    // What is not ASCII is not base64: its first byte will be found out.
                    let symbol = utf8.first().copied().unwrap_or_default();
                    self.decoder.symbol(symbol, out).map_err(|reason| self.stop(taken - 1, reason))?;
                }
                taken
            }
            Piece::Nothing(taken) => taken,
        };
        if counts {
            self.beside_media += taken as u64;
        }
        self.at += taken as u64;
        Ok(taken)
    }

    /// The reason, found so many bytes further on.
    fn stop(&mut self, further: usize, reason: Reason) -> Reason {
        self.at += further as u64;
        reason
    }

    /// How many bytes more a string that is kept may have, and what is said if it has more.
    fn room(&self, purpose: Purpose) -> Option<(usize, Reason)> {
        let (most, reason) = match purpose {
            Purpose::Name => (self.limits.name, Reason::NameTooLong { limit: self.limits.name }),
            Purpose::Text(Text { field, most, .. }) => (most, Reason::TooLong { field, limit: most }),
            Purpose::SkippedName | Purpose::Skip | Purpose::Media => return None,
        };
        Some((most.saturating_sub(self.text.len()), reason))
    }

    fn keep(&mut self, purpose: Purpose, utf8: &[u8]) {
        match purpose {
            Purpose::Name | Purpose::Text(_) => self.text.extend_from_slice(utf8),
            Purpose::SkippedName | Purpose::Skip | Purpose::Media => {}
        }
    }

    /// The closing quote.
    fn ended<S: Schema>(&mut self, purpose: Purpose, out: &mut Out<'_, S>) -> Result<(), Reason> {
        self.state = match purpose {
            Purpose::Name | Purpose::SkippedName => State::Colon,
            Purpose::Skip | Purpose::Text(_) | Purpose::Media => State::After,
        };
        match purpose {
            Purpose::Name => {
                let name = self.taken()?;
                let above = self.stack.last().map_or(0, |level| level.names_above);
                if self.names[above..].contains(&name) {
                    return Err(Reason::Duplicate { field: out.schema.known(&name) });
                }
                self.names.push(name);
            }
            Purpose::Text(Text { field, prose, .. }) => {
                let text = self.taken()?;
                let result = if !prose && text.chars().any(char::is_control) {
                    Err(Reason::Control { field })
                } else {
                    out.schema.text(text)
                };
                return result.map_err(|reason| self.at_value(reason));
            }
            Purpose::Media => {
                let decoded = self.decoder.finish(out)?;
                if let Some(decoded) = decoded {
                    out.sink.end().map_err(|refusal| Reason::Refused(refusal.sentence))?;
                    out.schema.media_ended(decoded).map_err(|reason| self.at_value(reason))?;
                }
            }
            Purpose::SkippedName | Purpose::Skip => {}
        }
        Ok(())
    }

    fn at_value(&mut self, reason: Reason) -> Reason {
        self.at = self.value_at;
        reason
    }

    /// The string that was kept; its buffer goes with it.
    fn taken(&mut self) -> Result<String, Reason> {
        String::from_utf8(std::mem::take(&mut self.text)).map_err(|_| Reason::NotUtf8)
    }
}
