//! Resolves names, connects, and decides which addresses are allowed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};
use url::{Host, Url};

use crate::failure::Failure;

/// Delay before the next address of a host is tried in parallel: Go's, and the upper end of RFC 8305 §5.
const HEAD_START: Duration = Duration::from_millis(300);
/// Maximum number of addresses of one name that are tried.
const ADDRESSES: usize = 8;

/// Which addresses may be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Anywhere,
    /// Addresses on the public Internet. The address that is checked is the one that is connected to, so changing a DNS
    /// record in between gains nothing.
    Public,
    /// Public addresses, and one given server, which represents the public Internet in tests.
    #[cfg(test)]
    PublicAnd(SocketAddr),
}

impl Reach {
    fn allows(self, address: SocketAddr) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Public => is_public(address.ip()),
            #[cfg(test)]
            Self::PublicAnd(own) => address == own || is_public(address.ip()),
        }
    }
}

/// Connects to a URL's host.
pub(crate) async fn connect(url: &Url, reach: Reach, until: Instant) -> Result<TcpStream, Failure> {
    timeout_at(until, connect_at_last(url, reach))
        .await
        .unwrap_or(Err(Failure::Timeout("no connection yet")))
}

async fn connect_at_last(url: &Url, reach: Reach) -> Result<TcpStream, Failure> {
    let port = url.port_or_known_default();
    let (Some(host), Some(port)) = (url.host(), port) else {
        return Err(Failure::Url(url.to_string()));
    };
    let addresses: Vec<SocketAddr> = match host {
        Host::Ipv4(ip) => vec![(ip, port).into()],
        Host::Ipv6(ip) => vec![(ip, port).into()],
        Host::Domain(name) => {
            let dns = |reason: String| Failure::Dns {
                host: name.into(),
                reason,
            };
            let found = tokio::net::lookup_host((name, port)).await;
            let found: Vec<SocketAddr> = found.map_err(|error| dns(error.to_string()))?.collect();
            if found.is_empty() {
                return Err(dns("no address".into()));
            }
            found
        }
    };
    let targets: Vec<SocketAddr> = addresses
        .iter()
        .filter(|address| reach.allows(**address))
        .take(ADDRESSES)
        .copied()
        .collect();
    if targets.is_empty() {
        return Err(Failure::NotPublic(match host {
            Host::Domain(name) => format!("{name} ({})", addresses[0].ip()),
            _ => addresses[0].ip().to_string(),
        }));
    }

    let mut attempts = FuturesUnordered::new();
    for (place, target) in (0_u32..).zip(targets) {
        attempts.push(async move {
            sleep(HEAD_START * place).await;
            TcpStream::connect(target)
                .await
                .map_err(|error| Failure::Connect {
                    address: target.to_string(),
                    reason: error.to_string(),
                })
        });
    }
    let mut first = None;
    while let Some(attempt) = attempts.next().await {
        match attempt {
            Ok(stream) => {
                // As in Go.
                stream
                    .set_nodelay(true)
                    .map_err(|error| Failure::Http(error.to_string()))?;
                return Ok(stream);
            }
            Err(failure) => {
                first.get_or_insert(failure);
            }
        }
    }
    Err(first.unwrap_or_else(|| Failure::Url(url.to_string())))
}

/// Whether an address is on the public Internet, by IANA's special-purpose registries (RFC 6890 and later) and
/// excluding multicast.
pub(crate) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let special = match ip.octets() {
        // "This network"; private.
        [0 | 10 | 127, ..] => true,
        // Shared address space (CGNAT).
        [100, 64..=127, ..] => true,
        // Link-local, which includes the metadata services of clouds.
        [169, 254, ..] => true,
        [172, 16..=31, ..] | [192, 168, ..] => true,
        // Protocol assignments, documentation, 6to4 relays, benchmarks.
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 18 | 19, ..] => true,
        [198, 51, 100, _] | [203, 0, 113, _] => true,
        // Multicast, reserved, broadcast.
        [224..=255, ..] => true,
        _ => false,
    };
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let v4 = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match ip.segments() {
        // IPv4 embedded in IPv6: mapped, translated by NAT64, 6to4.
        [0, 0, 0, 0, 0, 0xffff, high, low] => v4(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        // Protocol assignments with Teredo and ORCHID; both documentation ranges.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // All public addresses are in 2000::/3; outside are loopback, link-local, unique local, multicast, ….
        [first, ..] => first >> 13 == 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_are_known() {
        for ip in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::8.8.8.8",
            "::ffff:127.0.0.1",
            "::ffff:10.1.2.3",
            "::ffff:169.254.169.254",
            "64:ff9b::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::8.8.8.8",
            "100::1",
            "2001::1",
            "2001:1::1",
            "2001:10::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.0.0.1",
            "128.0.0.1",
            "169.253.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "192.167.0.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2a00:1450::1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2002:808:808::1",
        ] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[tokio::test]
    async fn private_targets_are_rejected_however_they_are_written() {
        // A connection attempt would give another failure, or succeed.
        for url in [
            "http://127.0.0.1:9",
            "http://2130706433:9",
            "http://0x7f.1:9",
            "http://0177.0.0.1:9",
            "http://[::1]:9",
            "http://[::ffff:7f00:1]:9",
            "http://localhost:9",
        ] {
            let url = Url::parse(url).unwrap();
            let refused = connect(&url, Reach::Public, Instant::now() + Duration::from_secs(10)).await;
            assert!(
                matches!(refused, Err(Failure::NotPublic(_))),
                "{url}: {refused:?}"
            );
        }
    }
}
