//! Measurements to submit, and the rounds that are looked after, stored durably.

mod rounds;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use alloy_primitives::Address;
use assize_measurement::Domain;
use assize_protocol::{RoundNumber, TaskIndex};
use assize_service::sqlite::{Schema, SqliteError, SqliteFile, SqliteOptions};
use rusqlite::{Connection, params};
use thiserror::Error;

pub(crate) use self::rounds::{Kept, Made};

const SCHEMA: Schema = Schema {
    name: "spool of a checker",
    application_id: 0x4153_5a03,
    migrations: &[include_str!("spool.sql")],
    unmarked: None,
};

/// Number of rounds whose finished tasks are remembered; reorganisations never go back so far.
const REMEMBERED: u64 = 16;
/// How long to wait for another process to release the file.
const PATIENCE: Duration = Duration::from_millis(500);

/// Why the spool failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// The file cannot be opened, read or written.
    #[error(transparent)]
    Database(#[from] SqliteError),
    /// It belongs to another network or another station.
    #[error(
        "{} is of {name} {found}, not of {wanted}; use one --data directory for each network and station", path.display()
    )]
    OfAnother {
        /// The file.
        path: PathBuf,
        /// The first difference.
        name: &'static str,
        /// The value in the file.
        found: String,
        /// The expected value.
        wanted: String,
    },
}

/// A measurement to submit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) round: RoundNumber,
    pub(crate) task: TaskIndex,
    /// The measurement's line.
    pub(crate) line: String,
}

/// The ingest's decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Receipted = 1,
    Refused = 2,
}

/// The spool: one SQLite file, for one process. Each call is durable when it returns, and takes a few milliseconds.
#[derive(Debug, Clone)]
pub(crate) struct Spool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    file: Mutex<SqliteFile>,
}

