//! Opaque public names of subnets.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use assize_protocol::{B128, B256};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::Subnet;

/// Computes subnet tags: the first 16 bytes of HMAC-SHA256 over the subnet's canonical bytes.
///
/// Without the secret nobody can find the subnet of a tag, although there are only 2^24 of IPv4. The secret's SHA-256
/// is published, so that the secret cannot be replaced unnoticed, and tags can be verified by whoever is given it.
#[derive(Clone)]
pub struct SubnetTagger {
    secret: [u8; 32],
    keyed: Hmac<Sha256>,
}

/// Why the secret is unavailable.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SecretError {
    /// A file system error.
    #[error("cannot {action} the secret of subnet tags {}: {source}", path.display())]
    Io {
        /// The failed operation.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// The file is readable by others.
    #[error(
        "the secret of subnet tags {} can be read by others (mode {mode:03o}): whoever has it learns the subnets of all \
         stations; if nobody has read it, run `chmod 600` on it, otherwise delete it, and a new one is created", path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode bits.
        mode: u32,
    },
    /// The file has other content.
    #[error("{} is not a secret file: expected 32 bytes as 64 hexadecimal digits; check the path", path.display())]
    NoSecret {
        /// The file.
        path: PathBuf,
    },
}

impl SubnetTagger {
    /// Creates a tagger with a given secret.
    #[must_use]
    pub fn new(secret: [u8; 32]) -> Self {
        // HMAC pads a key with zeros to the block size of its hash.
        let mut block = [0; 64];
        block[..32].copy_from_slice(&secret);
        let keyed = Hmac::new(&block.into());
        Self { secret, keyed }
    }

    /// Reads the secret from a file; creates the file if it does not exist, readable by its owner only.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn open(path: &Path) -> Result<Self, SecretError> {
        let failed = |action| {
            move |source| SecretError::Io {
                action,
                path: path.to_owned(),
                source,
            }
        };
        match fs::metadata(path) {
            Ok(metadata) => {
                let mode = metadata.permissions().mode() & 0o777;
                if mode & 0o077 != 0 {
                    return Err(SecretError::Exposed {
                        path: path.to_owned(),
                        mode,
                    });
                }
                let text = fs::read(path).map_err(failed("read"))?;
                Self::parse(&text).ok_or_else(|| SecretError::NoSecret {
                    path: path.to_owned(),
                })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut secret = [0; 32];
                getrandom::fill(&mut secret).map_err(|error| failed("draw")(io::Error::other(error)))?;
                match save(path, secret) {
                    Ok(()) => Ok(Self::new(secret)),
                    // Another process was faster.
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Self::open(path),
                    Err(error) => Err(failed("write")(error)),
                }
            }
            Err(error) => Err(failed("read")(error)),
        }
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let bytes: B256 = text.trim().parse().ok()?;
        Some(Self::new(bytes.0))
    }

    /// The subnet's tag.
    #[must_use]
    pub fn tag(&self, subnet: Subnet) -> B128 {
        let mut keyed = self.keyed.clone();
        keyed.update(&subnet.to_bytes());
        B128::from_slice(&keyed.finalize().into_bytes()[..16])
    }

    /// SHA-256 of the secret, for publication.
    #[must_use]
    pub fn commitment(&self) -> B256 {
        B256::new(Sha256::digest(self.secret).into())
    }
}

/// Does not show the secret.
impl std::fmt::Debug for SubnetTagger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SubnetTagger").field(&self.commitment()).finish()
    }
}

/// Writes atomically, and never overwrites a file.
fn save(path: &Path, secret: [u8; 32]) -> io::Result<()> {
    let directory = match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    };
    // Readable by the owner only, unlike other new files.
    let mut draft = tempfile::NamedTempFile::new_in(directory)?;
    // `{:x}` has no prefix.
    writeln!(draft, "{:x}", B256::new(secret))?;
    draft.as_file().sync_all()?;
    draft.persist_noclobber(path)?;
    fs::File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(tagger: &SubnetTagger, address: &str) -> B128 {
        tagger.tag(Subnet::of(address.parse().unwrap()))
    }

    #[test]
    fn a_tag_is_the_start_of_an_hmac() {
        // printf '\x04\x0a\x14\x1e' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0101…01
        let tagger = SubnetTagger::new([1; 32]);
        assert_eq!(
            format!("{:x}", tag(&tagger, "10.20.30.40")),
            "47580629b71d07d4ab1411f9c578692e"
        );
        // printf '\x06\x20\x01\x0d\xb8\x00\x07' | openssl …
        assert_eq!(
            format!("{:x}", tag(&tagger, "2001:db8:7::9")),
            "f62d24fcc4a83b84a3a59773a9f7fb43"
        );
        // printf '\x01…\x01' | sha256sum
        assert_eq!(
            format!("{:x}", tagger.commitment()),
            "72cd6e8422c407fb6d098690f1130b7ded7ec2f7f5e1d30bd9d521f015363793"
        );
    }

    #[test]
    fn the_secret_decides_and_is_not_shown() {
        let tagger = SubnetTagger::new([1; 32]);
        assert_eq!(tag(&tagger, "10.20.30.1"), tag(&tagger, "10.20.30.2"));
        assert_ne!(tag(&tagger, "10.20.30.1"), tag(&tagger, "10.20.99.1"));
        assert_ne!(
            tag(&tagger, "10.20.30.1"),
            tag(&SubnetTagger::new([2; 32]), "10.20.30.1")
        );
        assert!(!format!("{tagger:?}").contains("0101"), "{tagger:?}");
    }

    #[test]
    fn a_secret_is_created_once_readable_by_its_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("subnets.secret");
        let commitments: Vec<_> = std::thread::scope(|scope| {
            let open = || SubnetTagger::open(&path).unwrap().commitment();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let read = SubnetTagger::open(&path).unwrap().commitment();
        assert!(commitments.iter().all(|commitment| *commitment == read));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_secret_readable_by_others_is_rejected() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("subnets.secret");
        SubnetTagger::open(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
        let error = SubnetTagger::open(&path).unwrap_err().to_string();
        assert!(
            error.contains("mode 604") && error.contains("chmod 600"),
            "{error}"
        );
    }

    #[test]
    fn another_file_is_neither_accepted_nor_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("subnets.secret");
        fs::write(&path, [0xff, 0xfe]).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let error = SubnetTagger::open(&path).unwrap_err();
        assert!(matches!(error, SecretError::NoSecret { .. }), "{error}");
        assert_eq!(fs::read(&path).unwrap(), [0xff, 0xfe]);
    }
}
