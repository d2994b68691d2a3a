//! Faults: everything that can go wrong with one exchange, as data.

use std::time::Duration;

use chunkwise_core::{
    Cut, Delay, Detail, Failure, NotSent, OperationKind, Outcome, Pace, Problem, ProblemKind, Refusal, Reply,
    ServerError, Timestamp,
};

use crate::chance::Chance;
use crate::server::Lie;

/// What goes wrong with one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The server can't be reached.
    Unreachable,
    /// It can't be sent as things are set.
    Misconfigured,
    /// The request never arrives.
    RequestLost(Loss),
    /// The connection breaks after so many thousandths of the payload arrived.
    Cut(u16),
    /// No more bytes are taken after so many thousandths of the payload.
    Stall(u16),
    /// The connection breaks, and yet the request arrives, this much later.
    RequestLate(Duration),
    /// The server does it; its answer never arrives.
    ReplyLost(Loss),
    /// The answer arrives twice, the second time this much later.
    ReplyTwice(Duration),
    /// The answer arrives this much later.
    ReplyLate(Duration),
    /// The server does nothing and answers this.
    Says(Said),
    /// The server does it and answers this.
    DoneBut(Said),
    /// It is a good answer to another question, and a rate limit that is used up for so long.
    Misfit(Duration),
    /// The server lies.
    Lies(Lie),
}

/// How a lost message is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Loss {
    /// The connection breaks.
    Reset,
    /// Nothing is ever heard.
    Silence,
    /// Something between answers in the server's place, with an error or garbage.
    Garbled,
}

/// A bad answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Said {
    /// An error that passes, and a wait if there is one.
    Transient(Option<Wait>),
    /// Too many requests.
    Throttled(Option<Wait>),
    /// Locked, or not ready.
    Busy(Option<Wait>),
    /// Nonsense.
    Broken(Option<Wait>),
    /// The bytes did not arrive as they were sent.
    Rejected,
    /// It does not know the session.
    Gone,
    /// The credentials are not valid.
    Expired,
    /// Not acceptable.
    Invalid,
    /// Not allowed.
    Forbidden,
    /// The offset is not the cursor.
    Conflict,
    /// It holds that segment already.
    AlreadyStored,
    /// It does not hold all segments.
    Missing,
    /// What it holds does not add up to the announced length.
    SizeMismatch,
    /// The segment is too large; the largest it takes, if it says so.
    TooLarge(Option<u64>),
    /// A quota or a bill stands in the way.
    Quota,
    /// A wait beyond anybody's patience.
    Endless,
}

/// A wait, in either of the two forms that servers use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wait {
    /// This long.
    For(Duration),
    /// Until this long after now, told as a time.
    Until(Duration),
    /// Until a time that is long past.
    Past,
}

impl Wait {
    /// As the engine hears it, at this time.
    pub fn delay(self, now: Timestamp) -> Delay {
        match self {
            Self::For(wait) => Delay::After(wait),
            Self::Until(wait) => Delay::At(now.after(wait)),
            Self::Past => Delay::At(Timestamp::EPOCH),
        }
    }
}

impl Said {
    /// As the engine hears it, at this time.
    pub fn failure(self, now: Timestamp) -> Failure {
        let (kind, wait) = match self {
            Self::Transient(wait) => (ProblemKind::Transient, wait),
            Self::Throttled(wait) => (ProblemKind::Throttled, wait),
            Self::Busy(wait) => (ProblemKind::Busy, wait),
            Self::Broken(wait) => (ProblemKind::Broken, wait),
            Self::Rejected => (ProblemKind::SegmentRejected, None),
            Self::Gone => (ProblemKind::SessionGone, None),
            Self::Expired => (ProblemKind::CredentialsExpired, None),
            Self::Invalid => (ProblemKind::Refused(Refusal::Invalid), None),
            Self::Forbidden => (ProblemKind::Refused(Refusal::Forbidden), None),
            Self::Conflict => (ProblemKind::OffsetConflict { cursor: None }, None),
            Self::AlreadyStored => (ProblemKind::AlreadyStored { receipt: None }, None),
            Self::Missing => (ProblemKind::SegmentsMissing, None),
            Self::SizeMismatch => (ProblemKind::SizeMismatch, None),
            Self::TooLarge(ceiling) => (ProblemKind::TooLarge { ceiling }, None),
            Self::Quota => (ProblemKind::Refused(Refusal::Quota), None),
            Self::Endless => (ProblemKind::Throttled, Some(Wait::For(Duration::from_secs(7_200)))),
        };
        let after = wait.map(|wait| wait.delay(now));
        Failure::Answered(Problem { kind, after, server: ServerError::message("as the model says") })
    }
}

