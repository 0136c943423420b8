//! `Court` in the protocol's types: challenges to pending settlements, demands and their answers (docs/protocol.md §11.2).

use alloy_primitives::{Address, B256, aliases::U96};
use alloy_sol_types::SolEvent;
use assize_facts::{Settlement, SettlementId};
use assize_protocol::{Allocation, AttoFil};

use crate::amount::to_u96;
use crate::at::At;
use crate::contracts::court::{Court as Abi, ICourt, RewardsTree};
use crate::{Blocks, ChainClient, Draft, Result};

/// An allocation and its place in a rewards tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The place, from 0.
    pub index: u32,
    /// What is there.
    pub allocation: Allocation,
    /// From its leaf to the root.
    pub proof: Vec<B256>,
}

/// Where an operator is in a rewards tree, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Search {
    /// It is there.
    Present(Place),
    /// It is not: these are the neighbours between which it would be.
    Absent {
        /// The place that it would have: that of `upper`, or the number of leaves.
        index: u32,
        /// The leaf before it, with its proof; `None` if it would be the first.
        lower: Option<(Allocation, Vec<B256>)>,
        /// The leaf after it, with its proof; `None` if it would be the last.
        upper: Option<(Allocation, Vec<B256>)>,
    },
}

/// A demand that a place be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// The place.
    pub index: u32,
    /// Who made it.
    pub demander: Address,
    /// Of whoever shows the place, or the demander's again.
    pub bond: AttoFil,
    /// Until when an answer keeps the settlement alive, Unix seconds.
    pub due_at: u64,
    /// Whether it was neither answered nor closed.
    pub open: bool,
}

/// The `Court` contract at an address. All that it judges is of one `Rewards`.
#[derive(Clone, Debug)]
pub struct Court {
    at: At,
    rewards: Address,
}

impl Court {
    /// The contract at `address`, for the settlements of `rewards`. Sends no request.
    #[must_use]
    pub fn new(client: ChainClient, address: Address, rewards: Address) -> Self {
        let at = At {
            name: "Court",
            client,
            address,
        };
        Self { at, rewards }
    }

    /// The contract's address.
    #[must_use]
    pub fn address(&self) -> Address {
        self.at.address
    }

    /// The contract's chain.
    #[must_use]
    pub fn client(&self) -> &ChainClient {
        &self.at.client
    }

    /// Seconds to answer a demand.
    pub async fn answer_window(&self) -> Result<u64> {
        self.at.call(&Abi::ANSWER_WINDOWCall {}).await
    }

    /// Seconds that must remain between the end of the answer window and the activation.
    pub async fn slack(&self) -> Result<u64> {
        self.at.call(&Abi::SLACKCall {}).await
    }

    /// The last second in which places of a settlement can be demanded.
    pub async fn demands_until(&self, settlement: &Settlement) -> Result<u64> {
        let reserved = self.answer_window().await?.saturating_add(self.slack().await?);
        Ok(settlement.active_at.saturating_sub(reserved))
    }

    /// A bond that a demand should have: the contract's at twice the newest block's base fee, since base fees rise, and never
    /// less than the least. Views are executed without a base fee, so the contract cannot be asked.
    pub async fn bond(&self) -> Result<AttoFil> {
        let least = self.at.amount(&Abi::LEAST_BONDCall {}).await?;
        let gas = self.at.call(&Abi::BOND_GASCall {}).await?.saturating_to();
        let base_fee = self.client().head().await?.base_fee_per_gas;
        Ok(least.max(AttoFil::of_gas(gas, base_fee.saturating_mul(2))))
    }

    /// The demand for a place, if there was ever one.
    pub async fn demand_of(&self, settlement: SettlementId, index: u32) -> Result<Option<Demand>> {
        let asked = self.at.call(&self.demand_call(settlement, index)).await?;
        Ok(demand(index, &asked))
    }

    /// All demands for places of a pending settlement, in the order in which they were made, from the chain's events.
    pub async fn demands(&self, settlement: &Settlement) -> Result<Vec<Demand>> {
        let topics = [
            Some(Abi::Demanded::SIGNATURE_HASH),
            Some(self.rewards.into_word()),
            Some(B256::from(alloy_primitives::U256::from(settlement.id.0))),
        ];
        let client = self.client();
        let first = Blocks::new(client).before(settlement.posted_at).await?;
        let last = client.head().await?.number;
        let logs = client.logs(self.address(), &topics, first, last).await?;
        let indices: Vec<u32> = logs
            .iter()
            .filter_map(|log| Abi::Demanded::decode_raw_log(log.topics.iter().copied(), &log.data).ok())
            .map(|event| event.index)
            .collect();
        let calls: Vec<_> = indices
            .iter()
            .map(|&index| self.demand_call(settlement.id, index))
            .collect();
        let asked = self.at.call_many(&calls).await?;
        let demands = indices.iter().zip(&asked);
        Ok(demands
            .filter_map(|(&index, asked)| demand(index, asked))
            .collect())
    }

    /// What `who` may withdraw.
    pub async fn owed(&self, who: Address) -> Result<AttoFil> {
        self.at.amount(&Abi::owedCall { who }).await
    }

