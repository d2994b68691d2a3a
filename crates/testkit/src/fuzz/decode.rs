//! Answers of any shape, to any protocol.

use bytes::Bytes;
use chunkwise_core::{
    Action, ByteRange, Commitment, Failure, Last, MAX_DETAIL, OpId, Operation, OperationKind, Outcome,
    Processing, Reply, Segment, SegmentIndex, ServerError, Session, Taken, Timestamp, Verdict,
};
use chunkwise_transport::http::{EncodeContext, Protocol, Response};
use http::{HeaderName, HeaderValue, StatusCode};

use super::Tape;
use super::finding::{Finding, ensure};

/// When every answer is received.
pub const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

/// The length of what is uploaded.
pub const TOTAL: u64 = 8;

/// What the bytes may put into an answer besides themselves: what the protocol's answers are made of.
#[derive(Clone, Copy, Debug)]
pub struct Vocabulary {
    /// A session of the protocol.
    pub session: &'static str,
    /// Names and texts of bodies.
    pub words: &'static [&'static str],
    /// Names of headers, in lower case.
    pub headers: &'static [&'static str],
    /// Statuses that mean something.
    pub statuses: &'static [u16],
    /// A credential as the protocol's requests carry it; a server may send it back.
    pub secret: &'static str,
}

/// More rules for an outcome, of one protocol alone.
pub type Rule<'a> = &'a dyn Fn(&Operation, &Outcome) -> Result<(), Finding>;

/// An operation of this kind in this session.
pub fn operation(kind: OperationKind, session: &str) -> Operation {
    let session = Session::new(session);
    let action = match kind {
        OperationKind::Init => Action::Init { total: Some(TOTAL) },
        OperationKind::Append => {
            let segment = Segment { index: SegmentIndex::ZERO, range: ByteRange::at(0, TOTAL) };
            Action::Append { session, segment, last: Last::End }
        }
        OperationKind::Probe => Action::Probe { session, page: None },
        OperationKind::Finalize => Action::Finalize { session, total: TOTAL, receipts: None },
        OperationKind::Status => Action::Status { session },
        OperationKind::Verify => Action::Verify { session, total: TOTAL },
        OperationKind::Abort => Action::Abort { session, taken: Taken::No },
    };
    Operation { id: OpId::from_raw(1), attempt: 1, epoch: Default::default(), action }
}

/// An answer being made of a tape.
struct Author<'a, 'b> {
    tape: &'b mut Tape<'a>,
    vocabulary: &'b Vocabulary,
    /// How many more values a body may have.
    values: u32,
    told: bool,
}

impl Author<'_, '_> {
    /// The credential, as servers and proxies send requests back.
    fn echo(&mut self) -> String {
        self.told = true;
        let secret = self.vocabulary.secret;
        match self.tape.below(8) {
            0 => format!("Authorization: Bearer {secret}"),
            1 => format!("oauth_token=\"{secret}\""),
            2 => format!("oauth_token%3D{secret}%26"),
            3 => format!("{{\"access_token\":\"{secret}\"}}"),
            4 => format!("Cookie: auth_token={secret}; x=y"),
            5 => format!("OAuth oauth_nonce=1, oauth_signature={secret}"),
            6 => format!("<Token>{secret}</Token>"),
            _ => secret.to_owned(),
        }
    }

    fn text(&mut self) -> String {
        match self.tape.below(16) {
            0..=9 => self.tape.pick_from(self.vocabulary.words).unwrap_or_default().to_owned(),
            10..=11 => self.tape.number().to_string(),
            12..=13 => {
                let len = usize::from(self.tape.below(48));
                String::from_utf8_lossy(self.tape.bytes(len)).into_owned()
            }
            14 => self.echo(),
            _ => {
                let (word, times) = (self.text(), usize::from(self.tape.byte()));
                if word.len() < 64 { word.repeat(times) } else { word }
            }
        }
    }

