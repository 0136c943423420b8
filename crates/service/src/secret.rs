//! Secret files: 32 bytes that a daemon reads, or draws and keeps.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Longer files hold no secret. With a prefix and an end of line, 68 bytes are enough.
const LONGEST: u64 = 256;
/// The same for a text, bytes.
const LONGEST_TEXT: u64 = 65_536;

/// A kind of secret file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretFile {
    /// What it is called in messages, such as `station key`.
    pub name: &'static str,
    /// What somebody else can do with it, such as `submit measurements in the station's name`.
    pub risk: &'static str,
}

/// A secret file cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The operating system refused.
    #[error("cannot {action} the {name} {}: {source}", path.display())]
    Io {
        /// The failed operation.
        action: &'static str,
        /// What the file is.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// Others can read or write it.
    #[error(
        "the {name} {path} is accessible to other users (mode {mode:03o}), who could {risk}; if nobody else has read it, run \
         `chmod 600 {path}`, otherwise replace the secret",
        path = path.display()
    )]
    Exposed {
        /// What the file is.
        name: &'static str,
        /// What somebody else can do with it.
        risk: &'static str,
        /// The file.
        path: PathBuf,
        /// Its mode bits.
        mode: u32,
    },
    /// It is a symbolic link to a file that does not exist.
    #[error(
        "the {name} {} is a symbolic link to a file that does not exist; mount its disk, or, if it is lost, remove the link, \
         and a new one is created",
        path.display()
    )]
    Dangling {
        /// What the file is.
        name: &'static str,
        /// The link.
        path: PathBuf,
    },
    /// It is a directory, a device or a pipe.
    #[error("the {name} {} is not a regular file; name a file", path.display())]
    NotAFile {
        /// What the file should be.
        name: &'static str,
        /// What was named.
        path: PathBuf,
    },
    /// It is a text in another encoding.
    #[error("the {name} {} is not UTF-8 but {found}; save it as UTF-8", path.display())]
    NotUtf8 {
        /// What the file is.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// What it seems to be.
        found: &'static str,
    },
    /// The file has other content.
    #[error("{} is not a {name} file: expected 64 hexadecimal digits; check the path", path.display())]
    Malformed {
        /// What the file should be.
        name: &'static str,
        /// The file.
        path: PathBuf,
    },
}

impl SecretFile {
    /// Reads the secret. If there is no file, draws a secret and creates the file, for its owner alone to read.
    ///
    /// The file is created whole and never overwrites another one, also when several processes create it at once: all of
    /// them get the same secret. `parse` says what 32 bytes are a secret; others are refused, and not drawn.
    ///
    /// # Errors
    /// [`SecretError`] names the file. The file is left as it is.
    pub fn open_or_create<T>(
        &self,
        path: &Path,
        parse: impl Fn([u8; 32]) -> Option<T>,
    ) -> Result<T, SecretError> {
        match self.read_if_there(path, &parse)? {
            Some(secret) => Ok(secret),
            None => self.create(path, parse),
        }
    }

