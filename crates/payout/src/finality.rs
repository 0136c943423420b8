//! Waiting until nothing can undo a transaction.

use std::time::Duration;

use alloy_primitives::B256;
use assize_chain::{ChainClient, Receipt};
use assize_outbox::{Finality, Policy};
use tokio::time::{Instant, sleep};

use crate::PayoutError;

/// How far a transaction is from being final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Distance {
    /// Blocks on top of its own.
    pub on_top: u64,
    /// Blocks that are enough, whatever the node says of finality.
    pub enough: u64,
    /// Whether the transaction is out of the chain just now, by a reorganisation.
    pub missing: bool,
}

/// Watches a mined transaction until it is final under `policy`, and returns its receipt then: a reorganisation may have
/// moved it into another block. Each look is told to `tell`.
///
/// # Errors
/// [`PayoutError::Vanished`] if a reorganisation took it out of the chain and it has not come back for as long as the policy
/// allows; [`PayoutError::Undone`] if it came back and failed. A node that cannot be reached is asked again.
pub async fn until_final(
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
                    on_top: 0,
                    enough: enough(policy.finality),
                    missing: true,
                });
            }
            Err(error) if error.is_transient() => {
                tracing::warn!(%hash, %error, "cannot see whether the transaction is final; asking again");
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
    // Before the receipt: a fork in between must not make an old receipt look deep.
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
