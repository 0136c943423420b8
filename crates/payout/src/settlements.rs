//! Finds the settlement to pay from.

use assize_chain::Rewards;
use assize_facts::{Settlement, SettlementId};

use crate::PayoutError;

/// The settlement of a number.
///
/// # Errors
/// [`PayoutError::NoSuchSettlement`]; chain errors.
pub(crate) async fn find_settlement(rewards: &Rewards, id: SettlementId) -> Result<Settlement, PayoutError> {
    let count = rewards.settlement_count().await?;
    match (1..=count).contains(&id.0) {
        true => Ok(rewards.settlement(id).await?),
        false => Err(PayoutError::NoSuchSettlement {
            settlement: id,
            count,
        }),
    }
}

/// The settlement of a number, or the newest active one.
///
/// # Errors
/// [`PayoutError::NoSuchSettlement`], [`PayoutError::NothingPosted`], [`PayoutError::NoneActive`]; chain errors.
pub async fn settlement_to_pay(
    rewards: &Rewards,
    given: Option<SettlementId>,
) -> Result<Settlement, PayoutError> {
    if let Some(id) = given {
        return find_settlement(rewards, id).await;
    }
    if let Some(active) = rewards.newest_active().await? {
        return Ok(active);
    }
    let head = rewards.head().await?.ok_or(PayoutError::NothingPosted)?;
    // No settlement is active, so the head is pending.
    let active_at = rewards.settlement(head).await?.active_at;
    Err(PayoutError::NoneActive {
        settlement: head,
        active_at,
    })
}
