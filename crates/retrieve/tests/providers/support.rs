//! Providers, indexers and a chain on raw sockets. Each test sets their responses.

#![allow(dead_code, reason = "every test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assize_protocol::{PayloadCid, ProviderId};
use assize_retrieve::{Config, Limits, Retrieval, RetrieveError, Retriever, Url};
use cid::Cid;
use cid::multibase::Base;
use cid::multihash::Multihash;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const PEER: &str = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA";
pub(crate) const OTHER_PEER: &str = "12D3KooW9yi2xLhXds9HC4x9vRN99mphq6ds8qN2YRf8zks1F32G";
pub(crate) const PROVIDER: ProviderId = ProviderId(1234);

/// A request as received.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Head, byte for byte.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn method(&self) -> &str {
        self.head.split(' ').next().unwrap()
    }

    pub(crate) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// A server's action after it has read a request. Then it closes the connection.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Send(Vec<u8>),
    /// Sends repeatedly until the client disconnects.
    Forever(Vec<u8>, Duration),
    /// Sends nothing until the client disconnects.
    Silence,
}

/// A server that ends with the test.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub(crate) async fn start(handler: impl Fn(&Request) -> Vec<Act> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let handler = Arc::new(handler);
        let seen = requests.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (handler, seen) = (handler.clone(), seen.clone());
                tokio::spawn(async move {
                    // The client may disconnect at any time.
                    let _ = serve(stream, &*handler, &seen).await;
                });
            }
        });
        Self { address, requests }
    }

    /// Gives the same response to every GET, and 200 to HEAD.
    pub(crate) async fn always(acts: Vec<Act>) -> Self {
        Self::start(move |request| match request.method() {
            "HEAD" => ok("text/plain", b""),
            _ => acts.clone(),
        })
        .await
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn multiaddr(&self) -> String {
        format!("/ip4/127.0.0.1/tcp/{}/http", self.address.port())
    }

    pub(crate) fn url(&self) -> Url {
        format!("http://{}", self.address).parse().unwrap()
    }
}

async fn serve(
    mut stream: TcpStream,
    handler: &(dyn Fn(&Request) -> Vec<Act> + Send + Sync),
    seen: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
    };
    let mut request = Request {
        head: String::from_utf8(bytes[..head].to_vec()).unwrap(),
        body: Vec::new(),
    };
    let length = request
        .header("Content-Length")
        .map_or(0, |length| length.parse().unwrap());
    while bytes.len() < head + length {
        stream.read_buf(&mut bytes).await?;
    }
    request.body = bytes[head..].to_vec();
    seen.lock().unwrap().push(request.clone());
    for act in handler(&request) {
        match act {
            Act::Send(bytes) => stream.write_all(&bytes).await?,
            Act::Forever(bytes, pause) => loop {
                stream.write_all(&bytes).await?;
                tokio::time::sleep(pause).await;
            },
            Act::Silence => {
                stream.read_buf(&mut Vec::new()).await?;
            }
        }
    }
    stream.shutdown().await
}

/// A complete response.
pub(crate) fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<Act> {
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    vec![Act::Send([head.as_bytes(), body].concat())]
}

pub(crate) fn ok(kind: &str, body: &[u8]) -> Vec<Act> {
    answer("200 OK", &format!("Content-Type: {kind}\r\n"), body)
}

pub(crate) fn car_answer(car: &[u8]) -> Vec<Act> {
    ok("application/vnd.ipld.car;version=1;order=dfs;dups=y", car)
}

/// The beginning of a response whose body ends with the connection.
pub(crate) fn open_ended(body: &[u8]) -> Act {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.ipld.car\r\nConnection: close\r\n\r\n";
    Act::Send([head.as_bytes(), body].concat())
}

pub(crate) fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(crate) const BLOCK: &[u8] = b"what a provider has promised to keep";

/// CIDv1, raw, sha2-256.
pub(crate) fn raw_cid(block: &[u8]) -> Cid {
    cid_of(0x55, 0x12, &Sha256::digest(block))
}

pub(crate) fn cid_of(codec: u64, hash: u64, digest: &[u8]) -> Cid {
    Cid::new_v1(codec, Multihash::wrap(hash, digest).unwrap())
}

pub(crate) fn payload(cid: &Cid) -> PayloadCid {
    PayloadCid::from_bytes(&cid.to_bytes()).unwrap()
}

pub(crate) fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

pub(crate) fn section(cid: &Cid, block: &[u8]) -> Vec<u8> {
    let cid = cid.to_bytes();
    [varint(cid.len() + block.len()), cid, block.to_vec()].concat()
}

/// The header of a CAR with a root, written as go-car writes it.
pub(crate) fn car_header(root: &Cid) -> Vec<u8> {
    let root = root.to_bytes();
    let mut header = b"\xa2\x65roots\x81\xd8\x2a\x58".to_vec();
    header.push(root.len() as u8 + 1);
    header.push(0);
    header.extend(root);
    header.extend(b"\x67version\x01");
    [varint(header.len()), header].concat()
}

