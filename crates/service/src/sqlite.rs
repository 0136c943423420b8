//! Opening SQLite files: one way, one set of errors.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use thiserror::Error;

/// A kind of database file: who it belongs to, and its tables.
///
/// Its `application_id` tells it from other programs' files, and its `user_version` counts the migrations that it has had.
///
/// The migrations are run here and not by `rusqlite_migration`: its newest version (2.6.0) needs an older rusqlite, and it
/// reads the version outside of the transaction that migrates, so that two processes may run the same migration.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// What it is called in messages, such as `transaction queue`.
    pub name: &'static str,
    /// SQLite's `application_id`. Each kind has its own; zero is nobody's.
    pub application_id: i32,
    /// SQL that leads from each version to the next. Entries are only ever appended.
    pub migrations: &'static [&'static str],
    /// Files from before they had an `application_id`, if they are taken over.
    pub unmarked: Option<Unmarked>,
}

/// Files from before they had an `application_id` and a `user_version`.
#[derive(Debug, Clone, Copy)]
pub struct Unmarked {
    /// A table by which they are known.
    pub table: &'static str,
    /// Prepares such a file for all migrations. The first one finds its tables there.
    pub prepare: fn(&Connection) -> Result<(), rusqlite::Error>,
}

/// How a database file is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqliteOptions {
    /// How long a statement waits while another process writes.
    pub patience: Duration,
    /// Whether one process has the file for itself, as long as it is open.
    pub exclusive: bool,
    /// Memory for pages, KiB.
    pub cache_kib: u32,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(10),
            exclusive: false,
            cache_kib: 2_048,
        }
    }
}

/// A database file cannot be used. Nothing is lost: what was committed before stays, and what failed has no effect.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SqliteError {
    /// The file is not such a database.
    #[error(
        "{} is not a {name}, or it is damaged; move it away or name another file: a new one is created",
        path.display()
    )]
    Foreign {
        /// What the file should be.
        name: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a later version of the program.
    #[error(
        "the {name} {} has schema version {found}, and this program knows versions up to {known}; use the version of assize \
         that wrote it, or a later one",
        path.display()
    )]
    Newer {
        /// What the file is.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version that is known.
        known: i64,
    },
    /// Another process uses the file.
    #[error(
        "the {name} {} is in use by another process; end that process, or name another file",
        path.display()
    )]
    InUse {
        /// What the file is.
        name: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// SQLite failed.
    #[error("the {name} {}: {source}{}", path.display(), remedy(source))]
    Failed {
        /// What the file is.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// SQLite's error.
        source: rusqlite::Error,
    },
}

/// Advice for errors that have a remedy.
fn remedy(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "; free disk space and run it again",
        Some(ErrorCode::ReadOnly) => "; give this user write access to the file and its directory",
        Some(ErrorCode::CannotOpen) => "; its directory must exist and be writable by this user",
        _ => "",
    }
}

impl SqliteError {
    /// Whether another process holds the file: the same may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::InUse { .. })
    }
}

/// An open database file.
#[derive(Debug)]
pub struct SqliteFile {
    name: &'static str,
    path: PathBuf,
    connection: Connection,
}

