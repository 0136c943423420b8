//! Queries IPNI indexers for a payload's providers and addresses.

use cid::Cid;
use cid::multibase::Base;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use crate::http::Http;
use crate::metadata::{Protocol, protocols};
use crate::peer::peer_multihash;
use crate::request::service_request;
use crate::step::{Steps, is_printable};
use crate::{Config, IndexerResult};

/// Both response formats of IPNI.md; the indexer chooses.
const ACCEPT: &str = "application/json, application/x-ndjson";

/// Longer multiaddrs are skipped, because every measurement would carry them.
const LONGEST_ADDRESS: usize = 1024;
/// Number of names shown of a longer list; this many peer ids fit into a step.
const SHOWN: usize = 4;

/// The addresses at which one provider offers one payload.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Offers {
    /// Multiaddrs of HTTP gateways, distinct, in the indexer's order.
    pub(crate) http: Vec<String>,
    /// The first multiaddr over Graphsync, followed by the peer id.
    pub(crate) graphsync: Option<String>,
    /// Number of records of this provider, of any protocol.
    pub(crate) records: usize,
}

/// Queries the indexers in order until one has an offer.
///
/// Without an offer, the result is, in this order: an indexer's failure, because that indexer may have had one; that
/// there is no record of this provider; `ERROR_404` if no indexer has any record of the payload.
pub(crate) async fn find(
    http: &Http,
    config: &Config,
    cid: &Cid,
    peer_id: Option<&str>,
    steps: &mut Steps,
) -> (IndexerResult, Offers) {
    let mut failure = None;
    let mut none = None;
    for indexer in &config.indexers {
        let since = Instant::now();
        let asked = format!("GET {}/cid/{cid}", indexer.as_str().trim_end_matches('/'));
        let (result, offers, summary) = ask(http, config, &asked[4..], cid, peer_id).await;
        steps.add(since, result.found(), asked, summary);
        match result {
            IndexerResult::Ok | IndexerResult::HttpNotAdvertised => return (result, offers),
            IndexerResult::NoValidAdvertisement => none = Some(result),
            IndexerResult::Error(404) => {}
            IndexerResult::Error(_) | IndexerResult::ErrorFetch => failure = failure.or(Some(result)),
        }
    }
    let result = failure.or(none).unwrap_or(IndexerResult::Error(404));
    (result, Offers::default())
}

async fn ask(
    http: &Http,
    config: &Config,
    url: &str,
    cid: &Cid,
    peer_id: Option<&str>,
) -> (IndexerResult, Offers, String) {
    let failed = |result, summary: String| (result, Offers::default(), summary);
    let Ok(url) = Url::parse(url) else {
        return failed(IndexerResult::ErrorFetch, "not a valid URL".into());
    };
    let limits = &config.limits;
    let ask = service_request(url, ACCEPT, None, None);
    let (status, body) = match http
        .send_with_retries(&ask, limits, config.reach(), limits.retries.min(1))
        .await
    {
        Ok(answered) => answered,
        Err(reason) => return failed(IndexerResult::ErrorFetch, reason),
    };
    match status {
        200 => {}
        404 => {
            return failed(
                IndexerResult::Error(404),
                "HTTP 404: no record of this payload".into(),
            );
        }
        status => return failed(IndexerResult::Error(status), format!("HTTP {status}")),
    }
    let Some(records) = parse(&body, cid) else {
        return failed(
            IndexerResult::ErrorFetch,
            "HTTP 200 with a malformed response".into(),
        );
    };
    let offers = offers(&records, peer_id);
    let all = records.len();
    match &offers {
        Offers { http, .. } if !http.is_empty() => {
            let summary = format!("{all} records, of this provider over HTTP at {}", some(http));
            (IndexerResult::Ok, offers, summary)
        }
        Offers {
            graphsync: Some(address),
            ..
        } => {
            let summary = format!("{all} records, of this provider over Graphsync only, at {address}");
            (IndexerResult::HttpNotAdvertised, offers, summary)
        }
        Offers { records: 0, .. } => {
            let peers: Vec<&String> = records.iter().map(|record| &record.peer).collect();
            let summary = format!(
                "{all} records, none of this provider; the peers are {}",
                some(&peers)
            );
            failed(IndexerResult::NoValidAdvertisement, summary)
        }
        Offers { records, .. } => {
            let summary = format!(
                "{all} records, {records} of this provider, but none with an address over HTTP or Graphsync"
            );
            failed(IndexerResult::NoValidAdvertisement, summary)
        }
    }
}

