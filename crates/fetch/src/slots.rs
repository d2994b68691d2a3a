//! How many connections there are to one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Slots by address. By address and not by name, since anybody can make any number of names for an address.
#[derive(Debug)]
pub(crate) struct Slots {
    limit: Option<usize>,
    used: Mutex<HashMap<IpAddr, Weak<Semaphore>>>,
}

/// A place to have one connection; given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot(
    #[expect(dead_code, reason = "it is there to be dropped")] Option<OwnedSemaphorePermit>,
);

impl Slots {
    pub(crate) fn new(limit: Option<usize>) -> Self {
        let limit = limit.map(|limit| limit.clamp(1, Semaphore::MAX_PERMITS));
        Self { limit, used: Mutex::default() }
    }

    /// A slot for an address, as soon as there is one.
    pub(crate) async fn take(&self, address: IpAddr) -> Slot {
        let Some(limit) = self.limit else { return Slot(None) };
        let slots = self.of(address, limit);
        // It fails only when the semaphore was closed, and nobody closes it.
        Slot(slots.acquire_owned().await.ok())
    }

    fn of(&self, address: IpAddr, limit: usize) -> Arc<Semaphore> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|_, slots| slots.strong_count() > 0);
        let key = network(address);
        match used.get(&key).and_then(Weak::upgrade) {
            Some(slots) => slots,
            None => {
                let slots = Arc::new(Semaphore::new(limit));
                used.insert(key, Arc::downgrade(&slots));
                slots
            }
        }
    }
}

/// One machine has a whole IPv6 network of 64 bits, often.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn ip(address: &str) -> IpAddr {
        address.parse().unwrap()
    }

    #[test]
    fn one_address_has_so_many_slots_and_another_its_own() {
        let slots = Slots::new(Some(2));
        let taken = [slots.take(ip("192.0.2.1")), slots.take(ip("::ffff:192.0.2.1"))]
            .map(|slot| slot.now_or_never().unwrap());
        assert!(slots.take(ip("192.0.2.1")).now_or_never().is_none());
        assert!(slots.take(ip("192.0.2.2")).now_or_never().is_some());
        drop(taken);
        assert!(slots.take(ip("192.0.2.1")).now_or_never().is_some());
    }

    #[test]
    fn an_ipv6_network_counts_as_one_and_what_is_unused_is_forgotten() {
        let slots = Slots::new(Some(1));
        let taken = slots.take(ip("2600::1")).now_or_never().unwrap();
        assert!(slots.take(ip("2600::ffff:0:0:2")).now_or_never().is_none());
        assert!(slots.take(ip("2600:0:0:1::1")).now_or_never().is_some());
        drop(taken);
        for last in 0..100 {
            drop(slots.take(IpAddr::from([192, 0, 2, last])).now_or_never());
        }
        assert!(slots.used.lock().unwrap().len() <= 1);
    }

    #[test]
    fn without_a_bound_there_is_none() {
        let slots = Slots::new(None);
        let taken: Vec<_> = (0..1000).map(|_| slots.take(ip("192.0.2.1")).now_or_never().unwrap()).collect();
        assert_eq!(taken.len(), 1000);
    }
}
