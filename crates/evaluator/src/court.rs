//! Answers to the Court: an evaluator or a guardian shows the places of a settlement that it recomputed (docs/protocol.md §11.2).

use alloy_primitives::keccak256;
use assize_chain::{ChainError, Court, Demand, Place};
use assize_evaluate::SettlementDocument;
use assize_facts::Settlement;
use assize_outbox::{Kind, NewIntent, Outbox, OutboxError};
use assize_protocol::{Allocation, positional};

/// The demands for places of a settlement that nobody has shown yet.
pub(crate) async fn open_demands(court: &Court, settlement: &Settlement) -> Result<Vec<Demand>, ChainError> {
    let mut demands = court.demands(settlement).await?;
    demands.retain(|demand| demand.open);
    Ok(demands)
}

/// Enqueues an answer to each demand, once; returns how many are new. Each key answers in an order of its own: if there are more
/// demands than one can answer in time, several answer most of them.
pub(crate) fn answer<E: From<ChainError> + From<OutboxError>>(
    court: &Court,
    outbox: &mut Outbox,
    settlement: &Settlement,
    document: &SettlementDocument,
    demands: &[Demand],
) -> Result<u64, E> {
    let leaves = document.allocations.iter().map(Allocation::leaf).collect();
    let tree = positional::Tree::new(leaves);
    let mut answered = 0;
    let own = outbox.signer().address();
    let mut indices: Vec<_> = demands.iter().map(|demand| demand.index).collect();
    indices.sort_by_cached_key(|index| keccak256([own.as_slice(), &index.to_be_bytes()].concat()));
    for index in indices {
        let (Some(&allocation), Some(proof)) = (document.allocations.get(index as usize), tree.proof(index))
        else {
            continue;
        };
        let shown = Place {
            index,
            allocation,
            proof,
        };
        let draft = court.answer(settlement.id, &shown)?;
        let key = format!("answer/{}/{}/{index}", settlement.id, settlement.proposal.cid);
        let new = NewIntent {
            key: &key,
            kind: Kind::Commit,
            draft: &draft,
        };
        if outbox.enqueue(&new)? {
            tracing::info!(settlement = %settlement.id, index, "answering the Court");
            answered += 1;
        }
    }
    Ok(answered)
}
