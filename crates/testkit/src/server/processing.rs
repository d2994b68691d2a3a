//! Processing: what a server does with a committed object before it is ready.

use std::time::Duration;

use chunkwise_core::{Commitment, Delay, Final, Percent, Processing, Reply, ServerError, Verdict};

use super::{ProcessingEnds, ServerSettings};

/// The processing of one object: it takes a number of polls, not time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Processor {
    polls_left: u32,
}

impl Processor {
    pub(super) const fn new(settings: &ServerSettings) -> Self {
        Self { polls_left: settings.polls }
    }

    /// How it goes, to somebody who asks for it.
    pub(super) fn status(&mut self, settings: &ServerSettings, result: Final) -> Reply {
        if !settings.model.processes() {
            return Reply::Completed(result);
        }
        let running = |left: u32| {
            let percent = Some(Percent::saturating(90 / (u64::from(left) + 1)));
            // With a hint, without one, and with one of nothing.
            let hints = [None, Some(Duration::from_secs(2)), Some(Duration::ZERO)];
            let after = hints[left as usize % hints.len()].map(Delay::After);
            Reply::Processing(Processing::Running { after, percent })
        };
        match (self.polls_left.checked_sub(1), settings.processing) {
            (_, ProcessingEnds::Never) => running(1),
            (Some(left), ProcessingEnds::Ready | ProcessingEnds::Fails) => {
                self.polls_left = left;
                running(left)
            }
            (None, ProcessingEnds::Ready) => Reply::Completed(result),
            (None, ProcessingEnds::Fails) => {
                Reply::Processing(Processing::Failed(ServerError::message("the model can't process it")))
            }
        }
    }

    /// How it goes, to somebody who asks whether the object was committed.
    pub(super) fn verified(&mut self, settings: &ServerSettings, result: Final) -> Reply {
        match self.status(settings, result) {
            Reply::Completed(result) => Reply::Verified(Verdict::Committed(Commitment::Ready(result))),
            Reply::Processing(processing) => {
                Reply::Verified(Verdict::Committed(Commitment::Processing(processing)))
            }
            other => other,
        }
    }
}
