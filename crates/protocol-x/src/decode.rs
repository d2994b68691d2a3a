//! HTTP response → outcome. Total: whatever the status, headers and body, there is an outcome.

use chunkwise_core::{
    Action, Commitment, Cut, Delay, Detail, Failure, Final, Operation, Outcome, ProblemKind, Processing,
    Reply, ServerError, Session, Timestamp, Verdict,
};
use chunkwise_transport::http::Response;
use serde_json::Value;

use crate::answer::{Answer, Id, State};
use crate::category::Handling;
use crate::problems::{self, Step};
use crate::said::Said;
use crate::{Category, lenient, limits};

/// What a response means.
pub(crate) fn decode(
    category: Category,
    operation: &Operation,
    response: &Response,
    received_at: Timestamp,
) -> Outcome {
    let exchange = Exchange { response, json: lenient::parse(response.body()), received_at };
    let result = exchange.result(category, &operation.action);
    Outcome { result, pace: limits::pace(response.headers()) }
}

/// A response on its way to an outcome.
struct Exchange<'a> {
    response: &'a Response,
    json: Option<Value>,
    received_at: Timestamp,
}

/// What an answer about a media comes to.
enum Standing {
    Ready(Final),
    Processing(Processing),
}

/// Whether the `size` of an answer is the object's length: FINALIZE counts what was sent, later answers need not.
#[derive(Clone, Copy)]
enum Size {
    Counts,
    Ignored,
}

impl Exchange<'_> {
    fn result(&self, category: Category, action: &Action) -> Result<Reply, Failure> {
        let Some(step) = Step::of(action) else {
            return Err(self.broken("an answer to something that X can't be asked"));
        };
        if !self.response.status().is_success() {
            return verdict_of_no(step, category, self.problem(step));
        }
        match action {
            Action::Init { .. } => self.opened(),
            Action::Append { .. } => self.stored(),
            Action::Finalize { session, .. } => {
                let lost = |exchange: &Self| Failure::Unknown {
                    cut: Cut::Ambiguous { after: None },
                    detail: Detail::new(format!("unreadable answer to FINALIZE: {}", exchange.said().server)),
                };
                Ok(match self.standing(session, Size::Counts, lost)? {
                    Standing::Ready(ready) => Reply::Completed(ready),
                    Standing::Processing(processing) => Reply::Processing(processing),
                })
            }
            Action::Status { session } => Ok(match self.standing(session, Size::Ignored, Self::unread)? {
                Standing::Ready(ready) => Reply::Completed(ready),
                Standing::Processing(processing) => Reply::Processing(processing),
            }),
            Action::Verify { session, .. } => match self.standing(session, Size::Ignored, Self::unread) {
                Ok(Standing::Ready(ready)) => {
                    Ok(Reply::Verified(Verdict::Committed(Commitment::Ready(ready))))
                }
                Ok(Standing::Processing(processing)) => {
                    Ok(Reply::Verified(Verdict::Committed(Commitment::Processing(processing))))
                }
                Err(failure) => verdict_of_no(step, category, failure),
            },
            Action::Probe { .. } | Action::Abort { .. } => {
                Err(self.broken("an answer to something that X can't be asked"))
            }
        }
    }

    fn opened(&self) -> Result<Reply, Failure> {
        let answer = self.json.as_ref().and_then(Answer::read);
        match answer.as_ref().map(|answer| &answer.id) {
            Some(Id::Of(id)) => Ok(Reply::Opened {
                session: Session::new(id.as_str()),
                expires: answer.and_then(|answer| answer.expires_after).map(Delay::After),
            }),
            Some(Id::Missing | Id::Garbage) | None => {
                Err(Failure::answered(ProblemKind::Broken, self.said().server))
            }
        }
    }

    /// Any 2xx means stored, with a body or without (X fact sheet §1.2, §2.3). Only errors and no data at all are not
    /// believed: v2 is known to wrap a refusal in a 200 elsewhere. Sending the segment again is harmless.
    fn stored(&self) -> Result<Reply, Failure> {
        if self.has_only_errors() {
            let detail = Detail::new(self.said().server.to_string());
            return Err(Failure::Unknown { cut: Cut::Ambiguous { after: None }, detail });
        }
        let answer = self.json.as_ref().and_then(Answer::read);
        // An expiry that has passed contradicts the 2xx it comes with: a clock is wrong, and maybe ours.
        let at = answer.as_ref().and_then(|answer| answer.expires_at).filter(|at| *at > self.received_at);
        let after = answer.as_ref().and_then(|answer| answer.expires_after);
        Ok(Reply::Stored { receipt: None, expires: at.map(Delay::At).or(after.map(Delay::After)) })
    }

    /// What an answer to FINALIZE or STATUS says; `unread` is the failure if it says nothing.
    fn standing(
        &self,
        session: &Session,
        size: Size,
        unread: impl Fn(&Self) -> Failure,
    ) -> Result<Standing, Failure> {
        let Some(json) = &self.json else { return Err(unread(self)) };
        let Some(answer) = Answer::read(json).filter(Answer::is_about_a_media) else {
            return Err(unread(self));
        };
        match &answer.id {
            Id::Of(id) if id.as_str() == session.as_str() => {}
            Id::Of(_) | Id::Garbage => {
                return Err(self.broken("the answer is about another media id than ours"));
            }
            // It says how the processing goes; of whom is clear enough.
            Id::Missing => {}
        }
        let ready = || {
            Standing::Ready(Final {
                id: session.as_str().into(),
                size: match size {
                    Size::Counts => answer.size,
                    Size::Ignored => None,
                },
                expires_at: answer.expires_after.map(|after| self.received_at.after(after)),
                body: self.response.body().clone(),
            })
        };
        let Some(info) = &answer.processing else { return Ok(ready()) };
        Ok(match (info.state, &info.error) {
            (State::Succeeded, _) => ready(),
            (State::Running, None) => {
                Standing::Processing(Processing::Running { after: info.after, percent: info.percent })
            }
            // An error beside a state that is stuck: it will never end by itself (X fact sheet §1.4).
            (State::Running, Some(_)) | (State::Failed, _) => {
                let said = Said::of_error(self.response, info.error.as_ref(), json);
                Standing::Processing(Processing::Failed(said.server))
            }
        })
    }

    /// A 2xx to a question that says nothing of a media: X's own "no such thing" in a 200, or a page of somebody
    /// between us and X. Asking again does no harm.
    fn unread(&self) -> Failure {
        let said = self.said();
        let kind = if self.has_only_errors() && said.names_unknown_media() {
            ProblemKind::SessionGone
        } else {
            ProblemKind::Transient
        };
        Failure::answered(kind, said.server)
    }

    /// Whether the body has errors and no data.
    fn has_only_errors(&self) -> bool {
        let Some(Value::Object(object)) = &self.json else { return false };
        let errors = match object.get("errors") {
            Some(Value::Array(errors)) => !errors.is_empty(),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_))
            | None => false,
        };
        errors && object.get("data").is_none_or(Value::is_null)
    }

    fn problem(&self, step: Step) -> Failure {
        problems::failure(step, self.response, self.said(), self.received_at)
    }

    fn said(&self) -> Said {
        Said::of(self.response, self.json.as_ref())
    }

    fn broken(&self, what: &str) -> Failure {
        let mut fields = self.said().server.fields().clone();
        fields.message = Detail::new(what);
        Failure::answered(ProblemKind::Broken, ServerError::new(fields))
    }
}