pub(crate) fn car(root: &Cid, blocks: &[(Cid, &[u8])]) -> Vec<u8> {
    let mut car = car_header(root);
    for (cid, block) in blocks {
        car.extend(section(cid, block));
    }
    car
}

/// A correct CAR of [`BLOCK`].
pub(crate) fn good_car() -> Vec<u8> {
    let cid = raw_cid(BLOCK);
    car(&cid, &[(cid, BLOCK)])
}

/// `1220` and the SHA-256 of a body.
pub(crate) fn checksum(body: &[u8]) -> Option<String> {
    Some(format!("1220{}", const_hex::encode(Sha256::digest(body))))
}

pub(crate) fn http_metadata() -> String {
    Base::Base64Pad.encode([0xa0, 0x12])
}

pub(crate) fn graphsync_metadata() -> String {
    // The example of ipni/specs.
    "kBKjaFBpZWNlQ0lE2CpYKAABgeIDkiAg7H0Gb8ZK4LC8aijKk56XS4diZvoLv9hcDz6iiE0gJhNsVmVyaWZpZWREZWFs9W1GYXN0UmV0cmlldmFs9Q=="
        .into()
}

pub(crate) fn record(peer: &str, metadata: &str, addresses: &[String]) -> Value {
    json!({"ContextID": "YQ==", "Metadata": metadata, "Provider": {"ID": peer, "Addrs": addresses}})
}

pub(crate) fn find_response(cid: &Cid, records: &[Value]) -> String {
    let multihash = Base::Base64Pad.encode(cid.hash().to_bytes());
    json!({"MultihashResults": [{"Multihash": multihash, "ProviderResults": records}]}).to_string()
}

/// An indexer that lists these addresses of [`PEER`].
pub(crate) async fn indexer(cid: &Cid, addresses: &[String]) -> Server {
    let found = find_response(cid, &[record(PEER, &http_metadata(), addresses)]);
    Server::always(ok("application/json", found.as_bytes())).await
}

/// A JSON-RPC response.
pub(crate) fn rpc_result(result: Value) -> Vec<Act> {
    ok(
        "application/json",
        json!({"jsonrpc": "2.0", "id": 1, "result": result})
            .to_string()
            .as_bytes(),
    )
}

/// A chain on which every provider has the peer id [`PEER`].
pub(crate) async fn chain() -> Server {
    Server::always(rpc_result(json!({"PeerId": PEER}))).await
}

/// Limits that keep tests fast without failing on a slow machine.
pub(crate) fn limits() -> Limits {
    Limits {
        idle: Duration::from_secs(20),
        total: Duration::from_secs(30),
        backoff: Duration::from_millis(1),
        body: 1 << 20,
        ..Limits::default()
    }
}

pub(crate) fn config(chain: &Server, indexers: &[&Server]) -> Config {
    Config {
        allow_private: true,
        limits: limits(),
        ..Config::new(
            chain.url(),
            indexers.iter().map(|indexer| indexer.url()).collect(),
        )
    }
}

/// Retrieves a payload that is advertised at these addresses.
pub(crate) async fn retrieve_at(
    cid: &Cid,
    addresses: &[String],
    change: impl FnOnce(&mut Config),
) -> Retrieval {
    let (chain, indexer) = (chain().await, indexer(cid, addresses).await);
    let mut config = config(&chain, &[&indexer]);
    change(&mut config);
    let retrieval = ask(config, cid).await.unwrap();
    check(&retrieval);
    retrieval
}

/// Retrieves a payload from [`PROVIDER`].
pub(crate) async fn ask(config: Config, cid: &Cid) -> Result<Retrieval, RetrieveError> {
    let retriever = Retriever::new(config).unwrap();
    retriever.retrieve(payload(cid), PROVIDER).await
}

/// Retrieves [`BLOCK`] from a provider that gives this response to GET.
pub(crate) async fn retrieve(acts: Vec<Act>) -> Retrieval {
    retrieve_with(acts, |_| {}).await
}

pub(crate) async fn retrieve_with(acts: Vec<Act>, change: impl FnOnce(&mut Config)) -> Retrieval {
    let provider = Server::always(acts).await;
    retrieve_at(&raw_cid(BLOCK), &[provider.multiaddr()], change).await
}

/// Invariants of every retrieval.
pub(crate) fn check(retrieval: &Retrieval) {
    let row = retrieval.measurement(Default::default(), Default::default(), Default::default());
    assert_eq!(row.check_validity(), Ok(()), "{retrieval:#?}");
    assert_eq!(row.retrieval_result(), retrieval.result());
    assert_eq!(
        retrieval.car_checksum.is_some(),
        retrieval.result().is_ok(),
        "{retrieval:#?}"
    );
    assert!(!retrieval.steps.is_empty());
    if retrieval.timeout || retrieval.car_too_large {
        assert_eq!(retrieval.byte_length, None);
    }
}

/// The result's code.
pub(crate) fn result(retrieval: &Retrieval) -> String {
    retrieval.result().to_string()
}

/// Whether a step contains the words.
pub(crate) fn has_step(retrieval: &Retrieval, words: &str) -> bool {
    retrieval
        .steps
        .iter()
        .any(|step| step.to_string().contains(words))
}
