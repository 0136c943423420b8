//! Verification by `blst`.

use assize_protocol::BeaconRound;
use blst::BLST_ERROR::{self, BLST_POINT_NOT_IN_GROUP, BLST_POINT_NOT_ON_CURVE, BLST_SUCCESS};
use blst::{min_pk, min_sig};
use sha2::{Digest, Sha256};

use super::Refusal;
use crate::point::{self, check_encoding};
use crate::{PointError, Scheme};

pub(crate) const DST_G1: &[u8] = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";
const DST_G2: &[u8] = b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_";

/// A decoded public key.
pub(crate) enum Key {
    /// For signatures in G2.
    G1(min_pk::PublicKey),
    /// For signatures in G1.
    G2(min_sig::PublicKey),
    /// For evmnet.
    #[cfg(feature = "evmnet")]
    Bn254(super::bn254::Key),
}

impl Key {
    /// Decodes a key and checks that it is a point of the prime-order subgroup.
    pub(crate) fn decode(scheme: Scheme, key: &[u8]) -> Result<Self, PointError> {
        match scheme {
            Scheme::PedersenBlsChained => {
                let key = check_encoding::<{ point::G1 }>(key)?;
                min_pk::PublicKey::key_validate(&key).map(Self::G1)
            }
            Scheme::BlsUnchainedG1Rfc9380 => {
                let key = check_encoding::<{ point::G2 }>(key)?;
                min_sig::PublicKey::key_validate(&key).map(Self::G2)
            }
            #[cfg(feature = "evmnet")]
            Scheme::BlsBn254UnchainedG1 => return super::bn254::Key::decode(key).map(Self::Bn254),
        }
        .map_err(fault)
    }

    /// Checks the signature of `H(previous ‖ round)`.
    pub(crate) fn verify(
        &self,
        round: BeaconRound,
        previous: &[u8],
        signature: &[u8],
    ) -> Result<(), Refusal> {
        let message = Sha256::new()
            .chain_update(previous)
            .chain_update(round.0.to_be_bytes())
            .finalize();
        let outcome = match self {
            Self::G1(key) => {
                let signature = check_encoding::<{ point::G2 }>(signature)?;
                let signature = min_pk::Signature::sig_validate(&signature, true).map_err(fault)?;
                signature.verify(false, &message, DST_G2, &[], key, false)
            }
            Self::G2(key) => {
                let signature = check_encoding::<{ point::G1 }>(signature)?;
                let signature = min_sig::Signature::sig_validate(&signature, true).map_err(fault)?;
                signature.verify(false, &message, DST_G1, &[], key, false)
            }
            #[cfg(feature = "evmnet")]
            Self::Bn254(key) => return key.verify(round, signature),
        };
        if outcome == BLST_SUCCESS {
            Ok(())
        } else {
            Err(Refusal::Pairing)
        }
    }
}

/// The encoding has already been checked, so only the point itself can be invalid.
fn fault(error: BLST_ERROR) -> PointError {
    match error {
        BLST_POINT_NOT_IN_GROUP => PointError::NotInSubgroup,
        BLST_POINT_NOT_ON_CURVE => PointError::NotOnCurve,
        _ => PointError::FieldOverflow,
    }
}
