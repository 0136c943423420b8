//! Events of contracts, and the blocks in which to look for them.

use alloy_primitives::{Address, B256, U64};
use serde::Serialize;

use crate::client::Head;
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
    /// `topics` are the kind of event and its indexed arguments; `None` stands for any.
    pub async fn logs(
        &self,
        contract: Address,
        topics: &[Option<B256>],
        first: u64,
        last: u64,
    ) -> Result<Vec<Log>> {
        let mut all = Vec::new();
        let mut from = first;
        while from <= last {
            let to = last.min(from.saturating_add(PAGE - 1));
            let filter = Filter {
                address: contract,
                topics,
                from_block: U64::from(from),
                to_block: U64::from(to),
            };
            all.extend(self.ask::<_, Vec<Log>>("eth_getLogs", (filter,)).await?);
            from = to.saturating_add(1);
        }
        Ok(all)
    }

    /// A block at or before which nothing later than Unix time `timestamp` happened, and not much older: where to begin to
    /// look for what happened from then on.
    ///
    /// It asks for blocks backwards from the newest one, so that a node need not have old ones.
    pub async fn block_at(&self, timestamp: u64) -> Result<u64> {
        let head = self.head().await?;
        let (mut late, mut span) = (head.number, 1);
        // Doubles the distance until a block is early enough.
        let mut early = loop {
            let number = head.number.saturating_sub(span);
            let is_early = match self.block_near(number).await? {
                Some(block) => block.timestamp < timestamp,
                None => false,
            };
            if is_early || number == 0 {
                break number;
            }
            (late, span) = (number, span.saturating_mul(2));
        };
        while late - early > 1 {
            let middle = early + (late - early) / 2;
            match self.block_near(middle).await? {
                Some(block) if block.timestamp < timestamp => early = middle,
                _ => late = middle,
            }
        }
        Ok(early)
    }

    /// A block, or the nearest before it if there is none of this number (Filecoin's null rounds).
    async fn block_near(&self, number: u64) -> Result<Option<Head>> {
        for number in (number.saturating_sub(crate::client::LONGEST_GAP)..=number).rev() {
            match self
                .ask::<_, Option<Head>>("eth_getBlockByNumber", (U64::from(number), false))
                .await
            {
                Ok(Some(block)) => return Ok(Some(block)),
                Ok(None) => {}
                Err(ChainError::Rpc { message, .. }) if message.contains("null round") => {}
                Err(other) => return Err(other),
            }
        }
        Ok(None)
    }
}
