//! Errors of a deployment.

use alloy_primitives::{Address, B256};
use assize_chain::ChainError;
use assize_keys::SignerError;
use thiserror::Error;

use crate::ParamsError;

/// Result of this crate.
pub type Result<T, E = DeploymentError> = std::result::Result<T, E>;

/// Why a deployment, its plan or its comparison failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DeploymentError {
    /// The parameters are invalid, or do not match what is already deployed.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// There is code at an address, but not that of the contract which the deployment file names.
    #[error(
        "the code at {address} on chain {chain_id} is not that of {contract} (keccak-256 {found}); the deployment file is of \
         another chain or another version: compare with `assize deploy check`"
    )]
    ForeignCode {
        /// The contract's name.
        contract: &'static str,
        /// The address.
        address: Address,
        /// The chain.
        chain_id: u64,
        /// keccak-256 of the code found.
        found: B256,
    },
    /// The deployment file has contracts of two networks.
    #[error(
        "the deployment file mixes networks: its {contract} at {address} belongs to the {part} at {found}, and the file has {listed}: \
         use the file that `assize deploy apply` wrote"
    )]
    Mixed {
        /// The contract.
        contract: &'static str,
        /// Its address.
        address: Address,
        /// The contract that it names.
        part: &'static str,
        /// That contract's address.
        found: Address,
        /// The address in the file.
        listed: Address,
    },
    /// The contracts verify beacons of another drand chain than the one given.
    #[error(
        "the network's contracts verify beacons of {verified}, but the drand chain given is {given} ({id}): give the network's \
         with --drand-info FILE, the answer of its relay to /info"
    )]
    OtherDrand {
        /// What the contracts verify.
        verified: String,
        /// Hash of the drand chain that was given.
        given: String,
        /// Its id.
        id: String,
    },
    /// The contract that the deployment file names as the beacon is not one.
    #[error(
        "the contract at {address} on chain {chain_id} verifies no drand beacons; the deployment file is of another chain or \
         another version: compare with `assize verify deployment`"
    )]
    NotABeacon {
        /// The address.
        address: Address,
        /// The chain.
        chain_id: u64,
    },
    /// The chain could not be read or written.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The deployment file has no parameters.
    #[error("the deployment file has no parameters: give them with --params FILE")]
    NoParams,
    /// More has changed than can be approved.
    #[error("nothing approved: more than roles and settings differs:\n  {findings}")]
    NotApproved {
        /// What differs, a line each.
        findings: String,
    },
    /// A publisher is neither admitted nor announced.
    #[error("--publisher {publisher} is neither admitted nor announced on the chain")]
    NotAdmitted {
        /// The publisher.
        publisher: Address,
    },
}

impl DeploymentError {
    /// Whether a retry may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Chain(error) if error.is_transient())
    }
}

impl From<SignerError> for DeploymentError {
    fn from(error: SignerError) -> Self {
        Self::Chain(error.into())
    }
}
