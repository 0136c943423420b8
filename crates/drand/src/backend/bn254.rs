//! Verification for drand evmnet: BN254, signatures in G1 of `Keccak-256(round)`.
//!
//! arkworks provides the curve and the pairing. Messages are mapped to the curve by RFC 9380's `hash_to_curve` with
//! `expand_message_xmd` over Keccak-256 (§5.3.1) and the Shallue–van de Woestijne map (§6.6.1).

use alloy_primitives::keccak256;
use ark_bn254::{Bn254, Fq, Fq2, G1Affine, G1Projective, G2Affine};
use ark_ec::pairing::Pairing;
use ark_ec::{AdditiveGroup, AffineRepr, CurveGroup};
use ark_ff::{BigInteger, Field, MontFp, PrimeField, Zero};
use assize_protocol::BeaconRound;

use super::Refusal;
use crate::PointError;

const DST: &[u8] = b"BLS_SIG_BN254G1_XMD:KECCAK-256_SVDW_RO_NUL_";

/// Length of a coordinate in bytes.
const FIELD: usize = 32;
/// Length of a signature in bytes: x ‖ y.
const G1: usize = 2 * FIELD;
/// Length of a public key in bytes: x.c1 ‖ x.c0 ‖ y.c1 ‖ y.c0.
const G2: usize = 4 * FIELD;

/// A decoded public key.
pub(crate) struct Key(G2Affine);

impl Key {
    /// Decodes a key and checks that it is a point of the prime-order subgroup.
    pub(crate) fn decode(key: &[u8]) -> Result<Self, PointError> {
        let [x_c1, x_c0, y_c1, y_c0] = coordinates::<G2, 4>(key)?;
        let point = G2Affine::new_unchecked(Fq2::new(x_c0, x_c1), Fq2::new(y_c0, y_c1));
        if !point.is_on_curve() {
            return Err(PointError::NotOnCurve);
        }
        if !point.is_in_correct_subgroup_assuming_on_curve() {
            return Err(PointError::NotInSubgroup);
        }
        Ok(Self(point))
    }

    /// Checks the signature of `Keccak-256(round)`.
    pub(crate) fn verify(&self, round: BeaconRound, signature: &[u8]) -> Result<(), Refusal> {
        let [x, y] = coordinates::<G1, 2>(signature)?;
        let signature = G1Affine::new_unchecked(x, y);
        // The cofactor is 1: every point of the curve is in the subgroup.
        if !signature.is_on_curve() {
            return Err(PointError::NotOnCurve.into());
        }
        let message = hash_to_curve(keccak256(round.0.to_be_bytes()).as_slice());
        // e(signature, G₂)·e(−message, key) = 1
        let product = Bn254::multi_pairing(
            [signature, (-message).into_affine()],
            [G2Affine::generator(), self.0],
        );
        if product.is_zero() {
            Ok(())
        } else {
            Err(Refusal::Pairing)
        }
    }
}

/// Decodes big-endian field elements. All zeros are the point at infinity.
fn coordinates<const LENGTH: usize, const COUNT: usize>(bytes: &[u8]) -> Result<[Fq; COUNT], PointError> {
    let bytes: &[u8; LENGTH] = bytes.try_into().map_err(|_| PointError::Length {
        expected: LENGTH,
        actual: bytes.len(),
    })?;
    if bytes.iter().all(|&byte| byte == 0) {
        return Err(PointError::Infinity);
    }
    let mut coordinates = [Fq::ZERO; COUNT];
    for (coordinate, bytes) in coordinates.iter_mut().zip(bytes.chunks(FIELD)) {
        *coordinate = Fq::from_be_bytes_mod_order(bytes);
        // A second encoding of the same number would be a second signature of the same round.
        if coordinate.into_bigint().to_bytes_be() != bytes {
            return Err(PointError::FieldOverflow);
        }
    }
    Ok(coordinates)
}

