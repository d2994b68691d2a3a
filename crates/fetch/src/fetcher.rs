//! A fetch from its URL to the head of its answer, redirects included.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use chunkwise_transport::Secret;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, LOCATION,
    TRANSFER_ENCODING, USER_AGENT,
};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, Version};
use http_body_util::Empty;
use rustls::ClientConfig;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use crate::address::AddressPolicy;
use crate::body::{Fetched, FetchedBody};
use crate::connect::{self, Dial, Tcp};
use crate::error::{FetchError, FetchProblem, PublicReason, Stage, Step};
use crate::evened::{Chance, until_told};
use crate::limits::FetchLimits;
use crate::resolve::Resolve;
use crate::slots::{Slot, Slots};
use crate::target::{Security, Target, TargetError, TargetHost};
use crate::wire::{self, Wire};

/// Who the requests say they come from, unless set.
pub const DEFAULT_USER_AGENT: &str = concat!("chunkwise/", env!("CARGO_PKG_VERSION"));

/// The longest Content-Type that is told (RFC 6838 §4.2: 127 characters on each side).
const MAX_MEDIA_TYPE: usize = 255;

/// Fetches what strangers name.
///
/// It is cheap to clone; the clones share their limits on connections. It needs a tokio runtime with I/O and time.
#[derive(Clone)]
pub struct Fetcher(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    limits: FetchLimits,
    policy: AddressPolicy,
    resolver: Arc<dyn Resolve>,
    tls: TlsConnector,
    dial: Arc<dyn Dial>,
    slots: Arc<Slots>,
    user_agent: HeaderValue,
    chance: Chance,
}

/// What an origin answered, as far as it is of use.
enum Answer {
    Redirect(Result<Target, FetchProblem>),
    Media(Box<(HeaderMap, Wire, Slot)>),
}

/// Why a hop ended, and after how much.
type Failure = (Stage, FetchProblem);

impl Fetcher {
    /// With a TLS configuration that says whose certificates are believed; its ALPN and its session store are replaced.
    pub fn new(
        limits: FetchLimits,
        policy: AddressPolicy,
        resolver: Arc<dyn Resolve>,
        tls: ClientConfig,
    ) -> Self {
        Self::dialling(limits, policy, resolver, tls, Arc::new(Tcp))
    }

    pub(crate) fn dialling(
        limits: FetchLimits,
        policy: AddressPolicy,
        resolver: Arc<dyn Resolve>,
        tls: ClientConfig,
        dial: Arc<dyn Dial>,
    ) -> Self {
        let slots = Arc::new(Slots::new(limits.per_address));
        let user_agent = HeaderValue::from_static(DEFAULT_USER_AGENT);
        let (tls, chance) = (connect::tls(tls), Chance::system());
        Self(Arc::new(Inner { limits, policy, resolver, tls, dial, slots, user_agent, chance }))
    }

    #[cfg(test)]
    pub(crate) fn by_chance(self, chance: Chance) -> Self {
        Self(Arc::new(Inner { chance, ..Inner::clone(&self.0) }))
    }

    /// Who the requests say they come from; good manners put an address in it at which somebody can be reached. Default:
    /// [`DEFAULT_USER_AGENT`].
    #[must_use]
    pub fn user_agent(self, user_agent: HeaderValue) -> Self {
        Self(Arc::new(Inner { user_agent, ..Inner::clone(&self.0) }))
    }

    /// The limits.
    pub fn limits(&self) -> &FetchLimits {
        &self.0.limits
    }

