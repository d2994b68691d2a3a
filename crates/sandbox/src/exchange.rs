//! One request from arrival to answer: its body, its faults, its entry in the log.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::time::sleep;

use crate::access::{self, Account, Signed};
use crate::answer::{Dialect, Refusal, Reply, ReplyBody};
use crate::faults::{Fault, Moment, Operation, Rest};
use crate::filler::filler;
use crate::oauth1::Parameter;
use crate::rate_limit::{Admission, Standing, WindowKey};
use crate::request_body::{ReadError, RequestBody};
use crate::request_log::{Effect, Ending, LoggedRequest};
use crate::settings::{RetryAfter, Settings};
use crate::shared::Shared;
use crate::wire::WireControl;

/// What goes out.
pub(crate) type AnswerBody = http_body_util::combinators::UnsyncBoxBody<Bytes, io::Error>;

/// The connection ends without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Cut {
    #[error("the connection is reset, as scripted")]
    Reset,
    #[error("the connection is closed, as scripted")]
    Close,
    #[error("the client has gone")]
    ClientGone,
}

/// Why an exchange does not run to its ordinary end.
#[derive(Debug)]
pub(crate) enum Stop {
    Refused(Refusal),
    /// A fault's answer.
    Answer(Box<Reply>, Rest),
    Cut(Cut),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<io::Error> for Stop {
    /// The sandbox's own disk has failed it.
    fn from(error: io::Error) -> Self {
        tracing::error!(%error, "the sandbox can't store or read media");
        let text = format!("the sandbox can't store or read media: {error}");
        let reply = Reply::text(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", text);
        Self::Answer(Box::new(reply), Rest::default())
    }
}

pub(crate) type Step<T> = Result<T, Stop>;

/// Where a request came in.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) control: Arc<WireControl>,
    /// From 1.
    pub(crate) connection: u64,
    /// `http` or `https`.
    pub(crate) scheme: &'static str,
    pub(crate) peer_is_loopback: bool,
}

pub(crate) struct Exchange {
    pub(crate) shared: Arc<Shared>,
    pub(crate) head: Parts,
    pub(crate) dialect: Dialect,
    arrival: Arrival,
    body: RequestBody,
    operation: Option<Operation>,
    segment_index: Option<u16>,
    account: Option<Account>,
    /// Faults whose moment is still to come.
    armed: Vec<Fault>,
    standing: Option<Standing>,
    entry: LoggedRequest,
    arrived: Instant,
}

impl Drop for Exchange {
    /// Writes the log's entry, however the exchange came to its end.
    fn drop(&mut self) {
        self.entry.body_bytes = self.body.read();
        self.entry.took_ms = u64::try_from(self.arrived.elapsed().as_millis()).unwrap_or(u64::MAX);
        let limit = self.shared.settings().log_entries.0;
        tracing::debug!(entry = ?self.entry, "request");
        self.shared.log().push(self.entry.clone(), limit);
    }
}

impl Exchange {
    pub(crate) fn open(
        shared: Arc<Shared>,
        arrival: Arrival,
        dialect: Dialect,
        head: Parts,
        body: Incoming,
    ) -> Self {
        let entry = LoggedRequest {
            number: shared.log().next_number(),
            at_ms: shared.clock.now(),
            took_ms: 0,
            connection: arrival.connection,
            method: head.method.to_string(),
            path: head.uri.path().chars().take(300).collect(),
            dialect: Some(dialect),
            operation: None,
            call: None,
            media_id: None,
            segment_index: None,
            body_bytes: 0,
            media_bytes: 0,
            authorization: access::scheme_of(&head),
            user: None,
            effect: Effect::None,
            faults: Vec::new(),
            ending: Ending::ClientGone,
        };
        Self {
            shared,
            head,
            dialect,
            arrival,
            body: RequestBody::new(body),
            operation: None,
            segment_index: None,
            account: None,
            armed: Vec::new(),
            standing: None,
            entry,
            arrived: Instant::now(),
        }
    }

    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.shared.settings()
    }