impl Spool {
    /// Opens it for one station of one network; creates it if it does not exist.
    pub(crate) fn open(path: &Path, domain: &Domain, station: Address) -> Result<Self, SpoolError> {
        let options = SqliteOptions {
            patience: PATIENCE,
            exclusive: true,
            ..SqliteOptions::default()
        };
        let file = SCHEMA.open(path, options)?;
        let spool = Self(Arc::new(Shared {
            path: path.to_owned(),
            file: Mutex::new(file),
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

    /// The value first stored under a name.
    fn identity(&self, name: &str, value: &str) -> Result<String, SpoolError> {
        self.with(|connection| {
            let insert = "INSERT OR IGNORE INTO identity (name, value) VALUES (?, ?)";
            connection.execute(insert, [name, value])?;
            connection.query_row("SELECT value FROM identity WHERE name = ?", [name], |row| {
                row.get(0)
            })
        })
    }

    /// The first ingest key seen.
    pub(crate) fn pin(&self, ingest: Address) -> Result<Address, SpoolError> {
        let pinned = self.identity("ingest", &ingest.to_string())?;
        Ok(pinned.parse().unwrap_or(ingest))
    }

    /// Pins another ingest key.
    pub(crate) fn repin(&self, ingest: Address) -> Result<(), SpoolError> {
        self.with(|connection| {
            let replace = "INSERT OR REPLACE INTO identity (name, value) VALUES ('ingest', ?)";
            connection.execute(replace, [ingest.to_string()]).map(drop)
        })
    }

    /// Stores a measurement; false, without a change, if the task was already done.
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

    /// The finished tasks of a round.
    pub(crate) fn done(&self, round: RoundNumber) -> Result<BTreeSet<TaskIndex>, SpoolError> {
        self.with(|connection| {
            let mut select = connection.prepare_cached("SELECT task FROM measurement WHERE round = ?")?;
            let rows = select.query_map([round.0.cast_signed()], |row| row.get(0).map(TaskIndex))?;
            rows.collect()
        })
    }

    /// The first measurements that the ingest takes at `now`, up to a maximum.
    pub(crate) fn waiting(&self, now: u64, most: usize) -> Result<Vec<Waiting>, SpoolError> {
        self.with(|connection| {
            let select =
                "SELECT round, task, line FROM measurement WHERE state = 0 AND until >= ? ORDER BY round, task LIMIT ?";
            let mut select = connection.prepare_cached(select)?;
            let rows = select.query_map([now.cast_signed(), most as i64], |row| {
                Ok(Waiting {
                    round: RoundNumber(row.get::<_, i64>(0)?.cast_unsigned()),
                    task: TaskIndex(row.get(1)?),
                    line: row.get(2)?,
                })
            })?;
            rows.collect()
        })
    }

    /// Number of measurements to submit.
    pub(crate) fn count_waiting(&self) -> Result<u64, SpoolError> {
        self.with(|connection| {
            let select = "SELECT count(*) FROM measurement WHERE state = 0";
            let count: i64 = connection.query_row(select, [], |row| row.get(0))?;
            Ok(count.cast_unsigned())
        })
    }

    /// Records the decision about a measurement, which is kept as long as its round is looked after.
    pub(crate) fn decide(
        &self,
        round: RoundNumber,
        task: TaskIndex,
        decision: Decision,
    ) -> Result<(), SpoolError> {
        self.with(|connection| {
            let update = "UPDATE measurement SET state = ? WHERE round = ? AND task = ?";
            let row = params![decision as i64, round.0.cast_signed(), task.0];
            connection.execute(update, row).map(drop)
        })
    }

    /// Submits no measurement any more that the ingest does not take at `now`; returns their number.
    pub(crate) fn drop_late(&self, now: u64) -> Result<u64, SpoolError> {
        self.with(|connection| {
            let update = "UPDATE measurement SET state = 3 WHERE state = 0 AND until < ?";
            let late = connection.execute(update, [now.cast_signed()])?;
            Ok(late as u64)
        })
    }

    /// Forgets the tasks of old rounds.
    pub(crate) fn forget(&self, latest: RoundNumber) -> Result<(), SpoolError> {
        self.with(|connection| {
            let before = latest.0.saturating_sub(REMEMBERED).cast_signed();
            let delete = "DELETE FROM measurement WHERE state <> 0 AND round < ?
                          AND round NOT IN (SELECT number FROM round)";
            connection.execute(delete, [before]).map(drop)
        })
    }

    fn with<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, SpoolError> {
        // Each call is one transaction: a thread that panicked elsewhere has left nothing half done.
        let file = self.0.file.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(file.read(work)?)
    }
}

#[cfg(test)]
pub(crate) mod tests {
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

    pub(crate) fn open(path: &Path) -> Result<Spool, SpoolError> {
        Spool::open(path, &DOMAIN, Address::repeat_byte(2))
    }

    #[test]
    fn a_file_that_is_not_a_spool_is_named_and_left_unchanged() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("spool.sqlite");
        let content = "my thesis, at some length. ".repeat(100);
        std::fs::write(&path, &content).unwrap();
        let error = open(&path).unwrap_err();
        assert!(
            matches!(error, SpoolError::Database(SqliteError::Foreign { .. })),
            "{error}"
        );
        let message = error.to_string();
        assert!(
            message.contains("spool.sqlite") && !message.contains("disk is full"),
            "{message}"
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
    }

    #[test]
    fn a_task_is_done_once_and_its_measurement_survives_the_process() {
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
        assert_eq!(spool.waiting(0, 9).unwrap(), [waiting(7, 1), waiting(7, 2)]);
        assert_eq!(spool.waiting(0, 1).unwrap(), [waiting(7, 1)]);
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
        assert!(matches!(
            open(&path),
            Err(SpoolError::Database(SqliteError::InUse { .. }))
        ));
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
    fn the_first_ingest_key_is_pinned_until_it_is_changed_by_hand() {
        let directory = tempfile::tempdir().unwrap();
        let spool = open(&directory.path().join("spool.sqlite")).unwrap();
        let [one, two] = [1, 2].map(Address::repeat_byte);
        assert_eq!(spool.pin(one).unwrap(), one);
        assert_eq!(spool.pin(two).unwrap(), one);
        spool.repin(two).unwrap();
        assert_eq!(spool.pin(one).unwrap(), two);
    }

    #[test]
    fn late_measurements_are_dropped_and_old_rounds_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let spool = open(&directory.path().join("spool.sqlite")).unwrap();
        spool.put(&waiting(7, 1), 100).unwrap();
        spool.put(&waiting(8, 1), 200).unwrap();
        assert_eq!(spool.waiting(100, 9).unwrap().len(), 2);
        assert_eq!(spool.waiting(101, 9).unwrap(), [waiting(8, 1)]);
        assert_eq!(spool.drop_late(100).unwrap(), 0);
        assert_eq!(spool.drop_late(101).unwrap(), 1);
        assert_eq!(spool.count_waiting().unwrap(), 1);
        spool.forget(RoundNumber(8)).unwrap();
        assert_eq!(spool.done(RoundNumber(7)).unwrap().len(), 1);
        spool.forget(RoundNumber(7 + REMEMBERED + 1)).unwrap();
        assert!(spool.done(RoundNumber(7)).unwrap().is_empty());
    }
}
