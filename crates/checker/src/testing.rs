//! A scripted coordinator over a real socket, and a checker of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use alloy_primitives::{Address, B256, hex};
use assize_chain::{ChainClient, Rewards, Rounds};
use assize_drand::{BeaconSource, Chain, RecordedBeacons, Verified};
use assize_measurement::{Domain, Measurement, Millis, ndjson};
use assize_protocol::{RoundNumber, TaskIndex};
use assize_retrieve::Retriever;
use assize_service::{Router, Status};
use assize_wire::{Problem, ProblemKind, Receipt};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use secp256k1::SecretKey;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::spool::Waiting;
use crate::{Checker, Config, Event, Listener, Metrics, Parts};

/// A response: status, headers, body.
pub(crate) type Reply = (u16, Vec<(&'static str, String)>, Vec<u8>);

/// The chain id of the stub's node.
pub(crate) const DOMAIN: Domain = Domain {
    chain_id: 31_337,
    rounds: Address::repeat_byte(0xaa),
};

/// A server with a list of responses, and a default once the list is exhausted.
#[derive(Clone)]
pub(crate) struct Stub {
    pub(crate) url: String,
    shared: Arc<Shared>,
}

type Usual = dyn Fn(&str, &[u8]) -> Reply + Send + Sync;

struct Shared {
    replies: Mutex<VecDeque<Reply>>,
    usual: Box<Usual>,
    seen: Mutex<Vec<(String, Vec<u8>)>>,
}

impl Stub {
    /// Responds with `usual` to method-and-path and body.
    pub(crate) async fn start(usual: impl Fn(&str, &[u8]) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            replies: Mutex::default(),
            usual: Box::new(usual),
            seen: Mutex::default(),
        });
        let app = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, shared }
    }

    /// Adds a response to send before the default.
    pub(crate) fn reply(&self, reply: Reply) {
        self.shared.replies.lock().unwrap().push_back(reply);
    }

    /// Bodies received on a path so far, such as `POST /measurements`.
    pub(crate) fn seen(&self, path: &str) -> Vec<Vec<u8>> {
        let seen = self.shared.seen.lock().unwrap();
        seen.iter()
            .filter(|(seen, _)| seen == path)
            .map(|(_, body)| body.clone())
            .collect()
    }
}

