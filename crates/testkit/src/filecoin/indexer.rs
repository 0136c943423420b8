//! An IPNI find server (ipni/specs IPNI.md, "Querying Records", and its OpenAPI document), because no existing one
//! is known to run locally. It also serves its successor, delegated routing (HTTP Routing V1).

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assize_protocol::PayloadCid;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use cid::Cid;
use cid::multibase::Base;
use cid::multihash::Multihash;
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value, json};

use super::host::Running;
use super::{Host, Record, lock};

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";
const NOTHING: &str = "no results for query\n";

/// The fault of an indexer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum IndexerFault {
    /// No fault.
    #[default]
    None,
    /// Answers every request with this status, such as 500.
    Status(u16),
    /// Delays responses.
    Slow(Duration),
    /// 200 with an HTML page.
    Garbage,
    /// Truncated JSON.
    Truncated,
    /// Closes the connection without a response.
    HangUp,
}

/// A running indexer; it stops on drop.
#[derive(Debug)]
pub struct Indexer {
    address: SocketAddr,
    index: Arc<Index>,
    _running: Running,
}

#[derive(Debug, Default)]
struct Index {
    /// By multihash bytes, in order of publication.
    records: Mutex<BTreeMap<Vec<u8>, Vec<Record>>>,
    fault: Mutex<IndexerFault>,
    requests: Mutex<u64>,
}

impl Indexer {
    /// Starts an empty indexer on a free local port.
    ///
    /// # Errors
    /// Operating system errors.
    pub fn start(host: &Host) -> io::Result<Self> {
        let (listener, address) = host.listen()?;
        let index = Arc::new(Index::default());
        let app = router(Arc::clone(&index));
        let running = host.run(async move {
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self {
            address,
            index,
            _running: running,
        })
    }

    /// Its URL, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds a record of a payload. The index is by multihash, so CIDs of other versions and codecs find it too.
    pub fn publish(&self, cid: PayloadCid, record: Record) {
        self.publish_multihash(&multihash(cid), record);
    }

    /// Adds a record of a multihash, given as bytes.
    pub fn publish_multihash(&self, multihash: &[u8], record: Record) {
        lock(&self.index.records)
            .entry(multihash.to_vec())
            .or_default()
            .push(record);
    }

    /// Removes all records of a payload.
    pub fn withdraw(&self, cid: PayloadCid) {
        lock(&self.index.records).remove(&multihash(cid));
    }

    /// Changes its fault from now on.
    pub fn set_fault(&self, fault: IndexerFault) {
        *lock(&self.index.fault) = fault;
    }

    /// Number of requests so far, without `/health`.
    #[must_use]
    pub fn request_count(&self) -> u64 {
        *lock(&self.index.requests)
    }
}

fn multihash(cid: PayloadCid) -> Vec<u8> {
    // A payload's CID is always valid.
    Cid::try_from(cid.to_bytes()).map_or_else(|_| Vec::new(), |cid| cid.hash().to_bytes())
}

fn router(index: Arc<Index>) -> Router {
    let options = || async {
        let allowed = [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type, Accept"),
        ];
        (StatusCode::NO_CONTENT, allowed)
    };
    Router::new()
        .route("/cid", axum::routing::options(options))
        .route("/cid/{cid}", get(find_cid).options(options))
        .route("/multihash", axum::routing::post(find_batch).options(options))
        .route("/multihash/{multihash}", get(find_multihash).options(options))
        .route("/routing/v1/providers/{cid}", get(route))
        .layer(axum::middleware::from_fn_with_state(
            Arc::clone(&index),
            with_fault,
        ))
        .route("/health", get(|| async { "ready\n" }))
        .layer(axum::middleware::map_response(|mut response: Response| async {
            let anyone = header::HeaderValue::from_static("*");
            response
                .headers_mut()
                .insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, anyone);
            response
        }))
        .with_state(index)
}

