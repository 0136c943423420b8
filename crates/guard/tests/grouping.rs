//! Spark's own rows on the subnet that a request counts for, and where Assize differs.

use std::net::IpAddr;

use assize_guard::{Addresses, ForwardingHeader, Proxies, Subnet};
use axum::http::HeaderMap;
use serde_json::Value;

const ROWS: &str = include_str!("fixtures/inet_grouping.json");

/// Spark trusts two vendors' headers from any client. Here they are trusted only from the configured proxy: the row's
/// remote address.
fn subnet(remote: IpAddr, forwarded: Option<&str>) -> String {
    let addresses = Addresses {
        proxies: Proxies::parse([remote.to_string()]).expect("an address"),
        header: ForwardingHeader::XForwardedFor,
    };
    let mut headers = HeaderMap::new();
    if let Some(forwarded) = forwarded {
        headers.insert("x-forwarded-for", forwarded.parse().expect("a header's value"));
    }
    Subnet::of(addresses.client(remote, &headers)).to_string()
}

#[test]
fn ipv4_rows_match_spark_and_ipv6_is_not_one_group() {
    let rows: Value = serde_json::from_str(ROWS).unwrap();
    let rows = rows["subnet"].as_array().unwrap();
    let (mut ipv4, mut ipv6, mut refused) = (0, Vec::new(), 0);
    for row in rows {
        let remote = row["remoteAddress"].as_str().unwrap();
        let Ok(remote) = remote.parse() else {
            // A socket has no such address.
            refused += 1;
            continue;
        };
        let headers = &row["headers"];
        let header = headers["cf-connecting-ip"]
            .as_str()
            .or(headers["fly-client-ip"].as_str());
        let ours = subnet(remote, header);
        match row["subnet"].as_str() {
            Some(theirs) => {
                assert_eq!(ours, theirs, "{row}");
                ipv4 += 1;
            }
            None => ipv6.push(ours),
        }
    }
    assert_eq!((ipv4, refused), (6, 2));
    assert_eq!(ipv6, ["bf27:c63a:689a::/48", "2001:db8::/48", "::/48"]);
}
