//! What was measured and is not handed in yet, safe from crashes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alloy_primitives::Address;
use assize_measurement::Domain;
use assize_protocol::{RoundNumber, TaskIndex};
use rusqlite::{Connection, ErrorCode, params};
use thiserror::Error;

/// Rounds of which it is remembered what was done; the chain never goes back so far.
const REMEMBERED: u64 = 16;
/// For another process to let go of the file.
const PATIENCE: Duration = Duration::from_millis(500);

/// Why the spool does not work.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// Another process has it.
    #[error("{} is in use by another checker; end it, or give this one its own --data directory", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It belongs to another network or another station.
    #[error(
        "{} is of {name} {found}, not of {wanted}; use one --data directory for each network and station", path.display()
    )]
    OfAnother {
        /// The file.
        path: PathBuf,
        /// What differs.
        name: &'static str,
        /// What the file has.
        found: String,
        /// What is wanted.
        wanted: String,
    },
    /// It is some other file.
    #[error(
        "{} is no spool, or a damaged one; if it is a file of yours, move it away, or give another --data directory: a new spool is \
         made (what was measured and not handed in is lost with a damaged one)", path.display()
    )]
    NoSpool {
        /// The file.
        path: PathBuf,
    },
    /// SQLite's.
    #[error("the spool {} does not work: {source}; see that the disk is not full and the directory can be written", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: rusqlite::Error,
    },
}

/// A measurement that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) round: RoundNumber,
    pub(crate) task: TaskIndex,
    /// The measurement's line.
    pub(crate) line: String,
}

/// How the ingest decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Receipted = 1,
    Refused = 2,
}

/// The spool: one SQLite file, of one process. Each call is durable when it returns, and takes some milliseconds.
#[derive(Debug, Clone)]
pub(crate) struct Spool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl Spool {
    /// Opens it for one station of one network; made if it is not there.
    pub(crate) fn open(path: &Path, domain: &Domain, station: Address) -> Result<Self, SpoolError> {
        let connect = || {
            let connection = Connection::open(path)?;
            connection.busy_timeout(PATIENCE)?;
            connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.execute_batch(include_str!("spool.sql"))?;
            Ok(connection)
        };
        let connection = connect().map_err(|error| of_sqlite(path, error))?;
        let spool = Self(Arc::new(Shared {
            path: path.to_owned(),
            connection: Mutex::new(connection),
        }));
        spool.claim("chain", &domain.chain_id.to_string())?;
        spool.claim("contract", &domain.rounds.to_string())?;
        spool.claim("station", &station.to_string())?;
        Ok(spool)
    }

    fn claim(&self, name: &'static str, wanted: &str) -> Result<(), SpoolError> {
        let found = self.identity(name, wanted)?;
        if found == wanted {
            return Ok(());
        }
        Err(SpoolError::OfAnother {
            path: self.0.path.clone(),
            name,
            found,
            wanted: wanted.to_owned(),
        })
    }

    /// What was first given under a name.
    fn identity(&self, name: &str, value: &str) -> Result<String, SpoolError> {
        self.with(|connection| {
            let insert = "INSERT OR IGNORE INTO identity (name, value) VALUES (?, ?)";
            connection.execute(insert, [name, value])?;
            connection.query_row("SELECT value FROM identity WHERE name = ?", [name], |row| {
                row.get(0)
            })
        })
    }

    /// The ingest key that was first seen.
    pub(crate) fn pin(&self, ingest: Address) -> Result<Address, SpoolError> {
        let pinned = self.identity("ingest", &ingest.to_string())?;
        Ok(pinned.parse().unwrap_or(ingest))
    }

    /// Believes this ingest key from now on.
    pub(crate) fn repin(&self, ingest: Address) -> Result<(), SpoolError> {
        self.with(|connection| {
            let replace = "INSERT OR REPLACE INTO identity (name, value) VALUES ('ingest', ?)";
            connection.execute(replace, [ingest.to_string()]).map(drop)
        })
    }

