//! Lies: answers of a hostile or broken server. An engine must survive them; the object may not.

use std::time::Duration;

use bytes::Bytes;
use chunkwise_core::{
    Action, ByteRange, Delay, Final, Page, PageToken, Part, ProblemKind, Processing, Receipt, Reply,
    SegmentIndex, Session, Timestamp, Verdict,
};

use super::{Answer, Arrived, Server};

/// What a server says against the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lie {
    /// It says that it did it, and did not.
    DoneNot,
    /// It did it, and says that it can't be.
    NotDone,
    /// It puts its cursor there, wherever that is.
    Cursor(u64),
    /// It lists a segment that nobody sent, or of another length.
    Foreign(u32),
    /// Its list has always one more page.
    EndlessPages,
    /// It forgets the receipt.
    NoReceipt,
    /// It wants a wait of centuries.
    EndlessWait,
    /// The object is of another length.
    WrongSize(u64),
    /// It has it ready, whatever was asked.
    ReadyAtOnce,
    /// It opens another session, whatever was asked.
    OtherSession,
}

impl Lie {
    /// One of each.
    pub const ALL: [Self; 12] = [
        Self::DoneNot,
        Self::NotDone,
        Self::Cursor(0),
        Self::Cursor(7),
        Self::Cursor(u64::MAX),
        Self::Foreign(3),
        Self::EndlessPages,
        Self::NoReceipt,
        Self::EndlessWait,
        Self::WrongSize(1),
        Self::ReadyAtOnce,
        Self::OtherSession,
    ];
}

impl Server {
    /// Answers an operation with a lie.
    pub fn lie(&mut self, now: Timestamp, action: &Action, lie: Lie) -> Answer {
        let made_up = |size| Final { id: "made up".into(), size, expires_at: None, body: Bytes::new() };
        let part = |index: u32, len, receipt| Part {
            index: SegmentIndex::new(index),
            len,
            receipt,
            range: Some(ByteRange::at(1, 1)),
        };
        Answer::Reply(match lie {
            Lie::DoneNot => match action {
                Action::Init { .. } => Reply::Opened { session: Session::new("s999"), expires: None },
                Action::Append { .. } if self.settings.model.sends_once() => Reply::Completed(made_up(None)),
                Action::Append { segment, .. } if self.settings.model.is_parts() => {
                    let receipt = self.settings.model.wants_receipts().then(|| Receipt::new("r0"));
                    let _ = segment;
                    Reply::Stored { receipt, expires: None }
                }
                Action::Append { segment, .. } => {
                    Reply::Advanced { cursor: segment.range.end(), expires: None }
                }
                Action::Probe { .. } if self.settings.model.is_parts() => {
                    Reply::Probed(Page { parts: Vec::new(), next: None })
                }
                Action::Probe { .. } => Reply::Advanced { cursor: 0, expires: None },
                Action::Finalize { .. } | Action::Status { .. } => Reply::Completed(made_up(None)),
                Action::Verify { .. } => Reply::Verified(Verdict::NotCommitted),
                Action::Abort { .. } => Reply::Aborted,
            },
            Lie::NotDone => {
                let _ = self.perform(now, action, Arrived::Whole);
                return Answer::Problem(ProblemKind::Transient);
            }
            Lie::Cursor(cursor) => Reply::Advanced { cursor, expires: None },
            Lie::Foreign(index) => {
                let parts = vec![part(index, 1_000_000, Some(Receipt::new("r0")))];
                Reply::Probed(Page { parts, next: None })
            }
            Lie::EndlessPages => {
                let next = Some(PageToken::new("more"));
                Reply::Probed(Page { parts: Vec::new(), next })
            }
            Lie::NoReceipt => match action {
                Action::Probe { .. } => Reply::Probed(Page { parts: vec![part(0, 1, None)], next: None }),
                _ => Reply::Stored { receipt: None, expires: Some(Delay::After(Duration::MAX)) },
            },
            Lie::EndlessWait => {
                let after = Some(Delay::After(Duration::MAX));
                Reply::Processing(Processing::Running { after, percent: None })
            }
            Lie::WrongSize(size) => Reply::Completed(made_up(Some(size))),
            Lie::ReadyAtOnce => Reply::Completed(made_up(None)),
            Lie::OtherSession => {
                Reply::Opened { session: Session::new("s777"), expires: Some(Delay::At(now)) }
            }
        })
    }
}