/// The first entries of a list, and the number of the others.
fn some(names: &[impl AsRef<str>]) -> String {
    let summary: Vec<&str> = names.iter().map(AsRef::as_ref).take(SHOWN).collect();
    let summary = summary.join(", ");
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => summary,
        Some(more) => format!("{summary} and {more} more"),
    }
}

/// One provider's record.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    peer: String,
    addresses: Vec<String>,
    protocols: Vec<Protocol>,
}

/// `FindResponse`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FindResponse {
    multihash_results: Option<Vec<MultihashResult>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MultihashResult {
    multihash: Option<String>,
    provider_results: Option<Vec<Value>>,
}

/// `ProviderRecord`. The record of an extended provider has its own peer and belongs to that peer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ProviderResult {
    metadata: Option<String>,
    provider: AddrInfo,
}

#[derive(Deserialize)]
struct AddrInfo {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Addrs")]
    addrs: Option<Vec<String>>,
}

/// Parses a response in either form: one `FindResponse` with any number of records, or at least one `ProviderRecord`,
/// one per line. Malformed records are skipped. `None` if the response has neither format: it then is no evidence about any
/// provider.
fn parse(body: &[u8], cid: &Cid) -> Option<Vec<Record>> {
    let mut records = Vec::new();
    let mut answered = false;
    for value in serde_json::Deserializer::from_slice(body).into_iter::<Value>() {
        let value = value.ok()?;
        if value.get("MultihashResults").is_some() {
            let response: FindResponse = serde_json::from_value(value).ok()?;
            answered = true;
            for result in response.multihash_results.unwrap_or_default() {
                // Records of other payloads are ignored.
                let hash = result
                    .multihash
                    .and_then(|hash| Base::Base64Pad.decode(hash).ok());
                if hash.is_none_or(|hash| hash == cid.hash().to_bytes()) {
                    records.extend(
                        result
                            .provider_results
                            .unwrap_or_default()
                            .into_iter()
                            .filter_map(record),
                    );
                }
            }
        } else if value.is_object() {
            let record = record(value);
            answered |= record.is_some();
            records.extend(record);
        } else {
            return None;
        }
    }
    answered.then_some(records)
}

fn record(value: Value) -> Option<Record> {
    let result: ProviderResult = serde_json::from_value(value).ok()?;
    // The peer id may be appended to an address.
    if !is_printable(&result.provider.id) {
        return None;
    }
    let metadata = Base::Base64Pad.decode(result.metadata.unwrap_or_default()).ok()?;
    let mut addresses = result.provider.addrs.unwrap_or_default();
    addresses.retain(|address| (1..=LONGEST_ADDRESS).contains(&address.len()) && is_printable(address));
    Some(Record {
        peer: result.provider.id,
        addresses,
        protocols: protocols(&metadata),
    })
}

fn offers(records: &[Record], peer_id: Option<&str>) -> Offers {
    let mut offers = Offers::default();
    let Some(peer_id) = peer_id else {
        return offers;
    };
    let wanted = peer_multihash(peer_id);
    let ours = |record: &&Record| match &wanted {
        Some(wanted) => peer_multihash(&record.peer).as_ref() == Some(wanted),
        // A string that is not a peer id is compared literally.
        None => record.peer == peer_id,
    };
    for record in records.iter().filter(ours) {
        offers.records += 1;
        if record.protocols.contains(&Protocol::Http) {
            for address in &record.addresses {
                if !offers.http.contains(address) {
                    offers.http.push(address.clone());
                }
            }
        }
        if record.protocols.contains(&Protocol::Graphsync)
            && offers.graphsync.is_none()
            && let Some(address) = record.addresses.first()
        {
            offers.graphsync = Some(if address.contains("/p2p/") {
                address.clone()
            } else {
                format!("{address}/p2p/{}", record.peer)
            });
        }
    }
    offers
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nonsense_does_not_panic(bytes: Vec<u8>, text in r#"(\{"MultihashResults":\[|\{"ProviderResults":|\{"Provider":\{"ID":"x"|"Metadata":"gBI="|\[|\]|\}|,|null|7){0,12}"#) {
            let cid = Cid::default();
            parse(&bytes, &cid);
            if let Some(records) = parse(text.as_bytes(), &cid) {
                offers(&records, Some("x"));
            }
        }
    }

    #[test]
    fn long_lists_are_shortened() {
        assert_eq!(some(&["a", "b"]), "a, b");
        assert_eq!(some(&["a", "b", "c", "d"]), "a, b, c, d");
        assert_eq!(some(&["a", "b", "c", "d", "e", "f"]), "a, b, c, d and 2 more");
    }
}
