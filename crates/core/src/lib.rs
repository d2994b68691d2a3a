//! The upload state machine: no I/O, no async, no clock, no randomness of its own.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod checkpoint;
mod error;
mod event;
mod failure;
mod io;
mod operation;
mod outcome;
mod pacer;
mod plan;
mod policy;
mod profile;
mod range;
mod ranges;
mod retry;
mod spec;
#[cfg(test)]
mod testing;
mod time;
mod token;
mod upload;
mod window;

pub use checkpoint::{CHECKPOINT_VERSION, Checkpoint, ResumeError};
pub use error::{Discard, ErrorKind, Fault, Kept, SessionLoss, UploadError, Violation};
pub use event::{Event, Phase, Progress, SessionEnd};
pub use failure::{
    Cut, Detail, Failure, MAX_DETAIL, NotSent, Problem, ProblemKind, Refusal, ServerError, ServerErrorFields,
};
pub use io::{CheckpointSeq, Completed, Disposition, Growth, Input, Output};
pub use operation::{Action, CredentialEpoch, Last, OpId, Operation, OperationKind};
pub use outcome::{Commitment, Final, Outcome, Pace, Page, Part, Percent, Processing, Reply, Verdict};
pub use pacer::Pacer;
pub use plan::{Plan, PlanError, Unsupported};
pub use policy::{ChunkSize, Policy, PolicyError, ProcessingPolicy, RetryPolicy, Timeouts, WindowPolicy};
pub use profile::{
    Abort, Append, Commit, Empty, Finalize, Length, Listing, Open, Parts, Processed, Profile, Receipts,
    Resend, Sizing, Transfer, Uniformity, Verify,
};
pub use range::{ByteRange, ReversedRange, Segment, SegmentIndex};
pub use ranges::RangeSet;
pub use spec::{Rewind, SourceLength, UploadSpec};
pub use time::{Delay, Timestamp};
pub use token::{PageToken, Receipt, Session};
pub use upload::{Stats, Upload};
