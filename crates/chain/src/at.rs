//! A contract at an address: what the readers of all contracts share.

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;
use assize_protocol::AttoFil;

use crate::{ChainClient, Draft, Result};

/// A contract at an address. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct At {
    /// The contract's name, for messages.
    pub(crate) name: &'static str,
    /// Its chain.
    pub(crate) client: ChainClient,
    /// Its address.
    pub(crate) address: Address,
}

impl At {
    /// Calls a view.
    pub(crate) async fn call<C: SolCall>(&self, call: &C) -> Result<C::Return> {
        self.client.call(self.name, self.address, call).await
    }

    /// Calls a view many times, in few requests.
    pub(crate) async fn call_many<C: SolCall>(&self, calls: &[C]) -> Result<Vec<C::Return>> {
        self.client.call_many(self.name, self.address, calls).await
    }

    /// Calls a view that returns attoFIL.
    pub(crate) async fn amount(&self, call: &impl SolCall<Return = U256>) -> Result<AttoFil> {
        self.call(call).await.map(AttoFil::from)
    }

    /// A transaction that calls the contract.
    pub(crate) fn draft(&self, call: &impl SolCall) -> Draft {
        Draft::call(self.name, self.address, call.abi_encode())
    }
}

/// The pages of a list of `count` entries that the contract gives in pages: where each begins, and its length.
pub(crate) fn pages(count: u32) -> impl Iterator<Item = (u32, u32)> {
    const PAGE: u32 = 100;
    (0..count)
        .step_by(PAGE as usize)
        .map(move |start| (start, PAGE.min(count - start)))
}
