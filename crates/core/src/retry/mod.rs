//! Retries: a pure judgement over a failure, the wait before the next try, and the budget for it.

mod backoff;
mod budget;
mod judge;

pub(crate) use backoff::{Rng, backoff};
pub(crate) use budget::Budget;
pub(crate) use judge::{Fate, Verdict, judge};