    /// Fetches a URL as far as the head of the answer; the body comes from what is returned.
    ///
    /// The URL is a secret, since it may be signed: neither logs nor errors hold more of it than scheme, host and port.
    /// Nothing is tried a second time. What comes to nothing takes as long as all that does ([`FetchLimits::floor`]).
    ///
    /// # Errors
    ///
    /// [`FetchError`] for everything but an answer of 200 within the limits.
    pub async fn get(&self, url: &Secret<String>) -> Result<Fetched, FetchError> {
        let Inner { limits, chance, .. } = &*self.0;
        let mut hop_began = Instant::now();
        let got = self.fetch(url, &mut hop_began).await;
        // What the URL's text tells, or an answer of 200, is no secret of a network.
        if got.as_ref().is_err_and(|error| error.public() == PublicReason::NotFetched) {
            until_told(hop_began, limits, chance).await;
        }
        got
    }

    /// The same as soon as it is known. It tells when the last hop began: the origin that redirects knows when it did.
    async fn fetch(&self, url: &Secret<String>, hop_began: &mut Instant) -> Result<Fetched, FetchError> {
        let inner = &*self.0;
        let deadline = *hop_began + inner.limits.total;
        let mut target = Target::parse(url.expose(), &inner.limits, &inner.policy)
            .map_err(|error| FetchError::new(None, 0, Stage::Reaching, error.into()))?;
        let mut hop = 0;
        loop {
            let answer = match timeout_at(deadline, inner.hop(&target)).await {
                Ok(answer) => answer,
                Err(_) => {
                    let after = inner.limits.total;
                    Err((Stage::Reaching, FetchProblem::TimedOut { step: Step::Total, after }))
                }
            };
            let failed = |(stage, problem)| {
                let error = FetchError::new(Some(&target), hop, stage, problem);
                tracing::debug!(%error, redirects = hop, "fetch failed");
                error
            };
            match answer.map_err(failed)? {
                Answer::Media(media) => {
                    let (headers, wire, slot) = *media;
                    let (media_type, extension) = (media_type(&headers), target.extension());
                    let body = FetchedBody::new(wire, slot, target, hop, &inner.limits, deadline);
                    return Ok(Fetched { media_type, len: body.announced(), extension, body });
                }
                Answer::Redirect(next) => {
                    *hop_began = Instant::now();
                    let limit = inner.limits.redirects;
                    let next = if hop < limit { next } else { Err(FetchProblem::Redirects { limit }) };
                    let next = next.map_err(|problem| failed((Stage::Reaching, problem)))?;
                    tracing::debug!(from = %target, to = %next, "redirected");
                    target = next;
                    hop += 1;
                }
            }
        }
    }
}

impl Inner {
    /// One request, with all that comes before it.
    async fn hop(&self, target: &Target) -> Result<Answer, Failure> {
        let reaching = |problem| (Stage::Reaching, problem);
        let Self { limits, tls, dial, slots, .. } = self;
        let addresses = self.addresses(target).await.map_err(reaching)?;
        let (stream, slot) = connect::connect(&**dial, slots, &addresses, target.port, limits.connect)
            .await
            .map_err(reaching)?;
        let stream = connect::secure(stream, target, tls, limits.tls).await.map_err(reaching)?;
        let request = self.request(target).map_err(reaching)?;
        let (head, wire) = timeout(limits.head, wire::exchange(stream, request, limits))
            .await
            .unwrap_or(Err(FetchProblem::TimedOut { step: Step::Head, after: limits.head }))
            .map_err(reaching)?;
        match head.status {
            StatusCode::OK => {
                check(&head.headers, head.version, &wire, target, limits)
                    .map_err(|problem| (Stage::Receiving, problem))?;
                Ok(Answer::Media(Box::new((head.headers, wire, slot))))
            }
            StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT => {
                Ok(Answer::Redirect(self.redirect(head.status, &head.headers, target)))
            }
            status => Err(reaching(FetchProblem::Status(status))),
        }
    }

