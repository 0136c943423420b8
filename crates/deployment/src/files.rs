//! The deployment file, and the journal of an unfinished deployment beside it.

use std::fs::{self, DirBuilder};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use assize_service::{beside, replace};
use serde::Serialize;
use thiserror::Error;

use crate::{DeploymentRecord, Journal};

/// Paths of a deployment's files.
#[derive(Debug)]
pub struct Place {
    file: PathBuf,
    journal: PathBuf,
}

/// Why nothing is written there.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// Something else is there.
    #[error("--out {} is not a regular file: an interrupted deployment could not be resumed", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// There is no journal.
    #[error("nothing to resume: {} does not exist; run without --resume", path.display())]
    NothingToResume {
        /// Its path.
        path: PathBuf,
    },
    /// The journal is malformed.
    #[error("{} is not the journal of an interrupted deployment: {source}", path.display())]
    NotAJournal {
        /// The journal.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// There is a journal.
    #[error("{} is of an interrupted deployment: continue it with --resume, or drop it with --force", path.display())]
    Interrupted {
        /// The journal.
        path: PathBuf,
    },
    /// There is a deployment file.
    #[error(
        "{} is the file of another deployment: give another with --out, or overwrite it with --force",
        path.display()
    )]
    OtherDeployment {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
}

impl Place {
    /// The deployment file `file`. Nothing is read or written yet.
    ///
    /// # Errors
    /// [`PlaceError::NotAFile`].
    pub fn new(file: PathBuf) -> Result<Self, PlaceError> {
        if file.exists() && !file.is_file() {
            return Err(PlaceError::NotAFile { path: file });
        }
        let mut journal = file.clone().into_os_string();
        journal.push(".unfinished");
        Ok(Self {
            file,
            journal: journal.into(),
        })
    }

    /// The deployment file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The journal, if a deployment has begun and is not finished.
    #[must_use]
    pub fn journal(&self) -> Option<&Path> {
        Some(&*self.journal).filter(|journal| journal.is_file())
    }

    /// Makes sure that nothing is overwritten, unless by `force`; with `resume`, reads what an interrupted run has left.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn begin(&self, resume: bool, force: bool) -> Result<Option<Journal>, PlaceError> {
        let Self { file, journal } = self;
        let path = journal.clone();
        if resume {
            if self.journal().is_none() {
                return Err(PlaceError::NothingToResume { path });
            }
            let bytes = fs::read(journal).map_err(io_error("read", journal))?;
            let read = serde_json::from_slice(&bytes);
            return read.map_err(|source| PlaceError::NotAJournal { path, source });
        }
        if !force && self.journal().is_some() {
            return Err(PlaceError::Interrupted { path });
        }
        if !force && file.exists() {
            return Err(PlaceError::OtherDeployment { path: file.clone() });
        }
        if let Some(directory) = file.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            let created = DirBuilder::new().recursive(true).mode(0o700).create(directory);
            created.map_err(io_error("create the directory", directory))?;
        }
        if self.journal().is_some() {
            fs::remove_file(journal).map_err(io_error("remove", journal))?;
        }
        Ok(None)
    }

    /// Writes the journal durably.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep(&self, journal: &Journal) -> io::Result<()> {
        write(&self.journal, journal)
    }

    /// Writes the deployment file; the journal is no longer needed.
    ///
    /// # Errors
    /// [`PlaceError::Io`].
    pub fn finish(&self, record: &DeploymentRecord) -> Result<(), PlaceError> {
        record.write(&self.file)?;
        fs::remove_file(&self.journal).map_err(io_error("remove", &self.journal))
    }
}

impl DeploymentRecord {
    /// Writes the deployment file: whoever looks sees the old one or the new one, whole.
    ///
    /// # Errors
    /// [`PlaceError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), PlaceError> {
        write(path, self).map_err(io_error("write", path))
    }
}

fn write(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let mut file = beside(path)?;
    serde_json::to_writer_pretty(&mut file, value)?;
    file.write_all(b"\n")?;
    file.as_file().sync_all()?;
    replace(file, path)
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PlaceError {
    let path = path.to_owned();
    move |source| PlaceError::Io { action, path, source }
}
