//! The ranges that are not of the public internet.
//!
//! Sources: the IANA registries of special-purpose addresses for IPv4 and IPv6 (RFC 6890 and its updates), the multicast
//! ranges (RFC 5771, RFC 4291), and what clouds put at special addresses. What the registries call globally
//! reachable but no site has its media at (AS112, the relays of tunnels) is denied too.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, d: u8, len: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), len)
}

const fn v6(head: [u16; 4], tail: u16, len: u8) -> Ipv6Net {
    let [a, b, c, d] = head;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, 0, 0, 0, tail), len)
}

/// IPv4.
pub(super) const V4: &[(Ipv4Net, &str)] = &[
    (v4(0, 0, 0, 0, 8), "this network"),
    (v4(10, 0, 0, 0, 8), "private"),
    // Also metadata at Alibaba (100.100.100.200), and Tailscale.
    (v4(100, 64, 0, 0, 10), "shared by a carrier's customers"),
    (v4(127, 0, 0, 0, 8), "this machine"),
    // Also the metadata of most clouds (169.254.169.254, 169.254.170.2).
    (v4(169, 254, 0, 0, 16), "link-local, and metadata of clouds"),
    (v4(172, 16, 0, 0, 12), "private"),
    // Also metadata at Oracle (192.0.0.192).
    (v4(192, 0, 0, 0, 24), "IETF protocol assignments"),
    (v4(192, 0, 2, 0, 24), "documentation"),
    (v4(192, 31, 196, 0, 24), "AS112"),
    (v4(192, 52, 193, 0, 24), "automatic multicast tunnels"),
    (v4(192, 88, 99, 0, 24), "6to4 relays"),
    (v4(192, 168, 0, 0, 16), "private"),
    (v4(192, 175, 48, 0, 24), "AS112"),
    (v4(198, 18, 0, 0, 15), "benchmarks"),
    (v4(198, 51, 100, 0, 24), "documentation"),
    (v4(203, 0, 113, 0, 24), "documentation"),
    // A public address: <https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16>.
    (v4(168, 63, 129, 16, 32), "the host of a machine at Azure"),
    (v4(224, 0, 0, 0, 4), "multicast"),
    // With 255.255.255.255, broadcast.
    (v4(240, 0, 0, 0, 4), "reserved, and broadcast"),
];

/// IPv6. All but those within [`GLOBAL_V6`] are here for the reason that they give.
pub(super) const V6: &[(Ipv6Net, &str)] = &[
    (v6([0, 0, 0, 0], 0, 128), "unspecified"),
    (v6([0, 0, 0, 0], 1, 128), "this machine"),
    (v6([0, 0, 0, 0], 0, 96), "IPv4-compatible"),
    (v6([0x64, 0xff9b, 1, 0], 0, 48), "NAT64 for local use"),
    (v6([0x100, 0, 0, 0], 0, 64), "discard"),
    // With Teredo, ORCHID, benchmarks.
    (v6([0x2001, 0, 0, 0], 0, 23), "IETF protocol assignments"),
    (v6([0x2001, 0xdb8, 0, 0], 0, 32), "documentation"),
    (v6([0x2002, 0, 0, 0], 0, 16), "6to4"),
    (v6([0x2620, 0x4f, 0x8000, 0], 0, 48), "AS112"),
    (v6([0x3fff, 0, 0, 0], 0, 20), "documentation"),
    (v6([0x5f00, 0, 0, 0], 0, 16), "segment routing"),
    // With the metadata of AWS (fd00:ec2::254).
    (v6([0xfc00, 0, 0, 0], 0, 7), "private"),
    (v6([0xfe80, 0, 0, 0], 0, 10), "link-local"),
    (v6([0xfec0, 0, 0, 0], 0, 10), "site-local"),
    (v6([0xff00, 0, 0, 0], 0, 8), "multicast"),
];

/// What is the public internet: IANA has given out nothing else (RFC 4291 §2.4).
pub(super) const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0, 0], 0, 3);