fn hash_to_curve(message: &[u8]) -> G1Projective {
    // Two elements of 48 bytes each, 16 more than the field needs, so that the bias is negligible (RFC 9380 §5.1).
    const ELEMENT: usize = 48;
    let uniform = expand_message::<{ 2 * ELEMENT }>(message);
    let (first, second) = uniform.split_at(ELEMENT);
    let map = |bytes: &[u8]| map_to_curve(Fq::from_be_bytes_mod_order(bytes));
    map(first) + map(second)
}

/// RFC 9380 §5.3.1.
fn expand_message<const LENGTH: usize>(message: &[u8]) -> [u8; LENGTH] {
    /// Block size of Keccak-256 in bytes.
    const BLOCK: usize = 136;
    const HASH: usize = 32;
    let dst = [DST, &[DST.len() as u8]].concat();
    let length = (LENGTH as u16).to_be_bytes();
    let first = keccak256([&[0; BLOCK], message, &length, &[0], &dst].concat());
    let mut last = [0; HASH];
    let mut uniform = [0; LENGTH];
    for (index, part) in (1_u8..).zip(uniform.chunks_mut(HASH)) {
        let mixed: Vec<u8> = first.iter().zip(last).map(|(first, last)| first ^ last).collect();
        last = keccak256([&mixed, &[index][..], &dst].concat()).0;
        part.copy_from_slice(&last[..part.len()]);
    }
    uniform
}

/// RFC 9380 §6.6.1 for y² = x³ + 3, with Z = 1.
fn map_to_curve(u: Fq) -> G1Projective {
    const Z: Fq = Fq::ONE;
    /// g(Z)
    const C1: Fq = MontFp!("4");
    /// −Z / 2
    const C2: Fq = MontFp!("10944121435919637611123202872628637544348155578648911831344518947322613104291");
    /// sqrt(−g(Z)·3Z²), the even one of the two
    const C3: Fq = MontFp!("8815841940592487685674414971303048083897117035520822607866");
    /// −4·g(Z) / 3Z²
    const C4: Fq = MontFp!("7296080957279758407415468581752425029565437052432607887563012631548408736189");
    let g = |x: Fq| x.square() * x + Fq::from(3);

    let tv1 = u.square() * C1;
    let tv2 = Fq::ONE + tv1;
    let tv1 = Fq::ONE - tv1;
    let tv3 = (tv1 * tv2).inverse().unwrap_or(Fq::ZERO);
    let tv4 = u * tv1 * tv3 * C3;
    let candidates = [C2 - tv4, C2 + tv4, (tv2.square() * tv3).square() * C4 + Z];
    // At least one of the three has a y; the first one is taken.
    let found = candidates.into_iter().find_map(|x| Some((x, g(x).sqrt()?)));
    let Some((x, y)) = found else {
        return G1Projective::zero();
    };
    let y = if is_odd(&u) == is_odd(&y) { y } else { -y };
    G1Affine::new_unchecked(x, y).into()
}

/// sgn0 of RFC 9380 §4.1.
fn is_odd(element: &Fq) -> bool {
    element.into_bigint().is_odd()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constants_follow_from_z() {
        let three = Fq::from(3);
        let four = Fq::from(4);
        let c3 = MontFp!("8815841940592487685674414971303048083897117035520822607866");
        assert_eq!(c3.square(), -(four * three));
        assert!(!is_odd(&c3));
        let c2: Fq = MontFp!("10944121435919637611123202872628637544348155578648911831344518947322613104291");
        assert_eq!(c2.double(), -Fq::ONE);
        let c4: Fq = MontFp!("7296080957279758407415468581752425029565437052432607887563012631548408736189");
        assert_eq!(c4 * three, -(four * four));
    }

    #[test]
    fn every_element_is_mapped_to_a_point() {
        for u in (0..200_u64)
            .map(Fq::from)
            .chain([-Fq::ONE, Fq::from(2).inverse().unwrap()])
        {
            let point = map_to_curve(u).into_affine();
            assert!(point.is_on_curve() && !point.is_zero());
        }
    }
}
