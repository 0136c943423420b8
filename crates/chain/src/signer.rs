//! Keys that send transactions and sign settlements.

use std::fmt;
use std::path::Path;

use alloy::consensus::{SignableTransaction, TxEip1559};
use alloy::primitives::{Address, B256, Bytes, TxKind};
use alloy::signers::SignerSync;
use alloy::signers::local::PrivateKeySigner;

use crate::transaction::{Draft, Fees, SignedTransaction};
use crate::{ChainError, Result};

/// Environment variable with a private key of 32 bytes in hexadecimal.
pub const KEY_VARIABLE: &str = "ASSIZE_PRIVATE_KEY";
/// Environment variable with the password of a keystore file.
pub const PASSWORD_VARIABLE: &str = "ASSIZE_KEYSTORE_PASSWORD";

/// A secp256k1 key in memory. Shows its address only.
#[derive(Clone)]
pub struct Signer(PrivateKeySigner);

impl Signer {
    /// Opens `keystore` if one is given, else takes the key of `ASSIZE_PRIVATE_KEY`.
    pub fn load(keystore: Option<&Path>) -> Result<Self> {
        match keystore {
            Some(path) => Self::from_keystore(path),
            None => Self::from_environment(),
        }
    }

    /// The key of `ASSIZE_PRIVATE_KEY`.
    pub fn from_environment() -> Result<Self> {
        Self::from_variable(KEY_VARIABLE)
    }

    /// The key of another environment variable, for programs that need several.
    pub fn from_variable(variable: &'static str) -> Result<Self> {
        let text = std::env::var(variable).map_err(|_| ChainError::NoKey)?;
        let bytes: B256 = text.trim().parse().map_err(|_| ChainError::BadKey { variable })?;
        PrivateKeySigner::from_bytes(&bytes)
            .map(Self)
            .map_err(|_| ChainError::BadKey { variable })
    }

    /// Opens a keystore file (Web3 Secret Storage, as `cast wallet` and geth write it) with the password of
    /// `ASSIZE_KEYSTORE_PASSWORD`.
    pub fn from_keystore(path: &Path) -> Result<Self> {
        let password = std::env::var(PASSWORD_VARIABLE).map_err(|_| ChainError::NoPassword {
            path: path.to_owned(),
        })?;
        Self::from_keystore_with(path, &password)
    }

    /// Opens a keystore file with a password.
    pub fn from_keystore_with(path: &Path, password: &str) -> Result<Self> {
        PrivateKeySigner::decrypt_keystore(path, password)
            .map(Self)
            .map_err(|error| ChainError::Keystore {
                path: path.to_owned(),
                reason: error.to_string(),
            })
    }

    /// A key given as bytes, for programs that made it themselves.
    pub fn from_bytes(key: &B256) -> Result<Self> {
        PrivateKeySigner::from_bytes(key)
            .map(Self)
            .map_err(|_| ChainError::BadKey {
                variable: "the given key",
            })
    }

    /// The address that the key controls.
    #[must_use]
    pub fn address(&self) -> Address {
        self.0.address()
    }

    /// Signs a digest as it is (EIP-712 digests come ready): 65 bytes, r ‖ s ‖ v with v 27 or 28, low s.
    pub fn sign_digest(&self, digest: &B256) -> Result<[u8; 65]> {
        self.0
            .sign_hash_sync(digest)
            .map(|signature| signature.as_bytes())
            .map_err(signing)
    }

    /// Signs a transaction (EIP-1559) that is complete: the same input gives the same bytes.
    pub fn sign_transaction(
        &self,
        chain_id: u64,
        draft: &Draft,
        nonce: u64,
        gas_limit: u64,
        fees: Fees,
    ) -> Result<SignedTransaction> {
        let transaction = TxEip1559 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: fees.max_fee,
            max_priority_fee_per_gas: fees.premium,
            to: draft.to.map_or(TxKind::Create, TxKind::Call),
            value: draft.value,
            access_list: Default::default(),
            input: draft.input.clone(),
        };
        let signature = self
            .0
            .sign_hash_sync(&transaction.signature_hash())
            .map_err(signing)?;
        let signed = transaction.into_signed(signature);
        let mut raw = Vec::with_capacity(signed.eip2718_encoded_length());
        signed.eip2718_encode(&mut raw);
        Ok(SignedTransaction {
            hash: *signed.hash(),
            raw: Bytes::from(raw),
        })
    }
}

fn signing(error: alloy::signers::Error) -> ChainError {
    ChainError::Answer {
        method: "signing",
        reason: error.to_string(),
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.address())
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{Signature, address, b256};

    use super::*;

    /// The first account of every anvil and hardhat.
    const KEY: B256 = b256!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");

    #[test]
    fn debug_shows_the_address_and_no_secret() {
        let signer = Signer::from_bytes(&KEY).unwrap();
        assert_eq!(
            signer.address(),
            address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
        );
        assert_eq!(
            format!("{signer:?}"),
            "Signer(0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266)"
        );
    }

    #[test]
    fn digest_signatures_recover_and_have_v_27_or_28() {
        let signer = Signer::from_bytes(&KEY).unwrap();
        let digest = B256::repeat_byte(7);
        let signature = signer.sign_digest(&digest).unwrap();
        assert!(matches!(signature[64], 27 | 28));
        let parsed = Signature::from_raw_array(&signature).unwrap();
        assert_eq!(
            parsed.recover_address_from_prehash(&digest).unwrap(),
            signer.address()
        );
    }

    #[test]
    fn zero_is_not_a_key() {
        assert!(matches!(
            Signer::from_bytes(&B256::ZERO),
            Err(ChainError::BadKey { .. })
        ));
    }

    #[test]
    fn a_keystore_opens_with_its_password_only() {
        // Made by `cast wallet import`.
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cast-keystore.json");
        let signer = Signer::from_keystore_with(&path, "correct horse").unwrap();
        assert_eq!(signer.address(), Signer::from_bytes(&KEY).unwrap().address());
        let error = Signer::from_keystore_with(&path, "battery staple")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("cast-keystore.json") && error.contains(PASSWORD_VARIABLE),
            "{error}"
        );
        assert!(!error.contains("battery"), "{error}");
    }
}
