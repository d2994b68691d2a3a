//! An upload of which nothing goes wrong, driven by the engine's contract and nothing else: to measure what the engine
//! itself costs, in time, memory and allocations.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::Duration;

use chunkwise_core::{
    Abort, Action, Checkpoint, ChunkSize, Empty, Final, Finalize, Input, Length, Listing, OpId, Open,
    Operation, Outcome, Output, Parts, PlanError, Policy, Processed, Profile, Receipts, Reply, Resend,
    ResumeError, Session, Sizing, Timestamp, Transfer, Uniformity, Upload, UploadSpec, Verify, WindowPolicy,
};

/// How many bytes a segment of a [`Smooth`] upload holds.
pub const CHUNK: u64 = 4 << 20;

/// Which answer comes first when several operations are under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// That of the oldest: what is stored never has a hole.
    OldestFirst,
    /// That of the newest, and of the oldest every so often: what is stored has as many holes as the window allows.
    NewestFirst,
}

/// A protocol like X's, but for its bounds: any number of segments, and nothing is processed.
pub fn profile() -> Profile {
    Profile {
        name: "smooth".into(),
        open: Open::Request,
        transfer: Transfer::Parts(Parts { resend: Resend::Overwrites, listing: Listing::None }),
        length: Length::AtInit,
        sizing: Sizing {
            min: 1,
            max: 5_000_000,
            multiple_of: 1,
            max_count: u32::MAX,
            max_total: u64::MAX,
            uniformity: Uniformity::Free,
            empty: Empty::Refused,
        },
        finalize: Finalize::Call { receipts: Receipts::NotWanted },
        verify: Verify::Call,
        processing: Processed::Polled,
        abort: Abort::Expires,
    }
}

/// An upload and all that it needs: a server that takes everything, a disk that is done at once (it is told a
/// checkpoint's number and not the checkpoint), and a clock that goes on by a millisecond for every answer.
#[derive(Clone, Debug)]
pub struct Smooth {
    upload: Upload,
    now: Timestamp,
    order: Order,
    under_way: VecDeque<(OpId, Kind)>,
    answers: u64,
    lived: Lived,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Init,
    Append,
    Finalize,
}

/// What a [`Smooth`] upload went through so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lived {
    /// Inputs that it was told.
    pub inputs: u64,
    /// Outputs that it gave, [`Output::Idle`] included.
    pub outputs: u64,
    /// Segments that it was told are stored.
    pub stored: u32,
}

impl Smooth {
    /// Begins an upload of so many segments, so many of them at once.
    ///
    /// # Errors
    ///
    /// [`PlanError`] if there is no such upload (of no segment).
    pub fn new(segments: u32, at_once: NonZeroU32, order: Order) -> Result<Self, PlanError> {
        let now = Timestamp::from_secs(1_700_000_000);
        let spec = UploadSpec::whole(u64::from(segments) * CHUNK);
        let upload = Upload::new(now, spec, profile(), policy(at_once), 7)?;
        Ok(Self::of(upload, now, order))
    }

    /// Goes on from a checkpoint of such an upload.
    ///
    /// # Errors
    ///
    /// [`ResumeError`] if it is not one.
    pub fn resume(checkpoint: Checkpoint, at_once: NonZeroU32, order: Order) -> Result<Self, ResumeError> {
        let now = Timestamp::from_secs(1_700_086_400);
        let upload = Upload::resume(now, checkpoint, profile(), policy(at_once), 8)?;
        Ok(Self::of(upload, now, order))
    }

    fn of(upload: Upload, now: Timestamp, order: Order) -> Self {
        Self {
            upload,
            now,
            order,
            under_way: VecDeque::with_capacity(64),
            answers: 0,
            lived: Lived::default(),
        }
    }

    /// The upload itself.
    pub const fn upload(&self) -> &Upload {
        &self.upload
    }

    /// The time of its clock.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// What it went through so far.
    pub const fn lived(&self) -> Lived {
        self.lived
    }

    /// Goes on until so many segments are stored, or it is over.
    pub fn until_stored(&mut self, segments: u32) {
        while self.lived.stored < segments && self.step() {}
    }

    /// Goes on to the end; what it went through.
    pub fn finish(&mut self) -> Lived {
        while self.step() {}
        self.lived
    }

    /// Does all that there is to do, then gives one answer. Whether the upload goes on.
    fn step(&mut self) -> bool {
        loop {
            self.lived.outputs += 1;
            match self.upload.poll(self.now) {
                Output::Perform(operation) => self.perform(&operation),
                Output::Persist { seq } => self.tell(Input::Persisted(seq)),
                Output::Idle { .. } => break,
                Output::Closed(_) => return false,
                Output::Notify(_) | Output::Cancel(_) | Output::Release(_) | Output::Refresh { .. } => {}
            }
        }
        let next = match self.order {
            Order::NewestFirst if !self.answers.is_multiple_of(16) => self.under_way.pop_back(),
            Order::NewestFirst | Order::OldestFirst => self.under_way.pop_front(),
        };
        // Nothing is under way and nothing is to be done: only time can bring something about, and here it does not.
        let Some((op, kind)) = next else { return false };
        self.answers += 1;
        self.now = self.now.after(Duration::from_millis(1));
        let reply = match kind {
            Kind::Init => Reply::Opened { session: Session::new("710511363345354753"), expires: None },
            Kind::Append => {
                self.lived.stored += 1;
                Reply::Stored { receipt: None, expires: None }
            }
            Kind::Finalize => Reply::Completed(Final {
                id: "710511363345354753".into(),
                size: None,
                expires_at: None,
                body: bytes::Bytes::new(),
            }),
        };
        self.tell(Input::Outcome { op, outcome: Outcome::reply(reply) });
        true
    }

    fn perform(&mut self, operation: &Operation) {
        let kind = match &operation.action {
            Action::Init { .. } => Kind::Init,
            Action::Append { .. } => Kind::Append,
            Action::Finalize { .. } => Kind::Finalize,
            // Where nothing goes wrong and nothing is processed, nothing else is asked.
            Action::Probe { .. } | Action::Status { .. } | Action::Verify { .. } | Action::Abort { .. } => {
                return;
            }
        };
        self.under_way.push_back((operation.id, kind));
        self.tell(Input::Started(operation.id));
    }

    fn tell(&mut self, input: Input) {
        self.lived.inputs += 1;
        self.upload.handle(self.now, input);
    }
}

fn policy(at_once: NonZeroU32) -> Policy {
    Policy {
        chunk_size: ChunkSize::new(CHUNK).unwrap_or(ChunkSize::DEFAULT),
        window: WindowPolicy::Fixed(at_once),
        ..Policy::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_segment_is_stored_once_and_the_object_made() {
        for order in [Order::OldestFirst, Order::NewestFirst] {
            let mut smooth = Smooth::new(1_000, NonZeroU32::new(8).unwrap(), order).unwrap();
            smooth.until_stored(500);
            assert_eq!(smooth.upload().progress().stored, 500 * CHUNK);
            let checkpoint = smooth.upload().checkpoint();
            assert_eq!(smooth.finish().stored, 1_000);
            assert_eq!(smooth.upload().progress().committed, 1_000 * CHUNK);
            assert_eq!(smooth.upload().stats().operations, 1_002);
            let mut resumed = Smooth::resume(checkpoint, NonZeroU32::new(8).unwrap(), order).unwrap();
            assert_eq!(resumed.finish().stored, 500);
            assert_eq!(resumed.upload().progress().committed, 1_000 * CHUNK);
        }
    }
}
