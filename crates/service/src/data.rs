//! The data directory: one default place for every file that a daemon writes.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The data directory of a network on one machine.
///
/// All daemons share it, and each file has one name and one purpose ([`DataDir::ENTRIES`]), so that what the coordinator
/// writes is what the publisher reads without any path given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDir(PathBuf);

/// A file or directory in the data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataEntry {
    /// Its name in the data directory. Directories end in `/`.
    pub name: &'static str,
    /// The daemons that read or write it.
    pub used_by: &'static str,
    /// What it holds.
    pub holds: &'static str,
    /// What its loss costs.
    pub loss: &'static str,
}

/// The data directory cannot be created.
#[derive(Debug, Error)]
#[error("cannot create the data directory {}: {source}; give a directory that this user can write to with --data", path.display())]
pub struct DataDirError {
    /// The directory.
    pub path: PathBuf,
    /// The operating system's error.
    pub source: io::Error,
}

const INGEST: DataEntry = DataEntry {
    name: "ingest.sqlite",
    used_by: "coordinator, publisher",
    holds: "live stations, received measurements and their batches",
    loss: "measurements that are not committed yet; their receipts remain and prove it",
};
const INGEST_KEY: DataEntry = DataEntry {
    name: "ingest.key",
    used_by: "coordinator",
    holds: "the key that signs receipts",
    loss: "checkers refuse the receipts of a new key until they are given it with --ingest-address",
};
const SUBNET_SECRET: DataEntry = DataEntry {
    name: "subnet.secret",
    used_by: "coordinator",
    holds: "the secret behind the subnet tags in rosters",
    loss: "subnets get other tags, and the published commitment changes",
};
const DEPLOYMENT: DataEntry = DataEntry {
    name: "deployment.json",
    used_by: "all",
    holds: "the contracts' addresses, parameters and roles; `assize deploy apply` writes it",
    loss: "no command finds the contracts until it is back; keep a copy in version control",
};
const TASK_LIST: DataEntry = DataEntry {
    name: "tasks.ndjson",
    used_by: "coordinator",
    holds: "the task list of the next round; you write it",
    loss: "no round is opened with new tasks until it is back",
};
const COORDINATOR_QUEUE: DataEntry = DataEntry {
    name: "coordinator.sqlite",
    used_by: "coordinator",
    holds: "the queue of the coordinator's transactions",
    loss: "transactions that are pending may be sent twice; the contract takes one",
};
const PUBLISHER_QUEUE: DataEntry = DataEntry {
    name: "publisher.sqlite",
    used_by: "publisher",
    holds: "the queue of the publisher's transactions",
    loss: "transactions that are pending may be sent twice; the contract takes one",
};
const EVALUATOR_QUEUE: DataEntry = DataEntry {
    name: "evaluator.sqlite",
    used_by: "evaluator",
    holds: "the queue of the evaluator's transactions",
    loss: "transactions that are pending may be sent twice; the contract takes one",
};
const PAYOUT_QUEUE: DataEntry = DataEntry {
    name: "payout.sqlite",
    used_by: "payout",
    holds: "the queue of the payout transactions",
    loss: "transactions that are pending may be sent twice; nobody is paid twice",
};
const PAYOUT_HISTORY: DataEntry = DataEntry {
    name: "payout-history.sqlite",
    used_by: "payout",
    holds: "who waits for money since when, and what was paid",
    loss: "all operators begin to wait anew, and today's spending counts from zero",
};
const RATES: DataEntry = DataEntry {
    name: "rates.json",
    used_by: "evaluator",
    holds: "the catalog of retrieval success rates; their files are in the store",
    loss: "none: it can be recomputed from the chain and the store",
};
const STORE: DataEntry = DataEntry {
    name: "store/",
    used_by: "coordinator, publisher, evaluator, payout, gateway",
    holds: "rosters, task lists, batches and settlement documents, by CID",
    loss: "settlements cannot be recomputed or claimed from, unless another store has the files",
};
const CHECKER: DataEntry = DataEntry {
    name: "checker/",
    used_by: "checker",
    holds: "the station key (station.key), measurements to submit (spool.sqlite) and receipts (receipts/)",
    loss: "the station: a new key is a new station, and measurements that were not submitted are gone",
};
const BEACON_KEY: DataEntry = DataEntry {
    name: "beacon.key",
    used_by: "beacon",
    holds: "the key of a devnet's drand chain",
    loss: "the devnet: its contracts accept beacons of this key only",
};

impl DataDir {
    /// The directory if none is given.
    pub const DEFAULT: &str = "./assize-data";
    /// The environment variable that stands in for `--data`.
    pub const VARIABLE: &str = "ASSIZE_DATA";

    /// Everything that daemons keep in the directory.
    pub const ENTRIES: [DataEntry; 14] = [
        DEPLOYMENT,
        INGEST,
        INGEST_KEY,
        SUBNET_SECRET,
        TASK_LIST,
        COORDINATOR_QUEUE,
        PUBLISHER_QUEUE,
        EVALUATOR_QUEUE,
        PAYOUT_QUEUE,
        PAYOUT_HISTORY,
        RATES,
        STORE,
        CHECKER,
        BEACON_KEY,
    ];

