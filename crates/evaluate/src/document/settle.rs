//! Creates a settlement from evaluated rounds.

use alloy_primitives::B256;
use assize_facts::Contracts;
use assize_protocol::RoundNumber;

use super::ledger::Ledger;
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

/// Settles consecutive rounds, in order. They begin where the parent ended, or with round 1. `drops` is how many files were ever
/// dropped: those that the evaluation left out, or that no round of the range has (docs/protocol.md §11.3).
///
/// If nobody earned anything, the settlement keeps its parent's tree.
///
/// # Errors
/// [`SettleError`] if the rounds do not continue the parent, or if the parent belongs to other contracts.
pub fn settle(
    contracts: Contracts,
    parent: Option<Parent<'_>>,
    drops: u32,
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
    let mut ledger = Ledger::default();
    for (facts, evaluation) in rounds {
        if facts.round.0 != last_round + 1 {
            return Err(SettleError::NotNext {
                expected: RoundNumber(last_round + 1),
                round: facts.round,
            });
        }
        last_round += 1;
        rates += &evaluation.rates();
        ledger.credit(facts.round, evaluation)?;
    }
    if rounds.is_empty() {
        return Err(SettleError::NoRounds { next: first_round });
    }
    let promised = parent.map_or(&[][..], |parent| &parent.document.allocations);
    let (allocations, reports) = ledger.close(promised)?;
    let mut document = SettlementDocument {
        version: DOCUMENT_VERSION,
        contracts,
        parent: parent.map(|parent| ParentReference {
            settlement: parent.settlement,
            cid: parent.document.cid(),
        }),
        first_round,
        last_round: RoundNumber(last_round),
        drops,
        rounds: rounds
            .iter()
            .map(|(facts, evaluation)| RoundFigures::new(facts.clone(), evaluation))
            .collect(),
        rates,
        reports,
        cumulative_total: allocations
            .last()
            .map_or_else(Default::default, |last| last.running),
        allocations,
        root: B256::ZERO,
    };
    document.root = document.rewards_tree().root();
    Ok(document)
}
