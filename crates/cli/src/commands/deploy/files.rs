//! The deployment file, and the journal beside it while it is in the making.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use assize_chain::{DeploymentRecord, Journal, chain_name};
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
    pub(super) fn new(out: Option<PathBuf>, chain_id: u64) -> eyre::Result<Self> {
        let file = out.unwrap_or_else(|| {
            Path::new("deployments")
                .join(chain_name(chain_id))
                .with_extension("json")
        });
        ensure!(
            !file.exists() || file.is_file(),
            "--out {} is no file: a deployment that is interrupted must lose nothing, so give a file",
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
                "there is nothing to resume: {journal} does not exist; without --resume, a deployment begins"
            );
            let bytes = fs::read(&self.journal).wrap_err_with(|| format!("cannot read {journal}"))?;
            return serde_json::from_slice(&bytes)
                .map(Some)
                .wrap_err_with(|| format!("{journal} is not what an interrupted deployment leaves"));
        }
        if !force && self.has_journal() {
            bail!(
                "{journal} is of a deployment that was interrupted: go on with --resume, or give it up with --force"
            );
        }
        if !force && self.file.exists() {
            bail!(
                "{file} is the file of another deployment: give another one with --out, or overwrite it with --force"
            );
        }
        if let Some(directory) = self.file.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::create_dir_all(directory)
                .wrap_err_with(|| format!("cannot make the directory {}", directory.display()))?;
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
pub(in crate::commands) fn write_record(path: &Path, record: &DeploymentRecord) -> eyre::Result<()> {
    write(path, record).wrap_err_with(|| format!("cannot write {}", path.display()))
}

fn write(path: &Path, value: &impl Serialize) -> eyre::Result<()> {
    let mut file = output::beside(path)?;
    serde_json::to_writer_pretty(&mut file, value)?;
    io::Write::write_all(&mut file, b"\n")?;
    file.as_file().sync_all()?;
    output::replace(file, path)
}