    pub(crate) fn now(&self) -> u64 {
        self.shared.clock.now()
    }

    pub(crate) fn operation(&self) -> Option<Operation> {
        self.operation
    }

    pub(crate) fn content_type(&self) -> &str {
        self.head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub(crate) fn announced_length(&self) -> Option<u64> {
        self.head.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
    }

    /// The request turns out to be this operation: it is counted, and faults for it are armed.
    pub(crate) async fn identify(&mut self, operation: Operation) -> Step<()> {
        self.operation = Some(operation);
        let (call, faults) = self.shared.faults().call(operation);
        self.entry.operation = Some(operation);
        self.entry.call = Some(call);
        self.arm(faults).await?;
        self.arm_segment().await
    }

    pub(crate) fn note_media_id(&mut self, id: &str) {
        self.entry.media_id = Some(id.chars().take(40).collect());
    }

    pub(crate) fn note_media_bytes(&mut self, bytes: u64) {
        self.entry.media_bytes = bytes;
    }

    /// The request turns out to be about this segment.
    pub(crate) async fn note_segment_index(&mut self, index: u64) -> Step<()> {
        self.entry.segment_index = Some(index);
        self.segment_index = u16::try_from(index).ok();
        self.arm_segment().await
    }

    /// What was asked for has been done.
    pub(crate) fn note_committed(&mut self) {
        self.entry.effect = Effect::Committed;
    }

    async fn arm_segment(&mut self) -> Step<()> {
        let (Some(operation), Some(index)) = (self.operation, self.segment_index) else { return Ok(()) };
        self.segment_index = None;
        let faults = self.shared.faults().segment(operation, index);
        self.arm(faults).await
    }

    async fn arm(&mut self, faults: Vec<Fault>) -> Step<()> {
        for fault in faults {
            self.entry.faults.push(fault.kind().into());
            if let Fault::SlowBody { bytes_per_sec } = fault {
                self.body.slow_down(bytes_per_sec);
                let buffer = usize::try_from(bytes_per_sec).unwrap_or(usize::MAX);
                self.arrival.control.shrink_receive_buffer(buffer.clamp(4096, 65_536));
            } else {
                self.armed.push(fault);
            }
        }
        self.set_trip();
        let (read, complete) = (self.body.read(), self.body.is_complete());
        self.strike(|moment| match moment {
            Moment::BeforeBody => true,
            // There will be no more reading to trip over.
            Moment::DuringBody { after_bytes } => complete && after_bytes <= read,
            Moment::AfterBody | Moment::AfterCommit => false,
        })
        .await
    }

    fn set_trip(&mut self) {
        let counts = self.armed.iter().filter_map(|fault| match fault.moment() {
            Some(Moment::DuringBody { after_bytes }) => Some(after_bytes),
            Some(Moment::BeforeBody | Moment::AfterBody | Moment::AfterCommit) | None => None,
        });
        let nearest = counts.min();
        self.body.trip_at(nearest);
    }

    /// Lets the faults of a moment do what they do.
    async fn strike(&mut self, is_now: impl Fn(Moment) -> bool) -> Step<()> {
        let due = |fault: &Fault| fault.moment().is_some_and(&is_now);
        while let Some(at) = self.armed.iter().position(due) {
            match self.armed.remove(at) {
                Fault::Answer { status, headers, body, rest, .. } => {
                    return Err(Stop::Answer(Box::new(scripted_reply(status, &headers, body)), rest));
                }
                Fault::Throttle { reset_after_secs, retry_after_secs, body } => {
                    let settings = self.settings();
                    if let Some((key, limit)) = self.window(&settings) {
                        let now = self.now();
                        let admission = self.shared.windows().throttle(key, limit, reset_after_secs, now);
                        if let Admission::Refused { standing, .. } = admission {
                            self.standing = Some(standing);
                        }
                    }
                    let body = body.unwrap_or(settings.rates.body);
                    return Err(Refusal::Throttled { retry_after_secs, body }.into());
                }
                Fault::Delay { millis, .. } => sleep(Duration::from_millis(millis)).await,
                Fault::Reset { .. } => return Err(Stop::Cut(Cut::Reset)),
                Fault::Close { .. } => return Err(Stop::Cut(Cut::Close)),
                Fault::RevokeToken => {
                    if let Some(token) = access::bearer_of(&self.head) {
                        self.shared.revoke(token);
                    }
                }
                // These have no moment.
                Fault::SlowBody { .. }
                | Fault::MalformedJson
                | Fault::EmptyAnswer
                | Fault::HugeAnswer { .. } => {}
            }
        }
        Ok(())
    }

    fn window(&self, settings: &Settings) -> Option<(WindowKey, crate::settings::RateLimit)> {
        let operation = self.operation?;
        let user = self.account.as_ref().map(|account| account.user.clone()).unwrap_or_default();
        let key = WindowKey { user, dialect: self.dialect, operation };
        Some((key, settings.rates.of(self.dialect, operation)))
    }

    /// Who asks; `form` are the parameters of an urlencoded body.
    pub(crate) fn authenticate(&mut self, form: &[Parameter], scopes: &[&str]) -> Step<Account> {
        let signed =
            Signed { head: &self.head, scheme: self.arrival.scheme, form, now: self.shared.clock.real_now() };
        let settings = self.settings();
        let account =
            access::authenticate(&signed, self.dialect, &settings.access, &mut self.shared.nonces())?;
        self.entry.user = Some(account.user.clone());
        account.require(scopes)?;
        self.account = Some(account.clone());
        Ok(account)
    }

    /// Counts the request against its user's window.
    pub(crate) fn admit(&mut self) -> Step<()> {
        let settings = self.settings();
        let Some((key, limit)) = self.window(&settings) else { return Ok(()) };
        let now = self.now();
        match self.shared.windows().admit(key, limit, settings.rates.enforcement, now) {
            Admission::Uncounted => Ok(()),
            Admission::Admitted(standing) => {
                self.standing = Some(standing);
                Ok(())
            }
            Admission::Refused { standing, retry_after_secs } => {
                self.standing = Some(standing);
                let retry_after_secs = match settings.rates.retry_after {
                    RetryAfter::Omitted => None,
                    RetryAfter::Seconds => Some(retry_after_secs),
                };
                Err(Refusal::Throttled { retry_after_secs, body: settings.rates.body }.into())
            }
        }
    }

    /// The next piece of the body.
    pub(crate) async fn next(&mut self) -> Step<Option<Bytes>> {
        loop {
            match self.body.next().await {
                Ok(data) => return Ok(data),
                Err(error) => self.read_failed(error).await?,
            }
        }
    }

    /// The whole body; larger than `limit` is too large.
    pub(crate) async fn collect(&mut self, limit: u64) -> Step<Vec<u8>> {
        let mut collected = Vec::new();
        while let Some(data) = self.next().await? {
            if (collected.len() + data.len()) as u64 > limit {
                return Err(Refusal::TooLarge.into());
            }
            collected.extend_from_slice(&data);
        }
        Ok(collected)
    }

    async fn read_failed(&mut self, error: ReadError) -> Step<()> {
        match error {
            ReadError::Broken => Err(Stop::Cut(Cut::ClientGone)),
            ReadError::Trip => {
                let read = self.body.read();
                self.strike(|moment| match moment {
                    Moment::DuringBody { after_bytes } => after_bytes <= read,
                    Moment::BeforeBody | Moment::AfterBody | Moment::AfterCommit => false,
                })
                .await?;
                self.set_trip();
                Ok(())
            }
        }
    }

    /// The body has been read and understood; what follows is the commit.
    pub(crate) async fn body_done(&mut self) -> Step<()> {
        self.strike(|moment| moment == Moment::AfterBody).await
    }

    /// Answers, or does not.
    pub(crate) async fn close(mut self, result: Step<Reply>) -> Result<Response<AnswerBody>, Cut> {
        let (mut reply, mut rest) = match result {
            Ok(reply) => (reply, Rest::default()),
            Err(Stop::Refused(refusal)) => (refusal.render(self.dialect), Rest::default()),
            Err(Stop::Answer(reply, rest)) => (*reply, rest),
            Err(Stop::Cut(cut)) => return Err(self.cut(cut)),
        };
        // A request that was refused never came to the end of its body: what was to strike there strikes now.
        let due = |moment| matches!(moment, Moment::AfterBody | Moment::AfterCommit);
        match self.strike(due).await {
            Ok(()) => {}
            Err(Stop::Refused(refusal)) => reply = refusal.render(self.dialect),
            Err(Stop::Answer(other, its_rest)) => (reply, rest) = (*other, its_rest),
            Err(Stop::Cut(cut)) => return Err(self.cut(cut)),
        }
        for fault in std::mem::take(&mut self.armed) {
            reply = mangled(reply, &fault);
        }
        if let Some(standing) = self.standing {
            standing.write(&mut reply.headers);
        }
        reply.headers.insert("x-transaction-id", self.entry.number.into());

        if !self.body.is_complete() {
            // Who waits for leave to send will send nothing more after this answer.
            let waits = self.body.read() == 0 && self.head.headers.contains_key(EXPECT);
            match rest {
                Rest::Drain { up_to } if !waits => self.body.drain(up_to),
                Rest::Drain { .. } | Rest::Close => {
                    reply.headers.insert(CONNECTION, HeaderValue::from_static("close"));
                    self.body.abandon();
                }
            }
        }
        self.entry.ending = Ending::Answered { status: reply.status.as_u16() };
        Ok(response(reply))
    }

    fn cut(&mut self, cut: Cut) -> Cut {
        self.entry.ending = match cut {
            Cut::Reset => {
                self.arrival.control.reset_on_drop();
                Ending::Reset
            }
            Cut::Close => Ending::Closed,
            Cut::ClientGone => Ending::ClientGone,
        };
        cut
    }
}

pub(crate) fn response(reply: Reply) -> Response<AnswerBody> {
    let body = match reply.body {
        ReplyBody::Bytes(bytes) => Full::new(bytes).map_err(|never| match never {}).boxed_unsync(),
        ReplyBody::Stream(stream) => stream,
    };
    let mut response = Response::new(body);
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}

fn scripted_reply(status: u16, headers: &std::collections::BTreeMap<String, String>, body: String) -> Reply {
    // 1xx and nonsense can't be sent as an answer.
    let status = StatusCode::from_u16(status).ok().filter(|status| status.as_u16() >= 200);
    let mut reply =
        Reply::text(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), "application/json", body);
    for (name, value) in headers {
        match (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str())) {
            (Ok(name), Ok(value)) => drop(reply.headers.insert(name, value)),
            _ => tracing::warn!(name, "a scripted header can't be sent"),
        }
    }
    reply
}

fn mangled(mut reply: Reply, fault: &Fault) -> Reply {
    match fault {
        Fault::MalformedJson => {
            let half = match &reply.body {
                ReplyBody::Bytes(bytes) if bytes.len() > 1 => bytes.slice(..bytes.len() / 2),
                ReplyBody::Bytes(_) | ReplyBody::Stream(_) => Bytes::from_static(b"{"),
            };
            reply.body = ReplyBody::Bytes(half);
        }
        Fault::EmptyAnswer => reply.body = ReplyBody::Bytes(Bytes::new()),
        Fault::HugeAnswer { bytes } => reply.body = ReplyBody::Stream(filler(*bytes)),
        // Their moment never came.
        Fault::Answer { .. }
        | Fault::Throttle { .. }
        | Fault::Delay { .. }
        | Fault::Reset { .. }
        | Fault::Close { .. }
        | Fault::SlowBody { .. }
        | Fault::RevokeToken => {}
    }
    reply
}
