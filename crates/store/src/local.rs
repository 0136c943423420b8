//! A directory of CAR files.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use assize_measurement::car;
use assize_measurement::unixfs::file_cid;
use assize_protocol::FileCid;

use crate::{Source, Store, StoreError};

const EXTENSION: &str = "car";

/// One file `<cid>.car` for each file stored; the embedded default, which needs no service.
///
/// A file appears whole or not at all: it is written under a temporary name (`.incoming-…`), synced, renamed, and its
/// directory synced. So several processes may share the directory, a crash at any instruction loses nothing that
/// [`Store::put`] has returned for, and what it may leave behind is a temporary file, which nobody reads and anyone may
/// delete. CARs from elsewhere can be copied in: a file is what its name says or is refused.
///
/// ```
/// use assize_store::{LocalStore, Source, Store};
///
/// # let directory = tempfile::tempdir()?;
/// let store = LocalStore::open(directory.path())?;
/// let cid = store.put(b"a batch\n")?;
/// assert_eq!(store.get(&cid)?, b"a batch\n");
/// assert_eq!(store.cids()?, [cid]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct LocalStore {
    directory: PathBuf,
}

impl LocalStore {
    /// Opens a store; creates the directory if there is none.
    ///
    /// # Errors
    /// [`StoreError::Io`], for example because there is a file of that name.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let directory = directory.into();
        let new: Vec<_> = directory.ancestors().take_while(|path| !path.exists()).collect();
        fs::create_dir_all(&directory)
            .and_then(|()| {
                new.iter()
                    .filter_map(|path| path.parent())
                    .try_for_each(sync_directory)
            })
            .map_err(io_error("create the store", &directory))?;
        Ok(Self { directory })
    }

    /// Where the CAR of a file lies, or would lie.
    #[must_use]
    pub fn path(&self, cid: &FileCid) -> PathBuf {
        self.directory.join(format!("{cid}.{EXTENSION}"))
    }

    /// What is there, ascending; whether it is whole, [`Source::get`] tells. Other names than `<cid>.car` are passed over.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn cids(&self) -> Result<Vec<FileCid>, StoreError> {
        let list = || {
            let mut cids = Vec::new();
            for entry in fs::read_dir(&self.directory)? {
                let path = entry?.path();
                let cid = path.file_stem().and_then(|name| name.to_str()?.parse().ok());
                // A CID has several spellings, of which one is a name here.
                cids.extend(cid.filter(|cid| self.path(cid) == path));
            }
            cids.sort_unstable();
            Ok(cids)
        };
        list().map_err(io_error("list", &self.directory))
    }

    fn write(&self, path: &Path, car: &[u8]) -> io::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix(".incoming-")
            // Temporary files are private by default; what is stored is public, within the process's umask.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(&self.directory)?;
        file.write_all(car)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        sync_directory(&self.directory)
    }
}

impl Source for LocalStore {
    fn get(&self, cid: &FileCid) -> Result<Vec<u8>, StoreError> {
        let path = self.path(cid);
        let car = fs::read(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => StoreError::NotFound {
                cid: *cid,
                place: format!("the store {}", self.directory.display()),
            },
            _ => io_error("read", &path)(source),
        })?;
        car::unpack(cid, &car).map_err(|source| StoreError::Corrupt {
            cid: *cid,
            path,
            source: Box::new(source),
        })
    }
}

impl Store for LocalStore {
    fn put(&self, content: &[u8]) -> Result<FileCid, StoreError> {
        let cid = file_cid(content);
        let path = self.path(&cid);
        // What is there and whole stays; what is there and damaged is replaced.
        let write = match self.get(&cid) {
            // Another process may have put it a moment ago, and not have synced it yet.
            Ok(_) => File::open(&path)
                .and_then(|file| file.sync_all())
                .and_then(|()| sync_directory(&self.directory)),
            Err(_) => self.write(&path, &car::pack(content).1),
        };
        write.map_err(io_error("write", &path))?;
        Ok(cid)
    }

    fn has(&self, cid: &FileCid) -> Result<bool, StoreError> {
        let path = self.path(cid);
        path.try_exists().map_err(io_error("look for", &path))
    }
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { action, path, source }
}

/// A new name is durable only when its directory is.
fn sync_directory(directory: &Path) -> io::Result<()> {
    // The parent of a relative path may be empty.
    let path = match directory.as_os_str().is_empty() {
        true => Path::new("."),
        false => directory,
    };
    File::open(path)?.sync_all()
}
