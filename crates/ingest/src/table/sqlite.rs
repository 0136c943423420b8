//! The ingest table in SQLite.

use std::path::Path;

use alloy_primitives::B256;
use assize_protocol::RoundNumber;
use assize_service::sqlite::{Schema, SqliteFile, SqliteOptions, Unmarked};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use super::{
    Batch, BatchLimit, BatchState, DailyLimit, FileMark, Found, Ingest, Lines, NewRow, Rows, SignedRow,
    Stored, Taken, Totals, Unbatched,
};
use crate::IngestError;

/// Stations, measurements and the results of evaluation, in one file.
const SCHEMA: Schema = Schema {
    name: "database of stations and measurements",
    application_id: 0x4153_5a04,
    migrations: &[concat!(
        include_str!("sqlite.sql"),
        include_str!("../database/sqlite.sql")
    )],
    unmarked: Some(Unmarked {
        table: "ingest_measurement",
        prepare: widen,
    }),
};

/// Finds rounds by skipping through the index instead of scanning it.
const ROUNDS: &str = "
    WITH RECURSIVE rounds (round) AS (
        SELECT min(round) FROM ingest_measurement
        UNION ALL
        SELECT (SELECT min(round) FROM ingest_measurement WHERE round > rounds.round) FROM rounds
        WHERE rounds.round IS NOT NULL
    )
    SELECT round, (SELECT coalesce(max(last), 0) FROM ingest_batch batch WHERE batch.round = rounds.round)
    FROM rounds WHERE round IS NOT NULL";

/// The ingest table in a local file.
#[derive(Debug)]
pub struct SqliteIngest(SqliteFile);

impl SqliteIngest {
    /// Opens the file; creates it if it does not exist.
    ///
    /// # Errors
    /// [`IngestError::Sqlite`] naming the file.
    pub fn open(path: &Path) -> Result<Self, IngestError> {
        let options = SqliteOptions {
            // The working set of a batch.
            cache_kib: 16_384,
            ..SqliteOptions::default()
        };
        Ok(Self(SCHEMA.open(path, options)?))
    }