    /// Reads the secret; `None` if the file does not exist.
    ///
    /// # Errors
    /// [`SecretError`] names the file.
    pub fn read_if_there<T>(
        &self,
        path: &Path,
        parse: impl Fn([u8; 32]) -> Option<T>,
    ) -> Result<Option<T>, SecretError> {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            // A new secret must not take the place of the one on a disk that is not mounted.
            Err(error) if error.kind() == ErrorKind::NotFound && path.is_symlink() => {
                return Err(SecretError::Dangling {
                    name: self.name,
                    path: path.to_owned(),
                });
            }
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed("read", path, error)),
        };
        // Before it is opened: opening a pipe waits for its writer.
        self.expect_private(path, &metadata)?;
        let file = File::open(path).map_err(|error| self.failed("read", path, error))?;
        let opened = file
            .metadata()
            .map_err(|error| self.failed("read", path, error))?;
        self.expect_private(path, &opened)?;
        let mut content = Vec::new();
        file.take(LONGEST)
            .read_to_end(&mut content)
            .map_err(|error| self.failed("read", path, error))?;
        let secret = decode(&content).and_then(parse);
        secret.map(Some).ok_or_else(|| SecretError::Malformed {
            name: self.name,
            path: path.to_owned(),
        })
    }

    /// Reads a secret text, such as a password, without a byte order mark and the line breaks at its end. It may also come through a
    /// pipe that the shell has opened (`<(…)`), which no other user can read.
    ///
    /// # Errors
    /// [`SecretError`] names the file.
    pub fn read_text(&self, path: &Path) -> Result<String, SecretError> {
        let failed = |error| self.failed("read", path, error);
        if !path.starts_with("/dev/fd") && !path.starts_with("/proc/self/fd") {
            self.expect_private(path, &fs::metadata(path).map_err(failed)?)?;
        }
        let mut content = Vec::new();
        File::open(path)
            .and_then(|file| file.take(LONGEST_TEXT).read_to_end(&mut content))
            .map_err(failed)?;
        let other = |found| SecretError::NotUtf8 {
            name: self.name,
            path: path.to_owned(),
            found,
        };
        // PowerShell writes UTF-16 with a mark. Without one, half of its bytes are zero.
        if content.starts_with(b"\xff\xfe") || content.starts_with(b"\xfe\xff") || content.contains(&0) {
            return Err(other("UTF-16"));
        }
        let text = String::from_utf8(content).map_err(|_| other("another encoding"))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    }

    fn expect_private(&self, path: &Path, metadata: &Metadata) -> Result<(), SecretError> {
        let Self { name, risk } = *self;
        let path = || path.to_owned();
        if !metadata.is_file() {
            return Err(SecretError::NotAFile { name, path: path() });
        }
        let mode = metadata.permissions().mode() & 0o777;
        match mode & 0o077 {
            0 => Ok(()),
            // systemd gives credentials to the service's user alone, by an access list that the mode does not show.
            _ if std::env::var_os("CREDENTIALS_DIRECTORY").is_some_and(|own| path().starts_with(own)) => {
                Ok(())
            }
            _ => Err(SecretError::Exposed {
                name,
                risk,
                path: path(),
                mode,
            }),
        }
    }

    fn create<T>(&self, path: &Path, parse: impl Fn([u8; 32]) -> Option<T>) -> Result<T, SecretError> {
        let (secret, parsed) = loop {
            let mut secret = [0; 32];
            getrandom::fill(&mut secret)
                .map_err(|error| self.failed("draw", path, io::Error::other(error)))?;
            // Few 32 bytes are no key: zero, and those above the order of a curve.
            if let Some(parsed) = parse(secret) {
                break (secret, parsed);
            }
        };
        match save(path, secret) {
            Ok(()) => Ok(parsed),
            // Another process created it first.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => self.open_or_create(path, parse),
            Err(error) => Err(self.failed("create", path, error)),
        }
    }

    fn failed(&self, action: &'static str, path: &Path, source: io::Error) -> SecretError {
        SecretError::Io {
            action,
            name: self.name,
            path: path.to_owned(),
            source,
        }
    }
}

/// 64 hexadecimal digits, with or without `0x`, between white space.
fn decode(content: &[u8]) -> Option<[u8; 32]> {
    // A byte order mark says nothing.
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    const_hex::decode_to_array(content.trim_ascii()).ok()
}

/// Writes all or nothing, and never over another file.
fn save(path: &Path, secret: [u8; 32]) -> io::Result<()> {
    let directory = match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    };
    // Its mode is 0600, whatever the umask.
    let mut draft = tempfile::NamedTempFile::new_in(directory)?;
    writeln!(draft, "{}", const_hex::encode(secret))?;
    draft.as_file().sync_all()?;
    draft.persist_noclobber(path)?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::*;

    #[test]
    fn a_text_ends_before_its_last_line_breaks_and_is_utf_8() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        let kind = SecretFile {
            name: "password file",
            risk: "open the keystore",
        };
        let read = |content: &[u8]| {
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            kind.read_text(&path)
        };
        for content in [
            "pw ",
            "pw \n",
            "pw \r\n",
            "pw \n\n",
            "pw \r\n\r\n",
            "\u{feff}pw \n",
        ] {
            assert_eq!(read(content.as_bytes()).unwrap(), "pw ", "{content:?}");
        }
        for content in [&b"\xff\xfep\0w\0"[..], b"\xfe\xff\0p\0w", b"p\0w\0"] {
            let error = read(content).unwrap_err().to_string();
            assert!(
                error.contains("password") && error.contains("UTF-16") && error.contains("save it as UTF-8"),
                "{error}"
            );
        }
        let error = read(b"p\xe4ss").unwrap_err().to_string();
        assert!(error.contains("another encoding"), "{error}");
    }
}
