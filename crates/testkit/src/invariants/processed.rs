//! Invariant 10.

use std::time::Duration;

use chunkwise_core::{Checkpoint, Event, Phase, Timestamp};

use super::{Invariant, must};
use crate::record::{Record, Seen};

/// Invariant 10: processing ends by its deadline, pauses excluded.
#[derive(Clone, Debug, Default, Hash)]
pub struct Processed {
    since: Option<Timestamp>,
    paused: Duration,
    paused_at: Option<Timestamp>,
}

impl Processed {
    pub(super) fn new(_: &Record, _: Option<&Checkpoint>) -> Self {
        Self::default()
    }
}

impl Invariant for Processed {
    const NAME: &'static str = "invariant 10 (Processed)";

    fn check(&mut self, now: Timestamp, seen: &Seen<'_>, record: &Record) -> Result<(), String> {
        match *seen {
            Seen::Notify(Event::Phase(phase)) => {
                self.since = (*phase == Phase::Processing).then_some(now);
                self.paused = Duration::ZERO;
            }
            Seen::Notify(Event::Paused) => self.paused_at = Some(now),
            Seen::Notify(Event::Resumed) => {
                if let Some(at) = self.paused_at.take() {
                    self.paused += now.since(self.since.map_or(at, |since| since.max(at)));
                }
            }
            Seen::Idle { .. } => {
                if let Some(since) = self.since {
                    let pause = self.paused_at.map_or(Duration::ZERO, |at| now.since(at.max(since)));
                    let most = record.policy.processing.deadline + self.paused + pause;
                    must!(now.since(since) <= most, "processing since {since}, now it is {now}");
                }
            }
            _ => {}
        }
        Ok(())
    }
}