/// The well-known prefix of NAT64 (RFC 6052 §2.1); the IPv4 address behind it is judged.
pub(super) const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0], 0, 96);

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::super::{AddressPolicy, Reason};
    use super::*;

    /// A range, its first and last address, and the neighbours before and behind it with what is said of them.
    type Row = (&'static str, &'static str, &'static str, Option<Neighbour>, Option<Neighbour>);
    type Neighbour = (&'static str, bool);

    const ROWS: &[Row] = &[
        ("0.0.0.0/8", "0.0.0.0", "0.255.255.255", None, Some(("1.0.0.0", true))),
        ("10.0.0.0/8", "10.0.0.0", "10.255.255.255", Some(("9.255.255.255", true)), Some(("11.0.0.0", true))),
        (
            "100.64.0.0/10",
            "100.64.0.0",
            "100.127.255.255",
            Some(("100.63.255.255", true)),
            Some(("100.128.0.0", true)),
        ),
        (
            "127.0.0.0/8",
            "127.0.0.0",
            "127.255.255.255",
            Some(("126.255.255.255", true)),
            Some(("128.0.0.0", true)),
        ),
        (
            "169.254.0.0/16",
            "169.254.0.0",
            "169.254.255.255",
            Some(("169.253.255.255", true)),
            Some(("169.255.0.0", true)),
        ),
        (
            "172.16.0.0/12",
            "172.16.0.0",
            "172.31.255.255",
            Some(("172.15.255.255", true)),
            Some(("172.32.0.0", true)),
        ),
        (
            "192.0.0.0/24",
            "192.0.0.0",
            "192.0.0.255",
            Some(("191.255.255.255", true)),
            Some(("192.0.1.0", true)),
        ),
        ("192.0.2.0/24", "192.0.2.0", "192.0.2.255", Some(("192.0.1.255", true)), Some(("192.0.3.0", true))),
        (
            "192.31.196.0/24",
            "192.31.196.0",
            "192.31.196.255",
            Some(("192.31.195.255", true)),
            Some(("192.31.197.0", true)),
        ),
        (
            "192.52.193.0/24",
            "192.52.193.0",
            "192.52.193.255",
            Some(("192.52.192.255", true)),
            Some(("192.52.194.0", true)),
        ),
        (
            "192.88.99.0/24",
            "192.88.99.0",
            "192.88.99.255",
            Some(("192.88.98.255", true)),
            Some(("192.88.100.0", true)),
        ),
        (
            "192.168.0.0/16",
            "192.168.0.0",
            "192.168.255.255",
            Some(("192.167.255.255", true)),
            Some(("192.169.0.0", true)),
        ),
        (
            "192.175.48.0/24",
            "192.175.48.0",
            "192.175.48.255",
            Some(("192.175.47.255", true)),
            Some(("192.175.49.0", true)),
        ),
        (
            "198.18.0.0/15",
            "198.18.0.0",
            "198.19.255.255",
            Some(("198.17.255.255", true)),
            Some(("198.20.0.0", true)),
        ),
        (
            "198.51.100.0/24",
            "198.51.100.0",
            "198.51.100.255",
            Some(("198.51.99.255", true)),
            Some(("198.51.101.0", true)),
        ),
        (
            "203.0.113.0/24",
            "203.0.113.0",
            "203.0.113.255",
            Some(("203.0.112.255", true)),
            Some(("203.0.114.0", true)),
        ),
        (
            "168.63.129.16/32",
            "168.63.129.16",
            "168.63.129.16",
            Some(("168.63.129.15", true)),
            Some(("168.63.129.17", true)),
        ),
        (
            "224.0.0.0/4",
            "224.0.0.0",
            "239.255.255.255",
            Some(("223.255.255.255", true)),
            Some(("240.0.0.0", false)),
        ),
        ("240.0.0.0/4", "240.0.0.0", "255.255.255.255", Some(("239.255.255.255", false)), None),
        ("::/128", "::", "::", None, Some(("::1", false))),
        ("::1/128", "::1", "::1", Some(("::", false)), Some(("::2", false))),
        ("::/96", "::2", "::ffff:ffff", Some(("::1", false)), Some(("::1:0:0", false))),
        (
            "64:ff9b:1::/48",
            "64:ff9b:1::",
            "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
            Some(("64:ff9b:0:ffff:ffff:ffff:ffff:ffff", false)),
            Some(("64:ff9b:2::", false)),
        ),
        (
            "100::/64",
            "100::",
            "100::ffff:ffff:ffff:ffff",
            Some(("ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false)),
            Some(("100:0:0:1::", false)),
        ),
        (
            "2001::/23",
            "2001::",
            "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
            Some(("2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true)),
            Some(("2001:200::", true)),
        ),
        (
            "2001:db8::/32",
            "2001:db8::",
            "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
            Some(("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", true)),
            Some(("2001:db9::", true)),
        ),
        (
            "2002::/16",
            "2002::",
            "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            Some(("2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true)),
            Some(("2003::", true)),
        ),
        (
            "2620:4f:8000::/48",
            "2620:4f:8000::",
            "2620:4f:8000:ffff:ffff:ffff:ffff:ffff",
            Some(("2620:4f:7fff:ffff:ffff:ffff:ffff:ffff", true)),
            Some(("2620:4f:8001::", true)),
        ),
        (
            "3fff::/20",
            "3fff::",
            "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
            Some(("3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true)),
            Some(("3fff:1000::", true)),
        ),
        (
            "5f00::/16",
            "5f00::",
            "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            Some(("5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false)),
            Some(("5f01::", false)),
        ),
        (
            "fc00::/7",
            "fc00::",
            "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            Some(("fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false)),
            Some(("fe00::", false)),
        ),
        (
            "fe80::/10",
            "fe80::",
            "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            Some(("fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false)),
            Some(("fec0::", false)),
        ),
        (
            "fec0::/10",
            "fec0::",
            "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            Some(("febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false)),
            Some(("ff00::", false)),
        ),
        (
            "ff00::/8",
            "ff00::",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            Some(("feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false)),
            None,
        ),
    ];

    fn range_of(address: &str) -> Option<String> {
        let address: IpAddr = address.parse().unwrap();
        match AddressPolicy::public().permits(address).err()?.reason {
            Reason::Special { range, .. } => Some(range.to_string()),
            Reason::NotGlobal => Some("not global".to_owned()),
            Reason::Configured { .. } | Reason::Own => panic!("nothing was configured"),
        }
    }

    #[test]
    fn every_range_ends_where_the_registry_says() {
        let listed = V4.iter().map(|(range, _)| range.to_string());
        let listed: Vec<String> = listed.chain(V6.iter().map(|(range, _)| range.to_string())).collect();
        let tested: Vec<&str> = ROWS.iter().map(|row| row.0).collect();
        assert_eq!(tested, listed, "every line of the table has a row here");
        for &(range, first, last, before, behind) in ROWS {
            assert_eq!(range_of(first).as_deref(), Some(range), "{first}");
            assert_eq!(range_of(last).as_deref(), Some(range), "{last}");
            for (neighbour, permitted) in before.into_iter().chain(behind) {
                let found = range_of(neighbour);
                assert_ne!(found.as_deref(), Some(range), "{neighbour}");
                assert_eq!(found.is_none(), permitted, "{neighbour}: {found:?}");
            }
        }
    }

    #[test]
    fn outside_the_global_range_nothing_is_permitted_and_nat64_ends_where_it_does() {
        for (address, range) in [
            ("1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some("not global")),
            ("2000::", None),
            ("3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None),
            ("4000::", Some("not global")),
            ("64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff", Some("not global")),
            ("64:ff9b::", Some("0.0.0.0/8")),
            ("64:ff9b::1.0.0.0", None),
            ("64:ff9b::ffff:ffff", Some("240.0.0.0/4")),
            ("64:ff9b::1:0:0", Some("not global")),
        ] {
            assert_eq!(range_of(address).as_deref(), range, "{address}");
        }
    }

    /// Where the metadata and the agents of clouds are.
    #[test]
    fn the_special_places_of_clouds_are_denied() {
        for address in [
            "169.254.169.254",
            "169.254.170.2",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
            "fd00:ec2::254",
            "fd20:ce::254",
        ] {
            assert!(range_of(address).is_some(), "{address}");
        }
    }
}
