//! A Filecoin node's JSON-RPC: answers provider lookups from a table, and forwards everything else to an upstream
//! node such as anvil.
//!
//! One address thus serves a checker on a local network, both for the chain and for peer ids.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alloy_primitives::{Address, address, hex};
use alloy_sol_types::{SolCall, SolValue, sol};
use assize_protocol::ProviderId;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use cid::multibase::Base;
use serde_json::{Value, json};

use super::host::Running;
use super::{Host, lock};

/// Address of Curio's peer id contract (`MinerPeerIDMapping`), on mainnet and here.
pub const CURIO_PEER_IDS: Address = address!("14183aD016Ddc83D638425D6328009aa390339Ce");

/// Timeout of the upstream node.
const PATIENCE: Duration = Duration::from_secs(60);
/// Maximum request size in bytes; a deployment is far below.
const MAX_REQUEST: usize = 16 << 20;

sol! {
    struct PeerData {
        string peerID;
        bytes signedMessage;
    }

    function getPeerData(uint64 minerID) external view returns (PeerData memory);
}

/// The fault of a node, in the methods that it answers itself. Forwarded requests are not affected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum LotusFault {
    /// No fault.
    #[default]
    None,
    /// This HTTP status.
    Status(u16),
    /// A JSON-RPC error.
    Error(String),
    /// Delays responses.
    Slow(Duration),
    /// 200 with an HTML page.
    Garbage,
}

/// The chain's record of a provider.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MinerInfo {
    /// Its peer id, if it has set one.
    pub peer_id: Option<String>,
    /// Its multiaddrs, binary.
    pub multiaddrs: Vec<Vec<u8>>,
}

/// A running node; it stops on drop.
#[derive(Debug)]
pub struct Lotus {
    address: SocketAddr,
    node: Arc<Node>,
    _running: Running,
}

#[derive(Debug)]
struct Node {
    upstream: Mutex<Option<String>>,
    agent: ureq::Agent,
    miners: Mutex<BTreeMap<ProviderId, MinerInfo>>,
    /// Curio's contract.
    peer_ids: Mutex<BTreeMap<ProviderId, String>>,
    fault: Mutex<LotusFault>,
    counts: Mutex<BTreeMap<String, u64>>,
}

