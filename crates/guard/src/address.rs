//! Determines the client address of a request.

use std::net::IpAddr;
use std::str::FromStr;

use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;
use thiserror::Error;

use crate::forwarded::{Hop, forwarded, x_forwarded_for};

/// Reverse proxies whose forwarding headers are trusted.
#[derive(Debug, Clone, Default)]
pub struct Proxies(Vec<IpNet>);

/// Not an address or network in CIDR notation.
#[derive(Debug, Error)]
#[error("`{0}` is not a valid network: use `192.0.2.1`, `192.0.2.0/24` or `2001:db8::/32`")]
pub struct NotANetwork(pub String);

impl Proxies {
    /// Parses addresses and networks, such as `127.0.0.1` and `10.0.0.0/8`.
    ///
    /// # Errors
    /// [`NotANetwork`] for the first malformed one.
    pub fn parse<S: AsRef<str>>(networks: impl IntoIterator<Item = S>) -> Result<Self, NotANetwork> {
        let parse = |text: &str| {
            let address = IpAddr::from_str(text).map(|address| address.to_canonical().into());
            address
                .or_else(|_| IpNet::from_str(text))
                .map_err(|_| NotANetwork(text.to_owned()))
        };
        let networks = networks.into_iter().map(|network| parse(network.as_ref().trim()));
        networks.collect::<Result<_, _>>().map(Self)
    }

    /// Whether the address belongs to a proxy.
    #[must_use]
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// The header that the proxies write. Only one, because a proxy passes the other on as the client sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ForwardingHeader {
    /// `X-Forwarded-For`, which most proxies write.
    #[default]
    XForwardedFor,
    /// `Forwarded`, RFC 7239.
    Forwarded,
}

impl ForwardingHeader {
    fn name(self) -> HeaderName {
        match self {
            Self::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
            Self::Forwarded => header::FORWARDED,
        }
    }

    /// The hops of one line; `None` if it is malformed.
    fn hops(self, line: &[u8]) -> Option<Vec<Hop>> {
        let line = std::str::from_utf8(line).ok()?;
        match self {
            Self::XForwardedFor => Some(x_forwarded_for(line)),
            Self::Forwarded => forwarded(line),
        }
    }
}

/// Determines client addresses.
#[derive(Debug, Clone, Default)]
pub struct Addresses {
    /// The trusted proxies. None by default: the client is then the socket's peer, whatever the headers say.
    pub proxies: Proxies,
    /// The header that they write.
    pub header: ForwardingHeader,
}

impl Addresses {
    /// The address of the client. IPv4-mapped IPv6 addresses are converted to IPv4.
    ///
    /// `peer` is the socket's peer. If it is a trusted proxy, the header is followed from the right, proxy by proxy;
    /// the first address that is not a proxy is the client. If an entry is missing or malformed, nothing is guessed:
    /// the request counts for the proxy that passed it on.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let lines: Vec<_> = headers.get_all(self.header.name()).iter().collect();
        for line in lines.into_iter().rev() {
            if !self.proxies.contain(client) {
                return client;
            }
            let Some(hops) = self.header.hops(line.as_bytes()) else {
                return client;
            };
            for hop in hops.into_iter().rev() {
                let Some(hop) = hop else {
                    return client;
                };
                client = hop.to_canonical();
                if !self.proxies.contain(client) {
                    return client;
                }
            }
        }
        client
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;
    use ForwardingHeader::{Forwarded, XForwardedFor};

    fn client(header: ForwardingHeader, peer: &str, lines: &[&str]) -> String {
        let proxies = Proxies::parse(["10.0.0.0/8", "2001:db8:ffff::1"]).unwrap();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header.name(), HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        let addresses = Addresses { proxies, header };
        addresses.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn the_client_is_the_sockets_peer() {
        assert_eq!(client(XForwardedFor, "192.0.2.1", &[]), "192.0.2.1");
        assert_eq!(client(XForwardedFor, "::ffff:192.0.2.1", &[]), "192.0.2.1");
        // Headers of untrusted peers are ignored.
        assert_eq!(client(XForwardedFor, "192.0.2.1", &["198.51.100.9"]), "192.0.2.1");
        assert_eq!(client(Forwarded, "192.0.2.1", &["for=198.51.100.9"]), "192.0.2.1");
        // No proxy is trusted by default.
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_static("198.51.100.9"));
        let peer = "127.0.0.1".parse().unwrap();
        assert_eq!(Addresses::default().client(peer, &headers), peer);
    }

