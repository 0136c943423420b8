//! The settlement document: what evaluators sign, with everything needed to recompute it. Its CID is on chain
//! (`docs/protocol.md` §11.1).

mod check;
mod error;
mod figures;
pub mod parts;
mod settle;

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use assize_facts::{Contracts, Proposal, SettlementId};
use assize_measurement::unixfs;
use assize_protocol::{AttoFil, FileCid, RoundNumber, canonical, merkle};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use error::{DocumentError, SettleError};
pub use figures::{RoundFacts, RoundFigures};
pub use settle::{Parent, settle};

use crate::{Accepted, SuccessRates, json};

/// The supported version of the document format.
pub const DOCUMENT_VERSION: u32 = 2;

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
    /// Every covered round, in order.
    pub rounds: Vec<RoundFigures>,
    /// Over all covered rounds.
    pub rates: SuccessRates,
    /// Cumulative earnings of every operator since round 1.
    #[serde(with = "json::allocations")]
    pub allocations: BTreeMap<Address, AttoFil>,
    /// Sum of the allocations.
    pub cumulative_total: AttoFil,
    /// Root of the tree of allocations; zero if nobody has ever earned, which the contract rejects.
    pub root: B256,
    /// Every rewarded measurement of the range, ascending.
    pub accepted: Vec<Accepted>,
    /// Root of the tree of rewarded measurements; zero if there are none.
    pub accepted_root: B256,
}

/// Everything that an operator needs to claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RewardProof {
    /// The operator.
    pub operator: Address,
    /// Its cumulative earnings since round 1.
    pub cumulative: AttoFil,
    /// The Merkle proof from its leaf to the settlement's root.
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
    /// only the allocations, or only the rewarded measurements, reads those: [`parts`].
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
            cumulative_total: self.cumulative_total,
            accepted_root: self.accepted_root,
            cid: self.cid(),
        }
    }

    /// The tree against whose root operators prove their claims.
    #[must_use]
    pub fn reward_tree(&self) -> merkle::Tree {
        let leaf = |(operator, cumulative): (&Address, &AttoFil)| merkle::reward_leaf(*operator, *cumulative);
        merkle::Tree::new(self.allocations.par_iter().map(leaf).collect())
    }

    /// The tree of the rewarded measurements.
    #[must_use]
    pub fn accepted_tree(&self) -> merkle::Tree {
        let leaf = |accepted: &Accepted| {
            merkle::accepted_leaf(accepted.round, accepted.station, accepted.committee, accepted.k)
        };
        merkle::Tree::new(self.accepted.par_iter().map(leaf).collect())
    }

    /// Everything that an operator needs to claim; `None` if it has never earned.
    #[must_use]
    pub fn proof(&self, operator: Address) -> Option<RewardProof> {
        let cumulative = *self.allocations.get(&operator)?;
        let leaf = merkle::reward_leaf(operator, cumulative);
        let proof = self.reward_tree().proof(leaf)?;
        Some(RewardProof {
            operator,
            cumulative,
            proof,
        })
    }

    /// The sum of its rounds' rewards, by which it exceeds its parent.
    #[must_use]
    pub fn distributed(&self) -> AttoFil {
        AttoFil::saturating_sum(self.rounds.iter().map(|round| round.distributed))
    }
}
