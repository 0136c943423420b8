//! A directory of CAR files.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use assize_measurement::car;
use assize_protocol::FileCid;
use tempfile::NamedTempFile;

use crate::{Store, StoreError};

/// One file `<cid>.car` for each file stored. Files appear whole or not at all; several processes may share the
/// directory.
#[derive(Debug, Clone)]
pub struct LocalStore {
    directory: PathBuf,
}

impl LocalStore {
    /// Opens a store; creates the directory if there is none.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let directory = directory.into();
        fs::create_dir_all(&directory).map_err(|source| io_error("create the store", &directory, source))?;
        Ok(Self { directory })
    }

    /// Where a file lies, or would lie.
    #[must_use]
    pub fn path(&self, cid: &FileCid) -> PathBuf {
        self.directory.join(format!("{cid}.car"))
    }

    fn write(&self, path: &Path, car: &[u8]) -> io::Result<()> {
        let mut file = NamedTempFile::new_in(&self.directory)?;
        file.write_all(car)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        // The name is durable only when its directory is.
        File::open(&self.directory)?.sync_all()
    }
}

impl Store for LocalStore {
    fn put(&self, content: &[u8]) -> Result<FileCid, StoreError> {
        let (cid, car) = car::pack(content);
        let path = self.path(&cid);
        // What is there and whole stays; what is there and damaged is replaced.
        if fs::read(&path).is_ok_and(|there| there == car) {
            return Ok(cid);
        }
        self.write(&path, &car)
            .map_err(|source| io_error("write", &path, source))?;
        Ok(cid)
    }

    fn get(&self, cid: &FileCid) -> Result<Vec<u8>, StoreError> {
        let path = self.path(cid);
        let car = fs::read(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => StoreError::NotFound {
                cid: *cid,
                directory: self.directory.clone(),
            },
            _ => io_error("read", &path, source),
        })?;
        car::unpack(cid, &car).map_err(|source| StoreError::Corrupt {
            cid: *cid,
            path,
            source,
        })
    }

    fn has(&self, cid: &FileCid) -> Result<bool, StoreError> {
        let path = self.path(cid);
        path.try_exists()
            .map_err(|source| io_error("look for", &path, source))
    }
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn store() -> (tempfile::TempDir, LocalStore) {
        let directory = tempfile::tempdir().unwrap();
        let store = LocalStore::open(directory.path().join("store")).unwrap();
        (directory, store)
    }

    #[test]
    fn what_is_put_is_got_again() {
        let (_directory, store) = store();
        for content in [&b""[..], b"a batch\n"] {
            let cid = store.put(content).unwrap();
            assert!(store.has(&cid).unwrap());
            assert_eq!(store.get(&cid).unwrap(), content);
            assert_eq!(store.put(content).unwrap(), cid);
        }
    }

    #[test]
    fn what_is_missing_is_named_with_the_remedy() {
        let (_directory, store) = store();
        let cid = assize_measurement::unixfs::file_cid(b"never stored");
        assert!(!store.has(&cid).unwrap());
        let error = store.get(&cid).unwrap_err().to_string();
        assert!(
            error.contains(&cid.to_string()) && error.contains("publisher"),
            "{error}"
        );
    }

    #[test]
    fn a_damaged_file_is_replaced_when_put_again() {
        let (_directory, store) = store();
        let cid = store.put(b"a batch\n").unwrap();
        fs::write(store.path(&cid), b"rubbish").unwrap();
        let error = store.get(&cid).unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
        store.put(b"a batch\n").unwrap();
        assert_eq!(store.get(&cid).unwrap(), b"a batch\n");
    }

    #[test]
    fn a_directory_that_is_a_file_is_refused() {
        let file = NamedTempFile::new().unwrap();
        let error = LocalStore::open(file.path()).unwrap_err().to_string();
        assert!(error.contains(&file.path().display().to_string()), "{error}");
    }

    #[test]
    fn many_may_put_the_same_at_once() {
        let (_directory, store) = store();
        let content = vec![7; 100_000];
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| store.put(&content).unwrap());
            }
        });
        assert_eq!(
            fs::read_dir(&store.directory).unwrap().count(),
            1,
            "no temporary file is left"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_changed_byte_is_never_content(at: prop::sample::Index, change in 1u8..) {
            let (_directory, store) = store();
            let cid = store.put(b"a batch that matters\n").unwrap();
            let path = store.path(&cid);
            let mut car = fs::read(&path).unwrap();
            let at = at.index(car.len());
            car[at] ^= change;
            fs::write(&path, car).unwrap();
            let refused = matches!(store.get(&cid), Err(StoreError::Corrupt { .. }));
            prop_assert!(refused);
        }
    }
}
