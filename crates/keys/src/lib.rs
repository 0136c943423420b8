//! Keys that sign transactions and typed data: in memory, in a keystore file, on a Ledger, in AWS KMS.
//!
//! The crate is independent of the protocol and of nodes: `assize-chain` prepares the messages and sends them. A key's
//! bytes are never shown, neither in messages nor by `Debug`.
//!
//! | feature | adds |
//! |---|---|
//! | `ledger` | keys on a Ledger; compiles libusb |
//! | `aws-kms` | keys in AWS KMS; brings the AWS SDK |
//!
//! Without a feature, its function returns an error that says how to build with it.

mod error;
mod keystore;
#[cfg(feature = "aws-kms")]
mod kms;
#[cfg(feature = "ledger")]
mod ledger;
mod ledger_path;
mod local;

use std::fmt;
use std::path::Path;

use alloy_primitives::{Address, B256, Signature, keccak256};
use alloy_sol_types::{Eip712Domain, SolStruct};

pub use error::{KeystoreTrouble, KmsTrouble, LedgerTrouble, SignerError};
pub use ledger_path::LedgerPath;
use local::LocalKey;

/// Result of this crate.
pub type Result<T, E = SignerError> = std::result::Result<T, E>;

/// Environment variable with a private key of 32 bytes in hexadecimal.
pub const KEY_VARIABLE: &str = "ASSIZE_PRIVATE_KEY";
/// Environment variable with the password of a keystore file.
pub const PASSWORD_VARIABLE: &str = "ASSIZE_KEYSTORE_PASSWORD";

/// A secp256k1 key: in memory, on a Ledger, or in AWS KMS. Shows its address only.
#[derive(Clone)]
pub struct Signer(Kind);

#[derive(Clone)]
enum Kind {
    Local(LocalKey),
    #[cfg(feature = "ledger")]
    Ledger(ledger::LedgerKey),
    #[cfg(feature = "aws-kms")]
    AwsKms(kms::KmsKey),
}

impl Signer {
    /// The key of `ASSIZE_PRIVATE_KEY`.
    pub fn from_environment() -> Result<Self> {
        Self::from_variable(KEY_VARIABLE)
    }

    /// The key of another environment variable, for programs that need several.
    pub fn from_variable(variable: &'static str) -> Result<Self> {
        let text = std::env::var(variable).map_err(|_| SignerError::NoKey)?;
        let bytes: B256 = text
            .trim()
            .parse()
            .map_err(|_| SignerError::BadKey { variable })?;
        Self::from_bytes_of(&bytes, variable)
    }

    /// Opens a keystore file (Web3 Secret Storage, as `cast wallet` and geth write it) with a password.
    pub fn from_keystore(path: &Path, password: &str) -> Result<Self> {
        Ok(Self(Kind::Local(keystore::open(path, password)?)))
    }

    /// A key given as bytes, for programs that generated it themselves.
    pub fn from_bytes(key: &B256) -> Result<Self> {
        Self::from_bytes_of(key, "the given key")
    }

    fn from_bytes_of(key: &B256, variable: &'static str) -> Result<Self> {
        let key = LocalKey::from_bytes(key.0).ok_or(SignerError::BadKey { variable })?;
        Ok(Self(Kind::Local(key)))
    }

    /// A key on the connected Ledger. Feature `ledger`.
    #[cfg(feature = "ledger")]
    pub async fn from_ledger(path: &LedgerPath) -> Result<Self> {
        Ok(Self(Kind::Ledger(ledger::LedgerKey::open(path).await?)))
    }

    /// A key on the connected Ledger; this build lacks the feature `ledger`.
    #[cfg(not(feature = "ledger"))]
    pub async fn from_ledger(_: &LedgerPath) -> Result<Self> {
        Err(SignerError::NotBuilt {
            what: "Ledger",
            feature: "ledger",
        })
    }

