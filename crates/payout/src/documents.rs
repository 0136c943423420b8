//! What settlements grant, read from their documents.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use alloy_primitives::Address;
use assize_chain::Rewards;
use assize_evaluate::DocumentError;
use assize_facts::{Settlement, SettlementId, Status};
use assize_protocol::FileCid;
use assize_protocol::allocations_in;
use assize_store::Source;
use tokio::task::block_in_place;

use crate::claim::expect_own;
use crate::{Allocations, PayoutError, SettlementTimeline, Statement};

/// The allocations of settlements. Each document is read once, and forgotten when a later settlement is active.
pub struct Documents {
    source: Box<dyn Source>,
    known: BTreeMap<(SettlementId, FileCid), Allocations>,
}

impl Documents {
    /// Reads documents from `source`.
    #[must_use]
    pub fn new(source: Box<dyn Source>) -> Self {
        Self {
            source,
            known: BTreeMap::new(),
        }
    }

    /// What a settlement grants. The document is the one that the CID on chain names, and its allocations have the root
    /// that is on chain; nothing else in it matters to a payment, and nothing else is checked.
    ///
    /// # Errors
    /// [`PayoutError::Document`], [`PayoutError::MalformedDocument`], [`PayoutError::WrongAllocations`].
    pub fn allocations(&mut self, settlement: &Settlement) -> Result<&Allocations, PayoutError> {
        if settlement.status == Status::Active {
            self.known.retain(|(id, _), _| *id >= settlement.id);
        }
        match self.known.entry((settlement.id, settlement.proposal.cid)) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => {
                let allocations = block_in_place(|| read(&*self.source, settlement))?;
                Ok(place.insert(allocations))
            }
        }
    }

    /// Where operators stand, in the order given. If the document of a pending settlement is unavailable, the rest is
    /// still known, and the second value has the reason.
    ///
    /// # Errors
    /// The document of the active settlement is unavailable; chain errors.
    pub async fn statements(
        &mut self,
        rewards: &Rewards,
        timeline: &SettlementTimeline,
        operators: &[Address],
    ) -> Result<(Vec<Statement>, BTreeMap<SettlementId, PayoutError>), PayoutError> {
        let claimed = rewards.claimed_by(operators).await?;
        if let Some(settlement) = &timeline.active {
            self.allocations(settlement)?;
        }
        let mut unknown = BTreeMap::new();
        for settlement in &timeline.pending {
            if let Err(error) = self.allocations(settlement) {
                unknown.insert(settlement.id, error);
            }
        }
        let known = |settlement: &Settlement| self.known.get(&(settlement.id, settlement.proposal.cid));
        let pending: Vec<_> = timeline
            .pending
            .iter()
            .map(|settlement| (*settlement, known(settlement)))
            .collect();
        let statement = |operator: &Address| {
            let paid = claimed.get(operator).copied().unwrap_or_default();
            Statement::new(
                *operator,
                paid,
                timeline.active.as_ref().and_then(known),
                &pending,
            )
        };
        Ok((operators.iter().map(statement).collect(), unknown))
    }
}

fn read(source: &dyn Source, settlement: &Settlement) -> Result<Allocations, PayoutError> {
    let (id, cid) = (settlement.id, settlement.proposal.cid);
    let file = source.get(&cid).map_err(|source| PayoutError::Document {
        settlement: id,
        source: Box::new(source),
    })?;
    let leaves = allocations_in(&file).map_err(|source| PayoutError::MalformedDocument {
        settlement: id,
        cid,
        source: DocumentError::Json(source),
    })?;
    let listed = Allocations::new(leaves);
    if expect_own(settlement, &listed).is_ok() {
        return Ok(listed);
    }
    // The order of a document's list withholds no money.
    let ordered = listed.in_order();
    expect_own(settlement, &ordered)?;
    Ok(ordered)
}
