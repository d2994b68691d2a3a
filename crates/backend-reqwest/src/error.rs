//! What a reqwest error says of how far the request got.

use std::error::Error as StdError;
use std::fmt;

use chunkwise_core::{Cut, NotSent};
use chunkwise_transport::PayloadError;
use chunkwise_transport::http::BackendError;

/// reqwest's error without its URL, told with its causes: by itself it says only what it was doing.
#[derive(Debug)]
struct Told(reqwest::Error);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut last = self.0.to_string();
        for cause in causes(&self.0) {
            let text = cause.to_string();
            if !last.ends_with(&text) {
                write!(f, ": {text}")?;
                last = text;
            }
        }
        Ok(())
    }
}

impl StdError for Told {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

/// A proxy that was to forward the request wants credentials, or better ones. Only a proxy answers so (RFC 9110
/// §15.5.8), and it has not forwarded anything.
pub(crate) fn proxy_refusal() -> BackendError {
    let source = "the proxy refused the credentials, or there were none (407)".into();
    BackendError::NotSent { cause: NotSent::Misconfigured, source }
}

/// Whether the server may have seen the request.
pub(crate) fn classify(error: reqwest::Error) -> BackendError {
    let fate = fate(&error);
    let source = Box::new(Told(error.without_url()));
    match fate {
        Fate::NotSent(cause) => BackendError::NotSent { cause, source },
        Fate::Unknown(cut) => BackendError::Unknown { cut, source },
    }
}

enum Fate {
    NotSent(NotSent),
    Unknown(Cut),
}

fn fate(error: &reqwest::Error) -> Fate {
    if error.is_builder() {
        return Fate::NotSent(NotSent::Misconfigured);
    }
    if error.is_connect() {
        return Fate::NotSent(if is_refusal(error) { NotSent::Misconfigured } else { NotSent::Unreachable });
    }
    if found::<PayloadError>(error).is_some() {
        return Fate::Unknown(Cut::Reset);
    }
    if error.is_timeout() {
        return Fate::Unknown(Cut::TimedOut);
    }
    match found::<hyper::Error>(error) {
        Some(error) if error.is_parse() => Fate::Unknown(Cut::Ambiguous { after: None }),
        Some(_) => Fate::Unknown(Cut::Reset),
        // An answer that the client made something of: followed it, or decompressed it.
        None if error.is_redirect() || error.is_decode() => Fate::Unknown(Cut::Ambiguous { after: None }),
        None => Fate::Unknown(Cut::Reset),
    }
}

/// Whether no connection came about for a reason that stays: a certificate, or a proxy that refuses us.
fn is_refusal(error: &reqwest::Error) -> bool {
    causes(error).any(|cause| {
        // The types of the last two have no public name, so their words must do.
        let text = cause.to_string();
        is_tls(cause)
            || text.contains("proxy authorization required")
            || text.contains("credentials not accepted")
    })
}

fn is_tls(error: &(dyn StdError + 'static)) -> bool {
    // What an I/O error wraps is passed over by its `source`; it may be one more I/O error.
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    error.is::<rustls::Error>() || wrapped.is_some_and(|error| is_tls(error))
}

fn found<E: StdError + 'static>(error: &reqwest::Error) -> Option<&E> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(error.source(), |cause| (*cause).source())
}
