//! Gas: what nodes estimate, what is signed, and what is paid for.
//!
//! | | estimate | unused gas |
//! |---|---|---|
//! | Filecoin's nodes (Lotus, Forest) | 1.25 times what the call used. They look for a higher limit only if the call, tried with that one, ran out of gas somewhere; if it fails otherwise, so do they | burned, in part |
//! | other nodes | the least limit with which the call succeeds | free |

use alloy_primitives::{Address, U64};

use crate::client::CallRequest;
use crate::{ChainClient, Draft, Result};

/// Filecoin mainnet and calibration.
const FILECOIN: [u64; 2] = [314, 314_159];

impl ChainClient {
    /// Gas limit for a transaction: its own, if it has one, once the node has tried the call with it; otherwise the node's estimate
    /// plus a fifth. Filecoin charges for large overestimates.
    ///
    /// # Errors
    /// [`ChainError::Reverted`](crate::ChainError::Reverted) if the transaction would fail now.
    pub async fn estimate_gas(&self, draft: &Draft, from: Address) -> Result<u64> {
        if let Some(limit) = draft.gas_limit {
            self.call_raw(draft, Some(from)).await?;
            return Ok(limit);
        }
        let estimate = self.node_estimate(draft, from).await?;
        Ok(estimate.saturating_add(estimate / 5))
    }

    /// The node's own estimate.
    ///
    /// # Errors
    /// [`ChainError::Reverted`](crate::ChainError::Reverted) if the transaction would fail now, on Filecoin also if it succeeds
    /// with a limit that its nodes do not try.
    pub async fn node_estimate(&self, draft: &Draft, from: Address) -> Result<u64> {
        let request = CallRequest::of(draft, Some(from));
        let estimate: U64 = self
            .ask_contract("eth_estimateGas", draft.contract, (request,))
            .await?;
        Ok(estimate.to())
    }

    /// How the chain's nodes estimate gas, and what the chain charges for.
    #[must_use]
    pub fn gas_rules(&self) -> GasRules {
        match FILECOIN.contains(&self.chain_id()) {
            true => GasRules::Filecoin,
            false => GasRules::Ethereum,
        }
    }
}

/// How nodes estimate gas, and what a chain charges for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GasRules {
    /// Nodes estimate the least limit; what is used is paid for.
    Ethereum,
    /// Nodes estimate a quarter more than what is used; much of what is unused is paid for too.
    Filecoin,
}

impl GasRules {
    /// What a transaction is charged for that uses `used` of its limit.
    #[must_use]
    pub fn charged(self, used: u64, limit: u64) -> u64 {
        match self {
            Self::Ethereum => used,
            Self::Filecoin => used.saturating_add(overestimation(used, limit)),
        }
    }
}

/// What Filecoin burns of unused gas: nothing up to a tenth above what was used, all from 2.1 times that on, and a growing share in
/// between (`compute_gas_outputs` of its virtual machine).
fn overestimation(used: u64, limit: u64) -> u64 {
    if used == 0 {
        return limit;
    }
    let unused = limit.saturating_sub(used);
    let tolerated = used.saturating_add(used / 10);
    let over = limit.saturating_sub(tolerated).min(used);
    let burned = u128::from(unused) * u128::from(over) / u128::from(used);
    // At most what is unused.
    u64::try_from(burned).unwrap_or(unused)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cases of Lotus' `TestGasBurn`.
    #[test]
    fn filecoin_burns_what_is_far_above_use() {
        for (used, limit, burned) in [
            (100, 200, 90),
            (100, 150, 20),
            (1_000, 1_300, 60),
            (500, 700, 60),
            (200, 200, 0),
            (20_000, 21_000, 0),
            (0, 2_000, 2_000),
            (500, 651, 30),
            (500, 5_000, 4_500),
        ] {
            assert_eq!(overestimation(used, limit), burned, "{used} of {limit}");
        }
        assert!(
            overestimation(u64::MAX / 2, u64::MAX) < u64::MAX / 2,
            "no overflow"
        );
    }
}
