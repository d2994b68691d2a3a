//! HTTP response → outcome. Total: whatever the status, headers and body, there is an outcome.

use chunkwise_core::{
    Action, Commitment, Cut, Delay, Detail, Failure, Final, Operation, Outcome, Page, PageToken, Part,
    ProblemKind, Refusal, Reply, SegmentIndex, ServerError, Session, Taken, Timestamp, Verdict,
};
use chunkwise_transport::http::Response;
use http::StatusCode;

use crate::encode::MARK;
use crate::problems::{self, Step};
use crate::receipt::PartReceipt;
use crate::said::{SKEWED, Said, header_text};
use crate::xml::Element;
use crate::{MAX_PARTS, Metadata, S3Protocol, session};

/// What the answer to a Create begins with.
const CREATED: &str = "InitiateMultipartUpload";

/// What an answer of somebody else's says.
const FOREIGN: &str = "the answer is none of S3's; is the endpoint one of a store?";

/// What a response means.
pub(crate) fn decode(
    s3: &S3Protocol,
    operation: &Operation,
    response: &Response,
    received_at: Timestamp,
) -> Outcome {
    let xml = Element::read(response.body());
    Outcome { result: Exchange { s3, response, xml, received_at }.result(operation), pace: None }
}

/// A response on its way to an outcome.
struct Exchange<'a> {
    s3: &'a S3Protocol,
    response: &'a Response,
    xml: Option<Element>,
    received_at: Timestamp,
}

