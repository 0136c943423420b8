//! Waits until a transaction is final.

use std::time::Duration;

use alloy_primitives::B256;
use assize_chain::{ChainClient, Receipt};
use assize_outbox::{Finality, Policy};
use tokio::time::{Instant, sleep};

use crate::PayoutError;

/// How far a transaction is from finality.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Distance {
    /// The transaction.
    pub hash: B256,
    /// Confirmations so far.
    pub on_top: u64,
    /// Number of confirmations that is enough without a finality signal from the node.
    pub enough: u64,
    /// Whether a reorganisation has dropped the transaction at the moment.
    pub missing: bool,
}

/// Watches a mined transaction until it is final under `policy`. Returns its final receipt, since a reorganisation may
/// have moved it to another block. Every observation is reported to `tell`.
///
/// # Errors
/// [`PayoutError::Vanished`] if a reorganisation dropped it for longer than the policy allows; [`PayoutError::Undone`]
/// if it returned and failed. An unreachable node is retried.
pub(crate) async fn until_final(
    client: &ChainClient,
    mined: Receipt,
    policy: &Policy,
    tell: &mut (dyn FnMut(Distance) + Send),
) -> Result<Receipt, PayoutError> {
    let hash = mined.hash;
    let mut known = mined;
    let mut missing_since = None;
    loop {
        match look(client, hash, policy.finality).await {
            Ok(Look::Final(receipt)) => return standing(receipt),
            Ok(Look::Mined(receipt, distance)) => {
                missing_since = None;
                known = receipt;
                tell(distance);
            }
            Ok(Look::Missing) => {
                let since = *missing_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= Duration::from_secs(policy.reorg_after) {
                    return Err(PayoutError::Vanished {
                        hash,
                        block: known.block_number,
                    });
                }
                tell(Distance {
                    hash,
                    on_top: 0,
                    enough: enough(policy.finality),
                    missing: true,
                });
            }
            Err(error) if error.is_transient() => {
                tracing::warn!(%hash, %error, "failed to check whether the transaction is final; retrying");
            }
            Err(error) => return Err(error.into()),
        }
        sleep(policy.poll).await;
    }
}

enum Look {
    Final(Receipt),
    Mined(Receipt, Distance),
    Missing,
}

async fn look(client: &ChainClient, hash: B256, finality: Finality) -> assize_chain::Result<Look> {
    // Read before the receipt, so that a fork in between cannot make an old receipt look confirmed.
    let head = client.head().await?.number;
    let by_tag = match finality {
        Finality::Blocks(_) => None,
        Finality::Tag { .. } => client.finalized().await?,
    };
    let Some(receipt) = client.receipt(hash).await? else {
        return Ok(Look::Missing);
    };
    if !client
        .is_canonical(receipt.block_number, receipt.block_hash)
        .await?
    {
        return Ok(Look::Missing);
    }
    let distance = Distance {
        hash,
        on_top: head.saturating_sub(receipt.block_number),
        enough: enough(finality),
        missing: false,
    };
    let is_final = match by_tag {
        Some(finalized) if finalized >= receipt.block_number => true,
        _ => distance.on_top >= distance.enough,
    };
    Ok(match is_final {
        true => Look::Final(receipt),
        false => Look::Mined(receipt, distance),
    })
}

const fn enough(finality: Finality) -> u64 {
    match finality {
        Finality::Blocks(blocks) | Finality::Tag { or: blocks } => blocks,
    }
}

fn standing(receipt: Receipt) -> Result<Receipt, PayoutError> {
    match receipt.succeeded {
        true => Ok(receipt),
        false => Err(PayoutError::Undone {
            hash: receipt.hash,
            block: receipt.block_number,
        }),
    }
}
