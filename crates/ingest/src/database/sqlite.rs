//! The tables in SQLite.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use alloy_primitives::B256;
use assize_protocol::RoundNumber;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, TransactionBehavior, params};

use super::{
    BatchMarks, DatabaseError, Heartbeat, HeartbeatOutcome, NO_LABEL, Standing, Station, SubnetLimit, Tables,
};
use crate::{DailyLimit, Ingest, SignedRow, SqliteIngest, Taken};

/// How long a statement waits for another connection's write.
const BUSY: Duration = Duration::from_secs(10);

/// The tables in one local file.
pub(super) struct SqliteTables {
    path: PathBuf,
    connection: Connection,
    ingest: SqliteIngest,
}

impl SqliteTables {
    pub(super) fn open(path: &Path) -> Result<Self, DatabaseError> {
        let prepare = || {
            let connection = Connection::open(path)?;
            connection.busy_timeout(BUSY)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.execute_batch(include_str!("sqlite.sql"))?;
            Ok(connection)
        };
        // Processes that create the file at once deadlock over its journal mode, and SQLite fails all but one without
        // waiting.
        let deadline = Instant::now() + BUSY;
        let connection = loop {
            match prepare() {
                Ok(connection) => break connection,
                Err(error) if is_busy(&error) && Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(10));
                }
                Err(source) => return Err(sqlite(path, source)),
            }
        };
        Ok(Self {
            path: path.to_owned(),
            connection,
            ingest: SqliteIngest::open(path)?,
        })
    }

    fn with<T>(
        &mut self,
        run: impl FnOnce(&mut Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, DatabaseError> {
        run(&mut self.connection).map_err(|source| sqlite(&self.path, source))
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

fn sqlite(path: &Path, source: rusqlite::Error) -> DatabaseError {
    DatabaseError::Sqlite {
        path: path.to_owned(),
        source: Arc::new(source),
    }
}

impl Tables for SqliteTables {
    fn record(
        &mut self,
        heartbeats: &[Heartbeat],
        limit: SubnetLimit,
    ) -> Result<Vec<HeartbeatOutcome>, DatabaseError> {
        self.with(|connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut outcomes = Vec::with_capacity(heartbeats.len());
            {
                let mut insert = transaction.prepare_cached(
                    "INSERT INTO station (station, operator, subnet, version, first_seen, seen_at, heartbeat_at)
                     SELECT ?1, ?2, ?3, ?4, ?5, ?5, ?6
                     WHERE EXISTS (SELECT 1 FROM station WHERE station = ?1)
                        OR (SELECT count(*) FROM station WHERE subnet = ?3 AND seen_at > ?5 - ?7) < ?8
                     ON CONFLICT (station) DO UPDATE SET operator = ?2, subnet = ?3, version = ?4, seen_at = ?5,
                        heartbeat_at = ?6
                     WHERE heartbeat_at < ?6",
                )?;
                let mut known = transaction.prepare_cached("SELECT 1 FROM station WHERE station = ?")?;
                for heartbeat in heartbeats {
                    let recorded = insert.execute(params![
                        heartbeat.station.as_slice(),
                        heartbeat.operator.as_slice(),
                        heartbeat.subnet.as_slice(),
                        heartbeat.version.to_string(),
                        heartbeat.received_at as i64,
                        heartbeat.time as i64,
                        limit.within as i64,
                        limit.stations,
                    ])?;
                    outcomes.push(match recorded {
                        0 if known.exists([heartbeat.station.as_slice()])? => HeartbeatOutcome::Replayed,
                        0 => HeartbeatOutcome::SubnetFull,
                        _ => HeartbeatOutcome::Recorded,
                    });
                }
            }
            transaction.commit()?;
            Ok(outcomes)
        })
    }

    fn live(&mut self, since: u64) -> Result<Vec<Station>, DatabaseError> {
        let stations = self.with(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT station, operator, subnet, version, first_seen, seen_at FROM station WHERE seen_at >= ?
                 ORDER BY first_seen, station",
            )?;
            let rows = statement.query_map([since as i64], |row| Ok(station_of(row)))?;
            rows.collect::<Result<Vec<_>, _>>()
        })?;
        let nonsense = |error| DatabaseError::BadRow(format!("a station: {error}"));
        stations
            .into_iter()
            .map(|station| station.map_err(nonsense))
            .collect()
    }

    fn append(
        &mut self,
        rows: &[SignedRow],
        received_at: u64,
        limit: DailyLimit,
    ) -> Result<Vec<Taken>, DatabaseError> {
        Ok(self.ingest.append(rows, received_at, limit)?)
    }

    fn find(&mut self, digest: B256) -> Result<Option<Standing>, DatabaseError> {
        let Some(found) = self.ingest.find(digest)? else {
            return Ok(None);
        };
        let mut mark = None;
        if let Some((batch, cid)) = found.batch.and_then(|batch| Some((batch, batch.cid?))) {
            let marked = self.with(|connection| {
                connection
                    .prepare_cached("SELECT 1 FROM evaluated_batch WHERE cid = ?")?
                    .exists([cid.to_string()])
            })?;
            if marked {
                let line = self.ingest.line_of(&batch, found.id)?;
                mark = self
                    .with(|connection| {
                        connection
                            .prepare_cached("SELECT substr(labels, ?, 1) FROM evaluated_batch WHERE cid = ?")?
                            .query_row(params![line as i64, cid.to_string()], |row| {
                                row.get::<_, Vec<u8>>(0)
                            })
                            .optional()
                    })?
                    .map(|mark| mark.first().copied().unwrap_or(NO_LABEL));
            }
        }
        Ok(Some(Standing { found, mark }))
    }

    fn mark(&mut self, round: RoundNumber, batches: &[BatchMarks]) -> Result<(), DatabaseError> {
        self.with(|connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for BatchMarks { cid, marks } in batches {
                transaction
                    .prepare_cached(
                        "INSERT OR IGNORE INTO evaluated_batch (cid, round, labels) VALUES (?, ?, ?)",
                    )?
                    .execute(params![cid.to_string(), round.0 as i64, marks])?;
            }
            transaction.commit()
        })
    }

    fn remove_stale(&mut self, before: u64) -> Result<u64, DatabaseError> {
        self.with(|connection| connection.execute("DELETE FROM station WHERE seen_at < ?", [before as i64]))
            .map(|deleted| deleted as u64)
    }
}

fn station_of(row: &Row<'_>) -> Result<Station, String> {
    let number = |column: &str| row.get::<_, i64>(column).map(|number| number as u64);
    let read = || -> Result<_, Box<dyn std::error::Error>> {
        Ok(Station {
            station: row.get_ref("station")?.as_blob()?.try_into()?,
            operator: row.get_ref("operator")?.as_blob()?.try_into()?,
            subnet: row.get_ref("subnet")?.as_blob()?.try_into()?,
            version: row.get_ref("version")?.as_str()?.parse()?,
            first_seen: number("first_seen")?,
            seen_at: number("seen_at")?,
        })
    };
    read().map_err(|error| error.to_string())
}