    #[test]
    fn a_proxy_is_trusted_only_for_the_hop_before_it() {
        let of = |lines: &[&str]| client(XForwardedFor, "10.0.0.1", lines);
        assert_eq!(of(&["192.0.2.1"]), "192.0.2.1");
        assert_eq!(of(&["9.9.9.9, 192.0.2.1"]), "192.0.2.1");
        assert_eq!(of(&["9.9.9.9, 192.0.2.1, 10.7.7.7"]), "192.0.2.1");
        // Lines form one list.
        assert_eq!(of(&["9.9.9.9", "192.0.2.1", "10.7.7.7"]), "192.0.2.1");
        assert_eq!(of(&["::ffff:192.0.2.1"]), "192.0.2.1");
        assert_eq!(of(&["2001:db8::7, 2001:db8:ffff::1"]), "2001:db8::7");
        // A request of the proxy itself.
        assert_eq!(of(&[]), "10.0.0.1");
        assert_eq!(of(&["10.0.0.9"]), "10.0.0.9");
        assert_eq!(
            client(XForwardedFor, "::ffff:10.0.0.1", &["192.0.2.1"]),
            "192.0.2.1"
        );
    }

    #[test]
    fn a_malformed_entry_counts_for_the_proxy_that_passed_it_on() {
        let of = |lines: &[&str]| client(XForwardedFor, "10.0.0.1", lines);
        assert_eq!(of(&["192.0.2.1, gibberish"]), "10.0.0.1");
        assert_eq!(of(&["192.0.2.1, gibberish, 10.7.7.7"]), "10.7.7.7");
        assert_eq!(of(&["gibberish, 192.0.2.1"]), "192.0.2.1");
        assert_eq!(of(&["192.0.2.1, é"]), "10.0.0.1");
        let of = |lines: &[&str]| client(Forwarded, "10.0.0.1", lines);
        assert_eq!(of(&[r#"for="9.9.9.9, for=192.0.2.1"#]), "10.0.0.1");
        assert_eq!(of(&[r#"for="9.9.9.9"#, "for=192.0.2.1"]), "192.0.2.1");
        assert_eq!(of(&[r#"for="9.9.9.9"#, "for=10.7.7.7"]), "10.7.7.7");
        assert_eq!(of(&["for=192.0.2.1, for=_hidden;by=_me"]), "10.0.0.1");
    }

    #[test]
    fn the_other_header_is_ignored() {
        let addresses = Addresses {
            proxies: Proxies::parse(["10.0.0.1"]).unwrap(),
            header: Forwarded,
        };
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_static("9.9.9.9"));
        let peer = "10.0.0.1".parse().unwrap();
        assert_eq!(addresses.client(peer, &headers), peer);
        headers.insert("forwarded", HeaderValue::from_static("for=192.0.2.1"));
        assert_eq!(addresses.client(peer, &headers).to_string(), "192.0.2.1");
    }

    #[test]
    fn invalid_networks_are_named() {
        let error = Proxies::parse(["10.0.0.0/8", "10.0.0.0/33"]).unwrap_err();
        assert!(error.to_string().contains("`10.0.0.0/33`"), "{error}");
        assert!(Proxies::parse(["localhost"]).is_err());
    }

    proptest! {
        #[test]
        fn a_client_behind_a_proxy_cannot_choose_its_address(forged in "[ -~]{0,60}", forwarded: bool) {
            let (header, said) = if forwarded { (Forwarded, "for=192.0.2.1") } else { (XForwardedFor, "192.0.2.1") };
            // Appended by the proxy, within the line or as a separate line.
            let line = format!("{forged}, {said}");
            for lines in [vec![line.as_str()], vec![forged.as_str(), said]] {
                let client = client(header, "10.0.0.1", &lines);
                prop_assert!(client == "192.0.2.1" || client == "10.0.0.1", "{client}");
            }
        }
    }
}
