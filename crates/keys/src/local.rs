//! Keys in memory.

use alloy_primitives::{Address, B256, Signature};
use secp256k1::ecdsa::RecoverableSignature;
use secp256k1::{Message, PublicKey, SecretKey};

/// A key and its address. The key is overwritten when it is dropped.
#[derive(Clone)]
pub(crate) struct LocalKey {
    secret: SecretKey,
    address: Address,
}

impl LocalKey {
    /// A key of 32 bytes; `None` if they are not a secp256k1 key: zero, or not below the curve's order.
    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Option<Self> {
        let secret = SecretKey::from_secret_bytes(bytes).ok()?;
        let public = PublicKey::from_secret_key(&secret).serialize_uncompressed();
        // Without the prefix byte of the uncompressed form.
        let address = Address::from_raw_public_key(&public[1..]);
        Some(Self { secret, address })
    }

    pub(crate) fn address(&self) -> Address {
        self.address
    }

    /// Signs a digest. The same digest gives the same signature (RFC 6979); s is low.
    pub(crate) fn sign(&self, digest: &B256) -> Signature {
        let message = Message::from_digest(digest.0);
        let signature = RecoverableSignature::sign_ecdsa_recoverable(message, &self.secret);
        let (recovery, compact) = signature.serialize_compact();
        // With low s, the recovery id is 0 or 1.
        Signature::from_bytes_and_parity(&compact, recovery.to_u8() == 1)
    }
}

impl Drop for LocalKey {
    fn drop(&mut self) {
        self.secret.non_secure_erase();
    }
}