/// Counts the request and applies the fault.
async fn with_fault(
    State(index): State<Arc<Index>>,
    request: axum::extract::Request,
    next: axum::middleware::Next,
) -> Response {
    if request.method() != Method::OPTIONS {
        *lock(&index.requests) += 1;
    }
    let fault = lock(&index.fault).clone();
    match fault {
        IndexerFault::None => next.run(request).await,
        IndexerFault::Status(status) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, "indexer failure\n").into_response()
        }
        IndexerFault::Slow(pause) => {
            tokio::time::sleep(pause).await;
            next.run(request).await
        }
        IndexerFault::Garbage => {
            let page = "<!doctype html><title>Just a moment…</title>";
            ([(header::CONTENT_TYPE, JSON)], page).into_response()
        }
        IndexerFault::Truncated => {
            let half = "{\"MultihashResults\":[{\"Multihash\":\"EiA";
            ([(header::CONTENT_TYPE, JSON)], half).into_response()
        }
        IndexerFault::HangUp => {
            // A body that fails before its first byte makes the server close the connection.
            let gone = Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionReset));
            Response::new(Body::from_stream(stream::iter([gone])))
        }
    }
}

async fn find_cid(State(index): State<Arc<Index>>, Path(cid): Path<String>, headers: HeaderMap) -> Response {
    match cid.parse::<Cid>() {
        // The library also accepts paths that contain a CID.
        Ok(parsed) if !cid.contains('/') => find(&index, &parsed.hash().to_bytes(), &headers),
        _ => (StatusCode::BAD_REQUEST, format!("invalid cid: {cid}\n")).into_response(),
    }
}

async fn find_multihash(
    State(index): State<Arc<Index>>,
    Path(text): Path<String>,
    headers: HeaderMap,
) -> Response {
    match Base::Base58Btc.decode(&text) {
        Ok(bytes) if is_multihash(&bytes) => find(&index, &bytes, &headers),
        _ => (StatusCode::BAD_REQUEST, format!("invalid multihash: {text}\n")).into_response(),
    }
}

fn is_multihash(bytes: &[u8]) -> bool {
    Multihash::<64>::from_bytes(bytes).is_ok()
}

/// The client's preferred form among ours; `None` if it accepts none.
fn form(headers: &HeaderMap) -> Option<&'static str> {
    let accept: Vec<_> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    if accept.is_empty() {
        return Some(JSON);
    }
    let accept = accept.join(",");
    let media = accept
        .split(',')
        .map(|range| range.split(';').next().unwrap_or_default().trim());
    media.into_iter().find_map(|media| match media {
        JSON | "application/*" | "*/*" => Some(JSON),
        NDJSON => Some(NDJSON),
        _ => None,
    })
}

fn not_supported() -> Response {
    let text = "media type not supported: application/json or application/x-ndjson\n";
    (StatusCode::BAD_REQUEST, text).into_response()
}

fn find(index: &Index, multihash: &[u8], headers: &HeaderMap) -> Response {
    let Some(form) = form(headers) else {
        return not_supported();
    };
    let records = lock(&index.records).get(multihash).cloned().unwrap_or_default();
    if records.is_empty() {
        return (StatusCode::NOT_FOUND, NOTHING).into_response();
    }
    match form {
        NDJSON => stream_lines(records.iter().map(Record::find_response).collect()),
        _ => {
            let results = result_of(multihash, &records);
            json_response(format!("{{\"MultihashResults\":[{results}]}}"))
        }
    }
}

fn result_of(multihash: &[u8], records: &[Record]) -> String {
    let records: Vec<_> = records.iter().map(Record::find_response).collect();
    let multihash = Base::Base64Pad.encode(multihash);
    format!(
        "{{\"Multihash\":\"{multihash}\",\"ProviderResults\":[{}]}}",
        records.join(",")
    )
}

/// `POST /multihash`, in its base64 form, as in the specification's example.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FindRequest {
    multihashes: Vec<String>,
}

async fn find_batch(State(index): State<Arc<Index>>, body: Bytes) -> Response {
    let Ok(request) = serde_json::from_slice::<FindRequest>(&body) else {
        return (StatusCode::BAD_REQUEST, "invalid request\n").into_response();
    };
    let mut results = Vec::new();
    for text in request.multihashes {
        let multihash = match Base::Base64Pad.decode(&text) {
            Ok(bytes) if is_multihash(&bytes) => bytes,
            _ => return (StatusCode::BAD_REQUEST, format!("invalid multihash: {text}\n")).into_response(),
        };
        if let Some(records) = lock(&index.records).get(&multihash) {
            results.push(result_of(&multihash, records));
        }
    }
    match results.is_empty() {
        true => (StatusCode::NOT_FOUND, NOTHING).into_response(),
        false => json_response(format!("{{\"MultihashResults\":[{}]}}", results.join(","))),
    }
}

