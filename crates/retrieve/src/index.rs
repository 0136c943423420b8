//! Queries IPNI indexers for a payload's providers and addresses.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::time::Duration;

use cid::multibase::Base;
use hyper::body::{Buf, Bytes};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

use crate::failure::Failure;
use crate::http::{Http, HttpRequest};
use crate::metadata::{Protocol, protocols};
use crate::net::Reach;
use crate::peer::peer_multihash;
use crate::request::service_request;
use crate::retry::{Retry, Retryable, with_retries};
use crate::step::{Steps, is_printable};
use crate::{Cid, Config, IndexerResult, Limits};

/// Both response forms of IPNI.md; the indexer chooses.
const ACCEPT: &str = "application/json, application/x-ndjson";

/// Longer multiaddrs are skipped, because every measurement would carry them.
const LONGEST_ADDRESS: usize = 1024;
/// Number of names shown of a longer list; this many peer ids fit into a step.
const SHOWN: usize = 4;

/// Number of addresses kept of one provider. It can publish any number of records.
const MOST_ADDRESSES: usize = 1_024;
/// Number of chunks of a response that wait to be parsed.
const AHEAD: usize = 4;

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

/// What a response says, as far as it concerns one provider.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Found {
    /// Number of records of the payload, of all providers.
    records: usize,
    /// The first peers.
    peers: Vec<String>,
    offers: Offers,
    /// Whether there are results that only the holder of the payload's CID can decrypt, with further requests.
    encrypted: bool,
}

/// What is looked for.
#[derive(Debug, Clone)]
struct Wanted {
    multihash: Vec<u8>,
    peer: Option<WantedPeer>,
}

