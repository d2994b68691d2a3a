//! The model server: what a careful reader of the protocols would build, knowing nothing of the engine.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use std::format;

use bytes::Bytes;

use super::super::script::*;
use super::{Case, Kind, Limit};
use crate::*;

/// What the server does with a request that reached it.
pub(super) enum Answer {
    Reply(Reply),
    Problem(ProblemKind),
    /// It broke the connection.
    Reset,
}

pub(super) struct Server {
    case: Case,
    sessions: Vec<Held>,
    receipts: u32,
    /// Credentials of an older generation are not valid any more.
    pub(super) epoch: u64,
    /// Whether it loses a segment that it acknowledged, once.
    pub(super) forgetful: bool,
}

/// A session as the server holds it.
pub(super) struct Held {
    /// By index: which bytes of the source, and the receipt given out for them.
    parts: BTreeMap<u32, (ByteRange, Bytes)>,
    pub(super) state: Stage,
    expires: Option<Timestamp>,
    polls: u32,
    aborts: u32,
    /// It lost a segment, and knows.
    forgot: bool,
    /// How many Finalizes found it committed already.
    pub(super) finalized_again: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Open,
    Committed,
    Aborted,
}

impl Server {
    pub(super) fn new(case: &Case) -> Self {
        Self { case: case.clone(), sessions: Vec::new(), receipts: 0, epoch: 0, forgetful: false }
    }

    pub(super) fn held(&self, session: &Session) -> Option<&Held> {
        self.sessions.get(session.as_str().strip_prefix('s')?.parse::<usize>().ok()?)
    }

    /// Whether it holds data that nobody can use and nobody has given up.
    pub(super) fn is_left_open(&self, now: Timestamp, session: &Session) -> bool {
        let open = |held: &Held| held.state == Stage::Open && held.expires.is_none_or(|at| at > now);
        self.held(session).is_some_and(open)
    }

    pub(super) fn sessions(&self) -> impl Iterator<Item = Session> {
        (0..self.sessions.len()).map(|n| Session::new(format!("s{n}")))
    }

    /// The object of a session, as ranges of the source in the order of their index.
    pub(super) fn object(&self, session: &Session) -> Vec<ByteRange> {
        let parts = self.held(session).map(|held| held.parts.values().map(|(range, _)| *range));
        parts.into_iter().flatten().filter(|range| !range.is_empty()).collect()
    }