impl SqliteFile {
    /// Runs statements; their errors name the file.
    ///
    /// # Errors
    /// [`SqliteError`].
    pub fn with<T>(
        &mut self,
        run: impl FnOnce(&mut Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, SqliteError> {
        run(&mut self.connection).map_err(|source| describe(self.name, &self.path, source))
    }

    /// The same for statements that need no transaction.
    ///
    /// # Errors
    /// [`SqliteError`].
    pub fn read<T>(
        &self,
        run: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, SqliteError> {
        run(&self.connection).map_err(|source| describe(self.name, &self.path, source))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The connection alone.
    #[must_use]
    pub fn into_connection(self) -> Connection {
        self.connection
    }
}

/// SQLite's error as ours.
fn describe(name: &'static str, path: &Path, source: rusqlite::Error) -> SqliteError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => SqliteError::InUse { name, path },
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => SqliteError::Foreign { name, path },
        _ => SqliteError::Failed { name, path, source },
    }
}

impl Schema {
    /// Opens a file, creates it if need be, and brings its tables up to date in one transaction: a process that is killed
    /// meanwhile leaves the file as it was. Each commit is on the disk when it returns.
    ///
    /// # Errors
    /// [`SqliteError`] names the file. Another program's file is left as it is.
    pub fn open(&self, path: &Path, options: SqliteOptions) -> Result<SqliteFile, SqliteError> {
        // Processes that create the file at once deadlock over its journal mode, and SQLite fails all but one without
        // waiting.
        let deadline = Instant::now() + options.patience;
        loop {
            match self.try_open(path, options) {
                Err(SqliteError::InUse { .. }) if Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(10));
                }
                opened => return opened,
            }
        }
    }

    /// A database that is gone with the process; for tests and for looking without leaving a trace.
    ///
    /// # Errors
    /// [`SqliteError`].
    pub fn open_in_memory(&self) -> Result<SqliteFile, SqliteError> {
        let path = Path::new(":memory:");
        let opened = Connection::open_in_memory();
        self.prepare(
            path,
            opened.map_err(|source| describe(self.name, path, source))?,
            SqliteOptions::default(),
        )
    }

    fn try_open(&self, path: &Path, options: SqliteOptions) -> Result<SqliteFile, SqliteError> {
        // For its owner alone; SQLite gives the files beside it the same mode. If it cannot be created, SQLite says why.
        let _ = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        let connection = Connection::open(path).map_err(|source| describe(self.name, path, source))?;
        self.prepare(path, connection, options)
    }

    fn prepare(
        &self,
        path: &Path,
        connection: Connection,
        options: SqliteOptions,
    ) -> Result<SqliteFile, SqliteError> {
        let mut file = SqliteFile {
            name: self.name,
            path: path.to_owned(),
            connection,
        };
        let is_ours = file.with(|connection| {
            connection.busy_timeout(options.patience)?;
            if options.exclusive {
                connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
            }
            self.is_ours(connection)
        })?;
        if !is_ours {
            return Err(SqliteError::Foreign {
                name: self.name,
                path: path.to_owned(),
            });
        }
        let version = file.with(|connection| {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "foreign_keys", true)?;
            connection.pragma_update(None, "cache_size", -i64::from(options.cache_kib))?;
            self.migrate(connection)
        })?;
        let known = self.migrations.len() as i64;
        match version <= known {
            true => Ok(file),
            false => Err(SqliteError::Newer {
                name: self.name,
                path: path.to_owned(),
                found: version,
                known,
            }),
        }
    }

    /// Whether the file is of this kind, or new.
    fn is_ours(&self, connection: &mut Connection) -> Result<bool, rusqlite::Error> {
        // One transaction: between two of its statements, another process may create the tables.
        let snapshot = connection.transaction()?;
        let number = |query| snapshot.query_row(query, [], |row| row.get::<_, i64>(0));
        let id = number("PRAGMA application_id")?;
        let version = number("PRAGMA user_version")?;
        let tables = number("SELECT count(*) FROM sqlite_schema")?;
        let is_unmarked = (id, version) == (0, 0);
        Ok(id == i64::from(self.application_id)
            || is_unmarked && (tables == 0 || self.unmarked(&snapshot)?.is_some()))
    }

    /// How to take over the file, if it is of before it had an id.
    fn unmarked(&self, connection: &Connection) -> Result<Option<Unmarked>, rusqlite::Error> {
        let Some(unmarked) = self.unmarked else {
            return Ok(None);
        };
        let is_there = connection
            .prepare("SELECT 1 FROM sqlite_schema WHERE name = ?")?
            .exists([unmarked.table])?;
        Ok(is_there.then_some(unmarked))
    }

