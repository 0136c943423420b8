//! `Roles` in the protocol's types: who may do what, and what is announced.

use std::collections::BTreeSet;

use alloy_primitives::{Address, U256};
use serde::{Deserialize, Serialize};

use crate::announced::if_any;
use crate::at::At;
use crate::contracts::roles::Roles as Abi;
use crate::{Announced, ChainClient, ChainError, Draft, Result};

/// The evaluators who may sign settlements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evaluators {
    /// Their addresses, ascending.
    pub set: Vec<Address>,
    /// Signatures needed.
    pub threshold: u64,
    /// Version of the set; signatures are bound to it.
    pub version: u64,
}

/// The `Roles` contract at an address.
#[derive(Clone, Debug)]
pub struct Roles(At);

impl Roles {
    /// The contract at `address`. Sends no request.
    #[must_use]
    pub fn new(client: ChainClient, address: Address) -> Self {
        Self(At {
            name: "Roles",
            client,
            address,
        })
    }

    /// The contract's address.
    #[must_use]
    pub fn address(&self) -> Address {
        self.0.address
    }

    /// The contract's chain.
    #[must_use]
    pub fn client(&self) -> &ChainClient {
        &self.0.client
    }

    /// The owner, who announces changes and has no access to funds.
    pub async fn owner(&self) -> Result<Address> {
        self.0.call(&Abi::ownerCall {}).await
    }

    /// The pending owner, who has been offered the ownership but has not accepted it.
    pub async fn pending_owner(&self) -> Result<Option<Address>> {
        self.0.call(&Abi::pendingOwnerCall {}).await.map(if_any)
    }

    /// The guardian, who vetoes, suspends and cancels.
    pub async fn guardian(&self) -> Result<Address> {
        self.0.call(&Abi::guardianCall {}).await
    }

    /// The announced guardian.
    pub async fn next_guardian(&self) -> Result<Option<Announced<Address>>> {
        let next = self.0.call(&Abi::nextGuardianCall {}).await?;
        Ok(Announced::of(next.newGuardian, next.effectiveAt))
    }

    /// Seconds between posting a settlement and its activation, and between the announcement of a change and its effect.
    pub async fn challenge_window(&self) -> Result<u64> {
        self.0.call(&Abi::challengeWindowCall {}).await
    }

    /// The announced shorter challenge window, seconds.
    pub async fn next_challenge_window(&self) -> Result<Option<Announced<u64>>> {
        let next = self.0.call(&Abi::nextChallengeWindowCall {}).await?;
        Ok(Announced::of(next.window, next.effectiveAt))
    }

    /// The minimum challenge window that the owner can ever set, seconds.
    pub async fn min_challenge_window(&self) -> Result<u64> {
        self.0.call(&Abi::MIN_CHALLENGE_WINDOWCall {}).await
    }

    /// The current evaluators.
    pub async fn evaluators(&self) -> Result<Evaluators> {
        let answer = self.0.call(&Abi::evaluatorsCall {}).await?;
        evaluators("evaluators", answer.set, answer.threshold, answer.version)
    }

    /// The announced evaluators.
    pub async fn next_evaluators(&self) -> Result<Option<Announced<Evaluators>>> {
        let next = self.0.call(&Abi::nextEvaluatorsCall {}).await?;
        let value = evaluators("nextEvaluators", next.set, next.threshold, next.version)?;
        Ok(Announced::of(value, next.effectiveAt))
    }

    /// The version of the current set of evaluators.
    pub async fn evaluator_set(&self) -> Result<u64> {
        self.0.call(&Abi::evaluatorSetCall {}).await
    }

    /// Announces new evaluators, one challenge window ahead. Owner only.
    #[must_use]
    pub fn set_evaluators(&self, set: &BTreeSet<Address>, threshold: u64) -> Draft {
        self.0.draft(&Abi::setEvaluatorsCall {
            newEvaluators: set.iter().copied().collect(),
            threshold: U256::from(threshold),
        })
    }

    /// Cancels announced evaluators. Owner or guardian.
    #[must_use]
    pub fn cancel_evaluators(&self) -> Draft {
        self.0.draft(&Abi::cancelEvaluatorsCall {})
    }

    /// Announces a new guardian, one challenge window ahead. Owner only.
    #[must_use]
    pub fn set_guardian(&self, guardian: Address) -> Draft {
        self.0.draft(&Abi::setGuardianCall {
            newGuardian: guardian,
        })
    }

    /// Cancels an announced guardian. Owner or guardian.
    #[must_use]
    pub fn cancel_guardian(&self) -> Draft {
        self.0.draft(&Abi::cancelGuardianCall {})
    }

    /// Sets the challenge window of settlements and announcements to come, seconds: a longer one at once, a shorter one
    /// after the present window. Owner only.
    #[must_use]
    pub fn set_challenge_window(&self, seconds: u64) -> Draft {
        self.0.draft(&Abi::setChallengeWindowCall { window: seconds })
    }

    /// Cancels an announced shorter challenge window. Owner or guardian.
    #[must_use]
    pub fn cancel_challenge_window(&self) -> Draft {
        self.0.draft(&Abi::cancelChallengeWindowCall {})
    }

    /// Offers the ownership to another address, which must accept it. Owner only.
    #[must_use]
    pub fn transfer_ownership(&self, owner: Address) -> Draft {
        self.0.draft(&Abi::transferOwnershipCall { newOwner: owner })
    }

    /// Accepts the ownership that was offered. The offered owner only.
    #[must_use]
    pub fn accept_ownership(&self) -> Draft {
        self.0.draft(&Abi::acceptOwnershipCall {})
    }
}

fn evaluators(method: &'static str, set: Vec<Address>, threshold: U256, version: u64) -> Result<Evaluators> {
    let threshold = u64::try_from(threshold).map_err(|_| ChainError::Answer {
        method,
        reason: "the threshold is out of range".into(),
    })?;
    Ok(Evaluators {
        set,
        threshold,
        version,
    })
}