#[derive(Debug, Clone)]
struct WantedPeer {
    text: String,
    multihash: Option<Vec<u8>>,
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
    let ask = service_request(url, ACCEPT, None, None);
    let wanted = Wanted::new(cid, peer_id);
    let limits = &config.limits;
    let answered = with_retries(limits, limits.retries.min(1), || {
        http.look_up(&ask, limits, config.reach(), &wanted)
    })
    .await;
    let found = match answered {
        Ok(Response::Status(404, _)) => {
            return failed(
                IndexerResult::Error(404),
                "HTTP 404: no record of this payload".into(),
            );
        }
        Ok(Response::Status(status, _)) => {
            return failed(IndexerResult::Error(status), format!("HTTP {status}"));
        }
        Ok(Response::Malformed) => {
            return failed(
                IndexerResult::ErrorFetch,
                "HTTP 200 with a malformed response".into(),
            );
        }
        Ok(Response::Found(found)) => found,
        Err(reason) => return failed(IndexerResult::ErrorFetch, reason),
    };
    let Found {
        records: all,
        peers,
        offers,
        encrypted,
    } = found;
    match &offers {
        Offers { http, .. } if !http.is_empty() => {
            let summary = format!(
                "{all} records, of this provider over HTTP at {}",
                some(http, http.len())
            );
            (IndexerResult::Ok, offers, summary)
        }
        Offers {
            graphsync: Some(address),
            ..
        } => {
            let summary = format!("{all} records, of this provider over Graphsync only, at {address}");
            (IndexerResult::HttpNotAdvertised, offers, summary)
        }
        // This provider's may be among them.
        _ if encrypted => failed(
            IndexerResult::ErrorFetch,
            format!(
                "{all} records, and encrypted ones, which are not read: use an indexer that answers plainly"
            ),
        ),
        Offers { records: 0, .. } => {
            let summary = format!(
                "{all} records, none of this provider; the peers are {}",
                some(&peers, all)
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

/// A response of an indexer.
enum Response {
    /// Another HTTP status than 200, and the delay that the indexer asks for.
    Status(u16, Option<Duration>),
    Malformed,
    Found(Found),
}

impl Retryable for Response {
    fn retry(&self) -> Retry {
        match self {
            Self::Status(status, after) => Retry::of_status(*status, *after),
            Self::Malformed | Self::Found(_) => Retry::No,
        }
    }
}

impl Http {
    /// Asks an indexer once. The response is parsed while it arrives, so that its size does not matter.
    async fn look_up(
        &self,
        ask: &HttpRequest,
        limits: &Limits,
        redirected: Reach,
        wanted: &Wanted,
    ) -> Result<Response, String> {
        let deadline = Instant::now() + limits.total;
        let head = self.follow(
            ask,
            (Reach::Anywhere, redirected),
            limits.connect,
            limits.redirects,
        );
        let head = timeout(limits.lookup, head).await.map_err(|_| "timeout")?;
        let mut answer = head.map_err(|failure| failure.to_string())?.answer;
        if answer.status.as_u16() != 200 {
            return Ok(Response::Status(answer.status.as_u16(), answer.retry_after()));
        }
        let (chunks, body) = mpsc::channel(AHEAD);
        let wanted = wanted.clone();
        let parsed = tokio::task::spawn_blocking(move || parse(Body::new(body), &wanted));
        let mut left = limits.index;
        let received = loop {
            let until = (Instant::now() + limits.lookup).min(deadline);
            match timeout_at(until, answer.chunk()).await {
                Err(_) => break Err("timeout".to_owned()),
                Ok(Err(failure)) => break Err(failure.to_string()),
                Ok(Ok(None)) => break Ok(()),
                Ok(Ok(Some(chunk))) if chunk.len() as u64 > left => {
                    break Err(Failure::TooLarge(limits.index).to_string());
                }
                Ok(Ok(Some(chunk))) => {
                    left -= chunk.len() as u64;
                    // The parser has seen enough if it does not take more.
                    if chunks.send(chunk).await.is_err() {
                        break Ok(());
                    }
                }
            }
        };
        drop(chunks);
        received?;
        Ok(match parsed.await {
            Ok(Some(found)) => Response::Found(found),
            Ok(None) | Err(_) => Response::Malformed,
        })
    }
}

/// The first entries of a list, and the number of the others.
fn some(names: &[impl AsRef<str>], all: usize) -> String {
    let summary: Vec<&str> = names.iter().map(AsRef::as_ref).take(SHOWN).collect();
    let summary = summary.join(", ");
    match all.checked_sub(SHOWN) {
        None | Some(0) => summary,
        Some(more) => format!("{summary} and {more} more"),
    }
}

/// The body of a response, read where blocking is allowed.
struct Body {
    chunks: mpsc::Receiver<Bytes>,
    chunk: Bytes,
}

impl Body {
    fn new(chunks: mpsc::Receiver<Bytes>) -> Self {
        Self {
            chunks,
            chunk: Bytes::new(),
        }
    }
}

impl BufRead for Body {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.chunk.is_empty()
            && let Some(chunk) = self.chunks.blocking_recv()
        {
            self.chunk = chunk;
        }
        Ok(&self.chunk)
    }

    fn consume(&mut self, amount: usize) {
        self.chunk.advance(amount);
    }
}

impl Read for Body {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut from = self.fill_buf()?;
        let read = from.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

/// Parses a response in either form: one `FindResponse` with any number of records, or at least one `ProviderRecord`,
/// one per line. Malformed records are skipped. `None` if the response has neither form: it then says nothing about any
/// provider.
fn parse(mut body: impl BufRead, wanted: &Wanted) -> Option<Found> {
    let mut found = Found::default();
    let mut answered = false;
    while let Some(first) = next_value(&mut body).ok()? {
        // Both forms consist of objects. The end of an object needs no byte beyond it.
        if first != b'{' {
            return None;
        }
        let value = Answered {
            wanted,
            found: &mut found,
        };
        let mut deserializer = serde_json::Deserializer::from_reader(&mut body);
        answered |= value.deserialize(&mut deserializer).ok()?;
    }
    answered.then_some(found)
}

/// Skips white space. The first byte of the next value, which stays; `None` at the end.
fn next_value(body: &mut impl BufRead) -> io::Result<Option<u8>> {
    loop {
        let bytes = body.fill_buf()?;
        let blank = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        match (bytes.get(blank).copied(), blank) {
            (Some(first), _) => {
                body.consume(blank);
                return Ok(Some(first));
            }
            (None, 0) => return Ok(None),
            (None, _) => body.consume(blank),
        }
    }
}

impl Wanted {
    fn new(cid: &Cid, peer_id: Option<&str>) -> Self {
        Self {
            multihash: cid.hash().to_bytes(),
            peer: peer_id.map(|text| WantedPeer {
                text: text.into(),
                multihash: peer_multihash(text),
            }),
        }
    }
}

impl WantedPeer {
    fn is(&self, peer: &str) -> bool {
        match &self.multihash {
            Some(wanted) => peer_multihash(peer).as_ref() == Some(wanted),
            // A string that is not a peer id is compared literally.
            None => self.text == peer,
        }
    }
}

impl Found {
    fn add(&mut self, record: Record, wanted: &Wanted) {
        self.records += 1;
        if wanted.peer.as_ref().is_some_and(|peer| peer.is(&record.peer)) {
            self.offers.add(&record);
        }
        if self.peers.len() < SHOWN {
            self.peers.push(record.peer);
        }
    }

    fn append(&mut self, other: Self) {
        self.records += other.records;
        self.peers.extend(other.peers);
        self.peers.truncate(SHOWN);
        for address in other.offers.http {
            self.offers.add_http(address);
        }
        self.offers.graphsync = self.offers.graphsync.take().or(other.offers.graphsync);
        self.offers.records += other.offers.records;
        self.encrypted |= other.encrypted;
    }
}

impl Offers {
    fn add(&mut self, record: &Record) {
        self.records += 1;
        if record.protocols.contains(&Protocol::Http) {
            for address in &record.addresses {
                self.add_http(address.clone());
            }
        }
        if record.protocols.contains(&Protocol::Graphsync)
            && self.graphsync.is_none()
            && let Some(address) = record.addresses.first()
        {
            self.graphsync = Some(if address.contains("/p2p/") {
                address.clone()
            } else {
                format!("{address}/p2p/{}", record.peer)
            });
        }
    }

    fn add_http(&mut self, address: String) {
        if self.http.len() < MOST_ADDRESSES && !self.http.contains(&address) {
            self.http.push(address);
        }
    }
}

/// One provider's record.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    peer: String,
    addresses: Vec<String>,
    protocols: Vec<Protocol>,
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

/// A part of a response that adds to what was found. Parts are deserialized one after the other, so that no more than one
/// record is in memory.
macro_rules! part {
    ($(#[$doc:meta])* $name:ident, $method:ident -> $value:ty) => {
        $(#[$doc])*
        struct $name<'a> {
            wanted: &'a Wanted,
            found: &'a mut Found,
        }

        impl<'de> DeserializeSeed<'de> for $name<'_> {
            type Value = $value;

            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<$value, D::Error> {
                deserializer.$method(self)
            }
        }
    };
}

part!(
    /// `FindResponse`, or a record on a line of its own. Whether it is one of them.
    Answered, deserialize_map -> bool
);
part!(
    /// `MultihashResults`: an array, or null.
    MultihashResults, deserialize_any -> ()
);
part!(
    /// `MultihashResult`.
    MultihashResult, deserialize_map -> ()
);
part!(
    /// `ProviderResults`: an array of records, or null.
    ProviderResults, deserialize_any -> ()
);

impl<'de> Visitor<'de> for Answered<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a FindResponse or a ProviderRecord")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let Self { wanted, found } = self;
        let mut is_response = false;
        let mut fields = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "MultihashResults" => {
                    is_response = true;
                    map.next_value_seed(MultihashResults {
                        wanted,
                        found: &mut *found,
                    })?;
                }
                // Answers to requests that hide the payload (IPNI, double hashing); some indexers give no others.
                "EncryptedMultihashResults" => {
                    is_response = true;
                    let results: Option<Vec<IgnoredAny>> = map.next_value()?;
                    found.encrypted |= results.is_some_and(|results| !results.is_empty());
                }
                "EncryptedValueKey" => {
                    is_response = true;
                    found.encrypted = true;
                    map.next_value::<IgnoredAny>()?;
                }
                _ => {
                    fields.insert(key, map.next_value()?);
                }
            }
        }
        let record = record(Value::Object(fields));
        let answered = is_response || record.is_some();
        if let Some(record) = record {
            found.add(record, wanted);
        }
        Ok(answered)
    }
}

