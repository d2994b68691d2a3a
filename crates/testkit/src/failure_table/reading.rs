//! What was seen of one run, in the words of the table: the steps that a calm run does not have, the end, and the bytes
//! that went over the wire more than once.

use std::collections::BTreeMap;
use std::time::Duration;

use chunkwise_core::{
    Action, Event, Failure, Kept, OpId, Operation, OperationKind, RetryPolicy, SessionEnd, Timestamp,
    UploadError,
};

use crate::record::{Thing, thing};
use crate::simulation::{Sight, Watched};

/// What was seen of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// What the engine did beyond what a calm run needs, equal things together, in the order of their first.
    pub steps: Vec<(Step, Count)>,
    pub end: Ending,
    /// Bytes on the wire that had been there before.
    pub again: u64,
    /// The same of the resume from what was kept, if there was one.
    pub resumed: Option<u64>,
    /// Whether another jitter came to something better.
    pub varies: bool,
}

/// Something that a calm run does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// An operation was given up after so long a silence, in seconds.
    GivenUp(u64),
    /// An operation went once more.
    Again(OperationKind),
    /// What the server holds was asked.
    Probe,
    /// Whether the object was committed was asked.
    Verify,
    /// The session was given up.
    Abort,
    NewCredentials,
    NewSession(SessionEnd),
    /// What is left was cut anew, at last into segments of so many bytes.
    Smaller(u64),
    /// A session may exist that nobody can name.
    Leak,
    Unwritten,
    /// Another process went on from the disk.
    Resumed,
    /// Another process found nothing on the disk.
    BegunAnew,
    Paused,
}

/// How often, and after which waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub times: u32,
    pub wait: Option<(Wait, Wait)>,
}

/// How long after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// A backoff: drawn between nothing and this.
    UpTo(Duration),
    /// As long as the server said.
    Told(Duration),
}

/// How an upload ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The object is ready, and there.
    Ready,
    /// It is said to be ready, but the server has no such object.
    Hollow,
    /// With an error.
    Failed(Box<UploadError>),
    /// With none: the run did not come to an end of its own.
    None,
}

/// Where the table begins to look: when this many strikes and deeds were seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// Behind those of the setting.
    Deed(usize),
    /// At the first checkpoint that could not be written.
    Unwritten,
    /// At the first process that went on in place of a dead one.
    Restarted,
    /// At once.
    Beginning,
}

/// Reads a run; `None` if what was to strike did not.
pub(super) fn read(watched: &Watched, from: From, policy: &RetryPolicy) -> Option<Reading> {
    let mut deeds = 0;
    let begins = |sight: &Sight| match from {
        From::Beginning => true,
        From::Unwritten => matches!(sight, Sight::Unwritten),
        From::Restarted => matches!(sight, Sight::Restarted(_)),
        From::Deed(before) => {
            deeds += usize::from(matches!(sight, Sight::Struck(_) | Sight::Done(_)));
            deeds > before
        }
    };
    let sights: Vec<_> = watched.history.iter().collect();
    let begin = watched.history.iter().map(|(_, sight)| sight).position(begins)?;
    let end = sights.iter().position(|(_, sight)| matches!(sight, Sight::GoesOn)).unwrap_or(sights.len());
    let mut reader = Reader { policy, ..Reader::new(policy) };
    for (nth, (at, sight)) in sights[..end].iter().enumerate() {
        reader.sees(*at, sight, nth >= begin);
    }
    let again = repeated(&sights[..end]);
    let ending = sights[..end].iter().find_map(|(_, sight)| match sight {
        Sight::Ended(Ok(_)) if watched.object => Some(Ending::Ready),
        Sight::Ended(Ok(_)) => Some(Ending::Hollow),
        Sight::Ended(Err(error)) => Some(Ending::Failed(Box::new(error.clone()))),
        _ => None,
    });
    Some(Reading {
        steps: reader.steps,
        end: ending.unwrap_or(Ending::None),
        again,
        varies: false,
        resumed: (end < sights.len()).then(|| repeated(&sights) - again),
    })
}

/// Bytes that were on the wire beyond their first time.
fn repeated(sights: &[&(Timestamp, Sight)]) -> u64 {
    let mut taken = chunkwise_core::RangeSet::new();
    let mut again = 0;
    for (_, sight) in sights {
        if let Sight::Taken(_, range) = sight {
            again += range.len() - taken.insert(*range);
        }
    }
    again
}

impl Reading {
    pub(super) const fn kept(&self) -> Option<Kept> {
        match &self.end {
            Ending::Failed(error) => Some(error.kept),
            Ending::Ready | Ending::Hollow | Ending::None => None,
        }
    }
}

struct Reader<'a> {
    policy: &'a RetryPolicy,
    steps: Vec<(Step, Count)>,
    /// What is under way, and since when.
    live: BTreeMap<OpId, Timestamp>,
    /// What was given out in this session.
    done: Vec<Thing>,
    /// What is to be tried again, when, and after which wait.
    due: BTreeMap<OperationKind, (Timestamp, Option<Wait>)>,
}

