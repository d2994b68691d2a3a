//! How far our clock is from the store's.

use std::sync::{Mutex, PoisonError};

use chunkwise_core::Timestamp;
use chunkwise_transport::http::Response;

use crate::said::{SKEWED, Said, server_time};
use crate::xml::Element;

/// A difference that is no news, in microseconds: half a minute.
const NO_NEWS: i64 = 30_000_000;

/// How far our clock is from the store's, as far as that is known.
#[derive(Debug, Default)]
pub(super) struct Clock(Mutex<Skew>);

/// In microseconds; positive where ours is behind.
#[derive(Clone, Copy, Debug, Default)]
struct Skew {
    applied: i64,
    learnt: Option<i64>,
}

impl Clock {
    /// The time as the store has it.
    pub(super) fn corrected(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_micros(now.as_micros().saturating_add_signed(self.skew(|skew| skew.applied)))
    }

    /// Learns from an answer, if that says that the time of the request was too far from the store's.
    pub(super) fn observe(&self, response: &Response, received_at: Timestamp) {
        if response.status().is_success() {
            return;
        }
        let said = Said::of(response, Element::read(response.body()).as_ref(), received_at);
        let Some(theirs) = server_time(response).filter(|_| said.code == SKEWED) else { return };
        let micros = |at: Timestamp| i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
        let learnt = micros(theirs).saturating_sub(micros(received_at));
        self.skew(|skew| {
            skew.learnt = (learnt.saturating_sub(skew.applied).saturating_abs() > NO_NEWS).then_some(learnt);
        });
    }

    /// Applies what was learnt; whether there was anything.
    pub(super) fn correct(&self) -> bool {
        self.skew(|skew| {
            let learnt = skew.learnt.take();
            skew.applied = learnt.unwrap_or(skew.applied);
            learnt.is_some()
        })
    }

    fn skew<T>(&self, with: impl FnOnce(&mut Skew) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