    /// The data directory at `path`. Nothing is read or created yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Creates the directory for its owner alone, with its parents, unless it exists.
    ///
    /// # Errors
    /// [`DataDirError`] names the directory.
    pub fn create(&self) -> Result<(), DataDirError> {
        let created = DirBuilder::new().recursive(true).mode(0o700).create(&self.0);
        created.map_err(|source| DataDirError {
            path: self.0.clone(),
            source,
        })
    }

    fn entry(&self, entry: DataEntry) -> PathBuf {
        self.0.join(entry.name.trim_end_matches('/'))
    }

    /// The contracts' addresses, parameters and roles: `deployment.json`.
    #[must_use]
    pub fn deployment(&self) -> PathBuf {
        self.entry(DEPLOYMENT)
    }

    /// Stations and measurements: `ingest.sqlite`.
    #[must_use]
    pub fn ingest(&self) -> PathBuf {
        self.entry(INGEST)
    }

    /// The key that signs receipts: `ingest.key`.
    #[must_use]
    pub fn ingest_key(&self) -> PathBuf {
        self.entry(INGEST_KEY)
    }

    /// The secret behind subnet tags: `subnet.secret`.
    #[must_use]
    pub fn subnet_secret(&self) -> PathBuf {
        self.entry(SUBNET_SECRET)
    }

    /// The task list of the next round: `tasks.ndjson`.
    #[must_use]
    pub fn task_list(&self) -> PathBuf {
        self.entry(TASK_LIST)
    }

    /// The coordinator's transaction queue: `coordinator.sqlite`.
    #[must_use]
    pub fn coordinator_queue(&self) -> PathBuf {
        self.entry(COORDINATOR_QUEUE)
    }

    /// The publisher's transaction queue: `publisher.sqlite`.
    #[must_use]
    pub fn publisher_queue(&self) -> PathBuf {
        self.entry(PUBLISHER_QUEUE)
    }

    /// The evaluator's transaction queue: `evaluator.sqlite`.
    #[must_use]
    pub fn evaluator_queue(&self) -> PathBuf {
        self.entry(EVALUATOR_QUEUE)
    }

    /// The payout scheduler's transaction queue: `payout.sqlite`.
    #[must_use]
    pub fn payout_queue(&self) -> PathBuf {
        self.entry(PAYOUT_QUEUE)
    }

    /// Who waits for money, and what was paid: `payout-history.sqlite`.
    #[must_use]
    pub fn payout_history(&self) -> PathBuf {
        self.entry(PAYOUT_HISTORY)
    }

    /// The catalog of retrieval success rates: `rates.json`.
    #[must_use]
    pub fn rates(&self) -> PathBuf {
        self.entry(RATES)
    }

    /// The local store: `store/`.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.entry(STORE)
    }

    /// The checker's own directory: `checker/`.
    #[must_use]
    pub fn checker(&self) -> PathBuf {
        self.entry(CHECKER)
    }

    /// The key of a devnet's drand chain: `beacon.key`.
    #[must_use]
    pub fn beacon_key(&self) -> PathBuf {
        self.entry(BEACON_KEY)
    }
}

impl Default for DataDir {
    fn default() -> Self {
        Self::new(Self::DEFAULT)
    }
}

impl From<OsString> for DataDir {
    fn from(path: OsString) -> Self {
        Self::new(path)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn every_entry_has_an_accessor_and_a_name_of_its_own() {
        let data = DataDir::new("d");
        let accessors = [
            data.deployment(),
            data.ingest(),
            data.ingest_key(),
            data.subnet_secret(),
            data.task_list(),
            data.coordinator_queue(),
            data.publisher_queue(),
            data.evaluator_queue(),
            data.payout_queue(),
            data.payout_history(),
            data.rates(),
            data.store(),
            data.checker(),
            data.beacon_key(),
        ];
        let entries = DataDir::ENTRIES.map(|entry| Path::new("d").join(entry.name.trim_end_matches('/')));
        assert_eq!(accessors, entries);
        assert_eq!(
            entries.iter().collect::<BTreeSet<_>>().len(),
            DataDir::ENTRIES.len()
        );
    }

    #[test]
    fn the_manual_has_every_entry_as_it_is_here() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operate/data.md");
        let manual = std::fs::read_to_string(path).unwrap();
        for DataEntry {
            name,
            used_by,
            holds,
            loss,
        } in DataDir::ENTRIES
        {
            let row = format!("| `{name}` | {used_by} | {holds} | {loss} |");
            assert!(manual.contains(&row), "docs/operate/data.md lacks\n{row}");
        }
        assert!(manual.contains(DataDir::DEFAULT) && manual.contains(DataDir::VARIABLE));
    }

    #[test]
    fn the_directory_is_its_owners_alone() {
        let parent = tempfile::tempdir().unwrap();
        let data = DataDir::new(parent.path().join("a/b"));
        data.create().unwrap();
        data.create().unwrap();
        let mode = std::fs::metadata(data.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let file = parent.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = DataDir::new(file.join("below")).create().unwrap_err().to_string();
        assert!(
            error.contains("file/below") && error.contains("--data"),
            "{error}"
        );
    }
}
