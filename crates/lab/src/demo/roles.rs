//! Keys of the demo's roles; stations have their own.

use alloy_primitives::{Address, B256};
use assize_keys::Signer;
use assize_protocol::AttoFil;
use assize_testkit::anvil::Anvil;
use assize_testkit::network::derive_key;

/// Balance of each role, for gas.
const GAS_FUNDS: AttoFil = AttoFil::from_fil(10);
/// Balance of the depositor.
const DEPOSITOR_FUNDS: AttoFil = AttoFil::from_fil(1_010);

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
            let is_depositor = address == roles.depositor.address();
            anvil.set_balance(address, if is_depositor { DEPOSITOR_FUNDS } else { GAS_FUNDS })?;
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
