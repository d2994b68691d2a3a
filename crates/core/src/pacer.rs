//! Pacing: holding back before the server has to say no.

use core::cmp::Ordering;

use crate::failure::{Failure, ProblemKind};
use crate::operation::OperationKind;
use crate::outcome::{Outcome, Pace};
use crate::time::Timestamp;

/// What is known of an account's rate limits, by kind of operation: how many are left, and when the count starts
/// anew. A pure value: every upload has one, and a driver shares one between the uploads of an account.
///
/// Source: X fact sheet §2.8 (`x-rate-limit-remaining`, `x-rate-limit-reset`, one bucket per endpoint).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pacer {
    buckets: [Bucket; OperationKind::ALL.len()],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Bucket {
    pace: Option<Pace>,
    held_until: Timestamp,
    /// Sent in the present period and not answered yet. What never gets an answer counts until the period is over.
    unanswered: u64,
}

impl Pacer {
    /// Takes in what an answer said of the rate limit, and whether it was throttled. Says until when this kind is
    /// held if that is news.
    pub fn observe(&mut self, now: Timestamp, kind: OperationKind, outcome: &Outcome) -> Option<Timestamp> {
        let bucket = self.bucket(kind);
        bucket.unanswered = bucket.unanswered.saturating_sub(1);
        if let Some(pace) = outcome.pace {
            // Answers overtake each other: within one period the smaller number is the newer one, and of two periods
            // the later one.
            bucket.pace = Some(match bucket.pace.map(|known| (known, known.reset.cmp(&pace.reset))) {
                Some((known, Ordering::Equal)) => {
                    Pace { remaining: known.remaining.min(pace.remaining), ..pace }
                }
                Some((known, Ordering::Greater)) => known,
                // What is under way went out without knowing of this period, and may not be counted in it yet.
                Some((_, Ordering::Less)) | None => {
                    Pace { remaining: pace.remaining.saturating_sub(bucket.unanswered), ..pace }
                }
            });
        }
        let Err(Failure::Answered(problem)) = &outcome.result else { return None };
        if problem.kind != ProblemKind::Throttled {
            return None;
        }
        let until = problem.after.map(|after| after.until(now)).or(bucket.pace.map(|pace| pace.reset))?;
        self.hold(kind, until).then_some(until)
    }

    /// Holds a kind of operation back until then; says whether that is later than before.
    pub fn hold(&mut self, kind: OperationKind, until: Timestamp) -> bool {
        let bucket = self.bucket(kind);
        let later = until > bucket.held_until;
        bucket.held_until = bucket.held_until.max(until);
        later
    }

    /// When the next operation of this kind may go out; a time that has passed if it may go at once.
    pub fn ready_at(&self, kind: OperationKind) -> Timestamp {
        let bucket = self.buckets.get(kind as usize).copied().unwrap_or_default();
        let paced = match bucket.pace {
            Some(Pace { remaining: 0, reset }) => reset,
            _ => Timestamp::EPOCH,
        };
        bucket.held_until.max(paced)
    }

    /// Counts an operation of this kind that goes out.
    pub fn spend(&mut self, now: Timestamp, kind: OperationKind) {
        let bucket = self.bucket(kind);
        bucket.pace = match bucket.pace {
            Some(Pace { remaining, reset }) if reset > now => {
                Some(Pace { remaining: remaining.saturating_sub(1), reset })
            }
            // The period is over; how many there are now, only the server knows.
            Some(_) => {
                bucket.unanswered = 0;
                None
            }
            None => None,
        };
        bucket.unanswered = bucket.unanswered.saturating_add(1);
    }

