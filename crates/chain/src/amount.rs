//! Amounts in the contracts' 96 bits.

use alloy_primitives::aliases::U96;
use assize_protocol::AttoFil;
use thiserror::Error;

/// An amount that the contracts cannot store.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0} do not fit into the contract's 96 bits of attoFIL; use a smaller amount")]
pub struct AmountTooLarge(pub AttoFil);

pub(crate) fn to_u96(amount: AttoFil) -> Result<U96, AmountTooLarge> {
    U96::checked_from_limbs_slice(amount.atto().as_limbs()).ok_or(AmountTooLarge(amount))
}
