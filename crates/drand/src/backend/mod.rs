//! The pairing check, in two implementations.

#[cfg(feature = "evmnet")]
pub(crate) mod bn254;
#[cfg(feature = "blst")]
pub(crate) mod native;
pub(crate) mod pure;

use std::fmt;

use crate::PointError;

/// An implementation of the pairing check on BLS12-381. Both accept the same signatures and reject the others for the
/// same reasons. Beacons of evmnet are always checked by arkworks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// `drand-verify` on zkcrypto's `bls12_381`: pure Rust, also in wasm. About 2 ms per signature.
    Pure,
    /// `blst`: C and assembly. About 1 ms per signature.
    #[cfg(feature = "blst")]
    Blst,
}

impl Backend {
    /// All backends of this build.
    pub const ALL: &[Self] = &[
        Self::Pure,
        #[cfg(feature = "blst")]
        Self::Blst,
    ];
}

impl Default for Backend {
    /// The fastest backend of this build.
    fn default() -> Self {
        #[cfg(feature = "blst")]
        let fastest = Self::Blst;
        #[cfg(not(feature = "blst"))]
        let fastest = Self::Pure;
        fastest
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pure => "pure",
            #[cfg(feature = "blst")]
            Self::Blst => "blst",
        })
    }
}

/// Why a signature was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The bytes do not encode a valid point.
    Point(PointError),
    /// The point is valid, but the pairing equation does not hold.
    Pairing,
}

impl From<PointError> for Refusal {
    fn from(fault: PointError) -> Self {
        Self::Point(fault)
    }
}