    /// Keeps a measurement; false if the task was done before, and then nothing changes.
    pub(crate) fn put(&self, waiting: &Waiting, until: u64) -> Result<bool, SpoolError> {
        self.with(|connection| {
            let insert = "INSERT OR IGNORE INTO measurement (round, task, until, line) VALUES (?, ?, ?, ?)";
            let row = params![
                waiting.round.0.cast_signed(),
                waiting.task.0,
                until.cast_signed(),
                waiting.line
            ];
            Ok(connection.execute(insert, row)? == 1)
        })
    }

    /// Tasks of a round that are done.
    pub(crate) fn done(&self, round: RoundNumber) -> Result<BTreeSet<TaskIndex>, SpoolError> {
        self.with(|connection| {
            let mut select = connection.prepare_cached("SELECT task FROM measurement WHERE round = ?")?;
            let rows = select.query_map([round.0.cast_signed()], |row| row.get(0).map(TaskIndex))?;
            rows.collect()
        })
    }

    /// The first measurements that wait, at most so many.
    pub(crate) fn waiting(&self, most: usize) -> Result<Vec<Waiting>, SpoolError> {
        self.with(|connection| {
            let select =
                "SELECT round, task, line FROM measurement WHERE state = 0 ORDER BY round, task LIMIT ?";
            let mut select = connection.prepare_cached(select)?;
            let rows = select.query_map([most as i64], |row| {
                Ok(Waiting {
                    round: RoundNumber(row.get::<_, i64>(0)?.cast_unsigned()),
                    task: TaskIndex(row.get(1)?),
                    line: row.get(2)?,
                })
            })?;
            rows.collect()
        })
    }

    /// How many wait.
    pub(crate) fn count_waiting(&self) -> Result<u64, SpoolError> {
        self.with(|connection| {
            let select = "SELECT count(*) FROM measurement WHERE state = 0";
            let count: i64 = connection.query_row(select, [], |row| row.get(0))?;
            Ok(count.cast_unsigned())
        })
    }

    /// A measurement does not wait any more.
    pub(crate) fn decide(
        &self,
        round: RoundNumber,
        task: TaskIndex,
        decision: Decision,
    ) -> Result<(), SpoolError> {
        self.with(|connection| {
            let update = "UPDATE measurement SET state = ?, line = NULL WHERE round = ? AND task = ?";
            let row = params![decision as i64, round.0.cast_signed(), task.0];
            connection.execute(update, row).map(drop)
        })
    }

    /// Gives up what nobody takes any more, and forgets rounds of long ago; how many measurements were given up.
    pub(crate) fn clean(&self, now: u64, latest: RoundNumber) -> Result<u64, SpoolError> {
        self.with(|connection| {
            let update = "UPDATE measurement SET state = 2, line = NULL WHERE state = 0 AND until < ?";
            let late = connection.execute(update, [now.cast_signed()])?;
            let before = latest.0.saturating_sub(REMEMBERED).cast_signed();
            connection.execute("DELETE FROM measurement WHERE state <> 0 AND round < ?", [before])?;
            Ok(late as u64)
        })
    }

