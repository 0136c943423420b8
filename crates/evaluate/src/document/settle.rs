//! Creates a settlement from evaluated rounds.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use assize_facts::Contracts;
use assize_protocol::{AttoFil, RoundNumber};

use super::{DOCUMENT_VERSION, ParentReference, RoundFacts, RoundFigures, SettleError, SettlementDocument};
use crate::{RoundEvaluation, SuccessRates};

/// The parent of a new settlement.
#[derive(Clone, Copy, Debug)]
pub struct Parent<'a> {
    /// Its number, from 1.
    pub settlement: u64,
    /// Its document.
    pub document: &'a SettlementDocument,
}

/// Settles consecutive rounds, in order. They begin where the parent ended, or with round 1.
///
/// # Errors
/// [`SettleError`] if the rounds do not continue the parent, or if the parent belongs to other contracts.
pub fn settle(
    contracts: Contracts,
    parent: Option<Parent<'_>>,
    rounds: &[(RoundFacts, RoundEvaluation)],
) -> Result<SettlementDocument, SettleError> {
    if let Some(parent) = parent.filter(|parent| parent.document.contracts != contracts) {
        return Err(SettleError::OtherContracts {
            settlement: parent.settlement,
            theirs: parent.document.contracts,
            ours: contracts,
        });
    }
    let before = parent.map_or(0, |parent| parent.document.last_round.0);
    let first_round = RoundNumber(before + 1);
    let mut last_round = before;
    let mut rates = SuccessRates::default();
    let mut allocations = parent
        .map(|parent| parent.document.allocations.clone())
        .unwrap_or_default();
    let mut accepted = Vec::new();
    for (facts, evaluation) in rounds {
        if facts.round.0 != last_round + 1 {
            return Err(SettleError::NotNext {
                expected: RoundNumber(last_round + 1),
                round: facts.round,
            });
        }
        last_round += 1;
        rates += &evaluation.rates();
        credit(&mut allocations, &evaluation.rewards)?;
        // Rounds ascend, and the list of each is sorted.
        accepted.extend_from_slice(&evaluation.accepted);
    }
    if rounds.is_empty() {
        return Err(SettleError::NoRounds { next: first_round });
    }
    let cumulative_total = AttoFil::checked_sum(allocations.values().copied())
        .filter(|total| *total <= AttoFil::MAX_IN_FILES)
        .ok_or(SettleError::Overflow)?;
    let mut document = SettlementDocument {
        version: DOCUMENT_VERSION,
        contracts,
        parent: parent.map(|parent| ParentReference {
            settlement: parent.settlement,
            cid: parent.document.cid(),
        }),
        first_round,
        last_round: RoundNumber(last_round),
        rounds: rounds
            .iter()
            .map(|(facts, evaluation)| RoundFigures::new(*facts, evaluation))
            .collect(),
        rates,
        allocations,
        cumulative_total,
        root: B256::ZERO,
        accepted,
        accepted_root: B256::ZERO,
    };
    document.root = document.reward_tree().root();
    document.accepted_root = document.accepted_tree().root();
    Ok(document)
}

fn credit(
    allocations: &mut BTreeMap<Address, AttoFil>,
    rewards: &BTreeMap<Address, AttoFil>,
) -> Result<(), SettleError> {
    for (operator, amount) in rewards {
        let cumulative = allocations.entry(*operator).or_default();
        *cumulative = cumulative.checked_add(*amount).ok_or(SettleError::Overflow)?;
    }
    Ok(())
}
