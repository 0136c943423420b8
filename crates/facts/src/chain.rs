//! Everything that was read from the contracts: `facts.json` of a bundle (docs/protocol.md §12.1).

use std::collections::BTreeMap;

use assize_protocol::RoundNumber;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{BatchCommitment, Contracts, Drops, FileKey, OwnReport, Round, Settlement, SettlementId};

/// A round and what was committed to it, as in the contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainRound {
    /// The round.
    #[serde(flatten)]
    pub round: Round,
    /// Its batches, in commit order.
    pub commitments: Vec<BatchCommitment>,
    /// The reports that stations committed themselves, in commit order.
    pub own: Vec<OwnReport>,
}

/// The contracts' state of some rounds and settlements. A verification reads all of it from the chain first; the rest
/// needs no node and is deterministic.
///
/// In JSON (`facts.json` of a bundle), rounds and settlements are lists, ascending by number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Lists", into = "Lists")]
pub struct ChainFacts {
    /// The contracts that the facts were read from.
    pub contracts: Contracts,
    /// The files dropped, in that order (docs/protocol.md §11.3).
    pub drops: Vec<FileKey>,
    /// Time of the newest block, Unix seconds.
    pub now: u64,
    /// The rounds.
    pub rounds: BTreeMap<RoundNumber, ChainRound>,
    /// The settlements.
    pub settlements: BTreeMap<SettlementId, Settlement>,
}

impl ChainFacts {
    /// The first `count` files that were dropped: those that a settlement with this number of drops leaves out. `None` if
    /// fewer were.
    #[must_use]
    pub fn first_drops(&self, count: u32) -> Option<Drops> {
        Some(self.drops.get(..count as usize)?.iter().copied().collect())
    }
}

/// Facts whose lists are not in order.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{what} {number} is listed after {what} {before}: list each once, in ascending order")]
pub struct FactsError {
    /// "round" or "settlement".
    pub what: &'static str,
    /// The misplaced entry.
    pub number: u64,
    /// The entry before it.
    pub before: u64,
}

/// The JSON form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lists {
    contracts: Contracts,
    drops: Vec<FileKey>,
    now: u64,
    rounds: Vec<ChainRound>,
    settlements: Vec<Settlement>,
}

impl TryFrom<Lists> for ChainFacts {
    type Error = FactsError;

    fn try_from(lists: Lists) -> Result<Self, FactsError> {
        let rounds = lists.rounds.into_iter().map(|round| (round.round.number, round));
        let settlements = lists.settlements.into_iter().map(|posted| (posted.id, posted));
        Ok(Self {
            contracts: lists.contracts,
            drops: lists.drops,
            now: lists.now,
            rounds: ascending("round", rounds, |number| number.0)?,
            settlements: ascending("settlement", settlements, |id| id.0)?,
        })
    }
}

/// The entries as a map, if they ascend.
fn ascending<K: Ord + Copy, V>(
    what: &'static str,
    entries: impl Iterator<Item = (K, V)>,
    number: impl Fn(K) -> u64,
) -> Result<BTreeMap<K, V>, FactsError> {
    let mut map = BTreeMap::new();
    for (key, value) in entries {
        if let Some((&before, _)) = map.last_key_value().filter(|(before, _)| **before >= key) {
            return Err(FactsError {
                what,
                number: number(key),
                before: number(before),
            });
        }
        map.insert(key, value);
    }
    Ok(map)
}

impl From<ChainFacts> for Lists {
    fn from(facts: ChainFacts) -> Self {
        Self {
            contracts: facts.contracts,
            drops: facts.drops,
            now: facts.now,
            rounds: facts.rounds.into_values().collect(),
            settlements: facts.settlements.into_values().collect(),
        }
    }
}
