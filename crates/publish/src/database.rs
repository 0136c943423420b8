//! Measurements and batches in SQLite, beside the queue's own tables.

use assize_protocol::{FileCid, RoundNumber};
use rusqlite::{Connection, params};

use crate::PublishError;

/// A measurement's place in the file that brought it makes it one: a station that repeats itself is evidence, a file
/// that is taken in twice is not.
pub(crate) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS publish_file (
        digest BLOB PRIMARY KEY,
        name TEXT NOT NULL,
        added INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS publish_batch (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        round INTEGER NOT NULL,
        state TEXT NOT NULL DEFAULT 'closed' CHECK (state IN ('closed', 'stored', 'committed', 'late')),
        count INTEGER NOT NULL DEFAULT 0,
        cid TEXT
    ) STRICT;
    CREATE TABLE IF NOT EXISTS publish_measurement (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        round INTEGER NOT NULL,
        line TEXT NOT NULL,
        batch INTEGER REFERENCES publish_batch (id)
    ) STRICT;
    CREATE INDEX IF NOT EXISTS publish_measurement_of ON publish_measurement (batch, round, id);
";

/// A batch that is not committed yet.
#[derive(Debug, Clone)]
pub(crate) struct OpenBatch {
    pub id: i64,
    pub round: RoundNumber,
    pub count: u32,
    /// Set once it is stored and its commit enqueued.
    pub cid: Option<FileCid>,
}

/// Rounds that have measurements in no batch, with how many.
pub(crate) fn rounds_waiting(database: &Connection) -> Result<Vec<(RoundNumber, u64)>, PublishError> {
    let mut statement = database.prepare_cached(
        "SELECT round, count(*) FROM publish_measurement WHERE batch IS NULL GROUP BY round ORDER BY round",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
    rows.map(|row| {
        row.map(|(round, count)| (RoundNumber(round as u64), count as u64))
            .map_err(Into::into)
    })
    .collect()
}

/// Closes the oldest measurements of a round into one batch of at most `limit`; false if there are none left.
pub(crate) fn close_batch(
    database: &mut Connection,
    round: RoundNumber,
    limit: u32,
) -> Result<bool, PublishError> {
    let transaction = database.transaction()?;
    transaction.execute("INSERT INTO publish_batch (round) VALUES (?)", [round.0 as i64])?;
    let batch = transaction.last_insert_rowid();
    let count = transaction.execute(
        "UPDATE publish_measurement SET batch = ?1 WHERE id IN (
            SELECT id FROM publish_measurement WHERE batch IS NULL AND round = ?2 ORDER BY id LIMIT ?3)",
        params![batch, round.0 as i64, limit],
    )?;
    if count == 0 {
        return Ok(false);
    }
    transaction.execute(
        "UPDATE publish_batch SET count = ? WHERE id = ?",
        params![count as i64, batch],
    )?;
    transaction.commit()?;
    Ok(true)
}

/// Batches that are neither committed nor late, oldest first.
pub(crate) fn open_batches(database: &Connection) -> Result<Vec<OpenBatch>, PublishError> {
    let mut statement = database.prepare_cached(
        "SELECT id, round, count, cid FROM publish_batch WHERE state IN ('closed', 'stored') ORDER BY id",
    )?;
    let rows = statement.query_map([], |row| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, i64>(1)?,
            row.get::<_, u32>(2)?,
            row.get::<_, Option<String>>(3)?,
        ))
    })?;
    let mut batches = Vec::new();
    for row in rows {
        let (id, round, count, cid) = row?;
        let bad = |cid: &String| PublishError::BadRow(format!("batch {id} has the CID {cid}"));
        let cid = cid
            .as_ref()
            .map(|cid| cid.parse().map_err(|_| bad(cid)))
            .transpose()?;
        batches.push(OpenBatch {
            id,
            round: RoundNumber(round as u64),
            count,
            cid,
        });
    }
    Ok(batches)
}

/// The batch as it is stored: one line a measurement, in the order in which they came.
pub(crate) fn content(database: &Connection, batch: i64) -> Result<Vec<u8>, PublishError> {
    let mut statement =
        database.prepare_cached("SELECT line FROM publish_measurement WHERE batch = ? ORDER BY id")?;
    let mut rows = statement.query([batch])?;
    let mut content = Vec::new();
    while let Some(row) = rows.next()? {
        content.extend_from_slice(row.get_ref(0)?.as_bytes().map_err(rusqlite::Error::from)?);
        content.push(b'\n');
    }
    Ok(content)
}

/// Measurements of batches that the chain will not take any more.
pub(crate) fn late(database: &Connection) -> Result<u64, PublishError> {
    let count: i64 = database.query_row(
        "SELECT coalesce(sum(count), 0) FROM publish_batch WHERE state = 'late'",
        [],
        |row| row.get(0),
    )?;
    Ok(count as u64)
}

pub(crate) fn set_stored(database: &Connection, batch: i64, cid: &FileCid) -> rusqlite::Result<usize> {
    database.execute(
        "UPDATE publish_batch SET state = 'stored', cid = ? WHERE id = ?",
        params![cid.to_string(), batch],
    )
}

pub(crate) fn set_state(database: &Connection, batch: i64, state: &str) -> rusqlite::Result<usize> {
    database.execute(
        "UPDATE publish_batch SET state = ? WHERE id = ?",
        params![state, batch],
    )
}