    /// Runs the migrations that the file has not had; the version that it has now.
    fn migrate(&self, connection: &mut Connection) -> Result<i64, rusqlite::Error> {
        // Immediate: of several processes, one migrates, and the others find it done.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let pending = usize::try_from(version)
            .ok()
            .and_then(|done| self.migrations.get(done..))
            .unwrap_or_default();
        if pending.is_empty() {
            return Ok(version);
        }
        if version == 0
            && let Some(unmarked) = self.unmarked(&transaction)?
        {
            (unmarked.prepare)(&transaction)?;
        }
        for migration in pending {
            transaction.execute_batch(migration)?;
        }
        let version = self.migrations.len() as i64;
        transaction.pragma_update(None, "application_id", self.application_id)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
        Ok(version)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const ONE: Schema = Schema {
        name: "test database",
        application_id: 7,
        migrations: &["CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1);"],
        unmarked: None,
    };
    const TWO: Schema = Schema {
        migrations: &[
            ONE.migrations[0],
            "ALTER TABLE a ADD COLUMN y INTEGER NOT NULL DEFAULT 2;",
        ],
        ..ONE
    };

    fn open(schema: Schema, path: &Path) -> Result<SqliteFile, SqliteError> {
        let options = SqliteOptions {
            patience: Duration::from_millis(200),
            ..SqliteOptions::default()
        };
        schema.open(path, options)
    }

    #[test]
    fn migrations_run_once_and_keep_the_data() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.sqlite");
        let mut file = open(ONE, &path).unwrap();
        file.with(|connection| connection.execute("INSERT INTO a VALUES (5)", []))
            .unwrap();
        drop(file);
        for _ in 0..2 {
            let file = open(TWO, &path).unwrap();
            let sums = file.read(|connection| {
                connection.query_row("SELECT sum(x), sum(y) FROM a", [], |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
                })
            });
            assert_eq!(sums.unwrap(), (6, 4));
        }
        // An older program leaves it alone.
        let error = open(ONE, &path).unwrap_err();
        assert!(
            matches!(
                error,
                SqliteError::Newer {
                    found: 2,
                    known: 1,
                    ..
                }
            ),
            "{error}"
        );
        assert!(error.to_string().contains("a.sqlite"), "{error}");
    }

    #[test]
    fn a_migration_that_fails_leaves_the_file_as_it_was() {
        const BROKEN: Schema = Schema {
            migrations: &[ONE.migrations[0], "CREATE TABLE b (z); SELECT nonsense;"],
            ..ONE
        };
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.sqlite");
        assert!(matches!(open(BROKEN, &path), Err(SqliteError::Failed { .. })));
        drop(open(ONE, &path).unwrap());
        assert!(matches!(open(BROKEN, &path), Err(SqliteError::Failed { .. })));
        let tables = open(ONE, &path).unwrap().read(|connection| {
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| {
                row.get::<_, i64>(0)
            })
        });
        assert_eq!(tables.unwrap(), 1);
    }

    #[test]
    fn other_files_are_rejected_named_and_left_alone() {
        const OTHER: Schema = Schema {
            application_id: 8,
            ..ONE
        };
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("other.sqlite");
        let refuse = |path: &Path| {
            let before = fs::read(path).unwrap();
            let error = open(ONE, path).unwrap_err();
            assert!(matches!(error, SqliteError::Foreign { .. }), "{error}");
            assert!(error.to_string().contains("is not a test database"), "{error}");
            assert_eq!(fs::read(path).unwrap(), before);
        };
        // Another kind of ours.
        drop(open(OTHER, &path).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        refuse(&path);
        // Another program's.
        let path = directory.path().join("program.sqlite");
        let foreign = Connection::open(&path).unwrap();
        foreign.execute_batch("CREATE TABLE x (y)").unwrap();
        drop(foreign);
        refuse(&path);
        // No database at all.
        let path = directory.path().join("thesis.sqlite");
        fs::write(&path, "my thesis, at some length. ".repeat(100)).unwrap();
        refuse(&path);
        // An empty file is a new one.
        let path = directory.path().join("empty.sqlite");
        fs::write(&path, "").unwrap();
        open(ONE, &path).unwrap();
    }

    #[test]
    fn errors_name_the_file_and_say_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        let error = open(ONE, &directory.path().join("missing/a.sqlite"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("missing/a.sqlite") && error.contains("directory must exist"),
            "{error}"
        );
        let path = directory.path().join("held.sqlite");
        let exclusive = SqliteOptions {
            exclusive: true,
            patience: Duration::from_millis(200),
            ..SqliteOptions::default()
        };
        let _held = ONE.open(&path, exclusive).unwrap();
        let error = ONE.open(&path, exclusive).unwrap_err();
        assert!(error.is_transient(), "{error}");
        let error = error.to_string();
        assert!(
            error.contains("held.sqlite") && error.contains("end that process"),
            "{error}"
        );
    }

    #[test]
    fn several_processes_can_create_it_at_once() {
        let directory = tempfile::tempdir().unwrap();
        for attempt in 0..20 {
            let path = directory.path().join(format!("{attempt}.sqlite"));
            thread::scope(|scope| {
                let open = || TWO.open(&path, SqliteOptions::default()).unwrap();
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
                for thread in threads {
                    let file = thread.join().unwrap();
                    let rows = file.read(|connection| {
                        connection.query_row("SELECT count(*) FROM a", [], |row| row.get::<_, i64>(0))
                    });
                    assert_eq!(rows.unwrap(), 1);
                }
            });
        }
    }
}
