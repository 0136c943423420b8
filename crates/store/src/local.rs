//! A directory of CAR files.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use assize_measurement::car::{self, ReadError};
use assize_protocol::FileCid;
use tempfile::NamedTempFile;

use crate::{Content, Produce, Source, Store, StoreError};

const EXTENSION: &str = "car";

/// One file `<cid>.car` per stored file; the default, embedded store.
///
/// Files appear atomically: each is written under a temporary name (`.incoming-…`), synced, renamed, and its directory
/// synced. Several processes may therefore share the directory, and a crash at any point loses nothing that
/// [`Store::put`] has returned for. A crash may leave a temporary file behind, which is never read and can be deleted.
/// CARs from elsewhere can be copied in: a file that does not match its name is rejected.
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
    /// Opens a store; creates the directory if it does not exist.
    ///
    /// # Errors
    /// [`StoreError::Io`], for example if a file has that name.
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

    /// Opens a store to read from it: a directory that does not exist is not created, since its name is probably mistyped.
    ///
    /// # Errors
    /// [`StoreError::NoStore`].
    pub fn open_existing(directory: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let directory = directory.into();
        match directory.is_dir() {
            true => Ok(Self { directory }),
            false => Err(StoreError::NoStore { path: directory }),
        }
    }

    /// The store's directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The path of a file's CAR, whether or not it exists.
    #[must_use]
    pub fn path(&self, cid: &FileCid) -> PathBuf {
        self.directory.join(format!("{cid}.{EXTENSION}"))
    }

    /// The CIDs of all files, ascending, without verification ([`Source::get`] verifies). Files not named `<cid>.car`
    /// are ignored.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn cids(&self) -> Result<Vec<FileCid>, StoreError> {
        let list = || {
            let mut cids = Vec::new();
            for entry in fs::read_dir(&self.directory)? {
                let path = entry?.path();
                let cid = path.file_stem().and_then(|name| name.to_str()?.parse().ok());
                // A CID has several text forms; only the canonical one is a file name here.
                cids.extend(cid.filter(|cid| self.path(cid) == path));
            }
            cids.sort_unstable();
            Ok(cids)
        };
        list().map_err(io_error("list", &self.directory))
    }

    /// Makes sure that the directory can be read, without reading all of it.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn check(&self) -> Result<(), StoreError> {
        let read = || fs::read_dir(&self.directory)?.next().transpose();
        read().map(drop).map_err(io_error("list", &self.directory))
    }

    /// A temporary file, to be renamed once it is complete.
    fn incoming(&self) -> io::Result<NamedTempFile> {
        tempfile::Builder::new()
            .prefix(".incoming-")
            // Temporary files are private by default. Stored files are public, subject to the process's umask.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(&self.directory)
    }

    fn keep(&self, file: NamedTempFile, path: &Path) -> io::Result<()> {
        file.as_file().sync_all()?;
        file.persist(path)?;
        sync_directory(&self.directory)
    }
}

impl Source for LocalStore {
    fn open(&self, cid: &FileCid) -> Result<Content, StoreError> {
        let (cid, path) = (*cid, self.path(cid));
        let file = File::open(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => StoreError::NotFound {
                cid,
                place: format!("the store {}", self.directory.display()),
            },
            _ => io_error("read", &path)(source),
        })?;
        let explain = move |error| match error {
            ReadError::Io(source) => io_error("read", &path)(source),
            ReadError::Car(source) => StoreError::Corrupt {
                cid,
                path: path.clone(),
                source: Box::new(source),
            },
            other => io_error("read", &path)(io::Error::other(other)),
        };
        match car::Content::open(&cid, file) {
            Ok(car) => Ok(Content::unchecked(car, explain)),
            Err(error) => Err(explain(error)),
        }
    }
}

impl Store for LocalStore {
    fn put_with(&self, produce: Produce<'_>) -> Result<FileCid, StoreError> {
        let incoming = io_error("write to the store", &self.directory);
        let mut file = self.incoming().map_err(&incoming)?;
        let cid = car::pack_to(BufWriter::with_capacity(1 << 18, file.as_file_mut()), |to| {
            produce(to)
        })
        .map_err(&incoming)?;
        let path = self.path(&cid);
        // A valid file is kept; a damaged one is replaced.
        let kept = match self.open(&cid).and_then(Content::check) {
            // Another process may have stored it without having synced it yet.
            Ok(_) => File::open(&path)
                .and_then(|file| file.sync_all())
                .and_then(|()| sync_directory(&self.directory)),
            Err(_) => self.keep(file, &path),
        };
        kept.map_err(io_error("write", &path))?;
        Ok(cid)
    }

    fn has(&self, cid: &FileCid) -> Result<bool, StoreError> {
        let path = self.path(cid);
        path.try_exists().map_err(io_error("check", &path))
    }
}

fn io_error(action: &'static str, path: &Path) -> impl Fn(io::Error) -> StoreError + use<> {
    let path = path.to_owned();
    move |source| StoreError::Io {
        action,
        path: path.clone(),
        source,
    }
}

/// A new name is durable only once its directory is synced.
fn sync_directory(directory: &Path) -> io::Result<()> {
    // The parent of a relative path may be empty.
    let path = match directory.as_os_str().is_empty() {
        true => Path::new("."),
        false => directory,
    };
    File::open(path)?.sync_all()
}