async fn answer(State(shared): State<Arc<Shared>>, method: Method, uri: Uri, body: Bytes) -> Response {
    let path = format!("{method} {}", uri.path());
    if path == "POST /rpc" {
        let body = r#"{"jsonrpc":"2.0","id":0,"result":"0x7a69"}"#;
        return body.into_response();
    }
    shared.seen.lock().unwrap().push((path.clone(), body.to_vec()));
    let reply = shared.replies.lock().unwrap().pop_front();
    let (status, headers, body) = reply.unwrap_or_else(|| (shared.usual)(&path, &body));
    let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
    for (name, value) in headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

/// A JSON response.
pub(crate) fn json(status: u16, value: &impl serde::Serialize) -> Reply {
    (status, Vec::new(), serde_json::to_vec(value).unwrap())
}

/// A problem.
pub(crate) fn problem(kind: ProblemKind, retry_after: Option<u64>) -> Reply {
    let mut problem = Problem::new(kind, "so it is");
    problem.retry_after = retry_after;
    problem.minimum_version = Some(assize_wire::Version(9, 0, 0));
    problem.time = Some(1_000);
    json(kind.status(), &problem)
}

pub(crate) fn ingest() -> SecretKey {
    SecretKey::from_secret_bytes([0x11; 32]).unwrap()
}

/// A receipt for a line.
pub(crate) fn receipt(line: &[u8], key: &SecretKey) -> Receipt {
    let measurement = ndjson::parse_any_round(line).unwrap();
    Receipt::new(key, &DOMAIN, measurement.digest(&DOMAIN), 1_760_000_000)
}

/// The response of an honest ingest.
pub(crate) fn true_ingest(path: &str, body: &[u8]) -> Reply {
    assert_eq!(path, "POST /measurements");
    let lines: Vec<_> = body
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .collect();
    // A single one has no newline at its end.
    if body.last() != Some(&b'\n') {
        return json(201, &receipt(lines[0], &ingest()));
    }
    let mut text = Vec::new();
    for line in lines {
        text.extend(serde_json::to_vec(&receipt(line, &ingest())).unwrap());
        text.push(b'\n');
    }
    (200, Vec::new(), text)
}

/// A checker of that coordinator, in its own directory.
pub(crate) struct Bench {
    pub(crate) checker: Checker,
    pub(crate) events: Arc<Mutex<Vec<Event>>>,
    pub(crate) directory: TempDir,
}

impl Bench {
    pub(crate) async fn new(stub: &Stub) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let events = Arc::new(Mutex::new(Vec::new()));
        let checker = Checker::open(config(stub, &directory), parts(stub, &events).await).unwrap();
        Self {
            checker,
            events,
            directory,
        }
    }

    /// The same directory, as in a new process.
    pub(crate) async fn reopen(self, stub: &Stub) -> Self {
        let Self {
            checker,
            events,
            directory,
        } = self;
        drop(checker);
        let checker = Checker::open(config(stub, &directory), parts(stub, &events).await).unwrap();
        Self {
            checker,
            events,
            directory,
        }
    }

    /// Puts a signed measurement into the spool.
    pub(crate) fn measure(&self, round: u64, task: u32) {
        let shared = self.checker.shared();
        let mut measurement = measurement(round, task);
        measurement.station = shared.key.address();
        measurement.sign(shared.key.secret(), &shared.domain);
        let waiting = Waiting {
            round: RoundNumber(round),
            task: TaskIndex(task),
            line: measurement.to_line(),
        };
        assert!(shared.spool.put(&waiting, u64::MAX >> 1).unwrap());
        shared.measured.notify_one();
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }
}

fn config(stub: &Stub, directory: &TempDir) -> Config {
    let operator = Address::repeat_byte(0x0e);
    Config::new(
        stub.url.parse().unwrap(),
        operator,
        directory.path().join("state"),
    )
}

pub(crate) async fn parts(stub: &Stub, events: &Arc<Mutex<Vec<Event>>>) -> Parts {
    let rpc = format!("{}/rpc", stub.url);
    let client = ChainClient::connect(&rpc.parse().unwrap()).await.unwrap();
    let beacons: Box<dyn BeaconSource + Send + Sync> = Box::new(RecordedBeacons::from_json(b"[]").unwrap());
    let retrieval = assize_retrieve::Config::new(rpc.parse().unwrap(), vec![stub.url.parse().unwrap()]);
    let recorded = Arc::clone(events);
    Parts {
        rounds: Rounds::new(client.clone(), DOMAIN.rounds),
        rewards: Rewards::new(client, Address::repeat_byte(0xbb)),
        beacons: Arc::new(Verified::new(Chain::quicknet(), beacons)),
        retriever: Retriever::new(retrieval).unwrap(),
        inclusion: None,
        listener: Listener::new(move |event| recorded.lock().unwrap().push(event.clone())),
        status: Status::new(Metrics::new(), 600),
    }
}

fn measurement(round: u64, task: u32) -> Measurement {
    Measurement {
        spark_version: Some("0.1.0".into()),
        start_at: Some(Millis(1_760_000_000_000)),
        status_code: Some(200),
        byte_length: Some(0),
        indexer_result: Some("OK".into()),
        ..Measurement::new(
            RoundNumber(round),
            TaskIndex(task),
            Address::ZERO,
            "bafkqaaa",
            "f01000",
        )
    }
}

/// The digests in a receipt file.
pub(crate) fn digests(text: &str) -> Vec<B256> {
    let digest = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let digest = value["receipt"]["digest"].as_str().unwrap().to_owned();
        B256::from_slice(&hex::decode(digest).unwrap())
    };
    text.lines().map(digest).collect()
}
