//! Changes that are announced before they are in force.

use alloy_primitives::Address;

/// A change announced by the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced<T> {
    /// The new value.
    pub value: T,
    /// When it takes effect, Unix seconds.
    pub effective_at: u64,
}

impl<T> Announced<T> {
    /// The contracts' form, in which time 0 means that nothing is announced.
    pub(crate) fn of(value: T, effective_at: u64) -> Option<Self> {
        (effective_at > 0).then_some(Self { value, effective_at })
    }
}

/// The contracts' form of an address that may be missing.
pub(crate) fn if_any(address: Address) -> Option<Address> {
    (!address.is_zero()).then_some(address)
}