    pub(super) fn perform(&mut self, now: Timestamp, action: &Action) -> Answer {
        let Some(session) = action.session() else {
            let expires = self.case.expires.map(after);
            let until = expires.map(|expires| expires.until(now));
            let session = Session::new(format!("s{}", self.sessions.len()));
            self.sessions.push(Held {
                parts: BTreeMap::new(),
                state: Stage::Open,
                expires: until,
                polls: self.case.polls,
                aborts: 1,
                forgot: false,
                finalized_again: 0,
            });
            return Answer::Reply(Reply::Opened { session, expires });
        };
        let at = session.as_str().strip_prefix('s').and_then(|n| n.parse::<usize>().ok());
        let Some(held) = at.and_then(|at| self.sessions.get_mut(at)) else {
            return Answer::Problem(ProblemKind::SessionGone);
        };
        if held.state == Stage::Open && held.expires.is_some_and(|at| at <= now) {
            return match action.kind() {
                OperationKind::Verify => Answer::Reply(found(Verdict::NotCommitted)),
                _ => Answer::Problem(ProblemKind::SessionGone),
            };
        }
        match action {
            Action::Init { .. } => unreachable!("an Init has no session"),
            Action::Append { segment, .. } => {
                if held.state != Stage::Open {
                    return Answer::Problem(ProblemKind::SessionGone);
                }
                let len = segment.range.len();
                match self.case.limit {
                    Limit::Answered(most) if len > most => {
                        return Answer::Problem(ProblemKind::TooLarge { ceiling: None });
                    }
                    Limit::Named(most) if len > most => {
                        return Answer::Problem(ProblemKind::TooLarge { ceiling: Some(most) });
                    }
                    Limit::Reset(most) if len > most => return Answer::Reset,
                    Limit::None | Limit::Answered(_) | Limit::Named(_) | Limit::Reset(_) => {}
                }
                if self.case.tells_twice
                    && let Some((held, receipt)) = held.parts.get(&segment.index.get())
                    && *held == segment.range
                {
                    let receipt = (self.case.kind == Kind::Listed).then(|| Receipt::new(receipt.clone()));
                    return Answer::Problem(ProblemKind::AlreadyStored { receipt });
                }
                self.receipts += 1;
                let receipt = Bytes::from(format!("r{}", self.receipts));
                held.parts.insert(segment.index.get(), (segment.range, receipt.clone()));
                let receipt = (self.case.kind == Kind::Listed).then(|| Receipt::new(receipt));
                Answer::Reply(Reply::Stored { receipt, expires: None })
            }
            Action::Probe { page, .. } => {
                if held.state != Stage::Open {
                    return Answer::Problem(ProblemKind::SessionGone);
                }
                let from = page.as_ref().map_or(0, |page| page.as_str().parse::<u32>().unwrap());
                let mut parts: Vec<_> = held.parts.range(from..).take(4).collect();
                let next = if parts.len() == 4 { parts.pop().map(|(index, _)| *index) } else { None };
                let part = |(index, (range, receipt)): (&u32, &(ByteRange, Bytes))| Part {
                    index: SegmentIndex::new(*index),
                    len: range.len(),
                    receipt: Some(Receipt::new(receipt.clone())),
                    range: None,
                };
                let next = next.map(|index| PageToken::new(format!("{index}")));
                Answer::Reply(Reply::Probed(Page { parts: parts.into_iter().map(part).collect(), next }))
            }
            Action::Finalize { total, receipts, .. } => {
                match held.state {
                    Stage::Open => {}
                    Stage::Committed => {
                        held.finalized_again += 1;
                        return Answer::Problem(ProblemKind::SessionGone);
                    }
                    Stage::Aborted => return Answer::Problem(ProblemKind::SessionGone),
                }
                if core::mem::take(&mut self.forgetful) && !held.parts.is_empty() {
                    held.parts.pop_first();
                    held.forgot = true;
                    return Answer::Problem(ProblemKind::SegmentsMissing);
                }
                match receipts {
                    // Like S3: what is not listed is dropped, what is listed must be there.
                    Some(receipts) => {
                        let listed = receipts.iter().map(Receipt::as_bytes);
                        let there = held.parts.values().map(|(_, receipt)| &receipt[..]).take(receipts.len());
                        if !listed.eq(there) {
                            return Answer::Problem(ProblemKind::SegmentsMissing);
                        }
                        let count = u32::try_from(receipts.len()).unwrap();
                        held.parts.retain(|index, _| *index < count);
                    }
                    // Like X: every index there is goes in.
                    None => {
                        let contiguous = held.parts.keys().copied().eq(0..held.parts.len() as u32);
                        if !contiguous {
                            return Answer::Problem(ProblemKind::SegmentsMissing);
                        }
                        let sum = held.parts.values().map(|(range, _)| range.len()).sum::<u64>();
                        if sum < *total && held.forgot {
                            return Answer::Problem(ProblemKind::SegmentsMissing);
                        }
                        if sum != *total {
                            return Answer::Problem(ProblemKind::SizeMismatch);
                        }
                    }
                }
                held.state = Stage::Committed;
                self.status(at.unwrap_or(0))
            }
            Action::Status { .. } => match held.state {
                Stage::Committed => self.status(at.unwrap_or(0)),
                Stage::Open | Stage::Aborted => Answer::Problem(ProblemKind::SessionGone),
            },
            Action::Verify { .. } => match (self.case.kind, held.state) {
                (Kind::Mute | Kind::Blind, _) => Answer::Reply(found(Verdict::CannotTell)),
                (_, Stage::Committed) => match self.status(at.unwrap_or(0)) {
                    Answer::Reply(Reply::Completed(result)) => {
                        Answer::Reply(found(Verdict::Committed(Commitment::Ready(result))))
                    }
                    answer => answer,
                },
                (_, Stage::Open | Stage::Aborted) => Answer::Reply(found(Verdict::NotCommitted)),
            },
            Action::Abort { .. } => match held.state {
                Stage::Committed => Answer::Problem(ProblemKind::SessionGone),
                Stage::Open | Stage::Aborted => {
                    held.state = Stage::Aborted;
                    match held.aborts.checked_sub(1) {
                        Some(left) => {
                            held.aborts = left;
                            Answer::Reply(Reply::AbortPending)
                        }
                        None => Answer::Reply(Reply::Aborted),
                    }
                }
            },
        }
    }

    fn status(&mut self, at: usize) -> Answer {
        let Some(held) = self.sessions.get_mut(at) else { return Answer::Problem(ProblemKind::SessionGone) };
        if self.case.kind != Kind::Listed {
            if let Some(left) = held.polls.checked_sub(1) {
                held.polls = left;
                let percent = Some(Percent::saturating(90 / (u64::from(left) + 1)));
                let after = [None, Some(after(2)), Some(after(0))][left as usize % 3];
                return Answer::Reply(Reply::Processing(Processing::Running { after, percent }));
            }
            if self.case.processing_fails {
                return Answer::Reply(Reply::Processing(Processing::Failed(ServerError::message("no"))));
            }
        }
        let id = Arc::from(format!("s{at}"));
        let size = Some(self.case.len);
        Answer::Reply(Reply::Completed(Final { id, size, expires_at: None, body: Bytes::new() }))
    }
}
