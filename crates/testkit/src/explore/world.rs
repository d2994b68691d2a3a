//! Small worlds: how many segments, how many Appends at once, how many faults, and what the caller does.

use std::num::NonZeroU32;
use std::time::Duration;

use chunkwise_core::{
    ChunkSize, Jitter, Policy, ProcessingPolicy, Profile, RetryPolicy, Rewind, SourceLength, Timeouts,
    UploadSpec, WindowPolicy,
};

use crate::model::Model;
use crate::scenario::Source;
use crate::server::{Repeats, ServerSettings};

/// A world small enough that all that can happen in it can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SmallWorld {
    /// The kind of server.
    pub model: Model,
    /// How many segments, of two bytes each.
    pub segments: u32,
    /// How many Appends at once.
    pub window: u32,
    /// How many faults.
    pub faults: u32,
    /// How often a thing is tried.
    pub tries: Tries,
    /// What the caller does, once, at any moment.
    pub caller: Caller,
    /// How the source comes.
    pub source: Comes,
}

/// How a source comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comes {
    /// It is there as a whole.
    Whole,
    /// In two steps, the second of which shows that it has ended: nobody knows before how long it is. What has come can be
    /// read again and again.
    Grows,
    /// The same, and what has come can be read until it is released.
    Streams,
}

impl Comes {
    /// The names of worlds whose source was there as a whole are older than the others.
    const fn suffix(self) -> &'static str {
        match self {
            Self::Whole => "",
            Self::Grows => "-grows",
            Self::Streams => "-streams",
        }
    }

    pub(super) const fn kind(self) -> Source {
        match self {
            Self::Whole => Source::Whole,
            Self::Grows => Source::Growing,
            Self::Streams => Source::Once,
        }
    }
}

/// How often a thing is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tries {
    /// Three times: two faults may well be too much, and what is left must be good to go on from.
    Few,
    /// Seven times: no two faults keep an upload from its end. One that is late can fail a thing twice, once by its absence
    /// and once by its presence.
    Many,
}

/// What the caller does, once, at any moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// Nothing.
    Waits,
    /// It pauses, and goes on at any later moment.
    Pauses,
    /// It stops, and wants to keep what there is.
    Keeps,
    /// It stops, and wants nothing kept.
    Discards,
}

impl Caller {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Waits, Self::Pauses, Self::Keeps, Self::Discards];

    const fn suffix(self) -> &'static str {
        match self {
            Self::Waits => "",
            Self::Pauses => "-pauses",
            Self::Keeps => "-keeps",
            Self::Discards => "-discards",
        }
    }
}

/// How many bytes a segment has: the fewest that can arrive in part and be cut smaller.
const SEGMENT: u64 = 2;

const fn count(n: u32) -> NonZeroU32 {
    match NonZeroU32::new(n) {
        Some(n) => n,
        None => NonZeroU32::MIN,
    }
}

impl SmallWorld {
    /// The kinds of server whose worlds are explored. The other models differ from these in what they answer to a Verify
    /// or in how segments may be cut, which no segment of two bytes shows.
    pub const MODELS: [Model; 6] = [
        Model::Parts,
        Model::PartsBlind,
        Model::Listed,
        Model::AppendPrefix,
        Model::AppendAtomic,
        Model::OneShot,
    ];