impl<'a> Reader<'a> {
    const fn new(policy: &'a RetryPolicy) -> Self {
        Self { policy, steps: Vec::new(), live: BTreeMap::new(), done: Vec::new(), due: BTreeMap::new() }
    }

    fn sees(&mut self, now: Timestamp, sight: &Sight, counts: bool) {
        let mut step = None;
        match sight {
            Sight::Performed(op) => step = self.performed(now, op),
            Sight::GivenUp(op) => {
                if let Some(since) = self.live.remove(op) {
                    let waited = (now.since(since).as_millis() as u64 + 500) / 1_000;
                    // What a pause or an end takes back was not given up for its silence.
                    step = (waited >= 30).then_some((Step::GivenUp(waited), None));
                }
            }
            Sight::Told(Event::Retrying { kind, attempts, at, failure }) => {
                let wait = self.wait(at.since(now), *attempts, told(now, failure));
                self.due.insert(*kind, (*at, wait));
            }
            Sight::Refreshing => step = Some((Step::NewCredentials, None)),
            Sight::Unwritten => step = Some((Step::Unwritten, None)),
            Sight::Restarted(from) => {
                self.live.clear();
                self.due.clear();
                step = Some((if from.is_some() { Step::Resumed } else { Step::BegunAnew }, None));
            }
            Sight::Told(Event::NewSession { reason }) => {
                self.done.clear();
                self.due.clear();
                step = Some((Step::NewSession(*reason), None));
            }
            Sight::Told(Event::Replanned { chunk_size }) => step = Some((Step::Smaller(*chunk_size), None)),
            Sight::Told(Event::SessionLeakSuspected) => step = Some((Step::Leak, None)),
            Sight::Told(Event::Paused) => step = Some((Step::Paused, None)),
            Sight::Struck(_)
            | Sight::Done(_)
            | Sight::Taken(..)
            | Sight::Failed(..)
            | Sight::Written(_)
            | Sight::Told(_)
            | Sight::Ended(_)
            | Sight::GoesOn => {}
        }
        if let Some((step, wait)) = step
            && counts
        {
            self.add(step, wait);
        }
    }

    fn performed(&mut self, now: Timestamp, op: &Operation) -> Option<(Step, Option<Wait>)> {
        let thing = thing(op);
        self.live.insert(op.id, now);
        let wait = self.waited(now, op.kind());
        let before = self.done.contains(&thing);
        self.done.push(thing);
        let step = match &op.action {
            Action::Probe { page: Some(_), .. } if op.attempt == 1 => return None,
            Action::Probe { .. } if op.attempt == 1 => Step::Probe,
            Action::Verify { .. } if op.attempt == 1 => Step::Verify,
            Action::Abort { .. } if op.attempt == 1 => Step::Abort,
            Action::Status { .. } if op.attempt == 1 => return None,
            Action::Append { .. } | Action::Init { .. } | Action::Finalize { .. }
                if op.attempt == 1 && !before =>
            {
                return None;
            }
            action => Step::Again(action.kind()),
        };
        Some((step, wait))
    }

    /// The wait that is over with an operation of this kind: its own, or that of what it finds out about.
    fn waited(&mut self, now: Timestamp, kind: OperationKind) -> Option<Wait> {
        if let Some((_, wait)) = self.due.remove(&kind) {
            return wait;
        }
        if !matches!(kind, OperationKind::Probe | OperationKind::Verify) {
            return None;
        }
        let just = |at: Timestamp| now.since(at) < Duration::from_millis(2) && at.since(now).is_zero();
        let (_, wait) = self.due.values_mut().find(|(at, _)| just(*at))?;
        wait.take()
    }

    fn wait(&self, planned: Duration, attempts: u32, told: Option<Duration>) -> Option<Wait> {
        if let Some(told) = told.filter(|told| planned == *told) {
            return Some(Wait::Told(told));
        }
        let doubled = self.policy.backoff_base.saturating_mul(1 << attempts.saturating_sub(1).min(20));
        (!planned.is_zero()).then(|| Wait::UpTo(doubled.min(self.policy.backoff_cap)))
    }

    fn add(&mut self, step: Step, wait: Option<Wait>) {
        let place = match self.steps.iter().position(|(there, _)| alike(*there, step)) {
            Some(place) => place,
            None => {
                self.steps.push((step, Count::default()));
                self.steps.len() - 1
            }
        };
        let (there, count) = &mut self.steps[place];
        *there = step;
        count.times += 1;
        if let Some(wait) = wait {
            count.wait = Some((count.wait.map_or(wait, |(first, _)| first), wait));
        }
    }
}

/// Whether two steps are told as one.
fn alike(one: Step, other: Step) -> bool {
    match (one, other) {
        (Step::Smaller(_), Step::Smaller(_)) => true,
        (one, other) => one == other,
    }
}

fn told(now: Timestamp, failure: &Failure) -> Option<Duration> {
    failure.after().map(|after| after.until(now).since(now)).filter(|wait| !wait.is_zero())
}
