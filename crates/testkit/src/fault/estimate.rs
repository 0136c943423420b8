//! Gas estimates as Filecoin's nodes make them.

use serde_json::{Value, json};

use super::proxy::{Failure, Proxy, number, quantity, refuse};

/// Who estimates gas. Filecoin's nodes estimate with a block's gas, whatever limit is named, and so they simulate calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Estimates {
    /// Anvil.
    Upstream,
    /// 1.25 times what the call used. If it fails with that limit, and ran out of gas somewhere, a higher one is searched for;
    /// if it failed otherwise, the estimate fails (lotus `ethGasSearch`).
    Lotus,
    /// The least limit with which the call succeeds, to a hundredth, by bisection (forest `gas_search`).
    Forest,
}

impl Proxy {
    pub(super) fn estimate(&mut self, params: &[Value]) -> Result<Value, Failure> {
        let call = params.first().cloned().unwrap_or_default();
        let block = params.get(1).cloned().unwrap_or(json!("latest"));
        let head = self.ask("eth_getBlockByNumber", &[json!("latest"), json!(false)])?;
        let most = number(&head["gasLimit"]).unwrap_or_default();
        let trial = Trial {
            proxy: self,
            call,
            block,
        };
        // A revert is reported as the upstream node reports it.
        trial.simulate(most)?;
        let limit = match trial.proxy.estimates() {
            Estimates::Upstream | Estimates::Forest => trial.search(0, most),
            Estimates::Lotus => trial.as_lotus(most)?,
        };
        Ok(quantity(limit))
    }
}

/// A call to be tried with several limits.
struct Trial<'a> {
    proxy: &'a Proxy,
    call: Value,
    block: Value,
}

impl Trial<'_> {
    fn with(&self, limit: u64) -> Value {
        let mut call = self.call.clone();
        call["gas"] = quantity(limit);
        call
    }

    fn simulate(&self, limit: u64) -> Result<Value, Failure> {
        self.proxy
            .ask("eth_call", &[self.with(limit), self.block.clone()])
    }

    fn as_lotus(&self, most: u64) -> Result<u64, Failure> {
        let used = number(&self.trace(most)?["gasUsed"]).unwrap_or(most);
        let limit = quarter_more(used).min(most);
        let Err(failure) = self.simulate(limit) else {
            return Ok(limit);
        };
        match ran_out(&self.trace(limit)?) {
            true => Ok(quarter_more(self.search(limit, most)).min(most)),
            false => Err(failure),
        }
    }

    /// The least limit, to a hundredth, with which the call succeeds, above one with which it does not.
    fn search(&self, mut low: u64, mut high: u64) -> u64 {
        while high - low > high / 100 {
            let middle = low + (high - low) / 2;
            match self.simulate(middle) {
                Ok(_) => high = middle,
                Err(_) => low = middle,
            }
        }
        high
    }

    fn trace(&self, limit: u64) -> Result<Value, Failure> {
        let how = json!({"tracer": "callTracer"});
        let trace = self
            .proxy
            .ask("debug_traceCall", &[self.with(limit), self.block.clone(), how])?;
        match trace.is_object() {
            true => Ok(trace),
            false => refuse(-32_603, "the upstream node cannot trace"),
        }
    }
}

fn quarter_more(gas: u64) -> u64 {
    gas + gas / 4
}

/// Whether a call, or one that it made, ran out of gas.
fn ran_out(trace: &Value) -> bool {
    let error = trace["error"].as_str().unwrap_or_default().to_lowercase();
    let calls = trace["calls"].as_array();
    error.contains("out of gas") || error.contains("outofgas") || calls.into_iter().flatten().any(ran_out)
}
