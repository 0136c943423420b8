//! The station key file.

use std::path::Path;

use alloy_primitives::{Address, B256};
use assize_measurement::station_address;
use assize_service::{SecretError, SecretFile};
use secp256k1::SecretKey;
use sha2::{Digest, Sha256};

/// The private key of a station.
#[derive(Clone, Copy)]
pub struct StationKey(SecretKey);

const STATION_KEY: SecretFile = SecretFile {
    name: "station key",
    risk: "measure in the station's name",
};

impl StationKey {
    /// Wraps a given key.
    #[must_use]
    pub fn new(key: SecretKey) -> Self {
        Self(key)
    }

    /// Reads the key from a file. If the file does not exist, creates it with a random key, readable only by its owner.
    ///
    /// # Errors
    /// [`SecretError`] names the file.
    pub fn open(path: &Path) -> Result<Self, SecretError> {
        STATION_KEY.open_or_create(path, |secret| SecretKey::from_secret_bytes(secret).ok().map(Self))
    }

    /// The station: the key's address.
    #[must_use]
    pub fn address(&self) -> Address {
        station_address(&self.0)
    }

    pub(crate) fn secret(&self) -> &SecretKey {
        &self.0
    }

    /// A number derived from the key and a word. It determines the order of tasks, which no provider can predict.
    pub(crate) fn fork(&self, domain: &[u8], word: B256) -> u64 {
        let digest = Sha256::new()
            .chain_update(domain)
            .chain_update(self.0.to_secret_bytes())
            .chain_update(word)
            .finalize();
        let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(digest);
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

/// Does not show the key.
impl std::fmt::Debug for StationKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("StationKey").field(&self.address()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stations_have_different_orders() {
        let key = |byte| StationKey::new(SecretKey::from_secret_bytes([byte; 32]).unwrap());
        let word = B256::repeat_byte(1);
        assert_eq!(key(1).fork(b"a", word), key(1).fork(b"a", word));
        assert_ne!(key(1).fork(b"a", word), key(2).fork(b"a", word));
        assert_ne!(key(1).fork(b"a", word), key(1).fork(b"a", B256::repeat_byte(2)));
    }
}
