//! The catalog as a file, and the rounds that evaluators add to it.

use std::io::{self, ErrorKind, Write};
use std::path::Path;

use assize_evaluate::{RoundEvaluation, RoundFacts};
use assize_facts::ChainFacts;
use assize_service::{LARGEST_FILE, beside, read_file, replace};
use assize_store::Store;

use crate::{Catalog, Dataset, RoundEntry, RoundFigures, StatsError};

impl Dataset {
    /// The dataset of a catalog file; `None` if there is no such file.
    ///
    /// # Errors
    /// [`StatsError::CatalogFile`], [`StatsError::Catalog`].
    pub fn read(catalog: &Path) -> Result<Option<Self>, StatsError> {
        let json = match read_file(catalog, LARGEST_FILE) {
            Ok(json) => json,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(failed("read", catalog, source)),
        };
        match Catalog::parse(&json) {
            Ok(catalog) => Ok(Some(Self { catalog })),
            Err(reason) => Err(StatsError::Catalog {
                path: catalog.to_owned(),
                reason,
            }),
        }
    }

    /// Writes the catalog file: a reader sees the old one or the new one.
    ///
    /// # Errors
    /// [`StatsError::CatalogFile`].
    pub fn write(&self, catalog: &Path) -> Result<(), StatsError> {
        let write = || {
            let json = serde_json::to_vec_pretty(&self.catalog)?;
            let mut file = beside(catalog)?;
            file.write_all(&json)?;
            replace(file, catalog)
        };
        write().map_err(|source| failed("write", catalog, source))
    }
}

/// Adds evaluated rounds to the dataset of a catalog file, which is created if it does not exist.
///
/// # Errors
/// The catalog is malformed, or it or the store cannot be written.
pub fn add_rounds(
    catalog: &Path,
    store: &dyn Store,
    chain: &ChainFacts,
    rounds: &[(RoundFacts, RoundEvaluation)],
) -> Result<(), StatsError> {
    let mut dataset = Dataset::read(catalog)?.unwrap_or_default();
    let rounds = rounds.iter().filter_map(|(facts, evaluation)| {
        let opened_at = chain.rounds.get(&facts.round)?.round.opened_at;
        let entry = RoundEntry {
            contract: chain.contracts.rounds,
            tasks: facts.tasks.cid,
            batches: evaluation.batches.iter().map(|batch| batch.cid).collect(),
        };
        Some(RoundFigures {
            round: facts.round,
            opened_at,
            entry,
            figures: &evaluation.figures,
        })
    });
    dataset.add(store, &rounds.collect::<Vec<_>>())?;
    dataset.write(catalog)
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> StatsError {
    StatsError::CatalogFile {
        action,
        path: path.to_owned(),
        source,
    }
}
