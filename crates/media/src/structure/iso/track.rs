//! One track of the index: what it is, how long, how many samples (ISO/IEC 14496-12 §8.3–8.7).

use super::boxes::{Budget, Child, Children};
use super::sample_entry::{self, Sound, Visual};
use crate::read::{bytes, u32_be, u64_be};
use crate::structure::{Damage, FourCc, Rotation};

/// What a track's boxes say.
#[derive(Debug, Default)]
pub(super) struct Track {
    pub(super) enabled: bool,
    pub(super) kind: Kind,
    pub(super) rotation: Rotation,
    pub(super) timescale: Option<u32>,
    /// By the track's media header, in its timescale; 0 and "unknown" count as nothing said.
    pub(super) header_ticks: Option<u64>,
    /// What the edit list shows, in the movie's timescale.
    pub(super) edited_ticks: Option<u64>,
    /// The samples that have a size.
    pub(super) sized: Option<u64>,
    /// The samples that have a duration, and the sum of those, in the track's timescale.
    pub(super) timed: Option<(u64, u64)>,
    /// The furthest place in the file where samples begin.
    pub(super) furthest_chunk: Option<u64>,
    /// The least that samples of one fixed size take, in bytes.
    pub(super) least_bytes: Option<u64>,
}

#[derive(Debug, Default)]
pub(super) enum Kind {
    Video(Option<Visual>),
    Sound(Option<Sound>),
    #[default]
    Other,
}

/// How deep the boxes of a track are nested that are looked into: `trak`, `mdia`, `minf`, `stbl`.
const DEEPEST: u32 = 4;

impl Track {
    /// Reads the content of a `trak` box.
    pub(super) fn read(body: &[u8], budget: &Budget) -> Result<Self, Damage> {
        let mut track = Self::default();
        let mut description = None;
        track.fill(body, 1, &mut description, budget)?;
        // The handler says how to read the description, and may come after it.
        if let Some(table) = description {
            track.describe(table, budget)?;
        }
        Ok(track)
    }