    /// Every world, small ones first: up to three segments, two at once and two faults; with a caller that interferes up
    /// to two segments and one fault. Those whose source comes bit by bit are behind them: up to two segments and one fault,
    /// and with a caller that stops it, one segment. Where a single request carries everything there is one segment, and its
    /// length is known.
    pub fn all() -> Vec<Self> {
        let mut worlds = Vec::new();
        for caller in Caller::ALL {
            for model in Self::MODELS {
                for segments in 1..=3 {
                    for window in 1..=2 {
                        for faults in 0..=2 {
                            for tries in [Tries::Few, Tries::Many] {
                                let source = Comes::Whole;
                                worlds.push(Self { model, segments, window, faults, tries, caller, source });
                            }
                        }
                    }
                }
            }
        }
        worlds.retain(|world| world.caller == Caller::Waits || (world.segments <= 2 && world.faults <= 1));
        worlds.retain(|world| world.tries == Tries::Few || world.faults == 2);
        worlds.retain(|world| !world.model.sends_once() || (world.segments == 1 && world.window == 1));
        let whole = worlds.clone();
        for source in [Comes::Grows, Comes::Streams] {
            let small = whole.iter().filter(|world| world.faults <= 1);
            let small = small.filter(|world| match world.model {
                Model::PartsBlind | Model::OneShot => false,
                Model::Parts
                | Model::PartsMute
                | Model::PartsUniform
                | Model::Listed
                | Model::AppendPrefix
                | Model::AppendAtomic => true,
            });
            let small = small.filter(|world| match world.caller {
                Caller::Waits => world.segments <= 2,
                Caller::Keeps | Caller::Discards => world.segments == 1 && world.window == 1,
                Caller::Pauses => false,
            });
            worlds.extend(small.map(|world| Self { source, ..*world }));
        }
        worlds
    }

    /// The world of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|world| world.name() == name)
    }

    /// Its name, as in `parts-s3-w2-f1`, `append-prefix-s1-w1-f2-patient` or `listed-s2-w1-f1-pauses`.
    pub fn name(&self) -> String {
        let Self { model, segments, window, faults, tries, caller, source } = self;
        let tries = match tries {
            Tries::Few => "",
            Tries::Many => "-patient",
        };
        let (caller, source) = (caller.suffix(), source.suffix());
        format!("{}-s{segments}-w{window}-f{faults}{tries}{caller}{source}", model.name())
    }

    /// The server. What is stored already is told by servers that give receipts, and taken again by others. Where there
    /// is processing, one poll finds it running.
    pub(super) const fn server(&self) -> ServerSettings {
        let mut settings = ServerSettings::plain(self.model);
        settings.polls = if self.model.processes() { 1 } else { 0 };
        settings.repeats = if self.model.wants_receipts() { Repeats::Tell } else { Repeats::Overwrite };
        settings.page = 2;
        settings
    }

    pub(super) const fn profile(&self) -> Profile {
        self.model.profile()
    }

    /// The length of the source in bytes.
    pub(super) const fn total(&self) -> u64 {
        self.segments as u64 * SEGMENT
    }

    pub(super) const fn spec(&self) -> UploadSpec {
        let whole = UploadSpec::whole(self.total());
        let rewind = match self.source {
            Comes::Whole => return whole,
            Comes::Grows => Rewind::Possible,
            Comes::Streams => Rewind::UntilReleased,
        };
        UploadSpec { length: SourceLength::Unknown, rewind, available: Some(0) }
    }

    /// Few tries, so that chains end; waits that are always the same, and shorter than any timeout; deadlines so far away
    /// that only waiting for nothing reaches them.
    pub(super) fn policy(&self) -> Policy {
        let tries = match self.tries {
            Tries::Few => 3,
            Tries::Many => 7,
        };
        Policy {
            chunk_size: ChunkSize::new(SEGMENT).unwrap_or(ChunkSize::DEFAULT),
            window: WindowPolicy::Fixed(count(self.window)),
            retry: RetryPolicy {
                attempts: count(tries),
                budget: tries,
                backoff_base: Duration::from_secs(1),
                backoff_cap: Duration::from_secs(1),
                jitter: Jitter::None,
                throttles: count(tries),
                ..RetryPolicy::default()
            },
            timeouts: Timeouts { stall: Duration::from_secs(4), response: Duration::from_secs(4) },
            deadline: Duration::from_secs(48 * 3600),
            processing: ProcessingPolicy {
                deadline: Duration::from_secs(24 * 3600),
                default_delay: Duration::from_secs(1),
                floor: Duration::from_secs(1),
                ceiling: Duration::from_secs(2),
                failures: count(tries),
            },
            sessions: count(2),
        }
    }
}
