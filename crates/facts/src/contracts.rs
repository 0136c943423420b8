//! The deployment that facts belong to.

use assize_protocol::{Address, Randomness, RoundNumber, Seed};
use serde::{Deserialize, Serialize};

/// The contracts of one deployment, on one chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Contracts {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The `Rounds` contract.
    pub rounds: Address,
    /// The `Rewards` contract.
    pub rewards: Address,
}

impl Contracts {
    /// Derives a round's seed in this deployment from a beacon's randomness (docs/protocol.md §3).
    #[must_use]
    pub fn seed(&self, round: RoundNumber, randomness: Randomness) -> Seed {
        Seed::derive(self.chain_id, self.rounds, round, randomness)
    }
}
