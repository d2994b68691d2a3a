//! Which addresses may be reached.

mod table;

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use table::{NAT64, V4, V6};

use crate::own::OwnAddresses;

/// Which addresses may be dialled, for a URL or a proxy that a stranger named.
///
/// Unless allowed, an address must be one of the public internet: nothing private, local, reserved, or special to a
/// cloud (sources: the IANA registries of special-purpose addresses for IPv4 and IPv6; for 168.63.129.16, the
/// documentation of Azure). An IPv4 address inside an IPv6 address is judged as what it is. What is allowed wins over
/// what is denied.
///
/// It is for the *addresses* that are dialled, after the one lookup of a name: a name can't be judged, since what it
/// stands for changes from lookup to lookup.
#[derive(Clone, Debug, Default)]
pub struct AddressPolicy {
    denied: Vec<IpNet>,
    allowed: Vec<IpNet>,
    hosts: BTreeSet<String>,
    own: Option<OwnAddresses>,
}

/// An address that must not be reached. For logs only: a stranger who reads it learns what a name stands for here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{address} is not to be reached: {reason}")]
pub struct Denied {
    /// The address as it was given.
    pub address: IpAddr,
    /// What is special about it.
    pub reason: Reason,
}

/// Why an address must not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It lies in a range that is not of the public internet.
    Special {
        /// The range.
        range: IpNet,
        /// What the range is for.
        purpose: &'static str,
    },
    /// IPv6: it lies outside 2000::/3, the only range that IANA has given out for the public internet.
    NotGlobal,
    /// It is this machine's own.
    Own,
    /// It was denied by whoever made the policy.
    Configured {
        /// The range.
        range: IpNet,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Special { range, purpose } => write!(f, "{purpose} ({range})"),
            Self::NotGlobal => f.write_str("not of the public internet (outside 2000::/3)"),
            Self::Own => f.write_str("an address of this machine"),
            Self::Configured { range } => write!(f, "denied by configuration ({range})"),
        }
    }
}

impl AddressPolicy {
    /// The public internet and nothing else; the default.
    pub fn public() -> Self {
        Self::default()
    }

    /// Also denies the addresses that this machine has.
    #[must_use]
    pub fn deny_own(mut self, own: OwnAddresses) -> Self {
        self.own = Some(own);
        self
    }

    /// Also denies a range: the public address before this machine's network, say, or those of its neighbours.
    #[must_use]
    pub fn deny(mut self, range: impl Into<IpNet>) -> Self {
        self.denied.push(range.into().trunc());
        self
    }

    /// Allows a range, whatever else is said of it. For whoever runs this for himself: an IPv4 range holds the same
    /// addresses in their IPv4-mapped spelling too, but not those that a NAT64 gateway would translate.
    #[must_use]
    pub fn allow(mut self, range: impl Into<IpNet>) -> Self {
        self.allowed.push(range.into().trunc());
        self
    }

    /// Allows a host by its name, without a port, whatever it resolves to. For a trial on one machine: whoever answers
    /// for the name then decides what is reached.
    #[must_use]
    pub fn allow_host(mut self, name: &str) -> Self {
        self.hosts.insert(name.to_ascii_lowercase());
        self
    }

    /// Whether a host is allowed by its name.
    pub fn allows_host(&self, name: &str) -> bool {
        self.hosts.contains(&name.to_ascii_lowercase())
    }

    /// Whether an address may be reached.
    ///
    /// # Errors
    ///
    /// [`Denied`] if not.
    pub fn permits(&self, address: IpAddr) -> Result<(), Denied> {
        let canonical = address.to_canonical();
        let within = |range: &&IpNet| range.contains(&address) || range.contains(&canonical);
        if self.allowed.iter().any(|range| within(&range)) {
            return Ok(());
        }
        let denied = |reason| Err(Denied { address, reason });
        if let Some(&range) = self.denied.iter().find(within) {
            return denied(Reason::Configured { range });
        }
        let is_own = |address| self.own.as_ref().is_some_and(|own| own.contains(address));
        if is_own(canonical) {
            return denied(Reason::Own);
        }
        let inner = match canonical {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(address) => translated(address),
        };
        let reason = match (inner, canonical) {
            (Some(inner), _) => {
                if let Some(&range) = self.denied.iter().find(|range| range.contains(&IpAddr::V4(inner))) {
                    return denied(Reason::Configured { range });
                }
                if is_own(IpAddr::V4(inner)) {
                    return denied(Reason::Own);
                }
                special_v4(inner)
            }
            (None, IpAddr::V6(address)) => special_v6(address),
            (None, IpAddr::V4(_)) => None,
        };
        reason.map_or(Ok(()), denied)
    }

    /// Whether a host may be reached at every one of these addresses. One that may not is enough: a name that stands
    /// for a public and a private address was made to deceive.
    ///
    /// # Errors
    ///
    /// [`Denied`] with the first that may not.
    pub fn permits_all(&self, host: &str, addresses: &[IpAddr]) -> Result<(), Denied> {
        if self.allows_host(host) {
            return Ok(());
        }
        addresses.iter().try_for_each(|&address| self.permits(address))
    }
}

/// The IPv4 address that a NAT64 gateway makes of an IPv6 address (RFC 6052).
fn translated(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., a, b, c, d] = address.octets();
    NAT64.contains(&address).then(|| Ipv4Addr::new(a, b, c, d))
}

