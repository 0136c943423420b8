//! The signature as bytes and text.

use std::fmt;
use std::str::FromStr;

use alloy_primitives::hex;
use thiserror::Error;

/// 65 bytes r ‖ s ‖ v, v 27 or 28: as `ecrecover` expects it. Any 65 bytes are representable; a
/// [`Verifier`](crate::Verifier) checks them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature(pub [u8; 65]);

/// Text that is not 65 bytes of hex.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("is not a signature: `0x` and 130 hex digits (65 bytes: r, s, v)")]
pub struct SignatureError;

impl FromStr for Signature {
    type Err = SignatureError;

    fn from_str(text: &str) -> Result<Self, SignatureError> {
        let mut bytes = [0; 65];
        let digits = text.strip_prefix("0x").ok_or(SignatureError)?;
        // The decoder would take another prefix.
        if digits.len() != 2 * bytes.len() {
            return Err(SignatureError);
        }
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| SignatureError)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode_prefixed(self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({self})")
    }
}
