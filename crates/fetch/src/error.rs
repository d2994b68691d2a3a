//! Why a fetch failed: everything for the logs, next to nothing for the stranger who asked for it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http::StatusCode;

use crate::address::Denied;
use crate::target::{Target, TargetError};

/// Why a fetch failed. Its texts are for logs, and hold no path and no query; what a stranger may read is
/// [`public`](Self::public).
#[derive(Debug, thiserror::Error)]
#[error("{}{problem}", At(.at.as_ref()))]
pub struct FetchError {
    at: Option<Place>,
    hop: usize,
    stage: Stage,
    problem: FetchProblem,
}

/// Scheme, host and port of what was being fetched.
type Place = String;

/// How far it had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing of use was answered yet.
    Reaching,
    /// The origin has answered 200: whoever asked would have learned as much from a success.
    Receiving,
}

/// What happened.
#[derive(Debug, thiserror::Error)]
pub enum FetchProblem {
    /// The URL is not even looked up.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Its name could not be resolved.
    #[error("the name could not be resolved: {0}")]
    Unresolved(io::Error),
    /// Its name has no address.
    #[error("the name has no address")]
    NoAddress,
    /// An address of it must not be reached.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// None of its addresses took a connection; the reason is that of the last.
    #[error("no connection: {0}")]
    Unreachable(io::Error),
    /// The connection leads elsewhere than it was made to.
    #[error("the connection to {dialled} leads to {peer}")]
    OtherPeer {
        /// Where it should lead.
        dialled: SocketAddr,
        /// Where it leads.
        peer: SocketAddr,
    },
    /// Its host is nothing that a certificate could be for.
    #[error("the host is no name that TLS can check")]
    TlsName,
    /// There was no TLS with it.
    #[error("TLS failed: {}", Foreign(.0))]
    Tls(io::Error),
    /// A step took too long.
    #[error("{step} took longer than {after:?}")]
    TimedOut {
        /// What took too long.
        step: Step,
        /// How long it may take.
        after: Duration,
    },
    /// It broke the connection, or does not speak HTTP.
    #[error("no answer: {}", Foreign(.0))]
    NoAnswer(hyper::Error),
    /// The head of its answer, interim answers included, is too long.
    #[error("the head of the answer is too long, or has too many headers")]
    LongHead,
    /// It answered otherwise than with 200 or a redirect that is followed.
    #[error("answered {0}")]
    Status(StatusCode),
    /// It redirects to nothing that could be read.
    #[error("answered {0} without one readable Location")]
    NoLocation(StatusCode),
    /// It redirects to a URL that is not even looked up.
    #[error("redirects to what is not fetched: {0}")]
    Redirect(TargetError),
    /// There were too many redirects.
    #[error("more than {limit} redirects")]
    Redirects {
        /// How many are followed.
        limit: usize,
    },
    /// It redirects from https to http.
    #[error("redirects from https to http")]
    Downgrade,
    /// Its body is encoded (gzip, say), and nothing is decoded here.
    #[error("the body has a Content-Encoding although none was accepted")]
    Encoded,
    /// It can't be told where its body ends.
    #[error("the end of the body can't be told: {0}")]
    Unframed(&'static str),
    /// Its body is too large.
    #[error("the body is larger than {limit} bytes{}", Announced(*.announced))]
    TooLarge {
        /// How large it may be.
        limit: u64,
        /// How large it said it is.
        announced: Option<u64>,
    },
    /// Its body was cut off.
    #[error("the body broke off after {got} bytes{}: {}", Announced(*.announced), Foreign(.source))]
    Short {
        /// How many bytes it said it has.
        announced: Option<u64>,
        /// How many came.
        got: u64,
        /// What happened.
        source: hyper::Error,
    },
    /// There are bytes behind the end of its body.
    #[error("the body goes on after its end{}", Announced(*.announced))]
    Longer {
        /// How many bytes it said it has.
        announced: Option<u64>,
    },
    /// Its body trickles.
    #[error("only {got} bytes came in {window:?}")]
    Slow {
        /// How many came.
        got: u64,
        /// In what time.
        window: Duration,
    },
    /// It is asked for more after it had failed.
    #[error("the fetch had failed before")]
    Failed,
}

/// A step that has a time of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Looking the name up.
    Resolve,
    /// The TLS handshake.
    Tls,
    /// From the request to the end of the answer's head.
    Head,
    /// Waiting for the next bytes of the body.
    Idle,
    /// The whole fetch.
    Total,
}