    fn fill<'a>(
        &mut self,
        body: &'a [u8],
        depth: u32,
        description: &mut Option<&'a [u8]>,
        budget: &'a Budget,
    ) -> Result<(), Damage> {
        for child in Children::of(body, budget) {
            let Child { kind, body } = child?;
            match &kind {
                b"mdia" | b"minf" | b"stbl" | b"edts" if depth < DEEPEST => {
                    self.fill(body, depth + 1, description, budget)?;
                }
                b"tkhd" => self.header(body),
                b"elst" => self.edited_ticks = edits(kind, body)?,
                b"mdhd" => self.media_header(body),
                b"hdlr" => self.handler(body),
                b"stsd" => *description = Some(body),
                b"stts" => self.timed = Some(times(kind, body)?),
                b"stsz" => self.sizes(kind, body)?,
                b"stz2" => self.compact_sizes(kind, body)?,
                b"stco" => self.chunks(entries::<4>(kind, body, 4)?.map(u32::from_be_bytes).map(u64::from)),
                b"co64" => self.chunks(entries::<8>(kind, body, 4)?.map(u64::from_be_bytes)),
                b"stsc" => _ = entries::<12>(kind, body, 4)?,
                b"ctts" => _ = entries::<8>(kind, body, 4)?,
                b"stss" => _ = entries::<4>(kind, body, 4)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn header(&mut self, body: &[u8]) {
        let matrix = match body.first() {
            Some(1) => 52,
            _ => 40,
        };
        self.enabled = body.get(3).is_some_and(|flags| flags & 1 != 0);
        let cell = |nth: usize| u32_be(body, matrix + 4 * nth).map(u32::cast_signed);
        if let (Some(a), Some(b), Some(c), Some(d)) = (cell(0), cell(1), cell(3), cell(4)) {
            self.rotation = Rotation::of_matrix(a, b, c, d);
        }
    }

    fn media_header(&mut self, body: &[u8]) {
        (self.timescale, self.header_ticks) = time(body);
    }

    /// QuickTime has a second handler, for how data are got at.
    fn handler(&mut self, body: &[u8]) {
        let data_handler = bytes(body, 4) == Some(*b"dhlr");
        match (&self.kind, bytes(body, 8).as_ref()) {
            (Kind::Other, Some(b"vide")) if !data_handler => self.kind = Kind::Video(None),
            (Kind::Other, Some(b"soun")) if !data_handler => self.kind = Kind::Sound(None),
            _ => {}
        }
    }

    fn describe(&mut self, table: &[u8], budget: &Budget) -> Result<(), Damage> {
        let Some(first) = Children::of(table.get(8..).unwrap_or_default(), budget).next().transpose()? else {
            return Ok(());
        };
        match &mut self.kind {
            Kind::Video(entry) => *entry = sample_entry::visual(first.kind, first.body, budget),
            Kind::Sound(entry) => *entry = sample_entry::sound(first.kind, first.body, budget),
            Kind::Other => {}
        }
        Ok(())
    }

    /// `stsz`: one size for all, or a table.
    fn sizes(&mut self, kind: [u8; 4], body: &[u8]) -> Result<(), Damage> {
        let (Some(size), Some(count)) = (u32_be(body, 4), u32_be(body, 8)) else { return Ok(()) };
        match size {
            0 => _ = entries::<4>(kind, body, 8)?,
            size => self.least_bytes = Some(u64::from(size) * u64::from(count)),
        }
        self.sized = Some(count.into());
        Ok(())
    }

    /// `stz2`: sizes of 4, 8 or 16 bits.
    fn compact_sizes(&mut self, kind: [u8; 4], body: &[u8]) -> Result<(), Damage> {
        let (Some(&width), Some(count)) = (body.get(7), u32_be(body, 8)) else { return Ok(()) };
        let room = body.len().saturating_sub(12) as u64;
        if (u64::from(count) * u64::from(width)).div_ceil(8) > room {
            return Err(Damage::Table { kind: FourCc(kind), entries: count, room });
        }
        self.sized = Some(count.into());
        Ok(())
    }

    fn chunks(&mut self, offsets: impl Iterator<Item = u64>) {
        self.furthest_chunk = self.furthest_chunk.max(offsets.max());
    }
}

/// Timescale and duration, as `mvhd` and `mdhd` have them. A duration of zero or of all ones says nothing.
pub(super) fn time(body: &[u8]) -> (Option<u32>, Option<u64>) {
    let (timescale, ticks) = match body.first() {
        Some(1) => (u32_be(body, 20), u64_be(body, 24).filter(|&ticks| ticks != u64::MAX)),
        _ => (u32_be(body, 12), u32_be(body, 16).filter(|&ticks| ticks != u32::MAX).map(u64::from)),
    };
    (timescale, ticks.filter(|&ticks| ticks != 0))
}

/// The entries of a table that has its length at `at` and the entries behind it: of the table's own bytes, whatever the
/// length claims.
fn entries<const N: usize>(
    kind: [u8; 4],
    body: &[u8],
    at: usize,
) -> Result<impl Iterator<Item = [u8; N]>, Damage> {
    let claimed = u32_be(body, at).unwrap_or(0);
    let rows = body.get(at + 4..).unwrap_or_default();
    let room = (rows.len() / N) as u64;
    if u64::from(claimed) > room {
        return Err(Damage::Table { kind: FourCc(kind), entries: claimed, room });
    }
    // No table in memory has more entries than a `usize` counts.
    let claimed = usize::try_from(claimed).unwrap_or(usize::MAX);
    Ok(rows.chunks_exact(N).take(claimed).filter_map(|row| bytes(row, 0)))
}

/// The samples of `stts`, and how long they last together.
fn times(kind: [u8; 4], body: &[u8]) -> Result<(u64, u64), Damage> {
    Ok(entries::<8>(kind, body, 4)?.fold((0u64, 0u64), |(samples, ticks), row| {
        let count = u64::from(u32_be(&row, 0).unwrap_or(0));
        let each = u64::from(u32_be(&row, 4).unwrap_or(0));
        (samples.saturating_add(count), ticks.saturating_add(count * each))
    }))
}

/// What an edit list shows. `None` where it leaves the end open.
fn edits(kind: [u8; 4], body: &[u8]) -> Result<Option<u64>, Damage> {
    Ok(match body.first() {
        Some(1) => shown(
            entries::<20>(kind, body, 4)?
                .filter_map(|row| Some((u64_be(&row, 0)?, u64_be(&row, 8)?.cast_signed()))),
        ),
        _ => shown(
            entries::<12>(kind, body, 4)?
                .filter_map(|row| Some((u32_be(&row, 0)?.into(), u32_be(&row, 4)?.cast_signed().into()))),
        ),
    })
}

/// The sum of the edits' lengths but for the gaps, whose media time is -1.
fn shown(mut edits: impl Iterator<Item = (u64, i64)>) -> Option<u64> {
    let sum = edits.try_fold(0u64, |sum, edit| match edit {
        (_, -1) => Some(sum),
        (0, _) => None,
        (length, _) => Some(sum.saturating_add(length)),
    });
    sum.filter(|&sum| sum > 0)
}
