//! Errors of the page's functions.

use assize_bundle::BundleError;
use assize_protocol::HexError;
use thiserror::Error;

/// Why nothing can be shown.
#[derive(Debug, Error)]
pub(crate) enum VerifierError {
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error("{name} in the bundle is malformed: {reason}")]
    File { name: String, reason: String },
    #[error("the seed: {0}")]
    Seed(#[from] HexError),
    #[error("{what}: {value} is not a whole number from {min} to {max}")]
    Number {
        what: &'static str,
        value: f64,
        min: f64,
        max: f64,
    },
    #[error("the bundle has no round")]
    Empty,
}

impl VerifierError {
    pub(crate) fn file(name: &str, reason: impl ToString) -> Self {
        Self::File {
            name: name.to_owned(),
            reason: reason.to_string(),
        }
    }
}
