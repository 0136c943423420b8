//! Events of contracts.

use alloy_primitives::{Address, B256, U64};
use serde::Serialize;

use crate::{ChainClient, ChainError, Log, Result};

/// Blocks of one request: fewer than the 2880 that Filecoin's nodes allow.
const PAGE: u64 = 2_000;

/// Parameter of `eth_getLogs`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Filter<'a> {
    address: Address,
    topics: &'a [Option<B256>],
    from_block: U64,
    to_block: U64,
}

impl ChainClient {
    /// The events of a contract in the blocks `first` to `last`, in order.
    ///
    /// `topics` are the kind of event and its indexed arguments; `None` stands for any. Where a node finds that an answer would be
    /// too large, it is asked for fewer blocks at a time.
    pub async fn logs(
        &self,
        contract: Address,
        topics: &[Option<B256>],
        first: u64,
        last: u64,
    ) -> Result<Vec<Log>> {
        let mut all = Vec::new();
        let (mut from, mut span) = (first, PAGE);
        while from <= last {
            let to = last.min(from.saturating_add(span - 1));
            let filter = Filter {
                address: contract,
                topics,
                from_block: U64::from(from),
                to_block: U64::from(to),
            };
            match self.ask::<_, Vec<Log>>("eth_getLogs", (filter,)).await {
                Ok(logs) => {
                    all.extend(logs);
                    from = to.saturating_add(1);
                    span = PAGE.min(2 * span);
                }
                Err(error) if to > from && is_too_much(&error) => span = (to - from).div_ceil(2),
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }
}

/// Whether fewer blocks may be answered, in the words of Lotus, geth and the proxies in front of them. That an answer is longer
/// than any may be, [`ChainClient`] says itself.
fn is_too_much(error: &ChainError) -> bool {
    const WORDS: &[&str] = &[
        "too many events",
        "too many results",
        "too many logs",
        "more than",
        "too large",
        "too big",
        "size exceeded",
        "size exceeds",
        "exceeds max",
        "exceed max",
        "block range",
        "limited to",
        "restricted filter",
    ];
    let said = match error {
        ChainError::Rpc { message, .. } => message,
        ChainError::Busy { reason, .. } | ChainError::NotJsonRpc { reason, .. } => reason,
        _ => return false,
    };
    let said = said.to_lowercase();
    WORDS.iter().any(|words| said.contains(words))
}
