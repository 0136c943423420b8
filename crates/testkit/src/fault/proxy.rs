//! Handles one request: passes it on, changes it, or rejects it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::epochs::{block_of, epoch_of, is_null_round};
use super::mempool::{Fate, Mempool};
use super::transaction::Transaction;
use super::{Estimates, Fault, Faults};

/// Filecoin's maximum message size in bytes.
const MAX_MESSAGE: usize = 64 << 10;

/// The response to the client.
#[derive(Debug)]
pub(super) enum Reply {
    Json(Value),
    Busy,
    BadGateway,
    /// No response, after a delay.
    HangUp(Duration),
}

/// A JSON-RPC error.
pub(super) struct Refusal {
    code: i64,
    message: String,
}

/// Why a request has no result.
pub(super) enum Failure {
    Refused(Refusal),
    HungUp,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

pub(super) fn refuse<T>(code: i64, message: impl Into<String>) -> Result<T, Failure> {
    let message = message.into();
    Err(Failure::Refused(Refusal { code, message }))
}

/// The position of each method's block parameter.
fn block_parameter(method: &str) -> Option<usize> {
    match method {
        "eth_getBlockByNumber" | "eth_getBlockTransactionCountByNumber" | "eth_getBlockReceipts" => Some(0),
        "eth_getBalance"
        | "eth_getCode"
        | "eth_getTransactionCount"
        | "eth_call"
        | "eth_estimateGas"
        | "eth_feeHistory" => Some(1),
        "eth_getStorageAt" => Some(2),
        _ => None,
    }
}

/// The proxy's state.
#[derive(Debug)]
pub(super) struct Proxy {
    upstream: String,
    agent: ureq::Agent,
    faults: Faults,
    random: fastrand::Rng,
    mempool: Mempool,
    requests: u64,
    counts: BTreeMap<Fault, u64>,
    calls: BTreeMap<String, u64>,
}

impl Proxy {
    pub(super) fn new(upstream: &str, faults: Faults) -> Self {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(60)))
            .build()
            .into();
        Self {
            upstream: upstream.to_owned(),
            agent,
            random: fastrand::Rng::with_seed(faults.seed),
            faults,
            mempool: Mempool::default(),
            requests: 0,
            counts: BTreeMap::new(),
            calls: BTreeMap::new(),
        }
    }

    pub(super) fn set(&mut self, faults: Faults) {
        self.faults = faults;
    }

    pub(super) fn estimates(&self) -> Estimates {
        self.faults.estimates
    }

    pub(super) fn counts(&self) -> BTreeMap<Fault, u64> {
        self.counts.clone()
    }

    pub(super) fn calls(&self) -> BTreeMap<String, u64> {
        self.calls.clone()
    }

    pub(super) fn mine(&mut self) {
        // If the upstream node is gone, later requests will show it.
        let _ = self.ask("anvil_mine", &[json!("0x1")]);
    }

    /// Sets whether anvil mines transactions by itself, a moment after it has answered. It does not survive a fork in
    /// that moment.
    pub(super) fn set_automine(&self, automine: bool) {
        let _ = self.ask("evm_setAutomine", &[json!(automine)]);
    }

    /// Draws whether a fault occurs, and counts it.
    fn happens(&mut self, fault: Fault, probability: u32) -> bool {
        let happens = probability > 0 && self.random.u32(0..1_000) < probability;
        if happens {
            self.count(fault);
        }
        happens
    }

    fn count(&mut self, fault: Fault) {
        *self.counts.entry(fault).or_default() += 1;
    }

    pub(super) fn answer(&mut self, body: &[u8]) -> Reply {
        self.requests += 1;
        if self.happens(Fault::Busy, self.faults.busy) {
            return Reply::Busy;
        }
        if self.happens(Fault::BadGateway, self.faults.bad_gateway) {
            return Reply::BadGateway;
        }
        if self.happens(Fault::HangUp, self.faults.hang_up) {
            return Reply::HangUp(Duration::ZERO);
        }
        self.fork();
        self.pass_on_released(false);
        let Ok(request) = serde_json::from_slice::<Value>(body) else {
            let error = json!({"code": -32_700, "message": "parse error"});
            return Reply::Json(json!({"jsonrpc": "2.0", "id": null, "error": error}));
        };
        match request {
            Value::Array(batch) => {
                let mut answers = Vec::new();
                for request in batch {
                    match self.answer_one(&request) {
                        Some(answer) => answers.push(answer),
                        None => return Reply::HangUp(self.faults.timeout),
                    }
                }
                Reply::Json(answers.into())
            }
            request => match self.answer_one(&request) {
                Some(answer) => Reply::Json(answer),
                None => Reply::HangUp(self.faults.timeout),
            },
        }
    }

    fn answer_one(&mut self, request: &Value) -> Option<Value> {
        let method = request["method"].as_str().unwrap_or_default();
        let params = request["params"].as_array().cloned().unwrap_or_default();
        *self.calls.entry(method.to_owned()).or_default() += 1;
        let mut answer = json!({"jsonrpc": "2.0", "id": request["id"]});
        match self.result(method, params) {
            Ok(result) => answer["result"] = result,
            Err(Failure::Refused(Refusal { code, message })) => {
                answer["error"] = match serde_json::from_str::<Value>(&message) {
                    // The upstream node's own error, with its data.
                    Ok(error) if error.is_object() => error,
                    _ => json!({"code": code, "message": message}),
                };
            }
            Err(Failure::HungUp) => return None,
        }
        Some(answer)
    }

    fn result(&mut self, method: &str, mut params: Vec<Value>) -> Result<Value, Failure> {
        if method == "eth_sendRawTransaction" {
            return self.send(&params);
        }
        let lag = match self.happens(Fault::Lag, self.faults.lag) {
            true => self.faults.lag_blocks,
            false => 0,
        };
        let head = self.head()?;
        let latest = head.saturating_sub(lag);
        if let Some(block) = block_parameter(method).and_then(|place| params.get_mut(place)) {
            let by_number = method == "eth_getBlockByNumber";
            *block = self.translate(block, head, latest, by_number)?;
        }
        match method {
            "eth_blockNumber" => return Ok(quantity(self.shown(latest))),
            "eth_getLogs" => self.translate_range(&mut params, head, latest)?,
            "eth_estimateGas" if self.estimates() != Estimates::Upstream => return self.estimate(&params),
            "eth_call" if self.estimates() != Estimates::Upstream => {
                let call = params.first_mut().and_then(Value::as_object_mut);
                call.and_then(|call| call.remove("gas"));
            }
            _ => {}
        }
        let mut result = self.ask(method, &params)?;
        if let (Some(max), Some(events)) = (self.faults.log_results, result.as_array())
            && method == "eth_getLogs"
            && events.len() > max
        {
            self.count(Fault::LogResults);
            // Lotus' words.
            return refuse(1, "filter matched too many events, try a more restricted filter");
        }
        if method == "eth_getTransactionReceipt" && !result.is_null() {
            let block = number(&result["blockNumber"]).unwrap_or_default();
            if block > latest || self.happens(Fault::MissingReceipt, self.faults.missing_receipts) {
                return Ok(Value::Null);
            }
        }
        if self.faults.null_rounds {
            show_epochs(&mut result);
        }
        Ok(result)
    }

    /// Translates the client's block parameter to the upstream node's.
    fn translate(
        &mut self,
        named: &Value,
        head: u64,
        latest: u64,
        by_number: bool,
    ) -> Result<Value, Failure> {
        let Some(text) = named.as_str() else {
            return Ok(named.clone());
        };
        match text {
            "latest" => return Ok(quantity(latest)),
            "finalized" | "safe" => {
                return match self.faults.finalized_behind {
                    Some(behind) => Ok(quantity(head.saturating_sub(behind))),
                    None => refuse(-32_602, format!("unsupported block tag {text}")),
                };
            }
            _ => {}
        }
        let (true, Some(epoch)) = (self.faults.null_rounds, number(named)) else {
            return Ok(named.clone());
        };
        if epoch > epoch_of(head) {
            return refuse(1, "requested a future epoch (beyond 'latest')");
        }
        if by_number && is_null_round(epoch) {
            self.count(Fault::NullRound);
            return refuse(12, format!("requested epoch was a null round ({epoch})"));
        }
        Ok(quantity(block_of(epoch)))
    }

    fn translate_range(&mut self, params: &mut [Value], head: u64, latest: u64) -> Result<(), Failure> {
        let Some(filter) = params.first_mut().and_then(Value::as_object_mut) else {
            return Ok(());
        };
        let mut ends = [head; 2];
        for (end, key) in ends.iter_mut().zip(["fromBlock", "toBlock"]) {
            if let Some(named) = filter.get(key).cloned() {
                let block = self.translate(&named, head, latest, false)?;
                *end = number(&block).unwrap_or(latest);
                filter.insert(key.to_owned(), block);
            }
        }
        match self.faults.log_range {
            Some(max) if self.shown(ends[1]).saturating_sub(self.shown(ends[0])) > max => {
                self.count(Fault::LogRange);
                refuse(-32_005, format!("block range exceeds maximum of {max}"))
            }
            _ => Ok(()),
        }
    }

    fn shown(&self, block: u64) -> u64 {
        match self.faults.null_rounds {
            true => epoch_of(block),
            false => block,
        }
    }

    fn send(&mut self, params: &[Value]) -> Result<Value, Failure> {
        let raw = params.first().and_then(Value::as_str).unwrap_or_default();
        let bytes = alloy_primitives::hex::decode(raw).unwrap_or_default();
        let Some(transaction) = Transaction::decode(&bytes) else {
            return self.pass_on(params);
        };
        let hash = json!(transaction.hash);
        if self.faults.size_rule && bytes.len() > MAX_MESSAGE {
            self.count(Fault::TooLarge);
            return refuse(
                -32_000,
                format!(
                    "message too large: {} bytes, the maximum is {MAX_MESSAGE}",
                    bytes.len()
                ),
            );
        }
        if self.mempool.knows(&transaction.hash) {
            return refuse(-32_000, "already known");
        }
        let mined = self.ask(
            "eth_getTransactionCount",
            &[json!(transaction.sender), json!("latest")],
        )?;
        let mined = number(&mined).unwrap_or_default();
        if self.faults.nonce_gap_rule
            && transaction.nonce > self.mempool.next_nonce(transaction.sender, mined)
        {
            self.count(Fault::NonceGap);
            return refuse(1, "unfulfilled nonce gap");
        }
        if self.faults.replacement_rule
            && let Err(premium) = self.mempool.replace(&transaction)
        {
            self.count(Fault::Underpriced);
            let nonce = transaction.nonce;
            return refuse(
                1,
                format!(
                    "message with nonce {nonce} already in mpool, increase GasPremium to {} to trigger replace by fee",
                    premium + premium / 4 + 1
                ),
            );
        }
        let fate = if transaction.nonce < mined {
            None
        } else if self.happens(Fault::Dropped, self.faults.dropped) {
            Some(Fate::Dropped)
        } else if self.happens(Fault::Reordered, self.faults.reordered) {
            Some(Fate::HeldBack)
        } else {
            None
        };
        if let Some(fate) = fate {
            self.mempool.hold(transaction, fate, self.requests);
            return Ok(hash);
        }
        let taken = self.pass_on(params)?;
        self.pass_on_released(true);
        if self.happens(Fault::TimeoutAfterSend, self.faults.timeout_after_send) {
            return Err(Failure::HungUp);
        }
        if self.happens(Fault::NonceTooLow, self.faults.nonce_too_low) {
            return refuse(-32_003, "nonce too low");
        }
        if self.happens(Fault::AlreadyKnown, self.faults.already_known) {
            return refuse(-32_000, "already known");
        }
        Ok(taken)
    }

    fn pass_on_released(&mut self, after_another: bool) {
        for transaction in self.mempool.release(self.requests, after_another) {
            let raw = alloy_primitives::hex::encode_prefixed(&transaction.raw);
            // It may be too late for it; then it counts as dropped.
            let _ = self.pass_on(&[json!(raw)]);
        }
    }

    /// Passes a transaction on and mines it before anything else happens.
    fn pass_on(&mut self, raw: &[Value]) -> Result<Value, Failure> {
        let taken = self.ask("eth_sendRawTransaction", raw)?;
        self.mine();
        Ok(taken)
    }

    fn fork(&mut self) {
        if self.faults.forks == 0 {
            return;
        }
        let Ok(head) = self.head() else { return };
        let room = head.saturating_sub(self.faults.fork_floor);
        let depth = self.random.u64(1..=self.faults.fork_depth.max(1)).min(room);
        if depth > 0 && self.happens(Fault::Fork, self.faults.forks) {
            let _ = self.ask("anvil_reorg", &[json!(depth), json!([])]);
        }
    }

    /// The number of the node's latest block.
    fn head(&mut self) -> Result<u64, Failure> {
        let head = self.ask("eth_blockNumber", &[])?;
        Ok(number(&head).unwrap_or_default())
    }

    /// Sends a request to the upstream node.
    pub(super) fn ask(&self, method: &str, params: &[Value]) -> Result<Value, Failure> {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let answer = self
            .agent
            .post(&self.upstream)
            .send_json(body)
            .and_then(|mut response| {
                response
                    .body_mut()
                    .with_config()
                    .limit(1 << 30)
                    .read_json::<Value>()
            });
        match answer {
            Ok(mut answer) => match answer.get("error") {
                Some(error) => refuse(-32_603, error.to_string()),
                None => Ok(answer["result"].take()),
            },
            Err(error) => refuse(-32_603, format!("the upstream node does not answer: {error}")),
        }
    }
}

pub(super) fn quantity(number: u64) -> Value {
    json!(format!("{number:#x}"))
}

pub(super) fn number(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}

/// Replaces block numbers by epochs wherever they occur in a response.
fn show_epochs(answer: &mut Value) {
    match answer {
        Value::Array(items) => items.iter_mut().for_each(show_epochs),
        Value::Object(fields) => {
            for key in ["blockNumber", "number", "oldestBlock"] {
                replace_number(fields, key);
            }
            fields.values_mut().for_each(show_epochs);
        }
        _ => {}
    }
}

fn replace_number(fields: &mut Map<String, Value>, key: &str) {
    if let Some(block) = fields.get(key).and_then(number) {
        fields.insert(key.to_owned(), quantity(epoch_of(block)));
    }
}
