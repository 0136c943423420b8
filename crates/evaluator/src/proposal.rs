//! Converts a document to its on-chain proposal.

use alloy_primitives::U256;
use assize_evaluate::SettlementDocument;
use assize_facts::{Proposal, SettlementId};

/// The on-chain proposal of a document.
#[must_use]
pub fn proposal_of(document: &SettlementDocument) -> Proposal {
    Proposal {
        parent: document
            .parent
            .as_ref()
            .map(|parent| SettlementId(parent.settlement)),
        first_round: document.first_round,
        last_round: document.last_round,
        root: document.root,
        cumulative_total: U256::from(document.cumulative_total),
        accepted_root: document.accepted_root,
        cid: document.cid(),
    }
}
