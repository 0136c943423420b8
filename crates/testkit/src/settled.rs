//! Settlements of arbitrary amounts on the chain of a [`World`].

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use assize_evaluate::{DOCUMENT_VERSION, ParentReference, SettlementDocument, SuccessRates};
use assize_facts::{Contracts, Proposal, Settlement, SettlementId};
use assize_protocol::{Allocation, AttoFil, RoundNumber};

use crate::world::{World, WorldError};

/// The allocations of operators with these cumulative amounts, on top of what a parent promised. Their sheets are empty, so
/// nothing shows for what they earned it.
#[must_use]
pub fn allocations(amounts: &BTreeMap<Address, AttoFil>, promised: &[Allocation]) -> Vec<Allocation> {
    let promised: BTreeMap<_, _> = promised
        .iter()
        .map(|before| (before.operator, before.cumulative))
        .collect();
    let mut running = AttoFil::ZERO;
    let earned = amounts.iter().filter(|(_, amount)| !amount.is_zero());
    earned
        .map(|(&operator, &cumulative)| {
            running = running.saturating_add(cumulative);
            let before = promised.get(&operator).copied().unwrap_or_default();
            Allocation {
                operator,
                cumulative,
                running,
                grown: cumulative.saturating_sub(before),
                reports: 0,
                sheet: B256::ZERO,
            }
        })
        .collect()
}

impl World {
    /// A document with exactly these cumulative amounts, on top of the newest settlement that is not void, for all rounds since.
    /// It contains no rounds: recomputing it fails, but claims and the Court do not need them.
    ///
    /// # Errors
    /// [`WorldError::NoDocument`] if the newest settlement was posted without [`World::post`]; chain errors.
    pub async fn document(
        &self,
        amounts: &BTreeMap<Address, AttoFil>,
    ) -> Result<SettlementDocument, WorldError> {
        let parent = match self.rewards.head().await? {
            Some(id) => Some((id, self.posted(id)?)),
            None => None,
        };
        let promised = parent.as_ref().map_or(&[][..], |(_, parent)| &parent.allocations);
        let allocations = allocations(amounts, promised);
        let mut document = SettlementDocument {
            version: DOCUMENT_VERSION,
            contracts: self.contracts(),
            parent: parent.as_ref().map(|(id, parent)| ParentReference {
                settlement: id.0,
                cid: parent.cid(),
            }),
            first_round: RoundNumber(parent.map_or(1, |(_, parent)| parent.last_round.0 + 1)),
            last_round: self.rounds.latest_round().await?.unwrap_or(RoundNumber(0)),
            drops: self.rewards.drop_count().await?,
            rounds: Vec::new(),
            rates: SuccessRates::default(),
            reports: Vec::new(),
            cumulative_total: allocations.last().map_or(AttoFil::ZERO, |last| last.running),
            allocations,
            root: B256::ZERO,
        };
        document.root = document.rewards_tree().root();
        Ok(document)
    }

    /// Opens a round and posts a settlement with these cumulative amounts ([`World::document`]); deposits what it needs. It grows
    /// by at most a round's budget.
    ///
    /// # Errors
    /// Those of [`World::document`].
    pub async fn settle(
        &self,
        amounts: &BTreeMap<Address, AttoFil>,
    ) -> Result<(SettlementId, Vec<u8>), WorldError> {
        self.open_round().await?;
        let document = self.document(amounts).await?;
        let settlement = self.post(&document, false).await?;
        Ok((settlement.id, document.to_bytes()))
    }

    /// The contracts as documents name them.
    #[must_use]
    pub fn contracts(&self) -> Contracts {
        Contracts {
            chain_id: self.deployment.chain_id,
            rounds: self.deployment.rounds,
            rewards: self.deployment.rewards,
        }
    }

    /// As [`World::post_proposal`], for a document.
    ///
    /// # Errors
    /// Chain errors.
    pub async fn post(&self, document: &SettlementDocument, active: bool) -> Result<Settlement, WorldError> {
        let settlement = self.post_proposal(&document.proposal(), active).await?;
        self.keep(settlement.id, document);
        Ok(settlement)
    }

    /// Lets the rounds of a proposal pass, deposits the necessary amount, posts it with the evaluator's signature and, if `active`,
    /// lets its challenge window pass.
    ///
    /// # Errors
    /// Chain errors.
    pub async fn post_proposal(&self, proposal: &Proposal, active: bool) -> Result<Settlement, WorldError> {
        self.finish(proposal.last_round).await?;
        let deposited = self.rewards.total_deposited().await?;
        let missing = proposal.cumulative_total.saturating_sub(deposited);
        if !missing.is_zero() {
            self.send(&self.rewards.deposit(missing)).await?;
        }
        let id = SettlementId(self.rewards.settlement_count().await? + 1);
        let message = self.rewards.message_of(id, proposal).await?;
        let signature = message.sign(self.owner()).await?;
        let signatures = BTreeMap::from([(self.owner().address(), signature)]);
        self.send(&self.rewards.post(id, proposal, &signatures)).await?;
        if active {
            let active_at = self.rewards.settlement(id).await?.active_at;
            self.anvil.mine_at(active_at)?;
        }
        Ok(self.rewards.settlement(id).await?)
    }
}
