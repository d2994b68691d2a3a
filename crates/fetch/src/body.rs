//! What was fetched: its head, and its body piece by piece.

use bytes::Bytes;
use tokio::time::{Instant, timeout, timeout_at};

use crate::error::{FetchError, FetchProblem, Stage, Step};
use crate::limits::FetchLimits;
use crate::pace::{Pace, TooSlow};
use crate::slots::Slot;
use crate::target::Target;
use crate::wire::Wire;

/// What an origin answered with 200. What it says of itself is told as it is and proves nothing.
#[derive(Debug)]
pub struct Fetched {
    /// The Content-Type in lower case and without parameters, `image/png`; `None` if there is not one readable one.
    pub media_type: Option<String>,
    /// How many bytes the body has, as announced; exactly so many come, or an error does.
    pub len: Option<u64>,
    /// The ending of the file's name in the URL that was fetched at last, in lower case and without the dot: 1 to 10 letters
    /// and digits.
    pub extension: Option<String>,
    /// The body.
    pub body: FetchedBody,
}

/// A body on its way. Dropping it closes the connection.
#[derive(Debug)]
pub struct FetchedBody {
    state: State,
    target: Target,
    hop: usize,
    limits: FetchLimits,
    deadline: Instant,
    pace: Pace,
    announced: Option<u64>,
    got: u64,
}

#[derive(Debug)]
enum State {
    Open(Wire, #[expect(dead_code, reason = "it is there to be dropped")] Slot),
    Ended,
    Failed,
}

impl FetchedBody {
    pub(crate) fn new(
        wire: Wire,
        slot: Slot,
        target: Target,
        hop: usize,
        limits: &FetchLimits,
        deadline: Instant,
    ) -> Self {
        Self {
            announced: wire.announced(),
            state: State::Open(wire, slot),
            target,
            hop,
            pace: Pace::new(limits.rate_bytes, limits.rate_window),
            limits: limits.clone(),
            deadline,
            got: 0,
        }
    }

    pub(crate) fn announced(&self) -> Option<u64> {
        self.announced
    }

    /// How many bytes have been given out.
    pub fn received(&self) -> u64 {
        self.got
    }

    /// The next bytes, at least one and at most twice as many as the head of an answer may have
    /// ([`FetchLimits::head_bytes`]); `None` when all have come.
    ///
    /// Only `None` says that the body is whole. A call that is dropped loses no bytes; but what it waited counts for
    /// nothing, neither as idle nor for the rate.
    ///
    /// # Errors
    ///
    /// [`FetchError`] if the body is too large, breaks off, goes on after its end, or comes too slowly. From then on every call
    /// fails.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, FetchError> {
        match self.advance().await {
            Ok(Some(chunk)) => Ok(Some(chunk)),
            Ok(None) => {
                self.state = State::Ended;
                Ok(None)
            }
            Err(problem) => {
                self.state = State::Failed;
                Err(FetchError::new(Some(&self.target), self.hop, Stage::Receiving, problem))
            }
        }
    }

    async fn advance(&mut self) -> Result<Option<Bytes>, FetchProblem> {
        let wire = match &mut self.state {
            State::Open(wire, _) => wire,
            State::Ended => return Ok(None),
            State::Failed => return Err(FetchProblem::Failed),
        };
        let limits = &self.limits;
        let out_of_time = || FetchProblem::TimedOut { step: Step::Total, after: limits.total };
        let mut since = Instant::now();
        let idle_at = since + limits.idle;
        loop {
            if since >= self.deadline {
                return Err(out_of_time());
            }
            let mut until = idle_at.min(self.deadline);
            if let Some(left) = self.pace.left() {
                until = until.min(since + left);
            }
            let waited = timeout_at(until, wire.chunk()).await;
            let now = Instant::now();
            let came = match &waited {
                Ok(Ok(Some(chunk))) => chunk.len() as u64,
                Ok(Ok(None) | Err(_)) | Err(_) => 0,
            };
            let pace = self.pace.count(now - since, came);
            since = now;
            match waited {
                Ok(Ok(Some(chunk))) => {
                    self.got += came;
                    if self.got > limits.body_bytes {
                        let (limit, announced) = (limits.body_bytes, self.announced);
                        return Err(FetchProblem::TooLarge { limit, announced });
                    }
                    pace.map_err(|TooSlow(got)| FetchProblem::Slow { got, window: limits.rate_window })?;
                    return Ok(Some(chunk));
                }
                Ok(Ok(None)) => {
                    // Who has closed, or sends nothing more, is at its end.
                    let goes_on = timeout(limits.after_end, wire.goes_on()).await.unwrap_or(false);
                    let announced = self.announced;
                    return if goes_on { Err(FetchProblem::Longer { announced }) } else { Ok(None) };
                }
                Ok(Err(source)) => {
                    return Err(FetchProblem::Short { announced: self.announced, got: self.got, source });
                }
                Err(_) => {
                    pace.map_err(|TooSlow(got)| FetchProblem::Slow { got, window: limits.rate_window })?;
                    if now >= idle_at {
                        return Err(FetchProblem::TimedOut { step: Step::Idle, after: limits.idle });
                    }
                }
            }
        }
    }
}