fn special_v4(address: Ipv4Addr) -> Option<Reason> {
    let (range, purpose) = V4.iter().find(|(range, _)| range.contains(&address))?;
    Some(Reason::Special { range: IpNet::V4(*range), purpose })
}

fn special_v6(address: Ipv6Addr) -> Option<Reason> {
    if let Some((range, purpose)) = V6.iter().find(|(range, _)| range.contains(&address)) {
        return Some(Reason::Special { range: IpNet::V6(*range), purpose });
    }
    (!table::GLOBAL_V6.contains(&address)).then_some(Reason::NotGlobal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(policy: &AddressPolicy, address: &str) -> bool {
        policy.permits(address.parse().unwrap()).is_ok()
    }

    fn net(range: &str) -> IpNet {
        range.parse().unwrap()
    }

    #[test]
    fn an_ipv4_address_in_ipv6_is_judged_as_what_it_is() {
        let public = AddressPolicy::public();
        for (address, permitted) in [
            ("::ffff:127.0.0.1", false),
            ("::ffff:7f00:1", false),
            ("::ffff:169.254.169.254", false),
            ("::ffff:168.63.129.16", false),
            ("::ffff:93.184.216.34", true),
            ("64:ff9b::127.0.0.1", false),
            ("64:ff9b::10.1.2.3", false),
            ("64:ff9b::168.63.129.16", false),
            ("64:ff9b::93.184.216.34", true),
            // Compatible and translated ones (RFC 4291 §2.5.5.1, RFC 2765) are reached by nobody any more.
            ("::127.0.0.1", false),
            ("::93.184.216.34", false),
            ("::ffff:0:93.184.216.34", false),
            // Tunnels end where their addresses say, so they are denied as a whole.
            ("2002:5db8:d822::1", false),
            ("2001:0:5db8:d822::1", false),
        ] {
            assert_eq!(permits(&public, address), permitted, "{address}");
        }
    }

    #[test]
    fn own_addresses_can_be_denied_in_every_spelling() {
        let policy = AddressPolicy::public().deny(net("93.184.216.34/32")).deny(net("2600:1f18::/32"));
        for address in ["93.184.216.34", "::ffff:93.184.216.34", "64:ff9b::93.184.216.34", "2600:1f18::7"] {
            assert!(!permits(&policy, address), "{address}");
            assert!(permits(&AddressPolicy::public(), address), "{address}");
        }
        assert!(permits(&policy, "93.184.216.35"));
        let denied = policy.permits("2600:1f18::7".parse().unwrap()).unwrap_err();
        assert_eq!(denied.reason, Reason::Configured { range: net("2600:1f18::/32") });
    }

    #[test]
    fn what_this_machine_has_is_denied_unless_it_is_allowed() {
        let listed = || Ok(["93.184.216.34", "2600::7"].map(|own| own.parse().unwrap()).to_vec());
        let policy = AddressPolicy::public().deny_own(OwnAddresses::read_by(listed).unwrap());
        for own in ["93.184.216.34", "::ffff:93.184.216.34", "64:ff9b::93.184.216.34", "2600::7"] {
            let denied = policy.permits(own.parse().unwrap()).unwrap_err();
            assert_eq!(denied.reason, Reason::Own, "{own}");
            assert!(permits(&AddressPolicy::public(), own), "{own}");
        }
        assert!(permits(&policy, "93.184.216.35") && permits(&policy, "2600::8"));
        assert!(permits(&policy.allow(net("93.184.216.0/24")), "93.184.216.34"));
    }

    #[test]
    fn what_is_allowed_wins_and_nothing_beside_it() {
        let policy = AddressPolicy::public().deny(net("10.0.0.0/8")).allow(net("10.1.0.7/16"));
        for (address, permitted) in [
            ("10.1.0.1", true),
            ("10.1.255.255", true),
            ("::ffff:10.1.0.1", true),
            ("10.2.0.0", false),
            ("10.0.255.255", false),
            // The gateway that translates may stand in another network, where that is somebody else.
            ("64:ff9b::10.1.0.1", false),
            ("127.0.0.1", false),
        ] {
            assert_eq!(permits(&policy, address), permitted, "{address}");
        }
    }

    #[test]
    fn a_host_allowed_by_name_may_be_anywhere_and_its_neighbours_not() {
        let policy = AddressPolicy::public().allow_host("Sandbox");
        let loopback = ["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
        assert_eq!(policy.permits_all("sandbox", &loopback), Ok(()));
        assert!(policy.permits_all("sandbox.evil.example", &loopback).is_err());
        assert!(policy.permits(loopback[0]).is_err());
    }

    #[test]
    fn one_bad_address_among_good_ones_is_enough() {
        let public = AddressPolicy::public();
        let good: IpAddr = "93.184.216.34".parse().unwrap();
        let bad: IpAddr = "192.168.0.1".parse().unwrap();
        assert_eq!(public.permits_all("a.example", &[good, good]), Ok(()));
        for addresses in [[good, bad], [bad, good]] {
            assert_eq!(public.permits_all("a.example", &addresses).unwrap_err().address, bad);
        }
    }

    #[test]
    fn what_is_denied_says_why() {
        let denied = AddressPolicy::public().permits("127.0.0.1".parse().unwrap()).unwrap_err();
        assert_eq!(denied.to_string(), "127.0.0.1 is not to be reached: this machine (127.0.0.0/8)");
    }
}
