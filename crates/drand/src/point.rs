//! Compressed points of BLS12-381: decoding and the kinds of invalid encodings.

use bls12_381::{G1Affine, G2Affine};

use crate::BeaconError;

/// Why bytes are not a compressed point of the prime-order subgroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PointError {
    /// Wrong length.
    #[error("{actual} bytes instead of {expected}")]
    Length {
        /// Length of the compressed form in bytes.
        expected: usize,
        /// Length of the input in bytes.
        actual: usize,
    },
    /// The first bit is not set.
    #[error("the flag of the compressed form (0x80 in the first byte) is not set")]
    NotCompressed,
    /// The flag of the point at infinity is set. That point is never a key, and no honest signer produces it.
    #[error("the flag of the point at infinity (0x40 in the first byte) is set")]
    Infinity,
    /// A coordinate at or above the field's modulus would be a second encoding of a point.
    #[error("the x coordinate is not below the modulus of the field")]
    FieldOverflow,
    /// No point has this x coordinate.
    #[error("no point of the curve has this x coordinate")]
    NotOnCurve,
    /// On the curve, but outside the subgroup in which a signature is unique.
    #[error("the point is on the curve but outside its prime-order subgroup")]
    NotInSubgroup,
}

/// Length of a coordinate in the base field, in bytes.
const FIELD: usize = 48;
/// Length of a compressed point of G1 in bytes.
pub(crate) const G1: usize = FIELD;
/// Length of a compressed point of G2 in bytes.
pub(crate) const G2: usize = 2 * FIELD;

const COMPRESSED: u8 = 0x80;
const INFINITY: u8 = 0x40;
const FLAGS: u8 = 0xe0;

/// Modulus of the base field, big-endian.
const MODULUS: [u8; FIELD] = [
    0x1a, 0x01, 0x11, 0xea, 0x39, 0x7f, 0xe6, 0x9a, 0x4b, 0x1b, 0xa7, 0xb6, 0x43, 0x4b, 0xac, 0xd7, 0x64,
    0x77, 0x4b, 0x84, 0xf3, 0x85, 0x12, 0xbf, 0x67, 0x30, 0xd2, 0xa0, 0xf6, 0xb0, 0xf6, 0x24, 0x1e, 0xab,
    0xff, 0xfe, 0xb1, 0x53, 0xff, 0xff, 0xb9, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xaa, 0xab,
];

/// Checks everything that needs no arithmetic: length, flags, coordinates below the modulus. Both backends rely on it,
/// because their libraries do not distinguish these faults.
pub(crate) fn check_encoding<const LENGTH: usize>(bytes: &[u8]) -> Result<[u8; LENGTH], PointError> {
    let point: [u8; LENGTH] = bytes.try_into().map_err(|_| PointError::Length {
        expected: LENGTH,
        actual: bytes.len(),
    })?;
    if point[0] & COMPRESSED == 0 {
        return Err(PointError::NotCompressed);
    }
    if point[0] & INFINITY != 0 {
        return Err(PointError::Infinity);
    }
    let mut x = point;
    x[0] &= !FLAGS;
    if x.chunks(FIELD).any(|coordinate| coordinate >= MODULUS.as_slice()) {
        return Err(PointError::FieldOverflow);
    }
    Ok(point)
}

/// Decodes a point of G1 and checks that it is valid.
pub(crate) fn decode_g1(bytes: &[u8]) -> Result<G1Affine, PointError> {
    let point = check_encoding::<G1>(bytes)?;
    let point = Option::from(G1Affine::from_compressed_unchecked(&point)).ok_or(PointError::NotOnCurve)?;
    if bool::from(G1Affine::is_torsion_free(&point)) {
        Ok(point)
    } else {
        Err(PointError::NotInSubgroup)
    }
}

/// Decodes a point of G2 and checks that it is valid.
pub(crate) fn decode_g2(bytes: &[u8]) -> Result<G2Affine, PointError> {
    let point = check_encoding::<G2>(bytes)?;
    let point = Option::from(G2Affine::from_compressed_unchecked(&point)).ok_or(PointError::NotOnCurve)?;
    if bool::from(G2Affine::is_torsion_free(&point)) {
        Ok(point)
    } else {
        Err(PointError::NotInSubgroup)
    }
}

/// Adds the y coordinate to a compressed quicknet signature. The result is the 96 bytes that `IBeacon.verify` takes (48
/// compressed, then y big-endian); it spares the contract a square root.
///
/// # Errors
/// [`BeaconError::NotASignature`] if the bytes are not a compressed point of G1. The signature itself is not verified.
pub fn with_y(signature: &[u8]) -> Result<[u8; 96], BeaconError> {
    let point = decode_g1(signature).map_err(|fault| BeaconError::NotASignature { fault })?;
    let mut bytes = point.to_uncompressed();
    bytes[..G1].copy_from_slice(signature);
    Ok(bytes)
}

/// Encodes a point of G2 for EIP-2537: x.c0, x.c1, y.c0, y.c1, each of 64 bytes with 16 leading zeros.
pub(crate) fn eip2537(point: &G2Affine) -> [u8; 256] {
    // The uncompressed form has the same coordinates, imaginary parts first: x.c1, x.c0, y.c1, y.c0.
    let uncompressed = point.to_uncompressed();
    let mut words = [0; 256];
    for (word, place) in words.chunks_mut(64).zip([1, 0, 3, 2]) {
        word[64 - FIELD..].copy_from_slice(&uncompressed[place * FIELD..(place + 1) * FIELD]);
    }
    words
}