impl Lotus {
    /// Starts a node with an empty table on a free local port. Without an upstream node, it supports no other methods.
    ///
    /// # Errors
    /// Operating system errors.
    pub fn start(host: &Host, upstream: Option<&str>) -> io::Result<Self> {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .build()
            .into();
        let node = Arc::new(Node {
            upstream: Mutex::new(upstream.map(str::to_owned)),
            agent,
            miners: Mutex::default(),
            peer_ids: Mutex::default(),
            fault: Mutex::default(),
            counts: Mutex::default(),
        });
        let (listener, address) = host.listen()?;
        let app = Router::new()
            .fallback(answer)
            .layer(DefaultBodyLimit::max(MAX_REQUEST))
            .with_state(Arc::clone(&node));
        let running = host.run(async move {
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self {
            address,
            node,
            _running: running,
        })
    }

    /// The JSON-RPC endpoint. It listens on every path, `/rpc/v1` too.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds a provider.
    pub fn set_miner(&self, provider: ProviderId, info: MinerInfo) {
        lock(&self.node.miners).insert(provider, info);
    }

    /// Adds a peer id to Curio's contract ([`CURIO_PEER_IDS`]).
    pub fn map_peer_id(&self, provider: ProviderId, peer_id: &str) {
        lock(&self.node.peer_ids).insert(provider, peer_id.to_owned());
    }

    /// Changes the upstream node, for example to an anvil that was restarted on another port.
    pub fn set_upstream(&self, upstream: &str) {
        *lock(&self.node.upstream) = Some(upstream.to_owned());
    }

    /// Changes its fault from now on.
    pub fn set_fault(&self, fault: LotusFault) {
        *lock(&self.node.fault) = fault;
    }

    /// Number of requests for a method that it answers itself: `Filecoin.StateMinerInfo`, `getPeerData`.
    #[must_use]
    pub fn request_count(&self, method: &str) -> u64 {
        lock(&self.node.counts).get(method).copied().unwrap_or_default()
    }
}

/// A request that the node answers itself.
enum Question {
    MinerInfo(Value),
    PeerData(ProviderId),
}

impl Question {
    fn of(request: &Value) -> Option<Self> {
        let params = &request["params"];
        match request["method"].as_str()? {
            "Filecoin.StateMinerInfo" => Some(Self::MinerInfo(params[0].clone())),
            "eth_call" => {
                let call = &params[0];
                let to: Address = call["to"].as_str()?.parse().ok()?;
                let input = call["input"].as_str().or(call["data"].as_str())?;
                let asked = getPeerDataCall::abi_decode(&hex::decode(input).ok()?).ok()?;
                (to == CURIO_PEER_IDS).then_some(Self::PeerData(ProviderId(asked.minerID)))
            }
            _ => None,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::MinerInfo(_) => "Filecoin.StateMinerInfo",
            Self::PeerData(_) => "getPeerData",
        }
    }
}

async fn answer(State(node): State<Arc<Node>>, body: Bytes) -> Response {
    let Ok(request) = serde_json::from_slice::<Value>(&body) else {
        let error = json!({"code": -32_700, "message": "parse error"});
        return json_response(&json!({"jsonrpc": "2.0", "id": null, "error": error}));
    };
    let requests = match &request {
        Value::Array(requests) => requests.as_slice(),
        one => std::slice::from_ref(one),
    };
    if requests.iter().all(|request| Question::of(request).is_none()) {
        return node.pass_on(body).await;
    }
    let fault = lock(&node.fault).clone();
    match &fault {
        LotusFault::None | LotusFault::Error(_) => {}
        LotusFault::Slow(pause) => tokio::time::sleep(*pause).await,
        LotusFault::Status(status) => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            return (status, "node failure\n").into_response();
        }
        LotusFault::Garbage => {
            let page = "<html><body><h1>502 Bad Gateway</h1></body></html>";
            return ([(header::CONTENT_TYPE, "text/html")], page).into_response();
        }
    }
    let mut answers = Vec::new();
    for request in requests {
        answers.push(match Question::of(request) {
            Some(question) => node.answer(&question, &request["id"], &fault),
            None => {
                let response = node.pass_on(request.to_string().into()).await;
                let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
                serde_json::from_slice(&body.unwrap_or_default()).unwrap_or_default()
            }
        });
    }
    match request {
        Value::Array(_) => json_response(&Value::Array(answers)),
        _ => json_response(&answers.pop().unwrap_or_default()),
    }
}

impl Node {
    fn answer(&self, question: &Question, id: &Value, fault: &LotusFault) -> Value {
        *lock(&self.counts).entry(question.name().to_owned()).or_default() += 1;
        let result = match (fault, question) {
            (LotusFault::Error(message), _) => Err((-32_000, message.clone())),
            (_, Question::MinerInfo(address)) => self.miner_info(address),
            (_, Question::PeerData(provider)) => {
                let peer_id = lock(&self.peer_ids).get(provider).cloned();
                let data = PeerData {
                    peerID: peer_id.unwrap_or_default(),
                    signedMessage: Default::default(),
                };
                Ok(json!(hex::encode_prefixed(data.abi_encode())))
            }
        };
        match result {
            Ok(result) => json!({"jsonrpc": "2.0", "result": result, "id": id}),
            Err((code, message)) => {
                json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
            }
        }
    }

