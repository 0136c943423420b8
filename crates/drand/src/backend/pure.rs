//! Verification in pure Rust: `drand-verify` for the equation, `bls12_381` to classify invalid points.

use assize_protocol::BeaconRound;
use drand_verify::{G1Pubkey, G2PubkeyRfc, Pubkey};

use super::Refusal;
use crate::point::{self, decode_g1, decode_g2};
use crate::{PointError, Scheme};

/// A decoded public key.
pub(crate) enum Key {
    /// For signatures in G2.
    G1(G1Pubkey),
    /// For signatures in G1.
    G2(G2PubkeyRfc),
    /// For evmnet.
    #[cfg(feature = "evmnet")]
    Bn254(super::bn254::Key),
}

impl Key {
    /// Decodes a key and checks that it is a point of the prime-order subgroup.
    pub(crate) fn decode(scheme: Scheme, key: &[u8]) -> Result<Self, PointError> {
        // drand-verify alone does not report what is wrong with an invalid key.
        match scheme {
            Scheme::PedersenBlsChained => {
                let fixed = point::check_encoding(key)?;
                decode_g1(key)?;
                G1Pubkey::from_fixed(fixed)
                    .map(Self::G1)
                    .map_err(|_| PointError::NotInSubgroup)
            }
            Scheme::BlsUnchainedG1Rfc9380 => {
                let fixed = point::check_encoding(key)?;
                decode_g2(key)?;
                G2PubkeyRfc::from_fixed(fixed)
                    .map(Self::G2)
                    .map_err(|_| PointError::NotInSubgroup)
            }
            #[cfg(feature = "evmnet")]
            Scheme::BlsBn254UnchainedG1 => super::bn254::Key::decode(key).map(Self::Bn254),
        }
    }

    /// Checks the signature of `H(previous ‖ round)`.
    pub(crate) fn verify(
        &self,
        round: BeaconRound,
        previous: &[u8],
        signature: &[u8],
    ) -> Result<(), Refusal> {
        let genuine = match self {
            Self::G1(key) => {
                decode_g2(signature)?;
                key.verify(round.0, previous, signature)
            }
            Self::G2(key) => {
                decode_g1(signature)?;
                key.verify(round.0, previous, signature)
            }
            #[cfg(feature = "evmnet")]
            Self::Bn254(key) => return key.verify(round, signature),
        };
        // The point was decoded above, so an error here means that the two libraries disagree about valid points.
        if matches!(genuine, Ok(true)) {
            Ok(())
        } else {
            Err(Refusal::Pairing)
        }
    }
}
