//! Keys of the demo's roles; stations have their own.

use alloy_primitives::{Address, B256, U256};
use assize_keys::Signer;
use assize_testkit::anvil::Anvil;
use assize_testkit::network::derive_key;

/// FIL of each role, for gas.
const GAS_FUNDS: u64 = 10;
/// FIL that the depositor has in addition.
const DEPOSITOR_FUNDS: u64 = 1_000;
const ATTO: u64 = 1_000_000_000_000_000_000;

/// Keys of the network's roles.
#[derive(Debug)]
pub(super) struct Roles {
    pub owner: Signer,
    pub coordinator: Signer,
    pub publisher: Signer,
    pub evaluators: Vec<Signer>,
    pub guardian: Signer,
    pub depositor: Signer,
    pub scheduler: Signer,
    /// An honest operator that claims its own rewards.
    pub operator: Signer,
}

impl Roles {
    /// Derives the keys, and funds their accounts.
    pub(super) fn new(seed: u64, operator: B256, anvil: &Anvil) -> eyre::Result<Self> {
        let key =
            |role: &str, index| Signer::from_bytes(&derive_key(seed, role, index).to_secret_bytes().into());
        let roles = Self {
            owner: key("owner", 0)?,
            coordinator: key("coordinator", 0)?,
            publisher: key("publisher", 0)?,
            evaluators: (0..3)
                .map(|index| key("evaluator", index))
                .collect::<Result<_, _>>()?,
            guardian: key("guardian", 0)?,
            depositor: key("depositor", 0)?,
            scheduler: key("scheduler", 0)?,
            operator: Signer::from_bytes(&operator)?,
        };
        for address in roles.addresses() {
            let extra = if address == roles.depositor.address() {
                DEPOSITOR_FUNDS
            } else {
                0
            };
            anvil.set_balance(address, U256::from(GAS_FUNDS + extra) * U256::from(ATTO))?;
        }
        Ok(roles)
    }

    fn addresses(&self) -> Vec<Address> {
        [
            &self.owner,
            &self.coordinator,
            &self.publisher,
            &self.guardian,
            &self.depositor,
            &self.scheduler,
            &self.operator,
        ]
        .into_iter()
        .chain(&self.evaluators)
        .map(Signer::address)
        .collect()
    }
}
