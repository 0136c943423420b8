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

/// Declares what the directory holds: for each entry the method for its path, its name, the daemons that use it, what it
/// holds and what its loss costs.
macro_rules! entries {
    ($($path:ident: $name:literal, $used_by:literal, $holds:literal, $loss:literal;)*) => {
        impl DataDir {
            /// Everything that daemons keep in the directory.
            pub const ENTRIES: &[DataEntry] = &[$(DataEntry {
                name: $name,
                used_by: $used_by,
                holds: $holds,
                loss: $loss,
            }),*];

            $(
                #[doc = concat!("`", $name, "`: ", $holds, ".")]
                #[must_use]
                pub fn $path(&self) -> PathBuf {
                    self.0.join($name.trim_end_matches('/'))
                }
            )*
        }
    };
}

entries! {
    deployment: "deployment.json", "all",
        "the contracts' addresses, parameters and roles; `assize deploy apply` writes it",
        "no command finds the contracts until it is back; keep a copy in version control";
    ingest: "ingest.sqlite", "coordinator, publisher",
        "live stations, received measurements and their batches",
        "measurements that are not committed yet; their receipts remain and prove it";
    ingest_key: "ingest.key", "coordinator",
        "the key that signs receipts",
        "checkers refuse the receipts of a new key until they are given it with --ingest-address";
    subnet_secret: "subnet.secret", "coordinator",
        "the secret behind the subnet tags in rosters",
        "subnets get other tags, and the published commitment changes";
    task_list: "tasks.ndjson", "coordinator",
        "the task list of the next round; you write it",
        "no round is opened with new tasks until it is back";
    coordinator_queue: "coordinator.sqlite", "coordinator",
        "the queue of the coordinator's transactions",
        "transactions that are pending may be sent twice; the contract takes one";
    publisher_queue: "publisher.sqlite", "publisher",
        "the queue of the publisher's transactions",
        "transactions that are pending may be sent twice; the contract takes one";
    evaluator_queue: "evaluator.sqlite", "evaluator",
        "the queue of the evaluator's transactions",
        "transactions that are pending may be sent twice; the contract takes one";
    guardian_queue: "guardian.sqlite", "guardian",
        "the queue of the guardian's transactions",
        "transactions that are pending may be sent twice; the contract takes one";
    payout_queue: "payout.sqlite", "payout",
        "the queue of the payout transactions",
        "transactions that are pending may be sent twice; nobody is paid twice";
    payout_history: "payout-history.sqlite", "payout",
        "who waits for money since when, and what was paid",
        "all operators begin to wait anew, and today's spending counts from zero";
    rates: "rates.json", "evaluator",
        "the catalog of retrieval success rates; their files are in the store",
        "none: it can be recomputed from the chain and the store";
    store: "store/", "coordinator, publisher, evaluator, payout, gateway",
        "rosters, task lists, batches and settlement documents, by CID",
        "settlements cannot be recomputed or claimed from, unless another store has the files";
    checker: "checker/", "checker",
        "the station key (station.key), measurements (spool.sqlite), receipts (receipts/) and the queue of own reports (inclusion.sqlite)",
        "the station: a new key is a new station, and measurements that were not committed are gone";
    beacon_key: "beacon.key", "beacon",
        "the key of a devnet's drand chain",
        "the devnet: its contracts accept beacons of this key only";
    beacon_chain: "beacon.json", "beacon",
        "the description of that chain: the answer to /info, for --drand-info",
        "the devnet's schedule: start it with the same --genesis and --period again";
}

impl DataDir {
    /// The directory if none is given.
    pub const DEFAULT: &str = "./assize-data";
    /// The environment variable that stands in for `--data`.
    pub const VARIABLE: &str = "ASSIZE_DATA";

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
    fn every_entry_has_a_name_of_its_own() {
        let names: BTreeSet<_> = DataDir::ENTRIES.iter().map(|entry| entry.name).collect();
        assert_eq!(names.len(), DataDir::ENTRIES.len());
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
