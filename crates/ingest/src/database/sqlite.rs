//! The tables in SQLite.

use alloy_primitives::B256;
use assize_protocol::RoundNumber;
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use super::{BatchMarks, DatabaseError, Heartbeat, HeartbeatOutcome, NO_LABEL, Station, SubnetLimit, Tables};
use crate::{Ingest, SqliteIngest};

/// The tables in one local file.
pub(super) struct SqliteTables(pub(super) SqliteIngest);

impl SqliteTables {
    fn with<T>(
        &mut self,
        run: impl FnOnce(&mut Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, DatabaseError> {
        Ok(self.0.with(run)?)
    }
}

impl Tables for SqliteTables {
    fn ingest(&mut self) -> &mut dyn Ingest {
        &mut self.0
    }

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

    fn is_evaluated(&mut self, round: RoundNumber, root: B256) -> Result<bool, DatabaseError> {
        self.with(|connection| {
            connection
                .prepare_cached("SELECT 1 FROM evaluated_batch WHERE round = ? AND root = ?")?
                .exists(params![round.0 as i64, root.0])
        })
    }

    fn mark_at(&mut self, round: RoundNumber, root: B256, line: u64) -> Result<Option<u8>, DatabaseError> {
        let mark = self.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT substr(labels, ?, 1) FROM evaluated_batch WHERE round = ? AND root = ?",
                )?
                .query_row(params![line as i64, round.0 as i64, root.0], |row| {
                    row.get::<_, Vec<u8>>(0)
                })
                .optional()
        })?;
        Ok(mark.map(|mark| mark.first().copied().unwrap_or(NO_LABEL)))
    }

    fn mark(&mut self, round: RoundNumber, batches: &[BatchMarks]) -> Result<(), DatabaseError> {
        self.with(|connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for BatchMarks { root, marks } in batches {
                transaction
                    .prepare_cached(
                        "INSERT OR IGNORE INTO evaluated_batch (round, root, labels) VALUES (?, ?, ?)",
                    )?
                    .execute(params![round.0 as i64, root.0, marks])?;
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