    /// The addresses to dial: every one that there is was checked.
    async fn addresses(&self, target: &Target) -> Result<Vec<IpAddr>, FetchProblem> {
        let Self { limits, policy, resolver, .. } = self;
        let mut addresses = match &target.host {
            TargetHost::Address(address) => vec![*address],
            TargetHost::Name(name) => timeout(limits.resolve, resolver.resolve(name))
                .await
                .map_err(|_| FetchProblem::TimedOut { step: Step::Resolve, after: limits.resolve })?
                .map_err(FetchProblem::Unresolved)?,
        };
        policy.permits_all(&target.host_name(), &addresses)?;
        addresses.truncate(limits.addresses.max(1));
        if addresses.is_empty() { Err(FetchProblem::NoAddress) } else { Ok(addresses) }
    }

    /// No cookies, no credentials, no Referer: an origin learns nothing of us or of where else we were.
    fn request(&self, target: &Target) -> Result<Request<Empty<Bytes>>, FetchProblem> {
        // hyper takes what the URL standard leaves as it is, but a URI is a stricter thing.
        let unwritable =
            || FetchProblem::Target(TargetError::Unreadable(url::ParseError::InvalidDomainCharacter));
        let uri = Uri::try_from(target.request_target()).map_err(|_| unwritable())?;
        let host = HeaderValue::try_from(target.host_header()).map_err(|_| unwritable())?;
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(HOST, host);
        headers.insert(USER_AGENT, self.user_agent.clone());
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        Ok(request)
    }

    fn redirect(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        from: &Target,
    ) -> Result<Target, FetchProblem> {
        let location = one(headers, LOCATION).and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
        let location = location.ok_or(FetchProblem::NoLocation(status))?;
        let next = from.join(location, &self.limits, &self.policy).map_err(FetchProblem::Redirect)?;
        match (from.security, next.security) {
            (Security::Tls, Security::Plain) => Err(FetchProblem::Downgrade),
            (Security::Tls, Security::Tls) | (Security::Plain, _) => Ok(next),
        }
    }
}

/// Whether the body that a head announces is one that can be taken.
fn check(
    headers: &HeaderMap,
    version: Version,
    wire: &Wire,
    target: &Target,
    limits: &FetchLimits,
) -> Result<(), FetchProblem> {
    if headers.get_all(CONTENT_ENCODING).iter().any(|value| !is_word(value, "identity")) {
        return Err(FetchProblem::Encoded);
    }
    let chunked = headers.contains_key(TRANSFER_ENCODING);
    if chunked && headers.contains_key(CONTENT_LENGTH) {
        return Err(FetchProblem::Unframed("it has both a length and a transfer coding"));
    }
    if chunked && !one(headers, TRANSFER_ENCODING).is_some_and(|value| is_word(value, "chunked")) {
        return Err(FetchProblem::Unframed("it has a transfer coding other than chunked"));
    }
    match (wire.announced(), target.security) {
        (Some(len), _) if len > limits.body_bytes => {
            Err(FetchProblem::TooLarge { limit: limits.body_bytes, announced: Some(len) })
        }
        (Some(_), _) => Ok(()),
        (None, _) if chunked && version == Version::HTTP_11 => Ok(()),
        // It ends with the connection: TLS says whether it was closed or cut, TCP does not.
        (None, Security::Tls) => Ok(()),
        (None, Security::Plain) => Err(FetchProblem::Unframed("it ends with the connection, without TLS")),
    }
}

fn is_word(value: &HeaderValue, word: &str) -> bool {
    value.as_bytes().trim_ascii().eq_ignore_ascii_case(word.as_bytes())
}

/// The value of a header that is there once.
fn one(headers: &HeaderMap, name: http::HeaderName) -> Option<&HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = one(headers, CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next()?.trim().to_ascii_lowercase();
    let is_token = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    let (kind, subtype) = essence.split_once('/')?;
    let fits = essence.len() <= MAX_MEDIA_TYPE && is_token(kind) && is_token(subtype);
    fits.then_some(essence)
}

impl std::fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetcher")
            .field("limits", &self.0.limits)
            .field("policy", &self.0.policy)
            .field("resolver", &self.0.resolver)
            .finish_non_exhaustive()
    }
}
