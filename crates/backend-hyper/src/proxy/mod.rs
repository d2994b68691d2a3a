//! Proxies: their addresses, and how a connection is made through one.

mod env;
mod guard;
mod socks;
mod tunnel;
mod url;

use std::io;

use chunkwise_core::NotSent;
use http::HeaderValue;

pub use env::{Proxies, ProxyEnvError};
pub(crate) use guard::{Objection, ProxyGuard};
pub use url::{ProxyKind, ProxyUrl, ProxyUrlError};

use crate::error::{ConnectError, reason};
use crate::meter::BoxStream;
use crate::origin::{Origin, Security};

/// How requests for an origin are put through the proxy that the stream leads to.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    /// As to the origin itself: there is none, or it only passes bytes on.
    Origin,
    /// With the whole URI in the request line: the proxy forwards the request.
    Absolute {
        /// What proves to the proxy who we are.
        authorization: Option<HeaderValue>,
    },
}

/// Makes the stream to the proxy one to the origin, or says that the proxy will forward.
pub(crate) async fn pass(
    stream: BoxStream,
    proxy: &ProxyUrl,
    origin: &Origin,
) -> Result<(BoxStream, Form), ConnectError> {
    let passed = match (proxy.kind(), origin.security) {
        (ProxyKind::Http | ProxyKind::Https, Security::Plain) => {
            return Ok((stream, Form::Absolute { authorization: proxy.basic_authorization() }));
        }
        (ProxyKind::Http | ProxyKind::Https, Security::Tls) => {
            tunnel::connect(stream, proxy, &origin.peer).await
        }
        (ProxyKind::Socks5, _) => socks::connect_v5(stream, proxy.credentials(), &origin.peer).await,
        (ProxyKind::Socks4, _) => socks::connect_v4(stream, proxy.credentials(), &origin.peer).await,
    };
    match passed {
        Ok(stream) => Ok((stream, Form::Origin)),
        Err(failure) => Err(ConnectError::Proxy { proxy: Box::new(proxy.clone()), failure }),
    }
}

/// What a proxy did instead of connecting. Reads on after "the proxy …".
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProxyFailure {
    #[error("refused the credentials ({answer})")]
    Credentials { answer: String },
    #[error("wants credentials and none were given ({answer})")]
    NoCredentials { answer: String },
    #[error("refuses to connect to {peer} ({answer})")]
    Forbidden { peer: String, answer: String },
    #[error("could not connect to {peer} ({answer})")]
    Unreached { peer: String, answer: String },
    #[error("can't be asked for {peer}: {why}")]
    Unaskable { peer: String, why: &'static str },
    #[error("broke the connection: {}", reason(.0))]
    Broken(#[from] io::Error),
    #[error("does not speak {protocol}")]
    Garbled { protocol: &'static str },
}

impl ProxyFailure {
    pub(crate) fn cause(&self) -> NotSent {
        match self {
            Self::Credentials { .. }
            | Self::NoCredentials { .. }
            | Self::Forbidden { .. }
            | Self::Unaskable { .. }
            | Self::Garbled { .. } => NotSent::Misconfigured,
            Self::Unreached { .. } | Self::Broken(_) => NotSent::Unreachable,
        }
    }

    /// A proxy wants to know who we are, and what we said (or did not say) won't do.
    pub(crate) fn unauthorized(given: bool, answer: impl Into<String>) -> Self {
        let answer = answer.into();
        if given { Self::Credentials { answer } } else { Self::NoCredentials { answer } }
    }
}