    fn bucket(&mut self, kind: OperationKind) -> &mut Bucket {
        // The array is as long as there are kinds; a kind's number is its place.
        let i = kind as usize % OperationKind::ALL.len();
        &mut self.buckets[i]
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::failure::{Problem, ServerError};
    use crate::outcome::Reply;
    use crate::time::Delay;

    const KIND: OperationKind = OperationKind::Append;

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn paced(remaining: u64, reset: u64) -> Outcome {
        let reply = Reply::Stored { receipt: None, expires: None };
        Outcome::reply(reply).with_pace(Some(Pace { remaining, reset: at(reset) }))
    }

    fn throttled(after: Option<Delay>) -> Outcome {
        let server = ServerError::default();
        Failure::Answered(Problem { kind: ProblemKind::Throttled, after, server }).into()
    }

    #[test]
    fn the_last_one_left_is_spent_before_the_server_says_no() {
        let mut pacer = Pacer::default();
        pacer.observe(at(10), KIND, &paced(2, 100));
        for _ in 0..2 {
            assert!(pacer.ready_at(KIND) <= at(10));
            pacer.spend(at(10), KIND);
        }
        assert_eq!(pacer.ready_at(KIND), at(100));
        assert!(pacer.ready_at(KIND) <= at(100));
        assert!(pacer.ready_at(OperationKind::Status) <= at(10));
    }

    #[test]
    fn an_overtaken_answer_does_not_raise_the_count() {
        let mut pacer = Pacer::default();
        pacer.observe(at(10), KIND, &paced(0, 100));
        pacer.observe(at(11), KIND, &paced(3, 100));
        assert_eq!(pacer.ready_at(KIND), at(100));
        pacer.observe(at(12), KIND, &paced(3, 50));
        assert_eq!(pacer.ready_at(KIND), at(100), "of an earlier period");
        pacer.observe(at(100), KIND, &paced(3, 200));
        assert!(pacer.ready_at(KIND) <= at(100));
    }

    #[test]
    fn a_later_period_counts_anew() {
        let mut pacer = Pacer::default();
        pacer.observe(at(10), KIND, &paced(3, 100));
        pacer.observe(at(50), KIND, &paced(0, 200));
        assert_eq!(pacer.ready_at(KIND), at(200), "though the earlier one is not over");
        pacer.observe(at(200), KIND, &paced(0, 300));
        assert_eq!(pacer.ready_at(KIND), at(300));
    }

    #[test]
    fn what_was_never_answered_is_forgotten_when_the_period_is_over() {
        let mut pacer = Pacer::default();
        pacer.observe(at(10), KIND, &paced(5, 100));
        for _ in 0..2 {
            pacer.spend(at(50), KIND);
        }
        // The first one of the next period goes out at its very beginning.
        pacer.spend(at(100), KIND);
        pacer.observe(at(101), KIND, &paced(1, 200));
        assert!(pacer.ready_at(KIND) <= at(101));
    }

    #[test]
    fn what_went_out_before_the_first_answer_is_not_left_any_more() {
        let mut pacer = Pacer::default();
        for period in [100, 200] {
            let now = at(period - 50);
            for _ in 0..4 {
                assert!(pacer.ready_at(KIND) <= now);
                pacer.spend(now, KIND);
            }
            // Of six, the server has counted the first one.
            pacer.observe(now, KIND, &paced(5, period));
            for _ in 0..2 {
                assert!(pacer.ready_at(KIND) <= now);
                pacer.spend(now, KIND);
            }
            assert_eq!(pacer.ready_at(KIND), at(period), "six are out");
            pacer.observe(now, KIND, &paced(4, period));
            assert_eq!(pacer.ready_at(KIND), at(period));
        }
    }

    #[test]
    fn a_throttle_holds_until_what_it_says_or_the_reset() {
        let mut pacer = Pacer::default();
        let delay = Some(Delay::After(Duration::from_secs(7)));
        assert_eq!(pacer.observe(at(10), KIND, &throttled(delay)), Some(at(17)));
        assert_eq!(pacer.ready_at(KIND), at(17));
        assert_eq!(pacer.observe(at(10), KIND, &throttled(delay)), None, "no news");
        pacer.observe(at(10), KIND, &paced(0, 50));
        assert_eq!(pacer.observe(at(10), KIND, &throttled(None)), Some(at(50)));
    }
}