impl Exchange<'_> {
    fn result(&self, operation: &Operation) -> Result<Reply, Failure> {
        let Some(step) = Step::of(&operation.action) else {
            return Err(self.broken("an answer to something that S3 can't be asked"));
        };
        let error_in_200 = self.xml.as_ref().is_some_and(|root| root.name == "Error");
        if !self.response.status().is_success() || error_in_200 {
            return self.no(step);
        }
        match &operation.action {
            Action::Init { .. } => self.created(),
            Action::Append { .. } => self.stored(),
            Action::Probe { session, .. } => self.parts(session).map(Reply::Probed),
            Action::Finalize { .. } => self.completed(),
            Action::Verify { .. } => Ok(Reply::Verified(self.verdict())),
            Action::Abort { session, taken } => match taken {
                // Parts that were under way may land behind it: whether nothing is left shows when they are listed.
                Taken::No => Ok(Reply::AbortPending),
                Taken::Yes => self.parts(session).and_then(|page| none_left(&page)),
            },
            Action::Status { .. } => Err(self.broken("an answer to something that S3 can't be asked")),
        }
    }

    /// What a "no" means. To a Verify and an Abort it can be the answer.
    fn no(&self, step: Step) -> Result<Reply, Failure> {
        let said = self.said();
        let skewed = said.code == SKEWED;
        let nameless = said.code.is_empty();
        let failure = problems::failure(step, self.response, said);
        match (step, self.response.status()) {
            (Step::Verify, StatusCode::NOT_FOUND) => Ok(Reply::Verified(Verdict::NotCommitted)),
            // Who may not list the bucket is told so of an object that is not there (S3 API Reference, `HeadObject`).
            (Step::Verify, StatusCode::FORBIDDEN) if !skewed => Ok(Reply::Verified(Verdict::CannotTell)),
            (Step::Abort, _) if is_gone(&failure) => Ok(Reply::Aborted),
            (Step::Init, status)
                if nameless && (status.is_redirection() || status == StatusCode::NOT_FOUND) =>
            {
                Err(self.no_store())
            }
            (Step::Init | Step::Append | Step::Probe | Step::Finalize | Step::Verify | Step::Abort, _) => {
                Err(failure)
            }
        }
    }

    fn created(&self) -> Result<Reply, Failure> {
        if self.xml.as_ref().is_none_or(|root| !root.name.starts_with(CREATED)) {
            return Err(self.no_store());
        }
        let root = self.of(CREATED)?;
        let session = root.get("UploadId").and_then(|id| session::session(self.s3, id));
        let session =
            session.ok_or_else(|| self.broken("an upload was created, but without an upload id"))?;
        Ok(Reply::Opened { session, expires: self.expires() })
    }

    fn stored(&self) -> Result<Reply, Failure> {
        let of = self.s3.store.checksum;
        let checksum = of.and_then(|of| header_text(self.response, of.header()));
        let receipt = PartReceipt::said(header_text(self.response, "etag"), checksum, of)
            .ok_or_else(|| self.broken("a part was stored, but without an ETag"))?;
        Ok(Reply::Stored { receipt: Some(receipt.keep()), expires: None })
    }

    fn parts(&self, session: &Session) -> Result<Page, Failure> {
        let root = self.of("ListParts")?;
        let ours = session::upload_id(self.s3, session);
        if root.get("UploadId").is_none_or(|id| ours.as_deref() != Some(id)) {
            return Err(self.broken("the list of parts is one of another upload"));
        }
        let parts = root.all("Part").map(|part| self.part(part)).collect::<Option<Vec<_>>>();
        let parts =
            parts.ok_or_else(|| self.broken("the list of parts has a part without a number or a size"))?;
        let next = match root.get("IsTruncated") {
            Some("true") => {
                let marker = root.get("NextPartNumberMarker").and_then(|marker| marker.parse::<u32>().ok());
                let marker = marker.ok_or_else(|| self.broken("the list of parts goes on, but not where"))?;
                Some(PageToken::new(marker.to_string()))
            }
            Some(_) | None => None,
        };
        Ok(Page { parts, next })
    }

    fn part(&self, part: &Element) -> Option<Part> {
        let number = part.get("PartNumber")?.parse::<u32>().ok().filter(|n| (1..=MAX_PARTS).contains(n))?;
        let of = self.s3.store.checksum;
        let checksum = of.and_then(|of| part.get(of.element()));
        Some(Part {
            index: SegmentIndex::new(number - 1),
            len: part.get("Size")?.parse().ok()?,
            receipt: PartReceipt::said(part.get("ETag"), checksum, of).map(|receipt| receipt.keep()),
            range: None,
        })
    }

    fn completed(&self) -> Result<Reply, Failure> {
        if self.xml.is_none() {
            let detail = Detail::new(format!("unreadable answer to Complete: {}", self.said().server));
            return Err(Failure::Unknown { cut: Cut::Ambiguous { after: None }, detail });
        }
        self.of("CompleteMultipartUpload")?;
        Ok(Reply::Completed(self.finished(None)))
    }

    /// What HEAD says: our object has our mark, an older one has not.
    fn verdict(&self) -> Verdict {
        match self.s3.store.metadata {
            Metadata::Unsupported => Verdict::CannotTell,
            Metadata::Kept if header_text(self.response, MARK) == Some(&self.s3.mark.to_string()) => {
                let size = header_text(self.response, "content-length").and_then(|size| size.parse().ok());
                Verdict::Committed(Commitment::Ready(self.finished(size)))
            }
            Metadata::Kept => Verdict::NotCommitted,
        }
    }

    fn finished(&self, size: Option<u64>) -> Final {
        let (id, body) = (self.s3.object.to_string().into(), self.response.body().clone());
        Final { id, size, expires_at: None, body }
    }

    /// The answer's root, if it is one to this action and about our object. What comes behind the action's name differs (`Result`
    /// at S3, `Response` at moto).
    fn of(&self, action: &str) -> Result<&Element, Failure> {
        let root = self.xml.as_ref().filter(|root| root.name.starts_with(action));
        let root = root.ok_or_else(|| self.broken(FOREIGN))?;
        // The bucket's name is no witness: an access point answers with the name of the bucket behind it.
        if root.get("Key").is_some_and(|theirs| theirs != self.s3.object.key()) {
            return Err(self.broken("the answer is about another object than ours"));
        }
        Ok(root)
    }

    /// When a rule of the bucket aborts the upload.
    fn expires(&self) -> Option<Delay> {
        let date = httpdate::parse_http_date(header_text(self.response, "x-amz-abort-date")?).ok()?;
        let at = Timestamp::EPOCH.after(date.duration_since(std::time::UNIX_EPOCH).ok()?);
        (at > self.received_at).then_some(Delay::At(at))
    }

    fn said(&self) -> Said {
        Said::of(self.response, self.xml.as_ref(), self.received_at)
    }

    /// At the first request: it went to somebody else, who will say the same however often it is asked.
    fn no_store(&self) -> Failure {
        self.failed(ProblemKind::Refused(Refusal::Invalid), FOREIGN)
    }

    fn broken(&self, what: &str) -> Failure {
        self.failed(ProblemKind::Broken, what)
    }

    fn failed(&self, kind: ProblemKind, what: &str) -> Failure {
        let mut fields = self.said().server.fields().clone();
        fields.message = Detail::new(what);
        Failure::answered(kind, ServerError::new(fields))
    }
}

/// What a list says of an upload that was deleted. With parts, it has to be deleted again (S3 API Reference,
/// `AbortMultipartUpload`: until the list is empty).
fn none_left(page: &Page) -> Result<Reply, Failure> {
    if page.parts.is_empty() && page.next.is_none() {
        return Ok(Reply::Aborted);
    }
    let message = "the upload was given up, and parts of it are still there";
    Err(Failure::answered(ProblemKind::Transient, ServerError::message(message)))
}

fn is_gone(failure: &Failure) -> bool {
    matches!(failure, Failure::Answered(problem) if problem.kind == ProblemKind::SessionGone)
}