/// What a "no" says. To a Verify it can be the answer: that there is no such media says of a video or a GIF that it
/// was not committed, and of an image nothing, since STATUS knows no images (X fact sheet §1.4, §2.5).
fn verdict_of_no(step: Step, category: Category, failure: Failure) -> Result<Reply, Failure> {
    let kind = match (step, &failure) {
        (Step::Verify, Failure::Answered(problem)) => &problem.kind,
        (Step::Verify, Failure::NotSent { .. } | Failure::Unknown { .. })
        | (Step::Init | Step::Append | Step::Finalize | Step::Status | Step::Metadata | Step::Post, _) => {
            return Err(failure);
        }
    };
    match kind {
        ProblemKind::SessionGone => Ok(Reply::Verified(match category.handling() {
            Handling::Processed => Verdict::NotCommitted,
            Handling::Immediate => Verdict::CannotTell,
        })),
        // It does not like the question: nothing can be told from that.
        ProblemKind::Refused(chunkwise_core::Refusal::Invalid) => Ok(Reply::Verified(Verdict::CannotTell)),
        ProblemKind::Refused(chunkwise_core::Refusal::Quota | chunkwise_core::Refusal::Forbidden)
        | ProblemKind::Transient
        | ProblemKind::Throttled
        | ProblemKind::Busy
        | ProblemKind::OffsetConflict { .. }
        | ProblemKind::AlreadyStored { .. }
        | ProblemKind::SegmentRejected
        | ProblemKind::SegmentsMissing
        | ProblemKind::SizeMismatch
        | ProblemKind::TooLarge { .. }
        | ProblemKind::CredentialsExpired
        | ProblemKind::Broken => Err(failure),
    }
}