/// All that a stranger is told.
///
/// What could not be reached is told in one sentence, whatever the reason: a name that stands for a private address, a
/// closed port, a certificate, a 404. Otherwise this would be a scanner for networks that the stranger is not in.
/// Only when an origin has answered 200 (so that a success would have told as much) there is more.
///
/// How long it took tells something too; that is evened out ([`FetchLimits::floor`](crate::FetchLimits::floor)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicReason {
    /// The URL as such is none that is fetched, in whatever network: known without a lookup.
    #[error("media_url must be an http or https URL of usual length, without credentials or an unusual port")]
    BadUrl,
    /// Everything that is blocked, unreachable, or not answered with 200.
    #[error("media_url could not be fetched")]
    NotFetched,
    /// The media is too large.
    #[error("the media at media_url is larger than {limit} bytes")]
    TooLarge {
        /// How large it may be.
        limit: u64,
    },
    /// The answer has an encoding, or an end that can't be told.
    #[error("media_url was answered in a way that is not supported: send the media as it is, and its length")]
    Unsupported,
    /// It broke off, came too slowly, or had another length than announced.
    #[error("media_url broke off, came too slowly or had another length than announced")]
    Interrupted,
}

impl FetchError {
    pub(crate) fn new(at: Option<&Target>, hop: usize, stage: Stage, problem: FetchProblem) -> Self {
        Self { at: at.map(Target::to_string), hop, stage, problem }
    }

    /// What happened, for logs and for whoever runs this.
    pub fn problem(&self) -> &FetchProblem {
        &self.problem
    }

    #[cfg(test)]
    pub(crate) fn into_problem(self) -> FetchProblem {
        self.problem
    }

    /// How many redirects had been followed.
    pub fn redirects(&self) -> usize {
        self.hop
    }

    /// What a stranger may be told.
    pub fn public(&self) -> PublicReason {
        use FetchProblem as P;
        match (self.stage, &self.problem) {
            // Only the stranger's own text: what a redirect says is of a network.
            (Stage::Reaching, P::Target(error)) if self.hop == 0 && error.is_of_the_text() => {
                PublicReason::BadUrl
            }
            (Stage::Reaching, _) => PublicReason::NotFetched,
            (Stage::Receiving, P::TooLarge { limit, .. }) => PublicReason::TooLarge { limit: *limit },
            (Stage::Receiving, P::Encoded | P::Unframed(_)) => PublicReason::Unsupported,
            (Stage::Receiving, _) => PublicReason::Interrupted,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "looking the name up",
            Self::Tls => "the TLS handshake",
            Self::Head => "the head of the answer",
            Self::Idle => "the next bytes",
            Self::Total => "the whole fetch",
        })
    }
}

struct At<'a>(Option<&'a Place>);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |place| write!(f, "{place}: "))
    }
}

struct Announced(Option<u64>);

impl fmt::Display for Announced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |len| write!(f, " ({len} announced)"))
    }
}

/// The text of an error into which the other side may have put something (the names of a certificate, say), with what it
/// was caused by, fit for a log.
struct Foreign<'a>(&'a dyn std::error::Error);

impl fmt::Display for Foreign<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut next = Some(self.0);
        let mut before = "";
        while let Some(error) = next {
            write!(f, "{before}{}", error.to_string().escape_debug())?;
            before = ": ";
            next = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with a URL is the stranger's to know only where it is the stranger's own.
    #[test]
    fn a_bad_url_is_told_of_the_first_one_alone() {
        let public = |hop, stage| FetchError::new(None, hop, stage, TargetError::Port(22).into()).public();
        assert_eq!(public(0, Stage::Reaching), PublicReason::BadUrl);
        assert_eq!(public(1, Stage::Reaching), PublicReason::NotFetched);
    }
}
