//! The upload state machine: no I/O, no async, no clock, no randomness of its own.
//!
//! An [`Upload`] moves one source to one destination. It decides *what* is to be done and *when*; somebody else (a
//! driver, a test, a replay) does it and tells what became of it. `no_std`, needs `alloc`.
//!
//! # Three concepts
//!
//! - **Operation**: one exchange with the server, performed once ([`Operation`], [`Action`]): Init, Append, Probe,
//!   Finalize, Status, Verify, Abort. A retry is an operation of its own. What became of one is an [`Outcome`]: a
//!   [`Reply`], or a [`Failure`] that says what the server may have seen: nothing, nobody knows, or all of it.
//! - **Profile and policy**: what the protocol can and cannot do ([`Profile`]), and what the caller wants
//!   ([`Policy`]); both are data. The engine never asks which protocol it is.
//! - **Checkpoint**: all that another process needs to go on ([`Checkpoint`]): the plan, the session, which bytes
//!   the server acknowledged, what was under way. It is plain data without credentials; what comes back from a store is
//!   checked by [`Upload::resume`] and not trusted. The newest one never sends a stored segment again; an older
//!   one costs more and gives the same object.
//!
//! # The contract
//!
//! 1. Make it: [`Upload::new`], or [`Upload::resume`] from a checkpoint.
//! 2. Call [`Upload::poll`] until it says [`Output::Idle`] or [`Output::Closed`], and do what each output asks for:
//!    - [`Output::Perform`]: perform the operation. Say [`Input::Started`] when it has its bytes and its turn (its timers
//!      run from then on), [`Input::Sent`] now and then, and [`Input::Outcome`] once.
//!    - [`Output::Cancel`]: give the operation up; whatever is still said of it changes nothing.
//!    - [`Output::Persist`]: take [`Upload::checkpoint`], write it durably, then say [`Input::Persisted`] with the
//!      checkpoint's own [`seq`](Checkpoint::seq), or [`Input::PersistFailed`]. One write is under way at a time.
//!    - [`Output::Refresh`]: get new credentials and answer with [`Input::Refreshed`].
//!    - [`Output::Release`]: these bytes of a one-pass source will not be asked for again.
//!    - [`Output::Notify`]: tell whoever wants to know; nothing depends on it.
//! 3. Wait until something has happened, or until the time that `Idle` names. Tell it by [`Upload::handle`] (time alone
//!    needs no telling), and go on at 2. The time never goes back.
//! 4. When it says `Closed`, the upload is over, and nothing changes it any more. If the error's
//!    [`kept`](UploadError::kept) is [`Kept::Checkpoint`] or [`Kept::AbortOwed`], store the checkpoint once more;
//!    otherwise remove what is stored.
//!
//! Inputs that make no sense (late, twice, about operations that nobody knows) change nothing and are counted in
//! [`Stats::ignored`]; nothing that a server or a caller says makes it panic.
//!
//! # The lifecycle
//!
//! ```text
//! Opening ─► Transferring ◄─► Probing         (any phase) ─► Aborting ─► Closed, or Opening
//!                │  ▲
//!                ▼  │
//!            Finalizing ─────────────────► Processing ─► Closed
//!                │  ▲                          ▲
//!                ▼  │                          │
//!             Verifying ───────────────────────┘
//! ```
//!
//! A session that is lost, or can't be used any longer, leads back to Opening, a bounded number of times; one that is
//! still there is given up first. Every transition is in one file of the source, `upload/phase.rs`, and every answer to
//! every input in every phase is written out in a test.
//!
//! # Determinism
//!
//! The same seed and the same inputs at the same times give the same outputs, always. Time is what it is given; chance
//! is the seed's. So a failure seen once can be replayed, and a whole upload is a plain function of its inputs.
//!
//! # An upload by hand
//!
//! ```
//! use std::time::Duration;
//!
//! use chunkwise_core::*;
//!
//! # fn profile() -> Profile {
//! #     Profile {
//! #         name: "example".into(),
//! #         open: Open::Request,
//! #         transfer: Transfer::Parts(Parts { resend: Resend::Overwrites, listing: Listing::None }),
//! #         length: Length::AtInit,
//! #         sizing: Sizing {
//! #             min: 1,
//! #             max: 5_000_000,
//! #             multiple_of: 1,
//! #             max_count: 1000,
//! #             max_total: u64::MAX,
//! #             uniformity: Uniformity::Free,
//! #             empty: Empty::Refused,
//! #         },
//! #         finalize: Finalize::Call { receipts: Receipts::NotWanted },
//! #         verify: Verify::Call,
//! #         processing: Processed::Polled,
//! #         abort: Abort::Expires,
//! #     }
//! # }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut now = Timestamp::from_secs(1_700_000_000);
//! let policy = Policy { chunk_size: ChunkSize::new(10).ok_or("a chunk has bytes")?, ..Policy::default() };
//! let mut upload = Upload::new(now, UploadSpec::whole(25), profile(), policy, 42)?;
//!
//! let (mut disk, mut server) = (None, Vec::new());
//! let completed = loop {
//!     match upload.poll(now) {
//!         Output::Perform(op) => {
//!             upload.handle(now, Input::Started(op.id));
//!             let reply = match op.action {
//!                 Action::Init { .. } => Reply::Opened { session: Session::new("710"), expires: None },
//!                 Action::Append { segment, .. } => {
//!                     server.push(segment.range);
//!                     Reply::Stored { receipt: None, expires: None }
//!                 }
//!                 Action::Finalize { .. } => {
//!                     let after = Some(Delay::After(Duration::from_secs(3)));
//!                     Reply::Processing(Processing::Running { after, percent: None })
//!                 }
//!                 _ => Reply::Completed(Final {
//!                     id: "710".into(),
//!                     size: Some(25),
//!                     expires_at: None,
//!                     body: Default::default(),
//!                 }),
//!             };
//!             upload.handle(now, Input::Outcome { op: op.id, outcome: reply.into() });
//!         }
//!         Output::Persist { .. } => {
//!             let checkpoint = upload.checkpoint();
//!             let seq = checkpoint.seq();
//!             disk = Some(checkpoint);
//!             upload.handle(now, Input::Persisted(seq));
//!         }
//!         Output::Idle { wake_at } => now = wake_at.ok_or("nothing to wait for")?,
//!         Output::Closed(result) => break result?,
//!         Output::Cancel(_) | Output::Release(_) | Output::Refresh { .. } | Output::Notify(_) => {}
//!     }
//! };
//! assert_eq!(&*completed.result.id, "710");
//! assert_eq!(server, [ByteRange::at(0, 10), ByteRange::at(10, 10), ByteRange::at(20, 5)]);
//!
//! // Had the process died: from what is on disk another one goes on, here by asking how the processing goes.
//! let mut resumed = Upload::resume(now, disk.ok_or("it was written")?, profile(), Policy::default(), 43)?;
//! assert_eq!(resumed.poll(now), Output::Notify(Event::Phase(Phase::Processing)));
//! # Ok(())
//! # }
//! ```
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

pub use checkpoint::{CHECKPOINT_VERSION, Checkpoint, CheckpointStage, ResumeError};
pub use error::{Discard, ErrorKind, Fault, Kept, SessionLoss, UploadError, Violation};
pub use event::{Event, Phase, Progress, SessionEnd};
pub use failure::{
    Cut, Detail, Failure, MAX_DETAIL, NotSent, Problem, ProblemKind, Refusal, ServerError, ServerErrorFields,
};
pub use io::{CheckpointSeq, Completed, Disposition, Growth, Input, Output};
pub use operation::{Action, CredentialEpoch, Last, OpId, Operation, OperationKind, Taken};
pub use outcome::{Commitment, Final, Outcome, Pace, Page, Part, Percent, Processing, Reply, Verdict};
pub use pacer::Pacer;
pub use plan::{Plan, PlanError, Unsupported};
pub use policy::{
    ChunkSize, Jitter, Policy, PolicyError, ProcessingPolicy, RetryPolicy, Timeouts, WindowPolicy,
};
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
