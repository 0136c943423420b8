//! The deployment file, and the journal beside it while it is in the making.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use assize_deployment::{DeploymentRecord, Journal};
use eyre::{Context, bail, ensure};
use serde::Serialize;

use crate::output;

/// Where a deployment is written to.
#[derive(Debug)]
pub(super) struct Place {
    file: PathBuf,
    journal: PathBuf,
}

impl Place {
    pub(super) fn new(file: PathBuf) -> eyre::Result<Self> {
        ensure!(
            !file.exists() || file.is_file(),
            "--out {} is not a regular file: an interrupted deployment could not be resumed",
            file.display()
        );
        let mut journal = file.clone().into_os_string();
        journal.push(".unfinished");
        Ok(Self {
            file,
            journal: journal.into(),
        })
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    pub(super) fn journal(&self) -> &Path {
        &self.journal
    }

    pub(super) fn has_journal(&self) -> bool {
        self.journal.is_file()
    }

    /// Makes sure that nothing is overwritten, and reads what an interrupted run has left.
    pub(super) fn begin(&self, resume: bool, force: bool) -> eyre::Result<Option<Journal>> {
        let (file, journal) = (self.file.display(), self.journal.display());
        if resume {
            ensure!(
                self.has_journal(),
                "nothing to resume: {journal} does not exist; run without --resume"
            );
            let bytes = fs::read(&self.journal).wrap_err_with(|| format!("cannot read {journal}"))?;
            return serde_json::from_slice(&bytes)
                .map(Some)
                .wrap_err_with(|| format!("{journal} is not the journal of an interrupted deployment"));
        }
        if !force && self.has_journal() {
            bail!(
                "{journal} is of an interrupted deployment: continue it with --resume, or drop it with --force"
            );
        }
        if !force && self.file.exists() {
            bail!(
                "{file} is the file of another deployment: give another with --out, or overwrite it with --force"
            );
        }
        if let Some(directory) = self.file.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::create_dir_all(directory)
                .wrap_err_with(|| format!("cannot create the directory {}", directory.display()))?;
        }
        if self.has_journal() {
            fs::remove_file(&self.journal).wrap_err_with(|| format!("cannot remove {journal}"))?;
        }
        Ok(None)
    }

    /// Writes the journal down, so that not even a power cut loses it.
    pub(super) fn keep(&self, journal: &Journal) -> io::Result<()> {
        write(&self.journal, journal).map_err(io::Error::other)
    }

    /// Writes the deployment file; the journal is no longer needed.
    pub(super) fn finish(&self, record: &DeploymentRecord) -> eyre::Result<()> {
        write_record(&self.file, record)?;
        fs::remove_file(&self.journal).wrap_err_with(|| format!("cannot remove {}", self.journal.display()))
    }
}

/// Writes a deployment file: whoever looks sees the old one or the new one, whole.
pub(super) fn write_record(path: &Path, record: &DeploymentRecord) -> eyre::Result<()> {
    write(path, record).wrap_err_with(|| format!("cannot write {}", path.display()))
}

fn write(path: &Path, value: &impl Serialize) -> eyre::Result<()> {
    let mut file = output::beside(path)?;
    serde_json::to_writer_pretty(&mut file, value)?;
    io::Write::write_all(&mut file, b"\n")?;
    file.as_file().sync_all()?;
    output::replace(file, path)
}