    pub(crate) fn with<T>(
        &mut self,
        run: impl FnOnce(&mut Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, IngestError> {
        Ok(self.0.with(run)?)
    }
}

/// Adds the columns that tables of older versions lack: digest, station and task.
fn widen(connection: &Connection) -> Result<(), rusqlite::Error> {
    const COLUMNS: [(&str, &str); 3] = [("digest", "BLOB"), ("station", "BLOB"), ("task", "INTEGER")];
    let mut known =
        connection.prepare("SELECT 1 FROM pragma_table_info('ingest_measurement') WHERE name = ?")?;
    for (column, kind) in COLUMNS {
        if !known.exists([column])? {
            let add = format!("ALTER TABLE ingest_measurement ADD COLUMN {column} {kind}");
            connection.execute_batch(&add)?;
        }
    }
    Ok(())
}

impl Ingest for SqliteIngest {
    fn add_file(&mut self, file: &FileMark<'_>, rows: Rows<'_>) -> Result<Option<u64>, IngestError> {
        self.with(|connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let marked = transaction.execute(
                "INSERT OR IGNORE INTO ingest_file (digest, name, added, received_at) VALUES (?, ?, 0, ?)",
                params![&file.digest[..], file.name, file.received_at as i64],
            )?;
            if marked == 0 {
                return Ok(Ok(None));
            }
            let mut added = 0;
            {
                let mut insert = transaction.prepare_cached(
                    "INSERT INTO ingest_measurement (round, received_at, line) VALUES (?, ?, ?)",
                )?;
                loop {
                    let NewRow { round, line } = match rows() {
                        Ok(Some(row)) => row,
                        Ok(None) => break,
                        Err(error) => return Ok(Err(IngestError::Input(error))),
                    };
                    insert.execute(params![round.0 as i64, file.received_at as i64, line])?;
                    added += 1;
                }
            }
            transaction.execute(
                "UPDATE ingest_file SET added = ? WHERE digest = ?",
                params![added as i64, &file.digest[..]],
            )?;
            transaction.commit()?;
            Ok(Ok(Some(added)))
        })?
    }

    fn append(
        &mut self,
        rows: &[SignedRow],
        received_at: u64,
        limit: DailyLimit,
    ) -> Result<Vec<Taken>, IngestError> {
        self.with(|connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut taken = Vec::with_capacity(rows.len());
            {
                let before = transaction
                    .prepare_cached("SELECT bytes FROM ingest_day WHERE day = ?")?
                    .query_row([limit.day], |row| row.get::<_, i64>(0))
                    .optional()?;
                let before = before.unwrap_or(0) as u64;
                let mut stored = before;
                let mut insert = transaction.prepare_cached(
                    "INSERT INTO ingest_measurement (round, received_at, line, digest, station, task)
                     VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                )?;
                let mut known = transaction
                    .prepare_cached("SELECT received_at FROM ingest_measurement WHERE digest = ?")?;
                for row in rows {
                    let digest = row.digest.as_slice();
                    let bytes = stored.saturating_add(row.line.len() as u64);
                    let fits = bytes <= limit.bytes;
                    if fits
                        && insert.execute(params![
                            row.round.0 as i64,
                            received_at as i64,
                            row.line,
                            digest,
                            row.station.as_slice(),
                            row.task.0,
                        ])? == 1
                    {
                        stored = bytes;
                        taken.push(Taken::New);
                        continue;
                    }
                    let known = known.query_row([digest], |row| row.get::<_, i64>(0)).optional()?;
                    taken.push(match known {
                        Some(received_at) => Taken::Known {
                            received_at: received_at as u64,
                        },
                        None if fits => Taken::Duplicate,
                        None => Taken::OverLimit,
                    });
                }
                if stored > before {
                    transaction
                        .prepare_cached(
                            "INSERT INTO ingest_day (day, bytes) VALUES (?1, ?2)
                             ON CONFLICT DO UPDATE SET bytes = ?2",
                        )?
                        .execute(params![limit.day, stored as i64])?;
                }
            }
            transaction.commit()?;
            Ok(taken)
        })
    }

    fn find(&mut self, digest: B256) -> Result<Option<Found>, IngestError> {
        self.with(|connection| {
            let found = connection
                .prepare_cached("SELECT id, round, received_at FROM ingest_measurement WHERE digest = ?")?
                .query_row([digest.as_slice()], |row| {
                    Ok((
                        row.get::<_, i64>(0)?,
                        row.get::<_, i64>(1)?,
                        row.get::<_, i64>(2)?,
                    ))
                })
                .optional()?;
            let Some((id, round, received_at)) = found else {
                return Ok(None);
            };
            let batch = connection
                .prepare_cached(
                    "SELECT id, round, first, last, count, state, cid, root, oldest, seen_at_block FROM ingest_batch
                     WHERE round = ? AND last >= ? ORDER BY last LIMIT 1",
                )?
                .query_row([round, id], |row| Ok(batch_of(row)))
                .optional()?
                .transpose()?;
            Ok(Some(Found {
                id,
                round: RoundNumber(round as u64),
                received_at: received_at as u64,
                batch,
            }))
        })
    }

