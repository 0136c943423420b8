//! The chain's drand verifier.

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolCall;
use assize_protocol::{BeaconRound, Randomness};

use crate::contracts::drand_beacon::DrandBeacon as Abi;
use crate::contracts::rounds::Rounds as RoundsAbi;
use crate::{ChainClient, Result, Rounds};

const NAME: &str = "Beacon";

/// An `IBeacon` at one address: `DrandBeacon` or `FilecoinBeacon`.
#[derive(Clone, Debug)]
pub struct Beacon {
    client: ChainClient,
    address: Address,
}

impl Beacon {
    /// The beacon that `rounds` uses.
    pub async fn of(rounds: &Rounds) -> Result<Self> {
        let client = rounds.client().clone();
        let address = client
            .call("Rounds", rounds.address(), &RoundsAbi::BEACONCall {})
            .await?;
        Ok(Self { client, address })
    }

    /// The contract's address.
    #[must_use]
    pub fn address(&self) -> Address {
        self.address
    }

    /// The first drand round that this contract can verify and that is published strictly after Unix time `timestamp`.
    pub async fn round_after(&self, timestamp: u64) -> Result<BeaconRound> {
        let timestamp = U256::from(timestamp);
        self.call(&Abi::roundAfterCall { timestamp })
            .await
            .map(BeaconRound)
    }

    /// Has the contract verify a beacon: 48 compressed bytes, followed by the 48 bytes of y.
    ///
    /// # Errors
    /// [`ChainError::Reverted`](crate::ChainError::Reverted) with the reason if it is not genuine.
    pub async fn verify(&self, round: BeaconRound, signature: &[u8]) -> Result<Randomness> {
        let signature = Bytes::copy_from_slice(signature);
        let round = round.0;
        let randomness: B256 = self.call(&Abi::verifyCall { round, signature }).await?;
        Ok(Randomness(randomness))
    }

    async fn call<C: SolCall>(&self, call: &C) -> Result<C::Return> {
        self.client.call(NAME, self.address, call).await
    }
}
