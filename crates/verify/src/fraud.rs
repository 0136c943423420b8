//! Fraud that the Court can see (docs/protocol.md §11.2).

use std::collections::BTreeSet;

use assize_chain::{Place, Search};
use assize_drand::BeaconSource;
use assize_facts::{Mismatch, SettlementId};
use assize_protocol::{Address, Allocation, AttoFil, B256, allocations_in, positional};

use crate::{Evidence, VerifyError};

/// Where a settlement breaks what was promised, with everything that the Court needs to see it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is one, at the end of a search")]
pub enum Fraud {
    /// The first or the last allocation, or two neighbours, are out of order or have a wrong sum: for `challengeOrder`.
    Order {
        /// The lower one.
        lower: Place,
        /// The one after it, with its proof; `None` if the lower one is the last.
        upper: Option<(Allocation, Vec<B256>)>,
    },
    /// An operator does not have what its parent promised and what it has grown by: for `challengeGrowth`.
    Growth {
        /// The operator.
        operator: Address,
        /// Where it is in the settlement's tree, or would be.
        here: Search,
        /// Where it is in the parent's.
        before: Search,
    },
}

impl<B: BeaconSource> Evidence<'_, B> {
    /// The first place where a settlement breaks the order, sums or growth of its allocations; `None` if it does not. Only
    /// [`Self::verify_settlement`] checks that what it adds was earned.
    ///
    /// # Errors
    /// [`VerifyError`]: what is missing or damaged; [`VerifyError::Mismatch`] if a document does not have the allocations of the
    /// root on chain, so that nothing can be shown: then `demand` is the remedy.
    pub fn find_fraud(&self, id: SettlementId) -> Result<Option<Fraud>, VerifyError> {
        let proposal = self.settlement(id)?.proposal;
        let here = self.allocations(id)?;
        let before = match proposal.parent {
            Some(parent) => self.allocations(parent)?,
            None => Allocations::default(),
        };
        Ok(find(&here, &before, proposal.cumulative_total))
    }

    /// The allocations of a settlement, which have its root.
    fn allocations(&self, id: SettlementId) -> Result<Allocations, VerifyError> {
        let proposal = self.settlement(id)?.proposal;
        let bytes = self.document_file(id, &proposal.cid)?;
        let listed = allocations_in(&bytes).map_err(|error| VerifyError::Document {
            settlement: id,
            cid: proposal.cid,
            source: error.into(),
        })?;
        let path = |field: &'static str| move || format!("chain.settlements[{id}].{field}");
        let allocations = Allocations::new(listed);
        Mismatch::check(
            path("operators"),
            allocations.listed.len() as u64,
            proposal.operators.into(),
        )
        .and_then(|()| Mismatch::check(path("root"), allocations.tree.root(), proposal.root))
        .map_err(VerifyError::Mismatch)?;
        Ok(allocations)
    }
}

/// The first fraud; a settlement with its parent's root cannot be one.
fn find(here: &Allocations, before: &Allocations, total: AttoFil) -> Option<Fraud> {
    if here.tree.root() == before.tree.root() {
        return None;
    }
    here.first_disorder(total)
        .or_else(|| here.first_shrinking(before))
}

/// The leaves of a rewards tree.
#[derive(Debug)]
struct Allocations {
    listed: Vec<Allocation>,
    tree: positional::Tree,
}

impl Default for Allocations {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Allocations {
    fn new(listed: Vec<Allocation>) -> Self {
        Self {
            tree: positional::Tree::new(listed.iter().map(Allocation::leaf).collect()),
            listed,
        }
    }

    fn shown(&self, index: usize) -> Option<(Allocation, Vec<B256>)> {
        // As many as the contract counts in 32 bits.
        Some((*self.listed.get(index)?, self.tree.proof(index as u32)?))
    }

    fn place(&self, index: usize) -> Option<Place> {
        let (allocation, proof) = self.shown(index)?;
        Some(Place {
            index: index as u32,
            allocation,
            proof,
        })
    }

    /// The first place that `challengeOrder` disproves.
    fn first_disorder(&self, total: AttoFil) -> Option<Fraud> {
        let broken = |index: usize| {
            let lower = &self.listed[index];
            let first = index == 0 && lower.running != lower.cumulative;
            first
                || match self.listed.get(index + 1) {
                    Some(upper) => {
                        upper.operator <= lower.operator
                            || lower.running.checked_add(upper.cumulative) != Some(upper.running)
                    }
                    None => lower.running != total,
                }
        };
        let index = (0..self.listed.len()).find(|&index| broken(index))?;
        Some(Fraud::Order {
            lower: self.place(index)?,
            upper: self.shown(index + 1),
        })
    }

    /// The first operator whose growth `challengeGrowth` disproves. Both lists must be in order.
    fn first_shrinking(&self, before: &Self) -> Option<Fraud> {
        let operators: BTreeSet<Address> = self
            .listed
            .iter()
            .chain(&before.listed)
            .map(|entry| entry.operator)
            .collect();
        let broken = |operator: &Address| {
            let amount = |entry: Option<&Allocation>| entry.map_or(AttoFil::ZERO, |entry| entry.cumulative);
            let (now, promised) = (self.get(*operator), before.get(*operator));
            let grown = now.map_or(AttoFil::ZERO, |entry| entry.grown);
            amount(promised).checked_add(grown) != Some(amount(now))
        };
        let operator = operators.into_iter().find(broken)?;
        Some(Fraud::Growth {
            operator,
            here: self.search(operator)?,
            before: before.search(operator)?,
        })
    }

    fn position(&self, operator: Address) -> Result<usize, usize> {
        self.listed
            .binary_search_by_key(&operator, |entry| entry.operator)
    }

    fn get(&self, operator: Address) -> Option<&Allocation> {
        self.listed.get(self.position(operator).ok()?)
    }

    fn search(&self, operator: Address) -> Option<Search> {
        match self.position(operator) {
            Ok(index) => Some(Search::Present(self.place(index)?)),
            Err(index) => Some(Search::Absent {
                index: index as u32,
                lower: index.checked_sub(1).and_then(|lower| self.shown(lower)),
                upper: self.shown(index),
            }),
        }
    }
}
