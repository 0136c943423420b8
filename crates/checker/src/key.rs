//! The station key's file.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use alloy_primitives::{Address, B256};
use assize_measurement::station_address;
use secp256k1::SecretKey;
use sha2::{Digest, Sha256};
use thiserror::Error;

/// The key that a station is.
#[derive(Clone, Copy)]
pub struct StationKey(SecretKey);

/// Why there is no station key.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The operating system would not have it.
    #[error("cannot {action} the station key {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Its reason.
        source: io::Error,
    },
    /// Others may read it.
    #[error(
        "the station key {} can be read by others (mode {mode:03o}): whoever has it can measure in the station's name; if \
         nobody else had it, `chmod 600` it, otherwise remove it, and a new one is made", path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is a link to a file that is not there.
    #[error(
        "the station key {} is a link to a file that is not there; is its disk mounted? if the key is lost, remove the link, \
         and a new key is made", path.display()
    )]
    Dangling {
        /// The link.
        path: PathBuf,
    },
    /// It holds something else.
    #[error("{} holds no key: 32 bytes as 64 hexadecimal digits were expected; is this the right file?", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
}

impl StationKey {
    /// A key that is at hand.
    #[must_use]
    pub fn new(key: SecretKey) -> Self {
        Self(key)
    }

    /// Reads the key; makes a new one if there is no such file, for its owner alone to read.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn open(path: &Path) -> Result<Self, KeyError> {
        let failed = |action| {
            move |source| KeyError::Io {
                action,
                path: path.to_owned(),
                source,
            }
        };
        match fs::metadata(path) {
            Ok(metadata) => {
                let mode = metadata.permissions().mode() & 0o777;
                if mode & 0o077 != 0 {
                    return Err(KeyError::Exposed {
                        path: path.to_owned(),
                        mode,
                    });
                }
                // A file that is no text is no key either.
                let bytes = fs::read(path).map_err(failed("read"))?;
                Self::parse(&bytes).ok_or_else(|| KeyError::NoKey {
                    path: path.to_owned(),
                })
            }
            // A new key would not be written over the link.
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.is_symlink() => {
                Err(KeyError::Dangling {
                    path: path.to_owned(),
                })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = Self::draw().map_err(failed("draw"))?;
                match key.save(path) {
                    Ok(()) => Ok(key),
                    // Another process was faster.
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Self::open(path),
                    Err(error) => Err(failed("write")(error)),
                }
            }
            Err(error) => Err(failed("read")(error)),
        }
    }

    /// The station: the key's address.
    #[must_use]
    pub fn address(&self) -> Address {
        station_address(&self.0)
    }

    pub(crate) fn secret(&self) -> &SecretKey {
        &self.0
    }

    /// What only this station knows of a word: the order of its tasks follows from it, and no provider can foretell it.
    pub(crate) fn fork(&self, domain: &[u8], word: B256) -> u64 {
        let digest = Sha256::new()
            .chain_update(domain)
            .chain_update(self.0.to_secret_bytes())
            .chain_update(word)
            .finalize();
        let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(digest);
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: B256 = std::str::from_utf8(bytes).ok()?.trim().parse().ok()?;
        SecretKey::from_secret_bytes(bytes.0).ok().map(Self)
    }

    fn draw() -> io::Result<Self> {
        loop {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).map_err(io::Error::other)?;
            // One in 2^128 draws is no key.
            if let Ok(key) = SecretKey::from_secret_bytes(bytes) {
                return Ok(Self(key));
            }
        }
    }

    /// All or nothing, and never over another one.
    fn save(&self, path: &Path) -> io::Result<()> {
        let directory = match path.parent() {
            Some(directory) if !directory.as_os_str().is_empty() => directory,
            _ => Path::new("."),
        };
        // Private, unlike other new files.
        let mut draft = tempfile::NamedTempFile::new_in(directory)?;
        writeln!(draft, "{}", const_hex::encode(self.0.to_secret_bytes()))?;
        draft.as_file().sync_all()?;
        draft.persist_noclobber(path)?;
        fs::File::open(directory)?.sync_all()
    }
}

/// Without the key.
impl std::fmt::Debug for StationKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("StationKey").field(&self.address()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("station.key");
        let made = StationKey::open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(StationKey::open(&path).unwrap().address(), made.address());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        let secret = const_hex::encode(made.0.to_secret_bytes());
        assert_eq!(fs::read_to_string(&path).unwrap().trim(), secret);
        assert!(!format!("{made:?}").contains(&secret));
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("station.key");
        StationKey::open(&path).unwrap();
        for mode in [0o640, 0o604, 0o660, 0o644] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = StationKey::open(&path).unwrap_err().to_string();
            assert!(
                error.contains(&format!("mode {mode:03o}")) && error.contains("chmod 600"),
                "{error}"
            );
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        assert!(StationKey::open(&path).is_ok());
    }

    #[test]
    fn another_file_is_not_taken_for_a_key_nor_written_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("station.key");
        for content in [&b"my thesis"[..], b"\xff\xfe", b"", &[b'0'; 64]] {
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            let error = StationKey::open(&path).unwrap_err();
            assert!(matches!(error, KeyError::NoKey { .. }), "{error}");
            assert_eq!(fs::read(&path).unwrap(), content);
        }
    }

    #[test]
    fn a_link_to_nothing_is_refused_and_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("station.key");
        std::os::unix::fs::symlink(directory.path().join("gone"), &path).unwrap();
        let error = StationKey::open(&path).unwrap_err();
        assert!(matches!(error, KeyError::Dangling { .. }), "{error}");
        assert!(error.to_string().contains("station.key"), "{error}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn stations_have_orders_of_their_own() {
        let key = |byte| StationKey::new(SecretKey::from_secret_bytes([byte; 32]).unwrap());
        let word = B256::repeat_byte(1);
        assert_eq!(key(1).fork(b"a", word), key(1).fork(b"a", word));
        assert_ne!(key(1).fork(b"a", word), key(2).fork(b"a", word));
        assert_ne!(key(1).fork(b"a", word), key(1).fork(b"a", B256::repeat_byte(2)));
    }
}