    fn line_of(&mut self, batch: &Batch, id: i64) -> Result<u64, IngestError> {
        self.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT count(*) FROM ingest_measurement WHERE round = ? AND id BETWEEN ? AND ?",
                )?
                .query_row([batch.round.0 as i64, batch.first, id], |row| {
                    row.get::<_, i64>(0)
                })
        })
        .map(|line| line as u64)
    }

    fn unbatched(&mut self) -> Result<Vec<Unbatched>, IngestError> {
        self.with(|connection| {
            let mut rounds = connection.prepare_cached(ROUNDS)?;
            let mut count = connection.prepare_cached(
                "SELECT count(*), (SELECT received_at FROM ingest_measurement WHERE round = ?1 AND id > ?2 ORDER BY id LIMIT 1)
                 FROM ingest_measurement WHERE round = ?1 AND id > ?2",
            )?;
            let rounds = rounds
                .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?
                .collect::<Result<Vec<_>, _>>()?;
            let mut unbatched = Vec::new();
            for (round, last) in rounds {
                let (count, oldest): (i64, Option<i64>) =
                    count.query_row([round, last], |row| Ok((row.get(0)?, row.get(1)?)))?;
                unbatched.extend(oldest.map(|oldest| Unbatched {
                    round: RoundNumber(round as u64),
                    count: count as u64,
                    oldest: oldest as u64,
                }));
            }
            Ok(unbatched)
        })
    }

    fn close(&mut self, round: RoundNumber, limit: BatchLimit) -> Result<Option<Batch>, IngestError> {
        let round = round.0 as i64;
        self.with(|connection| {
            // Reading the lengths takes a while, in which others may append: so before the transaction.
            let after: i64 = connection.query_row(
                "SELECT coalesce(max(last), 0) FROM ingest_batch WHERE round = ?",
                [round],
                |row| row.get(0),
            )?;
            let (first, last, count): (Option<i64>, Option<i64>, u32) = connection.query_row(
                "SELECT min(id), max(id), count(*) FROM (
                    SELECT id, sum(octet_length(line) + 1) OVER (ORDER BY id) AS bytes, row_number() OVER (ORDER BY id) AS number
                    FROM (SELECT id, line FROM ingest_measurement WHERE round = ?1 AND id > ?2 ORDER BY id LIMIT ?3))
                 WHERE bytes <= ?4 OR number = 1",
                params![round, after, limit.lines, i64::try_from(limit.bytes).unwrap_or(i64::MAX)],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )?;
            let (Some(first), Some(last)) = (first, last) else {
                return Ok(None);
            };
            // One process closes batches. If another one has all the same, nothing is closed.
            connection
                .query_row(
                    "INSERT INTO ingest_batch (round, first, last, count, oldest)
                     SELECT ?1, ?2, ?3, ?4, received_at FROM ingest_measurement WHERE id = ?2
                        AND NOT EXISTS (SELECT 1 FROM ingest_batch WHERE round = ?1 AND last > ?5)
                     RETURNING id, round, first, last, count, state, cid, root, oldest, seen_at_block",
                    params![round, first, last, count, after],
                    |row| Ok(batch_of(row)),
                )
                .optional()?
                .transpose()
        })
    }

    fn batches_of(&mut self, round: RoundNumber) -> Result<Vec<Batch>, IngestError> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, round, first, last, count, state, cid, root, oldest, seen_at_block FROM ingest_batch
                 WHERE round = ? ORDER BY last",
            )?;
            let rows = statement.query_map([round.0 as i64], |row| Ok(batch_of(row)))?;
            rows.map(|row| row.and_then(|batch| batch)).collect()
        })
    }

    fn open_batches(&mut self) -> Result<Vec<Batch>, IngestError> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, round, first, last, count, state, cid, root, oldest, seen_at_block FROM ingest_batch
                 WHERE state IN ('closed', 'stored', 'committed') ORDER BY id",
            )?;
            let rows = statement.query_map([], |row| Ok(batch_of(row)))?;
            rows.map(|row| row.and_then(|batch| batch)).collect()
        })
    }

    fn read(&mut self, batch: &Batch, lines: Lines<'_>) -> Result<(), IngestError> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, line FROM ingest_measurement WHERE round = ? AND id BETWEEN ? AND ? ORDER BY id",
            )?;
            let mut rows = statement.query([batch.round.0 as i64, batch.first, batch.last])?;
            while let Some(row) = rows.next()? {
                if let Err(error) = lines(row.get(0)?, row.get_ref(1)?.as_bytes()?) {
                    return Ok(Err(IngestError::Output(error)));
                }
            }
            Ok(Ok(()))
        })?
    }

    fn set_stored(&mut self, batch: i64, stored: &Stored, bytes: u64) -> Result<(), IngestError> {
        self.with(|connection| {
            connection.execute(
                "UPDATE ingest_batch SET state = 'stored', state_at = unixepoch(), cid = ?, root = ?, bytes = ? WHERE id = ?",
                params![stored.cid.to_string(), stored.root.0, bytes as i64, batch],
            )
        })
        .map(drop)
    }

    fn set_state(&mut self, batch: i64, state: BatchState, block: Option<u64>) -> Result<(), IngestError> {
        self.with(|connection| {
            connection.execute(
                "UPDATE ingest_batch SET state = ?, state_at = unixepoch(), seen_at_block = ? WHERE id = ?",
                params![state.name(), block.map(|block| block as i64), batch],
            )
        })
        .map(drop)
    }

    fn prune(&mut self, before: u64) -> Result<u64, IngestError> {
        self.with(|connection| {
            connection.execute("DELETE FROM ingest_day WHERE day < ? / 86400", [before as i64])?;
            let oldest = connection
                .query_row(
                    "SELECT id, round, first, last FROM ingest_batch
                     WHERE state = 'final' AND pruned = 0 AND state_at < ? ORDER BY state_at LIMIT 1",
                    [before as i64],
                    |row| {
                        Ok((
                            row.get::<_, i64>(0)?,
                            [row.get::<_, i64>(1)?, row.get(2)?, row.get(3)?],
                        ))
                    },
                )
                .optional()?;
            // One batch at a time, because it blocks other writers.
            let Some((batch, stretch)) = oldest else {
                return Ok(0);
            };
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let deleted = transaction.execute(
                "DELETE FROM ingest_measurement WHERE round = ? AND id BETWEEN ? AND ?",
                stretch,
            )?;
            transaction.execute("UPDATE ingest_batch SET pruned = 1 WHERE id = ?", [batch])?;
            transaction.commit()?;
            Ok(deleted as u64)
        })
    }

    fn totals(&mut self) -> Result<Totals, IngestError> {
        self.with(|connection| {
            connection.query_row(
                "SELECT
                    coalesce(sum(state IN ('committed', 'final')), 0),
                    coalesce(sum(count) FILTER (WHERE state IN ('committed', 'final')), 0),
                    coalesce(sum(bytes) FILTER (WHERE state IN ('committed', 'final')), 0),
                    coalesce(sum(state IN ('closed', 'stored')), 0),
                    coalesce(sum(count) FILTER (WHERE state = 'late'), 0)
                 FROM ingest_batch",
                [],
                |row| {
                    let number = |index| row.get::<_, i64>(index).map(|number| number as u64);
                    Ok(Totals {
                        committed_batches: number(0)?,
                        committed_measurements: number(1)?,
                        committed_bytes: number(2)?,
                        open_batches: number(3)?,
                        late_measurements: number(4)?,
                    })
                },
            )
        })
    }
}

fn batch_of(row: &Row<'_>) -> Result<Batch, rusqlite::Error> {
    let nonsense = |column: usize, what: String| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, what.into())
    };
    let number = |column: &str| row.get::<_, i64>(column).map(|number| number as u64);
    let state: String = row.get("state")?;
    let cid: Option<String> = row.get("cid")?;
    let cid = cid
        .map(|cid| {
            cid.parse()
                .map_err(|_| nonsense(6, format!("`{cid}` is not a CID")))
        })
        .transpose()?;
    let root: Option<[u8; 32]> = row.get("root")?;
    Ok(Batch {
        id: row.get("id")?,
        round: RoundNumber(number("round")?),
        first: row.get("first")?,
        last: row.get("last")?,
        count: row.get("count")?,
        state: BatchState::parse(&state).ok_or_else(|| nonsense(5, format!("`{state}` is not a state")))?,
        stored: cid.zip(root).map(|(cid, root)| Stored {
            cid,
            root: root.into(),
        }),
        oldest: number("oldest")?,
        seen_at_block: row
            .get::<_, Option<i64>>("seen_at_block")?
            .map(|block| block as u64),
    })
}
