//! Likeness: a hash of 128 bits that is the same for states that go on alike.
//!
//! Three things are told from their numbers, and given others:
//!
//! - A **time** is told as how far it is ahead. What has passed is all the same, or within a second where it matters how
//!   long ago it was. All times lie within ten years of the start of the world, and no other number comes near.
//! - The **name** of an operation is told as its place among those under way. What is not under way has one name for all.
//! - What only counts is left out where it is hashed (see the `Hash` of the core's `Upload`).

use std::hash::{Hash, Hasher};
use std::time::Duration;

use chunkwise_core::{OpId, Timestamp};

use crate::simulation::START;

/// A hash of 128 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Likeness(pub(super) u64, pub(super) u64);

/// Makes one.
pub(super) struct Likener<'a> {
    now: u64,
    /// The names of what is under way, in order.
    names: &'a [OpId],
    /// How long ago something can be and still be told from what was longer ago, in microseconds.
    past: u64,
    hash: Likeness,
}

const YEARS: u64 = 10 * 365 * 24 * 3_600 * 1_000_000;
const NAME: u64 = 1 << 60;
const AHEAD: u64 = 2 << 60;
const AGO: u64 = 3 << 60;

/// The fractional digits of pi.
const KEYS: [u64; 4] =
    [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344, 0xa409_3822_299f_31d0, 0x082e_fa98_ec4e_6c89];

fn folded(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

impl<'a> Likener<'a> {
    /// At this time, with these operations under way.
    pub(super) const fn new(now: Timestamp, names: &'a [OpId]) -> Self {
        Self { now: now.as_micros(), names, past: 0, hash: Likeness(KEYS[0], KEYS[1]) }
    }

    /// From now on, what is not so long ago is told from what is.
    pub(super) const fn remember(&mut self, past: Duration) {
        self.past = past.as_micros() as u64;
    }

    /// Of one thing.
    pub(super) fn of(now: Timestamp, names: &'a [OpId], thing: &impl Hash) -> Likeness {
        let mut likener = Self::new(now, names);
        thing.hash(&mut likener);
        likener.likeness()
    }

    pub(super) fn likeness(&self) -> Likeness {
        let Likeness(a, b) = self.hash;
        Likeness(folded(a ^ KEYS[2], b | 1), folded(b ^ KEYS[3], a | 1))
    }

    fn word(&mut self, word: u64) {
        let Likeness(a, b) = self.hash;
        self.hash = Likeness(folded(a ^ word, KEYS[2]), folded(b.rotate_left(23) ^ word, KEYS[3]) ^ word);
    }
}

impl Hasher for Likener<'_> {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, i: u8) {
        self.word(i.into());
    }

    fn write_u16(&mut self, i: u16) {
        self.word(i.into());
    }

    fn write_u32(&mut self, i: u32) {
        self.word(i.into());
    }

    fn write_u64(&mut self, i: u64) {
        let start = START.as_micros();
        self.word(if i.abs_diff(start) > YEARS {
            i
        } else if i > self.now {
            AHEAD | (i - self.now)
        } else {
            match (self.now - i).min(self.past) {
                0 => 0,
                ago => AGO | ago,
            }
        });
    }

    fn write_usize(&mut self, i: usize) {
        self.word(i as u64);
    }

    fn write_isize(&mut self, i: isize) {
        self.word(i as u64);
    }

    /// Names of operations, and nothing else, are hashed like this.
    fn write_u128(&mut self, i: u128) {
        let place = self.names.iter().position(|name| u128::from(name.get()) == i);
        self.word(NAME | place.map_or(0, |place| place as u64 + 1));
    }

    fn finish(&self) -> u64 {
        self.likeness().0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_in_times_and_names_only_is_alike() {
        let alike = |now: u64, at: u64, names: &[u64], name: u64| {
            let names: Vec<_> = names.iter().copied().map(OpId::from_raw).collect();
            let now = START.after(Duration::from_secs(now));
            let at = START.after(Duration::from_secs(at));
            Likener::of(now, &names, &(at, OpId::from_raw(name), 7u64))
        };
        let one = alike(10, 12, &[3, 5], 5);
        assert_eq!(one, alike(0, 2, &[8, 9], 9));
        assert_ne!(one, alike(10, 13, &[3, 5], 5));
        assert_ne!(one, alike(10, 12, &[3, 5], 3));
        assert_ne!(one, alike(10, 12, &[3, 5], 4));
        assert_eq!(alike(10, 9, &[], 1), alike(100, 2, &[], 2), "the past is the past");
    }

    #[test]
    fn a_second_is_remembered_where_it_matters() {
        let ago = |secs: u64| {
            let mut likener = Likener::new(START.after(Duration::from_secs(100)), &[]);
            likener.remember(Duration::from_secs(1));
            START.after(Duration::from_secs(100 - secs)).hash(&mut likener);
            likener.likeness()
        };
        assert_ne!(ago(0), ago(1));
        assert_eq!(ago(1), ago(50));
    }

    #[test]
    fn small_differences_are_differences() {
        let mut seen = std::collections::BTreeSet::new();
        for a in 0u64..200 {
            for b in 0u64..200 {
                assert!(seen.insert(Likener::of(START, &[], &(a, b))));
            }
        }
    }
}
