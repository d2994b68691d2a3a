//! HTTP response → outcome. Total: whatever the status and headers, there is an outcome. Bodies say nothing in tus.

use bytes::Bytes;
use chunkwise_core::{
    Action, Commitment, Delay, Failure, Final, Last, Outcome, ProblemKind, Receipt, Refusal, Reply, Segment,
    Session, Timestamp, Verdict,
};
use chunkwise_transport::http::{Response, date};
use http::header;

use crate::place::{Announced, Upload};
use crate::problems::{self, Step, number};
use crate::{TusProtocol, Way};

/// What a response means.
pub(crate) fn decode(
    tus: &TusProtocol,
    action: &Action,
    response: &Response,
    received_at: Timestamp,
) -> Outcome {
    let exchange = Exchange { tus, response, received_at };
    exchange.result(action).map_or_else(Outcome::failure, Outcome::reply)
}

/// A response on its way to an outcome.
struct Exchange<'a> {
    tus: &'a TusProtocol,
    response: &'a Response,
    received_at: Timestamp,
}

impl Exchange<'_> {
    fn result(&self, action: &Action) -> Result<Reply, Failure> {
        match (action, self.tus.way) {
            (Action::Init { total }, Way::Whole | Way::Deferred) => self.created(*total),
            (Action::Append { segment, .. }, Way::Parts) => self.part(*segment),
            (Action::Append { session, segment, last }, Way::Whole | Way::Deferred) => {
                self.appended(session, *segment, *last)
            }
            (Action::Probe { session, .. }, Way::Whole | Way::Deferred) => {
                let standing = self.standing(session)?;
                Ok(match (standing.is_complete, self.tus.way) {
                    (true, Way::Whole) => Reply::Completed(standing.done()),
                    // There, a Finalize makes it an object.
                    (true, Way::Deferred | Way::Parts) | (false, _) => {
                        Reply::Advanced { cursor: standing.cursor, expires: None }
                    }
                })
            }
            (Action::Verify { session, .. }, Way::Whole | Way::Deferred) => {
                let standing = self.standing(session)?;
                Ok(Reply::Verified(if standing.is_complete {
                    Verdict::Committed(Commitment::Ready(standing.done()))
                } else {
                    Verdict::NotCommitted
                }))
            }
            (Action::Finalize { session, total, .. }, Way::Deferred) => self.declared(session, *total),
            (Action::Finalize { .. }, Way::Parts) => {
                self.good(Step::Join)?;
                Ok(Reply::Completed(done(&self.location(Announced::Later)?, None)))
            }
            (Action::Abort { .. }, Way::Whole | Way::Deferred) => {
                self.good(Step::Terminate)?;
                Ok(Reply::Aborted)
            }
            (
                Action::Init { .. } | Action::Probe { .. } | Action::Verify { .. } | Action::Abort { .. },
                Way::Parts,
            )
            | (Action::Finalize { .. }, Way::Whole)
            | (Action::Status { .. }, Way::Whole | Way::Deferred | Way::Parts) => {
                Err(self.broken("an answer to something that is not asked in tus"))
            }
        }
    }

    /// "creation": 201 and a Location.
    fn created(&self, total: Option<u64>) -> Result<Reply, Failure> {
        self.good(Step::Create)?;
        let upload = self.location(total.map_or(Announced::Later, Announced::Length))?;
        // An upload without a byte is complete with its creation.
        if total == Some(0) && self.tus.way == Way::Whole {
            return Ok(Reply::Completed(done(&upload, Some(0))));
        }
        Ok(Reply::Opened { session: upload.session(), expires: self.expires() })
    }

    /// "creation-with-upload": a segment as an upload of its own, whose URL is the receipt. What was stored only in part
    /// is sent anew; its upload is never named again, and expires.
    fn part(&self, segment: Segment) -> Result<Reply, Failure> {
        self.good(Step::Part)?;
        let upload = self.location(Announced::Length(segment.range.len()))?;
        let len = segment.range.len();
        let offset = number(self.response.headers(), "upload-offset").unwrap_or(0);
        if offset == len {
            let receipt = Receipt::new(upload.short(&self.tus.endpoint).to_owned().into_bytes());
            return Ok(Reply::Stored { receipt: Some(receipt), expires: None });
        }
        Err(if offset == 0 {
            let why = "it created an upload and took no byte with it, though it has creation-with-upload";
            self.objection(ProblemKind::Refused(Refusal::Invalid), why)
        } else if offset < len {
            self.objection(ProblemKind::Transient, "only a part of it was stored")
        } else {
            self.broken("it holds more bytes than were sent")
        })
    }

    /// "PATCH": the new offset.
    fn appended(&self, session: &Session, segment: Segment, last: Last) -> Result<Reply, Failure> {
        self.good(Step::Append)?;
        let cursor = self.offset()?;
        let upload = self.upload(session)?;
        let is_last = last == Last::End && cursor == segment.range.end();
        if is_last && self.tus.way == Way::Whole {
            return Ok(Reply::Completed(done(&upload, Some(cursor))));
        }
        Ok(Reply::Advanced { cursor, expires: self.expires() })
    }

    /// The last PATCH of an upload whose length was unknown, or the HEAD of one where it was not.
    fn declared(&self, session: &Session, total: u64) -> Result<Reply, Failure> {
        match self.upload(session)?.length {
            Announced::Later => {
                self.good(Step::Declare)?;
                let offset = self.offset()?;
                if offset < total {
                    return Err(self.objection(ProblemKind::SegmentsMissing, "it is not all there"));
                }
                Ok(Reply::Completed(done(&self.upload(session)?, Some(offset))))
            }
            Announced::Length(_) => {
                let standing = self.standing(session)?;
                if standing.is_complete {
                    return Ok(Reply::Completed(standing.done()));
                }
                Err(self.objection(ProblemKind::SegmentsMissing, "it is not all there"))
            }
        }
    }

    /// "HEAD": how far an upload is. One of another length than we announced is not ours: the server mixed them up, or
    /// has given the URL to somebody else meanwhile.
    fn standing(&self, session: &Session) -> Result<Standing, Failure> {
        self.good(Step::Ask)?;
        let (upload, cursor) = (self.upload(session)?, self.offset()?);
        let length = number(self.response.headers(), "upload-length");
        match (upload.length, length) {
            (Announced::Length(ours), Some(theirs)) if ours != theirs => {
                let why = format!("the upload there has {theirs} bytes and ours {ours}: it is another one");
                return Err(self.objection(ProblemKind::SessionGone, &why));
            }
            (Announced::Length(_), None) => return Err(self.broken("it does not say how long the upload is")),
            (Announced::Length(_) | Announced::Later, _) => {}
        }
        Ok(Standing { upload, cursor, is_complete: length == Some(cursor) })
    }

    fn good(&self, step: Step) -> Result<(), Failure> {
        if self.response.status().is_success() {
            return Ok(());
        }
        Err(problems::failure(step, self.response, self.received_at))
    }

    fn offset(&self) -> Result<u64, Failure> {
        number(self.response.headers(), "upload-offset")
            .ok_or_else(|| self.broken("it does not say how far the upload is (Upload-Offset)"))
    }

    /// The upload that the answer names. One at another place is no mistake of the network: asking again leaves more of
    /// them behind.
    fn location(&self, length: Announced) -> Result<Upload, Failure> {
        let location = self.response.headers().get(header::LOCATION);
        let location = location.and_then(|location| location.to_str().ok());
        let location =
            location.ok_or_else(|| self.broken("it does not say where the upload is (Location)"))?;
        self.tus
            .located(location, length)
            .map_err(|error| self.objection(ProblemKind::Refused(Refusal::Invalid), &error.to_string()))
    }

    fn upload(&self, session: &Session) -> Result<Upload, Failure> {
        self.tus.upload(session).map_err(|error| self.broken(&error.to_string()))
    }

    /// "expiration": when the upload is forgotten if it is not finished. A date that has passed contradicts the good
    /// answer it comes with: a clock is wrong, and maybe ours.
    fn expires(&self) -> Option<Delay> {
        let text = self.response.headers().get("upload-expires")?.to_str().ok()?;
        date(text).filter(|at| *at > self.received_at).map(Delay::At)
    }

    fn broken(&self, why: &str) -> Failure {
        problems::broken(self.response, why)
    }

    fn objection(&self, kind: ProblemKind, why: &str) -> Failure {
        problems::objection(kind, self.response, why)
    }
}

/// How far an upload is.
struct Standing {
    upload: Upload,
    cursor: u64,
    is_complete: bool,
}

impl Standing {
    fn done(&self) -> Final {
        done(&self.upload, Some(self.cursor))
    }
}

fn done(upload: &Upload, size: Option<u64>) -> Final {
    Final { id: upload.as_str().into(), size, expires_at: None, body: Bytes::new() }
}
