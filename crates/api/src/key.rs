//! The coordinator's secrets: the ingest key, and the secret of subnet tags.

use std::path::Path;

use alloy_primitives::Address;
use assize_guard::SubnetTagger;
use assize_measurement::station_address;
use assize_service::{SecretError, SecretFile};
use secp256k1::SecretKey;

/// The key that signs receipts.
#[derive(Clone, Copy)]
pub struct IngestKey(SecretKey);

const INGEST_KEY: SecretFile = SecretFile {
    name: "ingest key",
    risk: "sign receipts",
};

const SUBNET_SECRET: SecretFile = SecretFile {
    name: "subnet secret",
    risk: "learn the subnets of all stations",
};

/// Names subnets by the secret in a file. If the file does not exist, creates it with a random secret, readable only by its
/// owner.
///
/// # Errors
/// [`SecretError`] names the file.
pub fn open_subnet_tagger(path: &Path) -> Result<SubnetTagger, SecretError> {
    SUBNET_SECRET.open_or_create(path, |secret| Some(SubnetTagger::new(secret)))
}

/// Makes sure that the files of both secrets, if they exist, hold secrets. Creates nothing.
///
/// # Errors
/// [`SecretError`] names the file.
pub fn check_secrets(ingest_key: &Path, subnet_secret: &Path) -> Result<(), SecretError> {
    INGEST_KEY.read_if_there(ingest_key, |secret| SecretKey::from_secret_bytes(secret).ok())?;
    SUBNET_SECRET.read_if_there(subnet_secret, Some)?;
    Ok(())
}

impl IngestKey {
    /// A key from memory.
    #[must_use]
    pub fn new(key: SecretKey) -> Self {
        Self(key)
    }

    /// Reads the key from a file. If the file does not exist, creates it with a random key, readable only by its owner.
    ///
    /// # Errors
    /// [`SecretError`] names the file.
    pub fn open(path: &Path) -> Result<Self, SecretError> {
        INGEST_KEY.open_or_create(path, |secret| SecretKey::from_secret_bytes(secret).ok().map(Self))
    }

    /// Its address, which receipts contain.
    #[must_use]
    pub fn address(&self) -> Address {
        station_address(&self.0)
    }

    pub(crate) fn secret(&self) -> &SecretKey {
        &self.0
    }
}

/// Omits the key.
impl std::fmt::Debug for IngestKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("IngestKey").field(&self.address()).finish()
    }
}