    fn miner_info(&self, address: &Value) -> Result<Value, (i64, String)> {
        let text = address.as_str().unwrap_or_default();
        let Ok(provider) = text.parse::<ProviderId>() else {
            let message = format!(
                "unmarshaling params for 'Filecoin.StateMinerInfo': {text}: unknown address protocol"
            );
            return Err((-32_602, message));
        };
        let miners = lock(&self.miners);
        let Some(info) = miners.get(&provider) else {
            let message = format!("failed to load miner actor: actor not found: {provider}");
            return Err((1, message));
        };
        let multiaddrs: Vec<_> = info
            .multiaddrs
            .iter()
            .map(|address| Base::Base64Pad.encode(address))
            .collect();
        // Lotus returns null, not [], if there are none.
        let multiaddrs = if multiaddrs.is_empty() {
            Value::Null
        } else {
            json!(multiaddrs)
        };
        Ok(json!({
            "Owner": format!("f0{}", provider.0 + 1),
            "Worker": format!("f0{}", provider.0 + 2),
            "NewWorker": "<empty>",
            "ControlAddresses": [],
            "WorkerChangeEpoch": -1,
            "PeerId": info.peer_id,
            "Multiaddrs": multiaddrs,
            "WindowPoStProofType": 8,
            "SectorSize": 34_359_738_368_u64,
            "WindowPoStPartitionSectors": 2_349,
            "ConsensusFaultElapsed": -1,
            "PendingOwnerAddress": null,
            "Beneficiary": format!("f0{}", provider.0 + 1),
            "BeneficiaryTerm": {"Quota": "0", "UsedQuota": "0", "Expiration": 0},
            "PendingBeneficiaryTerm": null,
        }))
    }

    /// Forwards to the upstream node.
    async fn pass_on(self: &Arc<Self>, body: Bytes) -> Response {
        let Some(upstream) = lock(&self.upstream).clone() else {
            let id =
                serde_json::from_slice::<Value>(&body).map_or(Value::Null, |request| request["id"].clone());
            let error = json!({"code": -32_601, "message": "method not found"});
            return json_response(&json!({"jsonrpc": "2.0", "id": id, "error": error}));
        };
        let node = Arc::clone(self);
        let asked = tokio::task::spawn_blocking(move || {
            let mut response = node
                .agent
                .post(&upstream)
                .header("Content-Type", "application/json")
                .send(&body[..])?;
            let text = response.body_mut().with_config().limit(u64::MAX).read_to_vec()?;
            Ok::<_, ureq::Error>((response.status().as_u16(), text))
        });
        match asked.await {
            Ok(Ok((status, text))) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
                (
                    status,
                    [(header::CONTENT_TYPE, "application/json")],
                    Body::from(text),
                )
                    .into_response()
            }
            Ok(Err(error)) => (StatusCode::BAD_GATEWAY, format!("{error}\n")).into_response(),
            Err(_) => StatusCode::BAD_GATEWAY.into_response(),
        }
    }
}