/// Delegated routing. Without records, the list is empty.
async fn route(State(index): State<Arc<Index>>, Path(text): Path<String>, headers: HeaderMap) -> Response {
    let Ok(cid) = text.parse::<Cid>() else {
        return (StatusCode::BAD_REQUEST, format!("invalid cid: {text}\n")).into_response();
    };
    let records = lock(&index.records)
        .get(&cid.hash().to_bytes())
        .cloned()
        .unwrap_or_default();
    let peers: Vec<Value> = records.iter().map(Record::peer).collect();
    match form(&headers) {
        None => not_supported(),
        Some(NDJSON) => stream_lines(peers.iter().map(Value::to_string).collect()),
        Some(_) => json_response(json!({"Providers": peers}).to_string()),
    }
}

fn json_response(body: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response()
}

/// Streams one line after the other, with blank lines in between.
fn stream_lines(lines: Vec<String>) -> Response {
    let chunk = |(index, line): (usize, String)| {
        let before = if index == 0 { "" } else { "\n" };
        Ok::<_, io::Error>(Bytes::from(format!("{before}{line}\n")))
    };
    let body = Body::from_stream(stream::iter(lines.into_iter().enumerate().map(chunk)));
    ([(header::CONTENT_TYPE, NDJSON)], body).into_response()
}

#[cfg(test)]
mod tests {
    use assize_protocol::{Codec, FileCid};

    use super::super::testing::{ask, get};
    use super::*;

    /// The specification's example, without the formatting spaces.
    fn example() -> (String, Value) {
        let text = include_str!("fixtures/find.json");
        let compact = text.split_whitespace().collect();
        (compact, serde_json::from_str(text).unwrap())
    }

    fn base64(text: &Value) -> Vec<u8> {
        Base::Base64Pad.decode(text.as_str().unwrap()).unwrap()
    }

