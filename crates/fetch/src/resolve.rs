//! Names to addresses: once, and all of them checked.

use std::fmt;
use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;

/// What looks names up.
///
/// It is asked once for each host of a fetch; what it says is checked as a whole and then dialled as it is. So it
/// may answer differently from one moment to the next, and nobody gains from that.
#[async_trait]
pub trait Resolve: fmt::Debug + Send + Sync {
    /// All addresses of a name, in the order in which they are to be tried. The name is never an address.
    ///
    /// # Errors
    ///
    /// Why there are none. It may take its time: whoever asks stops waiting.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// How many lookups of the operating system run at once, by default: 32.
pub const DEFAULT_LOOKUPS: usize = 32;

/// The resolver of the operating system.
///
/// A lookup there can't be stopped and occupies a thread, so that names which nobody answers for could use them all
/// up: only so many are made at once, and the others wait.
#[derive(Debug)]
pub struct SystemResolver {
    lookups: Arc<Semaphore>,
}

impl SystemResolver {
    /// With at most so many lookups at once.
    pub fn new(lookups: usize) -> Self {
        Self { lookups: Arc::new(Semaphore::new(lookups.clamp(1, Semaphore::MAX_PERMITS))) }
    }
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self::new(DEFAULT_LOOKUPS)
    }
}

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let place = Arc::clone(&self.lookups).acquire_owned().await.map_err(io::Error::other)?;
        let host = host.to_owned();
        let lookup = tokio::task::spawn_blocking(move || {
            let found = (host.as_str(), 0).to_socket_addrs();
            // Given back when the lookup is over, not when nobody waits for it any more.
            drop(place);
            found.map(|addresses| addresses.map(|address| address.ip()).collect())
        });
        lookup.await.map_err(io::Error::other)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_operating_system_is_asked() {
        let found = SystemResolver::default().resolve("localhost").await.unwrap();
        assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{found:?}");
    }

    #[tokio::test]
    async fn a_lookup_waits_for_its_place() {
        let resolver = SystemResolver::new(0);
        assert_eq!(resolver.lookups.available_permits(), 1, "none at all would be no resolver");
        let place = Arc::clone(&resolver.lookups).acquire_owned().await.unwrap();
        let mut lookup = resolver.resolve("localhost");
        assert!(futures::poll!(lookup.as_mut()).is_pending());
        drop(place);
        lookup.await.unwrap();
        assert_eq!(resolver.lookups.available_permits(), 1);
    }
}