    /// Voids a pending settlement whose first or last leaf, or two neighbours, are out of order or have a wrong running sum.
    /// Anyone may call it.
    ///
    /// `upper` is the leaf after `lower`, with its proof; `None` if `lower` is the last.
    ///
    /// # Errors
    /// [`AmountTooLarge`](crate::AmountTooLarge).
    pub fn challenge_order(
        &self,
        settlement: SettlementId,
        lower: &Place,
        upper: Option<(&Allocation, &[B256])>,
    ) -> Result<Draft> {
        let (leaf, proof) = upper.unzip();
        Ok(self.at.draft(&Abi::challengeOrderCall {
            rewards: self.rewards,
            settlement: settlement.0,
            lower: encode_place(lower)?,
            upper: leaf.map_or_else(|| Ok(no_leaf()), encode_leaf)?,
            upperProof: proof.map(<[B256]>::to_vec).unwrap_or_default(),
        }))
    }

    /// Voids a pending settlement that does not continue what its parent promised `operator`. Anyone may call it.
    ///
    /// # Errors
    /// [`AmountTooLarge`](crate::AmountTooLarge).
    pub fn challenge_growth(
        &self,
        settlement: SettlementId,
        operator: Address,
        here: &Search,
        before: &Search,
    ) -> Result<Draft> {
        Ok(self.at.draft(&Abi::challengeGrowthCall {
            rewards: self.rewards,
            settlement: settlement.0,
            operator,
            here: encode_search(here)?,
            before: encode_search(before)?,
        }))
    }

    /// Demands that a place of a pending settlement with this root be shown, against a bond. Anyone may call it.
    #[must_use]
    pub fn demand(&self, settlement: SettlementId, root: B256, index: u32, bond: AttoFil) -> Draft {
        let call = Abi::demandCall {
            rewards: self.rewards,
            settlement: settlement.0,
            root,
            index,
        };
        self.at.draft(&call).with_value(bond)
    }

    /// Shows a place that was demanded; the bond is then owed to the sender. Anyone may call it.
    ///
    /// # Errors
    /// [`AmountTooLarge`](crate::AmountTooLarge).
    pub fn answer(&self, settlement: SettlementId, shown: &Place) -> Result<Draft> {
        Ok(self.at.draft(&Abi::answerCall {
            rewards: self.rewards,
            settlement: settlement.0,
            shown: encode_place(shown)?,
        }))
    }

    /// Voids a pending settlement of which a demanded place was not shown in time; of any other, only closes the demand.
    /// Either way the bond is owed to the demander. Anyone may call it.
    #[must_use]
    pub fn lapse(&self, settlement: SettlementId, index: u32) -> Draft {
        self.at.draft(&Abi::lapseCall {
            rewards: self.rewards,
            settlement: settlement.0,
            index,
        })
    }

    /// Pays `who` what is owed to it. Anyone may call it.
    #[must_use]
    pub fn withdraw(&self, who: Address) -> Draft {
        self.at.draft(&Abi::withdrawCall { who })
    }

    fn demand_call(&self, settlement: SettlementId, index: u32) -> Abi::demandOfCall {
        Abi::demandOfCall {
            rewards: self.rewards,
            settlement: settlement.0,
            index,
        }
    }
}

fn demand(index: u32, asked: &ICourt::Demand) -> Option<Demand> {
    (!asked.demander.is_zero()).then(|| Demand {
        index,
        demander: asked.demander,
        bond: AttoFil::new(asked.bond.to()),
        due_at: asked.dueAt.to(),
        open: asked.open,
    })
}

fn encode_leaf(leaf: &Allocation) -> Result<RewardsTree::Leaf> {
    Ok(RewardsTree::Leaf {
        operator: leaf.operator,
        cumulative: to_u96(leaf.cumulative)?,
        running: to_u96(leaf.running)?,
        grown: to_u96(leaf.grown)?,
        reports: leaf.reports,
        sheet: leaf.sheet,
    })
}

/// In the place of a leaf that the contract does not look at.
fn no_leaf() -> RewardsTree::Leaf {
    RewardsTree::Leaf {
        operator: Address::ZERO,
        cumulative: U96::ZERO,
        running: U96::ZERO,
        grown: U96::ZERO,
        reports: 0,
        sheet: B256::ZERO,
    }
}

fn encode_place(place: &Place) -> Result<ICourt::Place> {
    Ok(ICourt::Place {
        index: place.index,
        leaf: encode_leaf(&place.allocation)?,
        proof: place.proof.clone(),
    })
}

fn encode_search(search: &Search) -> Result<ICourt::Search> {
    let neighbour = |found: &Option<(Allocation, Vec<B256>)>| match found {
        Some((leaf, proof)) => encode_leaf(leaf).map(|leaf| (leaf, proof.clone())),
        None => Ok((no_leaf(), Vec::new())),
    };
    Ok(match search {
        Search::Present(place) => ICourt::Search {
            present: true,
            index: place.index,
            lower: encode_leaf(&place.allocation)?,
            lowerProof: place.proof.clone(),
            upper: no_leaf(),
            upperProof: Vec::new(),
        },
        Search::Absent { index, lower, upper } => {
            let ((lower, lower_proof), (upper, upper_proof)) = (neighbour(lower)?, neighbour(upper)?);
            ICourt::Search {
                present: false,
                index: *index,
                lower,
                lowerProof: lower_proof,
                upper,
                upperProof: upper_proof,
            }
        }
    })
}