    fn record(example: &Value) -> Record {
        let addresses: Vec<_> = example["Provider"]["Addrs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|address| address.as_str().unwrap())
            .collect();
        Record::raw(
            &base64(&example["ContextID"]),
            &base64(&example["Metadata"]),
            example["Provider"]["ID"].as_str().unwrap(),
            &addresses,
        )
    }

    /// An indexer with the specification's first example, and its multihash.
    fn with_example() -> (Indexer, Vec<u8>) {
        let indexer = Indexer::start(&Host::new().unwrap()).unwrap();
        let (_, value) = example();
        let results = &value["MultihashResults"][0];
        let multihash = base64(&results["Multihash"]);
        for example in results["ProviderResults"].as_array().unwrap() {
            indexer.publish_multihash(&multihash, record(example));
        }
        (indexer, multihash)
    }

    fn cids(multihash: &[u8]) -> [String; 3] {
        let digest = multihash[2..].try_into().unwrap();
        let v1 = |codec| FileCid { codec, digest }.to_string();
        let v0 = PayloadCid::from_bytes(multihash).unwrap();
        [v1(Codec::Raw), v1(Codec::DagPb), v0.to_string()]
    }

    #[test]
    fn the_find_response_is_that_of_the_specification() {
        let (indexer, multihash) = with_example();
        let (wanted, _) = example();
        let base58 = Base::Base58Btc.encode(&multihash);
        let mut paths = vec![format!("/multihash/{base58}")];
        paths.extend(cids(&multihash).map(|cid| format!("/cid/{cid}")));
        for path in paths {
            let answer = get(&indexer.url(), &path);
            assert_eq!((answer.status, answer.text()), (200, wanted.clone()), "{path}");
            assert_eq!(
                answer.header("content-type"),
                Some("application/json; charset=utf-8")
            );
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        }
        let body = r#"{"Multihashes":["EiDVNlzli2ONH3OslRv1Q0BRCKUCsERWs3RbthTVu6Xptg=="]}"#;
        let answer = ureq::post(format!("{}/multihash", indexer.url())).send(body);
        assert_eq!(answer.unwrap().body_mut().read_to_string().unwrap(), wanted);
        assert_eq!(indexer.request_count(), 5);
    }

    #[test]
    fn records_are_streamed_as_specified() {
        let wanted = include_str!("fixtures/records.ndjson");
        let indexer = Indexer::start(&Host::new().unwrap()).unwrap();
        let (_, multihash) = with_example();
        for line in wanted.lines().filter(|line| !line.is_empty()) {
            indexer.publish_multihash(&multihash, record(&serde_json::from_str(line).unwrap()));
        }
        let [cid, ..] = cids(&multihash);
        let line = format!("GET /cid/{cid} HTTP/1.1");
        for accept in ["application/x-ndjson", "text/html,application/x-ndjson;q=0.9"] {
            let answer = ask(&indexer.url(), &[&line, &format!("Accept: {accept}")]);
            assert_eq!((answer.status, answer.text().as_str()), (200, wanted), "{accept}");
            assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
        }
        let json = ask(
            &indexer.url(),
            &[&line, "Accept: application/json, application/x-ndjson"],
        );
        assert_eq!(
            json.header("content-type"),
            Some("application/json; charset=utf-8")
        );
        let neither = ask(&indexer.url(), &[&line, "Accept: text/html"]);
        assert_eq!(neither.status, 400);
    }

    #[test]
    fn missing_records_and_malformed_requests() {
        let (indexer, multihash) = with_example();
        let [cid, ..] = cids(&multihash);
        let payload: PayloadCid = cid.parse().unwrap();
        let url = indexer.url();
        let unknown = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";
        assert_eq!(get(&url, &format!("/cid/{unknown}")).status, 404);
        indexer.withdraw(payload);
        assert_eq!(get(&url, &format!("/cid/{cid}")).status, 404);
        for path in ["/cid/bafk", "/cid/hello", "/multihash/hello", "/multihash/0OIl"] {
            assert_eq!(get(&url, path).status, 400, "{path}");
        }
        assert_eq!(ask(&url, &["OPTIONS /cid HTTP/1.1"]).status, 204);
        assert_eq!(get(&url, "/health").text(), "ready\n");
    }

    #[test]
    fn it_has_the_configured_fault() {
        let (indexer, multihash) = with_example();
        let path = format!("/cid/{}", cids(&multihash)[0]);
        let url = indexer.url();
        indexer.set_fault(IndexerFault::Status(502));
        assert_eq!(get(&url, &path).status, 502);
        indexer.set_fault(IndexerFault::Garbage);
        assert!(get(&url, &path).text().starts_with("<!doctype"));
        indexer.set_fault(IndexerFault::Truncated);
        assert!(serde_json::from_str::<Value>(&get(&url, &path).text()).is_err());
        indexer.set_fault(IndexerFault::HangUp);
        assert!(ureq::get(format!("{url}{path}")).call().is_err());
        assert_eq!(get(&url, "/health").status, 200);
        indexer.set_fault(IndexerFault::Slow(Duration::from_millis(20)));
        assert_eq!(get(&url, &path).status, 200);
        indexer.set_fault(IndexerFault::None);
        assert_eq!(get(&url, &path).status, 200);
    }

    #[test]
    fn delegated_routing_names_protocols() {
        use super::super::Protocol;
        let indexer = Indexer::start(&Host::new().unwrap()).unwrap();
        let cid: PayloadCid = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
            .parse()
            .unwrap();
        let path = format!("/routing/v1/providers/{cid}");
        assert_eq!(get(&indexer.url(), &path).text(), r#"{"Providers":[]}"#);
        let address = ["/ip4/127.0.0.1/tcp/80/http".to_owned()];
        let protocols = [Protocol::TrustlessGateway, Protocol::Bitswap];
        indexer.publish(cid, Record::new("12D3KooWx", &address, &protocols));
        let answer: Value = serde_json::from_str(&get(&indexer.url(), &path).text()).unwrap();
        let peer = json!({
            "Schema": "peer",
            "ID": "12D3KooWx",
            "Addrs": ["/ip4/127.0.0.1/tcp/80/http"],
            "Protocols": ["transport-ipfs-gateway-http", "transport-bitswap"],
            "transport-ipfs-gateway-http": "oBI=",
            "transport-bitswap": "gBI=",
        });
        assert_eq!(answer, json!({"Providers": [peer]}));
    }
}
