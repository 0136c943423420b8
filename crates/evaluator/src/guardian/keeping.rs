//! Files that evaluators object to: the guardian copies those that can be read, and keeps them (docs/protocol.md §11.3).

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use assize_facts::{FileKey, FileKind};
use assize_protocol::RoundNumber;
use assize_verify::CommittedFile;

use super::{GuardianError, Parts};
use crate::retries::Retries;

/// How long a pass begins to read further files: settlements have to be judged meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);

/// A file that can be dropped unless it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Objected {
    pub(super) file: FileKey,
    /// From when it can be dropped, Unix seconds.
    pub(super) drops_from: u64,
}

/// The files to which enough evaluators object and that were neither dropped nor kept, those first that can be dropped first.
pub(super) async fn objected(parts: &Parts) -> Result<Vec<Objected>, GuardianError> {
    // What is settled cannot be dropped any more.
    let settled = match parts.rewards.head().await? {
        Some(head) => parts.rewards.settlement(head).await?.proposal.last_round,
        None => RoundNumber(0),
    };
    let said = parts.rewards.objections(settled).await?;
    if said.is_empty() {
        return Ok(Vec::new());
    }
    let set = parts.rewards.roles().await?.evaluators().await?.version;
    let mut objected: Vec<_> = said
        .into_iter()
        .filter_map(|(file, said)| {
            let drops_from = said.due_from(set)?;
            Some(Objected { file, drops_from })
        })
        .collect();
    objected.sort_by_key(|objected| (objected.drops_from, objected.file));
    Ok(objected)
}

/// What the guardian has of the files that evaluators object to.
#[derive(Debug, Default)]
pub(super) struct Keeping {
    /// Those in its store, which are what was committed.
    held: BTreeSet<FileKey>,
    /// Why the others could not be read.
    faults: BTreeMap<FileKey, String>,
    retries: Retries,
}

impl Keeping {
    /// Forgets what evaluators do not object to any more.
    pub(super) fn retain(&mut self, objected: &[Objected]) {
        let wanted: BTreeSet<_> = objected.iter().map(|objected| objected.file).collect();
        self.held.retain(|file| wanted.contains(file));
        self.faults.retain(|file, _| wanted.contains(file));
        self.retries.retain(|file| wanted.contains(&file));
    }

    /// The order in which files are tried: those first that failed least often, then those that can be dropped first.
    pub(super) fn order(&self, objected: &[Objected]) -> Vec<Objected> {
        let mut order = objected.to_vec();
        order.sort_by_key(|objected| self.retries.count(objected.file));
        order
    }

    /// Copies a file into the guardian's own store, where evaluators can get it, if it is time to try; why it is not there, if it
    /// is not. In a pass that has taken too long, `begun` being its start, nothing more is tried.
    pub(super) async fn copy(
        &mut self,
        parts: &Parts,
        file: FileKey,
        begun: Instant,
    ) -> Result<Option<String>, GuardianError> {
        // Nothing reads lists of seals yet, so there is nothing to copy.
        if self.held.contains(&file) || file.kind == FileKind::Seals {
            return Ok(None);
        }
        if begun.elapsed() >= PATIENCE || !self.retries.is_due(file) {
            let fault = self.faults.get(&file).cloned();
            return Ok(Some(fault.unwrap_or_else(|| "it was not tried yet".to_owned())));
        }
        let round = parts.rounds.round(file.round).await?;
        let batches = parts.rounds.commitments(file.round, FileKind::Lines).await?;
        let files = CommittedFile::all(&round, &batches);
        let Some(committed) = files.into_iter().find(|committed| committed.key() == file) else {
            return Ok(Some("the chain knows of no such file".to_owned()));
        };
        Ok(
            match tokio::task::block_in_place(|| committed.keep(&*parts.store)) {
                Ok(()) => {
                    self.held.insert(file);
                    self.faults.remove(&file);
                    self.retries.succeeded(file);
                    None
                }
                Err(error) => {
                    self.retries.failed(file);
                    self.faults.insert(file, error.to_string());
                    Some(error.to_string())
                }
            },
        )
    }
}
