//! Errors of a deployment.

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
    /// The chain could not be read or written.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

impl From<SignerError> for DeploymentError {
    fn from(error: SignerError) -> Self {
        Self::Chain(error.into())
    }
}
