//! Who is asked whether a proxy may be dialled.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::error::ConnectError;
use crate::origin::Peer;

/// What is asked before a proxy is dialled, with its host and all its addresses.
#[derive(Clone)]
pub(crate) struct ProxyGuard(Arc<Guard>);

type Guard = dyn Fn(&str, &[IpAddr]) -> Result<(), Objection> + Send + Sync;

/// Why a proxy must not be dialled.
pub(crate) type Objection = Box<dyn Error + Send + Sync>;

impl ProxyGuard {
    pub(crate) fn new(
        guard: impl Fn(&str, &[IpAddr]) -> Result<(), Objection> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(guard))
    }

    pub(crate) fn check(&self, peer: &Peer, addresses: &[SocketAddr]) -> Result<(), ConnectError> {
        let addresses: Vec<IpAddr> = addresses.iter().map(SocketAddr::ip).collect();
        (self.0)(&peer.host, &addresses)
            .map_err(|source| ConnectError::Forbidden { peer: peer.clone(), source })
    }
}

impl fmt::Debug for ProxyGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProxyGuard")
    }
}