    fn json(&mut self, depth: u8, out: &mut String) {
        self.values = self.values.saturating_sub(1);
        if self.values == 0 || depth == 0 {
            return out.push_str("null");
        }
        match self.tape.below(16) {
            0 => out.push_str("null"),
            1 => out.push_str(self.tape.pick(&[
                "true",
                "false",
                "-1",
                "1e999",
                "0.5",
                "-0",
                "18446744073709551616",
            ])),
            2..=3 => out.push_str(&self.tape.number().to_string()),
            4..=8 => {
                let text = self.text();
                out.push_str(&serde_json::Value::from(text).to_string());
            }
            9..=10 => {
                out.push('[');
                for nth in 0..self.tape.below(4) {
                    out.push_str(if nth == 0 { "" } else { "," });
                    self.json(depth - 1, out);
                }
                out.push(']');
            }
            _ => {
                out.push('{');
                for nth in 0..self.tape.below(6) {
                    out.push_str(if nth == 0 { "" } else { "," });
                    let name = self.text();
                    out.push_str(&serde_json::Value::from(name).to_string());
                    out.push(':');
                    self.json(depth - 1, out);
                }
                out.push('}');
            }
        }
    }

    fn body(&mut self) -> Vec<u8> {
        match self.tape.below(6) {
            0 => self.tape.rest().to_vec(),
            1..=3 => {
                let mut text = String::new();
                self.json(6, &mut text);
                let cut = if self.tape.one_in(16) { usize::from(self.tape.byte()) } else { usize::MAX };
                text.into_bytes().into_iter().take(cut).collect()
            }
            4 => {
                // Words, one behind the other: XML, forms, prose.
                let mut text = String::new();
                while !self.tape.is_empty() && text.len() < 8 << 10 {
                    text.push_str(&self.text());
                    text.push_str(self.tape.pick(&["", "", " ", "=", "&", "\"", ":", "\n", "<", ">"]));
                }
                text.into_bytes()
            }
            _ => {
                let byte = self.tape.pick(b"[{<\" \xff");
                vec![byte; usize::from(self.tape.byte()) << self.tape.below(6)]
            }
        }
    }

    fn header(&mut self) -> Option<(HeaderName, HeaderValue)> {
        let name = self.tape.pick_from(self.vocabulary.headers).and_then(|name| name.parse().ok());
        let value = match self.tape.below(8) {
            0..=2 => self.tape.number().to_string().into_bytes(),
            3 => b"Tue, 14 Nov 2023 22:14:20 GMT".to_vec(),
            4 => b"Mon, 01 Jan 1601 00:00:00 GMT".to_vec(),
            5 => self.text().into_bytes(),
            6 => self.echo().into_bytes(),
            _ => {
                let len = usize::from(self.tape.byte());
                self.tape.bytes(len).to_vec()
            }
        };
        name.zip(HeaderValue::from_bytes(&value).ok())
    }

    fn response(&mut self) -> Response {
        let status = match self.tape.one_in(8) {
            true => 100 + (self.tape.number() % 900) as u16,
            false => self.tape.pick_from(self.vocabulary.statuses).unwrap_or(200),
        };
        let headers: Vec<_> = (0..self.tape.below(4)).filter_map(|_| self.header()).collect();
        let mut response = Response::new(Bytes::from(self.body()));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
        for (name, value) in headers {
            response.headers_mut().append(name, value);
        }
        response
    }
}

/// Reads the bytes as an operation and its answer, and has the protocol decode it.
///
/// What comes of it is the same every time, fits the operation and the answer, is bounded and printable, and shows no
/// credential that the answer sent back.
///
/// # Errors
///
/// A [`Finding`] if one of these does not hold.
pub fn run(
    protocol: &dyn Protocol,
    vocabulary: &Vocabulary,
    rule: Rule<'_>,
    bytes: &[u8],
) -> Result<(), Finding> {
    let mut tape = Tape::new(bytes);
    let operation = operation(tape.pick(&OperationKind::ALL), vocabulary.session);
    let mut author = Author { tape: &mut tape, vocabulary, values: 80, told: false };
    let response = author.response();
    let secret = author.told.then_some(vocabulary.secret);
    let outcome = check(protocol, &operation, &response, secret)?;
    rule(&operation, &outcome)
}

