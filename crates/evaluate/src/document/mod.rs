//! The settlement document: what evaluators sign, with everything needed to recompute it. Its CID is on chain
//! (`docs/protocol.md` §11.1).

mod check;
mod error;
mod figures;
mod ledger;
mod settle;
mod sheets;

use alloy_primitives::{Address, B256};
use assize_facts::{Contracts, Proposal, SettlementId};
use assize_measurement::unixfs;
use assize_protocol::{Allocation, AttoFil, FileCid, RoundNumber, SheetEntry, canonical, positional};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use error::{DocumentError, SettleError};
pub use figures::{RoundFacts, RoundFigures};
pub use settle::{Parent, settle};

use crate::{SuccessRates, json};

/// The supported version of the document format.
pub const DOCUMENT_VERSION: u32 = 3;

/// The parent of a settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParentReference {
    /// Its number, from 1.
    pub settlement: u64,
    /// Its document.
    #[serde(with = "json::link")]
    pub cid: FileCid,
}

/// A settlement of a range of rounds.
///
/// Its file format is DAG-JSON ([`Self::to_bytes`]): one range has exactly one document, byte for byte. Keys and lists
/// are sorted, amounts are decimal strings in attoFIL, CIDs are links, and there are no timestamps. Roots and sums come
/// after the fields that they derive from, so that the first difference between two documents is the cause, not a
/// consequence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SettlementDocument {
    /// [`DOCUMENT_VERSION`].
    pub version: u32,
    /// The contracts of the rounds and the money.
    pub contracts: Contracts,
    /// `None` for the first settlement.
    pub parent: Option<ParentReference>,
    /// One more than the parent's last; 1 for the first settlement.
    pub first_round: RoundNumber,
    /// The last round covered.
    pub last_round: RoundNumber,
    /// How many files were ever dropped when it was evaluated.
    pub drops: u32,
    /// Every covered round, in order.
    pub rounds: Vec<RoundFigures>,
    /// Over all covered rounds.
    pub rates: SuccessRates,
    /// The leaves of all sheets, in the order of the operators: for what they earned something. Empty if nobody did.
    pub reports: Vec<SheetEntry>,
    /// The leaves of the rewards tree, ascending by operator: all that have ever earned anything. The parent's if nobody earned
    /// anything.
    pub allocations: Vec<Allocation>,
    /// Sum of the allocations.
    pub cumulative_total: AttoFil,
    /// Root of the rewards tree; zero if nobody has ever earned anything.
    pub root: B256,
}

/// Everything that an operator needs to claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RewardProof {
    /// Its place in the rewards tree.
    pub index: u32,
    /// The operator.
    pub operator: Address,
    /// Its cumulative earnings since round 1.
    pub cumulative: AttoFil,
    /// Hash of its allocation's other fields.
    pub rest: B256,
    /// The siblings of its leaf, from its level upwards.
    pub proof: Vec<B256>,
}

impl SettlementDocument {
    /// Reads a document, recomputes every sum and root in it, and accepts exactly the bytes that [`Self::to_bytes`] writes. A
    /// document that passes is consistent in itself; only a recomputation of its rounds shows whether it is *true*.
    ///
    /// # Errors
    /// [`DocumentError`] with the field at fault.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        let document = Self::decode(bytes)?;
        check::check(&document)?;
        // Last, so that faults of content are reported before faults of form.
        canonical::check_json(bytes, &document)?;
        Ok(document)
    }

    /// Reads a document without checking its sums or its form, for a verifier that compares it with its own. Whoever needs
    /// only the allocations reads those: [`allocations_in`](assize_protocol::allocations_in).
    ///
    /// # Errors
    /// [`DocumentError::Json`] or [`DocumentError::Version`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DocumentError> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        // Parsed separately first: another version may have other fields.
        let Version { version } = serde_json::from_slice(bytes)?;
        if version != DOCUMENT_VERSION {
            return Err(DocumentError::Version { version });
        }
        Ok(serde_json::from_slice(bytes)?)
    }

    /// The canonical bytes (`docs/protocol.md` §6.1, §11.1): DAG-JSON.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // Map keys are strings and every field can be serialised, so this cannot fail.
        canonical::to_json(self).unwrap_or_default()
    }

    /// The CID of the canonical bytes.
    #[must_use]
    pub fn cid(&self) -> FileCid {
        unixfs::file_cid(&self.to_bytes())
    }

    /// What is posted for it.
    #[must_use]
    pub fn proposal(&self) -> Proposal {
        Proposal {
            parent: self.parent.map(|parent| SettlementId(parent.settlement)),
            first_round: self.first_round,
            last_round: self.last_round,
            root: self.root,
            // At most as many as stations in its rounds.
            operators: self.allocations.len() as u32,
            cumulative_total: self.cumulative_total,
            drops: self.drops,
            cid: self.cid(),
        }
    }

    /// The tree against whose root operators prove their claims.
    #[must_use]
    pub fn rewards_tree(&self) -> positional::Tree {
        positional::Tree::new(self.allocations.par_iter().map(Allocation::leaf).collect())
    }

    /// An operator's place in the rewards tree, and what is there; `None` if it has never earned.
    #[must_use]
    pub fn allocation(&self, operator: Address) -> Option<(u32, &Allocation)> {
        let place = self
            .allocations
            .binary_search_by_key(&operator, |entry| entry.operator);
        let index = place.ok()?;
        // As many as operators.
        Some((index as u32, self.allocations.get(index)?))
    }

    /// Everything that an operator needs to claim; `None` if it has never earned.
    #[must_use]
    pub fn proof(&self, operator: Address) -> Option<RewardProof> {
        let (index, allocation) = self.allocation(operator)?;
        Some(RewardProof {
            index,
            operator,
            cumulative: allocation.cumulative,
            rest: allocation.rest(),
            proof: self.rewards_tree().proof(index)?,
        })
    }

    /// The sheet of every operator, in the order of the allocations: for what it earned something in these rounds. All are empty
    /// if nobody did.
    pub fn sheets(&self) -> impl Iterator<Item = (&Allocation, &[SheetEntry])> {
        let mut rest = &self.reports[..];
        self.allocations.iter().map(move |allocation| {
            // Without earnings the counts are those of the parent's sheets, which are in its document.
            let length = rest.len().min(allocation.reports as usize);
            let (sheet, others) = rest.split_at(length);
            rest = others;
            (allocation, sheet)
        })
    }

    /// The sum of its rounds' rewards, by which it exceeds its parent.
    #[must_use]
    pub fn distributed(&self) -> AttoFil {
        AttoFil::saturating_sum(self.rounds.iter().map(|round| round.distributed))
    }
}