impl Loss {
    /// As the engine hears it; of silence it hears nothing.
    pub fn outcome(self) -> Option<Outcome> {
        let detail = Detail::new("lost on the way");
        match self {
            Self::Reset => Some(Failure::Unknown { cut: Cut::Reset, detail }.into()),
            Self::Silence => None,
            Self::Garbled => Some(Failure::Unknown { cut: Cut::Ambiguous { after: None }, detail }.into()),
        }
    }
}

/// That the server can't be reached, as the engine hears it.
pub fn unreachable() -> Outcome {
    Failure::NotSent { cause: NotSent::Unreachable, detail: Detail::new("nobody listens") }.into()
}

/// That it can't be sent as things are set, as the engine hears it.
pub fn misconfigured() -> Outcome {
    Failure::NotSent { cause: NotSent::Misconfigured, detail: Detail::new("nobody trusts the certificate") }
        .into()
}

/// A good answer to another question than this kind of operation asks, with a rate limit that is used up until then.
pub fn misfit(kind: OperationKind, until: Timestamp) -> Outcome {
    let reply = match kind {
        OperationKind::Init
        | OperationKind::Append
        | OperationKind::Probe
        | OperationKind::Finalize
        | OperationKind::Status
        | OperationKind::Verify => Reply::Aborted,
        OperationKind::Abort => Reply::Advanced { cursor: u64::MAX, expires: None },
    };
    Outcome::from(reply).with_pace(Some(Pace { remaining: 0, reset: until }))
}

impl Fault {
    /// One that an upload should get over, or be excused by, for an operation of this kind.
    pub fn draw(chance: &mut Chance, kind: OperationKind) -> Self {
        let wait = |chance: &mut Chance| {
            let wait = chance.millis(0, 9_000);
            chance.weighted([
                (1, None),
                (1, Some(Wait::For(wait))),
                (1, Some(Wait::Until(wait))),
                (1, Some(Wait::Past)),
            ])
        };
        let permille = |chance: &mut Chance| chance.below(1_001) as u16;
        match chance.below(24) {
            0 => Self::Unreachable,
            1 => Self::RequestLost(Loss::Reset),
            2 => Self::RequestLost(Loss::Silence),
            3 => Self::RequestLost(Loss::Garbled),
            4 | 5 => Self::Cut(permille(chance)),
            6 => Self::Stall(permille(chance)),
            7 => Self::RequestLate(chance.millis(10, 20_000)),
            8 => Self::ReplyLost(Loss::Reset),
            9 => Self::ReplyLost(Loss::Silence),
            10 => Self::ReplyLost(Loss::Garbled),
            11 => Self::ReplyTwice(chance.millis(5, 3_000)),
            12 => Self::ReplyLate(chance.millis(4_000, 20_000)),
            13 => Self::Says(Said::Transient(wait(chance))),
            14 => Self::Says(Said::Throttled(wait(chance))),
            15 => Self::Says(Said::Busy(wait(chance))),
            16 => Self::Says(Said::Broken(wait(chance))),
            17 => Self::Says(Said::Rejected),
            // To an Abort that would be a lie which nobody can see through.
            18 if kind != OperationKind::Abort => Self::Says(Said::Gone),
            19 => Self::Says(Said::Conflict),
            20 if chance.percent(20) => Self::Says(chance.one_of([Said::Invalid, Said::Forbidden])),
            21 if chance.percent(20) => Self::Says(Said::Endless),
            22 => Self::Misfit(chance.millis(0, 9_000)),
            23 => Self::Says(Said::Expired),
            _ => Self::Says(Said::Transient(None)),
        }
    }

    /// How long after it nothing more can be expected of it.
    pub fn lasts(&self) -> Duration {
        match self {
            Self::RequestLate(wait) | Self::ReplyTwice(wait) | Self::ReplyLate(wait) | Self::Misfit(wait) => {
                *wait
            }
            Self::Says(
                Said::Transient(Some(wait))
                | Said::Throttled(Some(wait))
                | Said::Busy(Some(wait))
                | Said::Broken(Some(wait)),
            ) => match wait {
                Wait::For(wait) | Wait::Until(wait) => *wait,
                Wait::Past => Duration::ZERO,
            },
            Self::Says(Said::Endless) => Duration::from_secs(7_200),
            _ => Duration::ZERO,
        }
    }

    /// How long after it nothing can be expected of an upload: as long as it lasts, and then its consequences, a timeout
    /// and the longest backoff.
    pub fn disturbs(&self) -> Duration {
        self.lasts() + Duration::from_secs(70)
    }
}
