//! Networks that count as one client.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The network that an address counts for: its /24 for IPv4, its /48 for IPv6 (the usual size of a site, RFC 6177). An
/// IPv4-mapped address (`::ffff:192.0.2.1`) counts as IPv4.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subnet(Prefix);

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Prefix {
    V4([u8; 3]),
    V6([u8; 6]),
}

impl Subnet {
    /// The subnet of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let [a, b, c, _] = address.octets();
                Self(Prefix::V4([a, b, c]))
            }
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, ..] = address.octets();
                Self(Prefix::V6([a, b, c, d, e, f]))
            }
        }
    }

    /// Its canonical bytes: the family, 4 or 6, and the bytes of the prefix.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        match self.0 {
            Prefix::V4(bytes) => [&[4][..], &bytes].concat(),
            Prefix::V6(bytes) => [&[6][..], &bytes].concat(),
        }
    }

    /// The surrounding network that one owner typically has: its /16 for IPv4, its /32 for IPv6.
    pub(crate) fn owner(self) -> Owner {
        match self.0 {
            Prefix::V4([a, b, _]) => Owner::V4([a, b]),
            Prefix::V6([a, b, c, d, ..]) => Owner::V6([a, b, c, d]),
        }
    }
}

/// A /16 or /32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    V4([u8; 2]),
    V6([u8; 4]),
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Prefix::V4([a, b, c]) => write!(f, "{}/24", Ipv4Addr::new(a, b, c, 0)),
            Prefix::V6([a, b, c, d, e, g]) => {
                let site = [a, b, c, d, e, g, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
                write!(f, "{}/48", Ipv6Addr::from(site))
            }
        }
    }
}

/// As text.
impl fmt::Debug for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subnet({self})")
    }
}

/// One machine: an IPv4 address, or the /64 of an IPv6 address, within which a machine may use any address (RFC 8981).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Host(IpAddr);

impl Host {
    /// The host of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        })
    }

    /// Its subnet.
    #[must_use]
    pub fn subnet(self) -> Subnet {
        Subnet::of(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(address: &str) -> String {
        Subnet::of(address.parse().unwrap()).to_string()
    }

    #[test]
    fn ipv4_counts_by_24_and_ipv6_by_48() {
        assert_eq!(subnet("10.20.30.40"), "10.20.30.0/24");
        assert_eq!(subnet("::ffff:10.20.30.40"), "10.20.30.0/24");
        assert_eq!(subnet("2001:db8:1:2:3:4:5:6"), "2001:db8:1::/48");
        assert_ne!(subnet("2001:db8:1::1"), subnet("2001:db8:2::1"));
        assert_eq!(subnet("::1"), "::/48");
    }

    #[test]
    fn canonical_bytes_distinguish_the_families() {
        let v4 = Subnet::of("0.0.0.1".parse().unwrap());
        let v6 = Subnet::of("::1".parse().unwrap());
        assert_eq!(v4.to_bytes(), [4, 0, 0, 0]);
        assert_eq!(v6.to_bytes(), [6, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_host_is_an_ipv4_address_or_a_64() {
        let host = |address: &str| Host::of(address.parse().unwrap());
        assert_eq!(host("192.0.2.1"), host("::ffff:192.0.2.1"));
        assert_ne!(host("192.0.2.1"), host("192.0.2.2"));
        assert_eq!(host("2001:db8::1"), host("2001:db8::ffff:ffff:ffff:ffff"));
        assert_ne!(host("2001:db8::1"), host("2001:db8:0:1::1"));
        assert_eq!(host("2001:db8:7::1").subnet().to_string(), "2001:db8:7::/48");
    }
}
