//! The addresses of this machine, of which some may be public.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How old a list may be before it is read anew.
const FRESH: Duration = Duration::from_secs(60);

/// What reads the list.
type Read = dyn Fn() -> io::Result<Vec<IpAddr>> + Send + Sync;

/// The addresses of this machine's interfaces, read anew when they are asked for and older than a minute.
///
/// A URL or a proxy with one of them reaches this machine past whatever stands before it: the gateway's own listeners, its
/// admin port, the database beside it. Behind an address translation the public address is on no interface; it has
/// to be denied by name ([`AddressPolicy::deny`](crate::AddressPolicy::deny)).
#[derive(Clone)]
pub struct OwnAddresses(Arc<Inner>);

struct Inner {
    read: Box<Read>,
    known: Mutex<(Instant, Vec<IpAddr>)>,
}

impl OwnAddresses {
    /// Those of the interfaces.
    ///
    /// # Errors
    ///
    /// The system does not tell.
    pub fn of_interfaces() -> io::Result<Self> {
        Self::read_by(|| Ok(if_addrs::get_if_addrs()?.iter().map(if_addrs::Interface::ip).collect()))
    }

    pub(crate) fn read_by(
        read: impl Fn() -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let known = Mutex::new((Instant::now(), read()?));
        Ok(Self(Arc::new(Inner { read: Box::new(read), known })))
    }

    /// Whether it is one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.contains_at(address, Instant::now())
    }

    fn contains_at(&self, address: IpAddr, now: Instant) -> bool {
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(known.0) >= FRESH {
            match (self.0.read)() {
                Ok(addresses) => *known = (now, addresses),
                // The old list is better than none.
                Err(error) => tracing::warn!(%error, "the addresses of this machine can't be read anew"),
            }
        }
        known.1.iter().any(|own| own.to_canonical() == address.to_canonical())
    }
}

impl fmt::Debug for OwnAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnAddresses")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interfaces_have_loopback_among_them() {
        let own = OwnAddresses::of_interfaces().unwrap();
        assert!(own.contains(IpAddr::from([127, 0, 0, 1])));
        assert!(!own.contains(IpAddr::from([93, 184, 216, 34])));
    }

    #[test]
    fn an_address_that_comes_later_is_seen_within_a_minute_and_a_list_that_can_not_be_read_is_kept() {
        let lists = Arc::new(Mutex::new(vec![Some(vec![[8, 8, 8, 8]]), None, Some(vec![[9, 9, 9, 9]])]));
        let own = OwnAddresses::read_by(move || match lists.lock().unwrap().remove(0) {
            Some(list) => Ok(list.into_iter().map(IpAddr::from).collect()),
            None => Err(io::ErrorKind::Other.into()),
        })
        .unwrap();
        let (old, new) = (IpAddr::from([8, 8, 8, 8]), IpAddr::from([9, 9, 9, 9]));
        let now = Instant::now();
        assert!(own.contains_at(old, now) && !own.contains_at(new, now));
        assert!(own.contains_at(old, now + FRESH), "it could not be read");
        assert!(own.contains_at(new, now + FRESH) && !own.contains_at(old, now + FRESH));
    }
}