    /// A key in AWS KMS, by its id, ARN or alias. Region, credentials and endpoint come from `AWS_*`. Feature `aws-kms`.
    #[cfg(feature = "aws-kms")]
    pub async fn from_aws_kms(key: &str) -> Result<Self> {
        Ok(Self(Kind::AwsKms(kms::KmsKey::open(key).await?)))
    }

    /// A key in AWS KMS; this build lacks the feature `aws-kms`.
    #[cfg(not(feature = "aws-kms"))]
    pub async fn from_aws_kms(_: &str) -> Result<Self> {
        Err(SignerError::NotBuilt {
            what: "AWS KMS",
            feature: "aws-kms",
        })
    }

    /// The key's address.
    #[must_use]
    pub fn address(&self) -> Address {
        match &self.0 {
            Kind::Local(key) => key.address(),
            #[cfg(feature = "ledger")]
            Kind::Ledger(key) => key.address(),
            #[cfg(feature = "aws-kms")]
            Kind::AwsKms(key) => key.address(),
        }
    }

    /// Whether a person must confirm every signature on a device.
    #[must_use]
    pub fn asks_a_person(&self) -> bool {
        match &self.0 {
            Kind::Local(_) => false,
            #[cfg(feature = "ledger")]
            Kind::Ledger(_) => true,
            #[cfg(feature = "aws-kms")]
            Kind::AwsKms(_) => false,
        }
    }

    /// Signs typed data (EIP-712): 65 bytes, r ‖ s ‖ v with v 27 or 28, low s. A Ledger displays the data to its owner.
    ///
    /// # Errors
    /// [`SignerError`] if signing fails, or a device or service signs with another key.
    pub async fn sign_typed_data<T: SolStruct + Send + Sync>(
        &self,
        data: &T,
        domain: &Eip712Domain,
    ) -> Result<[u8; 65]> {
        let digest = data.eip712_signing_hash(domain);
        let signature = match &self.0 {
            Kind::Local(key) => key.sign(&digest),
            // The device displays what it signs, so it accepts no digests.
            #[cfg(feature = "ledger")]
            Kind::Ledger(key) => self.checked(key.sign_typed_data(data, domain).await?, &digest, key)?,
            #[cfg(feature = "aws-kms")]
            Kind::AwsKms(key) => self.checked(key.sign_digest(&digest).await?, &digest, key)?,
        };
        Ok(signature.as_bytes())
    }

    /// Signs a transaction. `unsigned` is its encoding without the signature, type byte included (EIP-2718). A key in
    /// memory is deterministic; others need not be.
    ///
    /// # Errors
    /// Those of [`Self::sign_typed_data`].
    pub async fn sign_transaction(&self, unsigned: &[u8]) -> Result<Signature> {
        let digest = keccak256(unsigned);
        let signature = match &self.0 {
            Kind::Local(key) => key.sign(&digest),
            #[cfg(feature = "ledger")]
            Kind::Ledger(key) => self.checked(key.sign_transaction(unsigned).await?, &digest, key)?,
            #[cfg(feature = "aws-kms")]
            Kind::AwsKms(key) => self.checked(key.sign_digest(&digest).await?, &digest, key)?,
        };
        Ok(signature)
    }

    /// Checks a signature made elsewhere before it is used: low s, and by the key that was opened.
    #[cfg(any(feature = "ledger", feature = "aws-kms"))]
    fn checked(
        &self,
        signature: alloy_primitives::Signature,
        digest: &B256,
        place: &impl fmt::Display,
    ) -> Result<alloy_primitives::Signature, SignerError> {
        let signature = signature.normalized_s();
        match signature.recover_address_from_prehash(digest) {
            Ok(address) if address == self.address() => Ok(signature),
            _ => Err(SignerError::OtherKey {
                signer: place.to_string(),
                address: self.address(),
            }),
        }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.address())
    }
}

#[cfg(test)]
mod tests;
