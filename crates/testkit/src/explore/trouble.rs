//! What can go wrong with one exchange in a small world.

use std::time::Duration;

use chunkwise_core::{
    Failure, Operation, OperationKind, Outcome, ProblemKind, Processing, Reply, ServerError, Timestamp,
};

use crate::fault::{Said, Wait};
use crate::model::Model;

/// What goes wrong when a request reaches the server. It is chosen there and then, once for the way there and back.
///
/// Some that one would look for are not here, since others do the same:
///
/// - A request lost for good, with a reset, is one that is late and never comes: [`Late`](Self::Late) and no more.
/// - A message lost in silence is one that is on its way when the engine gives it up: the timer does that, at the cost of a
///   fault.
/// - A connection cut in the middle is a request lost, unless a part of it is kept: only [`Model::AppendPrefix`] does.
/// - An answer can't be told from a lost one before it is heard, so nothing is gained by losing it any later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// The connection breaks; the request comes all the same, some time later, or never.
    Late,
    /// The server does it; the connection breaks before the answer.
    ReplyLost,
    /// The answer comes twice.
    ReplyTwice,
    /// Half of the bytes arrive and are kept; the connection breaks.
    Cut,
    /// Half of the bytes arrive and are kept; nothing is heard of it.
    Stall,
    /// The server does nothing, and says this.
    Says(Said),
    /// It does nothing, and says that the segment is too large.
    TooLarge,
    /// It does it, and says that the processing has failed.
    Unprocessed,
}

impl Trouble {
    /// All that can go wrong with an operation.
    pub(super) fn of(op: &Operation, model: Model) -> Vec<Self> {
        let wait = Some(Wait::For(Duration::from_secs(2)));
        let mut all = vec![
            Self::Late,
            Self::ReplyLost,
            Self::ReplyTwice,
            Self::Says(Said::Transient(None)),
            Self::Says(Said::Throttled(wait)),
            Self::Says(Said::Broken(None)),
            Self::Says(Said::Expired),
            Self::Says(Said::Invalid),
        ];
        let polls = match op.kind() {
            OperationKind::Init => false,
            OperationKind::Append => {
                all.push(Self::Says(Said::Gone));
                all.push(Self::Says(Said::Rejected));
                if !model.is_parts() {
                    all.push(Self::Says(Said::Conflict));
                }
                if op.payload().is_some_and(|range| range.len() > 1) {
                    all.push(Self::TooLarge);
                    if model == Model::AppendPrefix {
                        all.extend([Self::Cut, Self::Stall]);
                    }
                }
                false
            }
            OperationKind::Probe => {
                all.push(Self::Says(Said::Gone));
                false
            }
            OperationKind::Finalize | OperationKind::Status | OperationKind::Verify => {
                all.push(Self::Says(Said::Gone));
                model.processes()
            }
            // "I do not know it" would be a lie that nobody can see through.
            OperationKind::Abort => false,
        };
        if polls {
            all.push(Self::Unprocessed);
        }
        all
    }

    /// The bad answer of a server that does nothing, if it is one.
    pub(super) fn answer(self, now: Timestamp) -> Option<Outcome> {
        match self {
            Self::Says(said) => Some(said.failure(now).into()),
            Self::TooLarge => {
                let kind = ProblemKind::TooLarge { ceiling: None };
                Some(Failure::answered(kind, ServerError::message("as the model says")).into())
            }
            Self::Late | Self::ReplyLost | Self::ReplyTwice | Self::Cut | Self::Stall | Self::Unprocessed => {
                None
            }
        }
    }
}

/// That the processing has failed, in answer to a Finalize or a Status; a Verify hears it as what became of the object.
pub(super) fn unprocessed(kind: OperationKind) -> Outcome {
    use chunkwise_core::{Commitment, Verdict};
    let failed = Processing::Failed(ServerError::message("the model can't process it"));
    Outcome::from(match kind {
        OperationKind::Verify => Reply::Verified(Verdict::Committed(Commitment::Processing(failed))),
        _ => Reply::Processing(failed),
    })
}
