//! The default backend: one HTTP/1.1 request over a pooled connection, with rustls and every common kind of proxy.
//!
//! It stands on hyper's connection primitive and not on a ready-made pooled client, for three promises that such a
//! client can't keep:
//!
//! - **An early answer is read even if the server resets the connection at once.** A failed write does not end the
//!   connection here; it ends when the read side is at its end, so that what the server said first is heard
//!   (module `socket`).
//! - **How far a request got is told truthfully.** The bytes that left are counted, so that "not a byte was written"
//!   is known and not guessed (module `exchange`).
//! - **Dropping the exchange closes its connection** at once: the future that exchanges also drives the connection.
//!   There is no task behind it.
//!
//! One [`HyperBackend`] is one pool: make one for each account and proxy, so that neither connections nor TLS
//! sessions are shared between accounts. Parallel requests take a connection each. HTTP/2 is not spoken: it would
//! put parallel bodies on one TCP connection, where they share one congestion window and one lost packet stops
//! them all.

mod backend;
mod connect;
mod error;
mod exchange;
mod meter;
mod origin;
mod pool;
mod proxy;
mod socket;
mod trust;

pub use backend::{Builder, DEFAULT_CONNECT_TIMEOUT, DEFAULT_IDLE_TIMEOUT, DEFAULT_MAX_IDLE, HyperBackend};
pub use error::BuildError;
pub use proxy::{Proxies, ProxyEnvError, ProxyKind, ProxyUrl, ProxyUrlError};
pub use trust::{Trust, TrustError};