fn json_response(body: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anvil::Anvil;

    fn ask(url: &str, body: &Value) -> Value {
        let mut answer = ureq::post(url).send_json(body).unwrap();
        answer.body_mut().read_json().unwrap()
    }

    fn request(method: &str, params: &Value) -> Value {
        json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
    }

    fn with_miner(upstream: Option<&str>) -> Lotus {
        let lotus = Lotus::start(&Host::new().unwrap(), upstream).unwrap();
        let info = MinerInfo {
            peer_id: Some("12D3KooWx".into()),
            multiaddrs: vec![vec![4, 127, 0, 0, 1, 6, 0, 80]],
        };
        lotus.set_miner(ProviderId(1_234), info);
        lotus.set_miner(ProviderId(5), MinerInfo::default());
        lotus
    }

    #[test]
    fn providers_are_in_the_table() {
        let lotus = with_miner(None);
        let ask = |params: Value| ask(&lotus.url(), &request("Filecoin.StateMinerInfo", &params));
        let known = ask(json!(["f01234", null]));
        assert_eq!(known["id"], 7);
        assert_eq!(known["result"]["PeerId"], "12D3KooWx");
        assert_eq!(known["result"]["Multiaddrs"], json!(["BH8AAAEGAFA="]));
        let nameless = ask(json!(["f05", null]));
        assert_eq!(nameless["result"]["PeerId"], Value::Null);
        assert_eq!(nameless["result"]["Multiaddrs"], Value::Null);
        assert_eq!(ask(json!(["f099", null]))["error"]["code"], 1);
        assert_eq!(ask(json!(["x", null]))["error"]["code"], -32_602);
        assert_eq!(lotus.request_count("Filecoin.StateMinerInfo"), 4);
    }

    #[test]
    fn curios_contract_is_simulated() {
        let lotus = with_miner(None);
        lotus.map_peer_id(ProviderId(1_234), "12D3KooWy");
        let ask = |provider: u64, to: Address| {
            let input = getPeerDataCall { minerID: provider }.abi_encode();
            let call = json!({"to": to, "data": hex::encode_prefixed(input)});
            ask(&lotus.url(), &request("eth_call", &json!([call, "latest"])))
        };
        let read = |answer: Value| {
            let bytes = hex::decode(answer["result"].as_str().unwrap()).unwrap();
            getPeerDataCall::abi_decode_returns(&bytes).unwrap().peerID
        };
        assert_eq!(read(ask(1_234, CURIO_PEER_IDS)), "12D3KooWy");
        assert_eq!(read(ask(5, CURIO_PEER_IDS)), "");
        // A call of another contract is forwarded, but there is no upstream node.
        assert_eq!(ask(1_234, Address::ZERO)["error"]["code"], -32_601);
        // As computed by ethers and cast: keccak256("getPeerData(uint64)").
        let selector = &alloy_primitives::keccak256("getPeerData(uint64)")[..4];
        assert_eq!(getPeerDataCall::SELECTOR, *selector);
    }

    #[test]
    fn other_methods_are_forwarded() {
        let anvil = Anvil::start().unwrap();
        let lotus = with_miner(Some(anvil.url()));
        assert_eq!(
            ask(&lotus.url(), &request("eth_chainId", &json!([])))["result"],
            "0x7a69"
        );
        let call = json!([{"to": Address::ZERO, "input": "0x"}, "latest"]);
        assert_eq!(ask(&lotus.url(), &request("eth_call", &call))["result"], "0x");
        let batch = json!([
            request("eth_chainId", &json!([])),
            request("Filecoin.StateMinerInfo", &json!(["f01234", null])),
        ]);
        let answers = ask(&lotus.url(), &batch);
        assert_eq!(answers[0]["result"], "0x7a69");
        assert_eq!(answers[1]["result"]["PeerId"], "12D3KooWx");
    }

    /// The chain's own client does not notice the proxy.
    #[tokio::test]
    async fn a_restarted_chain_keeps_its_address() {
        let first = Anvil::start().unwrap();
        let lotus = with_miner(Some(first.url()));
        let url = lotus.url().parse().unwrap();
        let client = assize_chain::ChainClient::connect_to(&url, crate::anvil::CHAIN_ID)
            .await
            .unwrap();
        let head = client.head().await.unwrap();
        drop(first);
        assert!(client.head().await.is_err());
        let second = Anvil::start().unwrap();
        second.mine(5).unwrap();
        lotus.set_upstream(second.url());
        assert_eq!(client.head().await.unwrap().number, head.number + 5);
    }

    #[test]
    fn it_has_the_configured_fault() {
        let lotus = with_miner(None);
        let body = request("Filecoin.StateMinerInfo", &json!(["f01234", null]));
        lotus.set_fault(LotusFault::Error("too many requests".into()));
        assert_eq!(ask(&lotus.url(), &body)["error"]["message"], "too many requests");
        lotus.set_fault(LotusFault::Status(502));
        assert!(ureq::post(lotus.url()).send_json(&body).is_err());
        lotus.set_fault(LotusFault::Garbage);
        let mut page = ureq::post(lotus.url()).send_json(&body).unwrap();
        assert!(page.body_mut().read_json::<Value>().is_err());
        lotus.set_fault(LotusFault::Slow(Duration::from_millis(20)));
        assert_eq!(ask(&lotus.url(), &body)["result"]["PeerId"], "12D3KooWx");
    }
}
