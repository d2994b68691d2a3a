//! Boxes: size, kind, content (ISO/IEC 14496-12 §4.2).

use std::cell::Cell;

use crate::read::{bytes, u32_be, u64_be};
use crate::structure::{Caps, Damage, FourCc};

/// What stands before a box's content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) kind: [u8; 4],
    /// Its own length: 8 or 16 bytes.
    pub(crate) length: u64,
    /// The length of the whole box, never less than `length`; `None` for one that goes on to the end.
    pub(crate) size: Option<u64>,
}

/// Why there is no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoHeader {
    /// Too few bytes.
    Short,
    /// A size smaller than the header itself.
    Impossible,
}

/// The longest header.
pub(crate) const LONGEST_HEADER: usize = 16;

impl Header {
    /// Reads the header that the bytes begin with.
    pub(crate) fn read(from: &[u8]) -> Result<Self, NoHeader> {
        let short = u32_be(from, 0).ok_or(NoHeader::Short)?;
        let kind = bytes(from, 4).ok_or(NoHeader::Short)?;
        // A size of 1 says that the real one follows as 64 bits, 0 that the box is the last one.
        let (length, size) = match short {
            0 => (8, None),
            1 => (16, Some(u64_be(from, 8).ok_or(NoHeader::Short)?)),
            size => (8, Some(u64::from(size))),
        };
        match size {
            Some(size) if size < length => Err(NoHeader::Impossible),
            Some(_) | None => Ok(Self { kind, length, size }),
        }
    }
}

/// How many boxes may still be visited in an index: what keeps millions of tiny ones from taking long.
#[derive(Debug)]
pub(super) struct Budget(Cell<u32>);

impl Budget {
    pub(super) const fn of(caps: &Caps) -> Self {
        Self(Cell::new(caps.index_boxes))
    }

    fn spend(&self) -> Result<(), Damage> {
        let left = self.0.get().checked_sub(1).ok_or(Damage::TooManyBoxes)?;
        self.0.set(left);
        Ok(())
    }
}

/// A box in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Child<'a> {
    pub(super) kind: [u8; 4],
    pub(super) body: &'a [u8],
}

/// The boxes in the content of another one.
pub(super) struct Children<'a> {
    rest: &'a [u8],
    budget: &'a Budget,
}

impl<'a> Children<'a> {
    pub(super) const fn of(body: &'a [u8], budget: &'a Budget) -> Self {
        Self { rest: body, budget }
    }

    fn take(&mut self) -> Result<Option<Child<'a>>, Damage> {
        let rest = std::mem::take(&mut self.rest);
        let Header { kind, length, size } = match Header::read(rest) {
            Ok(header) => header,
            // QuickTime ends some lists with four zeros.
            Err(NoHeader::Short) if rest.len() < 8 => return Ok(None),
            Err(NoHeader::Short | NoHeader::Impossible) => return Err(misfit(rest)),
        };
        self.budget.spend()?;
        let length = usize::try_from(length).map_err(|_| misfit(rest))?;
        let size = size.map_or(Ok(rest.len()), usize::try_from).map_err(|_| misfit(rest))?;
        let (this, next) = rest.split_at_checked(size).ok_or_else(|| misfit(rest))?;
        self.rest = next;
        Ok(Some(Child { kind, body: this.get(length..).unwrap_or_default() }))
    }
}

fn misfit(from: &[u8]) -> Damage {
    Damage::Misfit { kind: FourCc(bytes(from, 4).unwrap_or_default()) }
}

impl<'a> Iterator for Children<'a> {
    type Item = Result<Child<'a>, Damage>;

    /// After a damaged box there is no next one: nobody knows where it would begin.
    fn next(&mut self) -> Option<Self::Item> {
        self.take().transpose()
    }
}