impl<'de> Visitor<'de> for MultihashResults<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of MultihashResults, or null")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut results: A) -> Result<(), A::Error> {
        let Self { wanted, found } = self;
        while results
            .next_element_seed(MultihashResult {
                wanted,
                found: &mut *found,
            })?
            .is_some()
        {}
        Ok(())
    }
}

impl<'de> Visitor<'de> for MultihashResult<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a MultihashResult")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { wanted, found } = self;
        let mut multihash: Option<String> = None;
        // The multihash may come last.
        let mut of_result = Found::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "Multihash" => multihash = map.next_value()?,
                "ProviderResults" => map.next_value_seed(ProviderResults {
                    wanted,
                    found: &mut of_result,
                })?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        // Records of other payloads are ignored.
        let multihash = multihash.and_then(|text| Base::Base64Pad.decode(text).ok());
        if multihash.is_none_or(|multihash| multihash == wanted.multihash) {
            found.append(of_result);
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for ProviderResults<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of ProviderRecords, or null")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut records: A) -> Result<(), A::Error> {
        while let Some(value) = records.next_element()? {
            if let Some(record) = record(value) {
                self.found.add(record, self.wanted);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nonsense_does_not_panic(bytes: Vec<u8>, text in r#"(\{"MultihashResults":\[|\{"ProviderResults":|\{"Provider":\{"ID":"x"|"Metadata":"gBI="|"EncryptedMultihashResults":|\[|\]|\}|,|null|7){0,12}"#) {
            let wanted = Wanted::new(&Cid::default(), Some("x"));
            parse(&bytes[..], &wanted);
            parse(text.as_bytes(), &wanted);
        }
    }

    #[test]
    fn long_lists_are_told_in_short() {
        let some = |names: &[&str]| some(names, names.len());
        assert_eq!(some(&["a", "b"]), "a, b");
        assert_eq!(some(&["a", "b", "c", "d"]), "a, b, c, d");
        assert_eq!(some(&["a", "b", "c", "d", "e", "f"]), "a, b, c, d and 2 more");
    }
}
