//! Why a deployment failed.

use assize_chain::ChainError;
use assize_keys::SignerError;
use thiserror::Error;

use crate::ParamsError;

/// Result of this crate.
pub type Result<T, E = DeploymentError> = std::result::Result<T, E>;

/// Why the contracts could not be deployed, planned or compared.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DeploymentError {
    /// The parameters cannot be used, or do not belong to what is deployed already.
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