    fn with<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, SpoolError> {
        work(&self.connection()).map_err(|error| of_sqlite(&self.0.path, error))
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // Each call is one transaction: a thread that panicked elsewhere has left nothing half done.
        self.0.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn of_sqlite(path: &Path, source: rusqlite::Error) -> SpoolError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => SpoolError::InUse { path },
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => SpoolError::NoSpool { path },
        _ => SpoolError::Database { path, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOMAIN: Domain = Domain {
        chain_id: 314,
        rounds: Address::repeat_byte(1),
    };

    fn waiting(round: u64, task: u32) -> Waiting {
        Waiting {
            round: RoundNumber(round),
            task: TaskIndex(task),
            line: format!("{round}/{task}"),
        }
    }

    fn open(path: &Path) -> Result<Spool, SpoolError> {
        Spool::open(path, &DOMAIN, Address::repeat_byte(2))
    }

    #[test]
    fn a_file_that_is_no_spool_is_named_and_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("spool.sqlite");
        let content = "my thesis, at some length. ".repeat(100);
        std::fs::write(&path, &content).unwrap();
        let error = open(&path).unwrap_err();
        assert!(matches!(error, SpoolError::NoSpool { .. }), "{error}");
        let told = error.to_string();
        assert!(
            told.contains("spool.sqlite") && !told.contains("disk is full"),
            "{told}"
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
    }

    #[test]
    fn a_task_is_done_once_and_its_measurement_outlives_the_process() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("spool.sqlite");
        let spool = open(&path).unwrap();
        assert!(spool.put(&waiting(7, 2), 100).unwrap());
        assert!(spool.put(&waiting(7, 1), 100).unwrap());
        let again = Waiting {
            line: "another".into(),
            ..waiting(7, 2)
        };
        assert!(!spool.put(&again, 100).unwrap());
        drop(spool);
        let spool = open(&path).unwrap();
        assert_eq!(spool.waiting(9).unwrap(), [waiting(7, 1), waiting(7, 2)]);
        assert_eq!(spool.waiting(1).unwrap(), [waiting(7, 1)]);
        spool
            .decide(RoundNumber(7), TaskIndex(1), Decision::Receipted)
            .unwrap();
        spool
            .decide(RoundNumber(7), TaskIndex(2), Decision::Refused)
            .unwrap();
        assert_eq!(spool.count_waiting().unwrap(), 0);
        assert_eq!(spool.done(RoundNumber(7)).unwrap().len(), 2);
        assert!(spool.done(RoundNumber(8)).unwrap().is_empty());
    }

    #[test]
    fn one_process_at_a_time_and_one_network_and_station() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("spool.sqlite");
        let spool = open(&path).unwrap();
        assert!(matches!(open(&path), Err(SpoolError::InUse { .. })));
        drop(spool);
        let other = Domain {
            chain_id: 315,
            ..DOMAIN
        };
        let error = Spool::open(&path, &other, Address::repeat_byte(2)).unwrap_err();
        assert!(error.to_string().contains("of chain 314, not of 315"), "{error}");
        let error = Spool::open(&path, &DOMAIN, Address::repeat_byte(3)).unwrap_err();
        assert!(error.to_string().contains("of station 0x0202"), "{error}");
    }

    #[test]
    fn the_first_ingest_key_stays_until_it_is_changed_by_hand() {
        let directory = tempfile::tempdir().unwrap();
        let spool = open(&directory.path().join("spool.sqlite")).unwrap();
        let [one, two] = [1, 2].map(Address::repeat_byte);
        assert_eq!(spool.pin(one).unwrap(), one);
        assert_eq!(spool.pin(two).unwrap(), one);
        spool.repin(two).unwrap();
        assert_eq!(spool.pin(one).unwrap(), two);
    }

    #[test]
    fn what_is_too_late_is_given_up_and_old_rounds_are_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let spool = open(&directory.path().join("spool.sqlite")).unwrap();
        spool.put(&waiting(7, 1), 100).unwrap();
        spool.put(&waiting(8, 1), 200).unwrap();
        assert_eq!(spool.clean(100, RoundNumber(8)).unwrap(), 0);
        assert_eq!(spool.clean(101, RoundNumber(8)).unwrap(), 1);
        assert_eq!(spool.waiting(9).unwrap(), [waiting(8, 1)]);
        assert_eq!(spool.done(RoundNumber(7)).unwrap().len(), 1);
        spool.clean(101, RoundNumber(7 + REMEMBERED + 1)).unwrap();
        assert!(spool.done(RoundNumber(7)).unwrap().is_empty());
    }
}