/// Decodes one answer and checks what comes of it; `secret` is a credential that the answer may have sent back.
///
/// # Errors
///
/// A [`Finding`] as of [`run`].
pub fn check(
    protocol: &dyn Protocol,
    operation: &Operation,
    response: &Response,
    secret: Option<&str>,
) -> Result<Outcome, Finding> {
    let outcome = protocol.decode(operation, response, NOW);
    ensure!(outcome == protocol.decode(operation, response, NOW), "it is not the same twice: {outcome:?}");
    let (kind, status) = (operation.kind(), response.status());
    match &outcome.result {
        Ok(reply) => {
            check_reply(protocol, kind, status, reply)?;
            if let (Reply::Processing(processing), Some(secret)) = (reply, secret) {
                ensure!(!format!("{processing:?}").contains(secret), "a credential: {processing:?}");
            }
        }
        Err(failure) => {
            match failure {
                Failure::Answered(problem) => check_bounded(&problem.server)?,
                Failure::Unknown { detail, .. } => check_text(detail.as_str())?,
                Failure::NotSent { .. } => return Err(Finding::new("not sent, and there was an answer")),
            }
            if let Some(secret) = secret {
                let shown = format!("{failure} {failure:?}");
                ensure!(!shown.contains(secret), "a credential: {shown}");
            }
        }
    }
    Ok(outcome)
}

fn check_text(text: &str) -> Result<(), Finding> {
    ensure!(text.len() <= MAX_DETAIL, "{} bytes of text", text.len());
    ensure!(!text.chars().any(char::is_control), "not printable: {text:?}");
    Ok(())
}

fn check_bounded(error: &ServerError) -> Result<(), Finding> {
    let fields = error.fields();
    let texts =
        [&fields.status, &fields.code, &fields.name, &fields.message, &fields.request_id, &fields.raw];
    texts.into_iter().try_for_each(|text| check_text(text.as_str()))
}

fn check_processing(processing: &Processing) -> Result<(), Finding> {
    match processing {
        Processing::Running { percent, .. } => {
            ensure!(percent.is_none_or(|percent| percent.get() <= 100), "more than all: {percent:?}");
            Ok(())
        }
        Processing::Failed(error) => check_bounded(error),
    }
}

/// Whether the reply may be given to an operation of this kind, by an answer of this status.
fn check_reply(
    protocol: &dyn Protocol,
    kind: OperationKind,
    status: StatusCode,
    reply: &Reply,
) -> Result<(), Finding> {
    let good = status.is_success();
    let fits = match (kind, reply) {
        (OperationKind::Init, Reply::Opened { session, .. }) => {
            let next = operation(OperationKind::Append, session.as_str());
            let encoded = protocol.encode(&next, &EncodeContext { now: NOW, nonce: 7 });
            ensure!(encoded.is_ok(), "a session that can't be used: {session:?}: {:?}", encoded.err());
            good
        }
        (OperationKind::Append, Reply::Stored { .. }) => good,
        // A cursor has been seen in a 308 (GCS), and in a refusal (IETF).
        (OperationKind::Append | OperationKind::Probe, Reply::Advanced { .. }) => true,
        (OperationKind::Probe, Reply::Probed(_)) => good,
        (OperationKind::Finalize | OperationKind::Status, Reply::Processing(processing)) => {
            check_processing(processing)?;
            good
        }
        (_, Reply::Completed(_)) => good,
        (OperationKind::Verify, Reply::Verified(verdict)) => match verdict {
            Verdict::Committed(Commitment::Ready(_)) => good,
            Verdict::Committed(Commitment::Processing(processing)) => {
                check_processing(processing)?;
                good
            }
            Verdict::NotCommitted | Verdict::CannotTell => true,
        },
        (OperationKind::Abort, Reply::Aborted | Reply::AbortPending) => true,
        (
            OperationKind::Init
            | OperationKind::Append
            | OperationKind::Probe
            | OperationKind::Finalize
            | OperationKind::Status
            | OperationKind::Verify
            | OperationKind::Abort,
            Reply::Opened { .. }
            | Reply::Stored { .. }
            | Reply::Advanced { .. }
            | Reply::Probed(_)
            | Reply::Processing(_)
            | Reply::Verified(_)
            | Reply::Aborted
            | Reply::AbortPending,
        ) => false,
    };
    ensure!(fits, "{reply:?} to {kind}, by an answer of {status}");
    Ok(())
}
