//! The tables in PostgreSQL.

use std::collections::HashSet;

use alloy_primitives::{Address, B256};
use assize_protocol::RoundNumber;
use postgres::types::Type;
use postgres::{Client, Row};

use super::{BatchMarks, DatabaseError, Heartbeat, HeartbeatOutcome, NO_LABEL, Station, SubnetLimit, Tables};
use crate::{Ingest, PostgresIngest};

/// The tables in a PostgreSQL database.
pub(super) struct PostgresTables(pub(super) PostgresIngest);

impl PostgresTables {
    fn with<T: Send>(
        &mut self,
        run: impl Fn(&mut Client) -> Result<T, postgres::Error> + Send + Sync,
    ) -> Result<T, DatabaseError> {
        Ok(self.0.with(run)?)
    }

    /// Records heartbeats of different stations. Returns those recorded.
    fn record_once(
        &mut self,
        heartbeats: &[&Heartbeat],
        limit: SubnetLimit,
    ) -> Result<HashSet<Address>, DatabaseError> {
        let mut heartbeats = heartbeats.to_vec();
        // Always in the same order: otherwise instances that record the same stations could deadlock.
        heartbeats.sort_unstable_by_key(|heartbeat| heartbeat.station);
        let column = |of: fn(&Heartbeat) -> &[u8]| {
            heartbeats
                .iter()
                .map(|heartbeat| of(heartbeat))
                .collect::<Vec<_>>()
        };
        let number = |of: fn(&Heartbeat) -> u64| {
            heartbeats
                .iter()
                .map(|heartbeat| of(heartbeat) as i64)
                .collect::<Vec<_>>()
        };
        let stations = column(|heartbeat| heartbeat.station.as_slice());
        let operators = column(|heartbeat| heartbeat.operator.as_slice());
        let subnets = column(|heartbeat| heartbeat.subnet.as_slice());
        let versions: Vec<_> = heartbeats
            .iter()
            .map(|heartbeat| heartbeat.version.to_string())
            .collect();
        let (received_at, times) = (
            number(|heartbeat| heartbeat.received_at),
            number(|heartbeat| heartbeat.time),
        );
        let recorded = self.with(|client| {
            client.query_typed(
                "INSERT INTO station (station, operator, subnet, version, first_seen, seen_at, heartbeat_at)
                 SELECT station, operator, subnet, version, received_at, received_at, time
                 FROM unnest($1, $2, $3, $4, $5, $6) AS new (station, operator, subnet, version, received_at, time)
                 WHERE EXISTS (SELECT FROM station known WHERE known.station = new.station)
                    OR (SELECT count(*) FROM station other
                        WHERE other.subnet = new.subnet AND other.seen_at > new.received_at - $7) < $8
                 ON CONFLICT (station) DO UPDATE SET operator = EXCLUDED.operator, subnet = EXCLUDED.subnet,
                    version = EXCLUDED.version, seen_at = EXCLUDED.seen_at, heartbeat_at = EXCLUDED.heartbeat_at
                 WHERE station.heartbeat_at < EXCLUDED.heartbeat_at
                 RETURNING station",
                &[
                    (&stations, Type::BYTEA_ARRAY),
                    (&operators, Type::BYTEA_ARRAY),
                    (&subnets, Type::BYTEA_ARRAY),
                    (&versions, Type::TEXT_ARRAY),
                    (&received_at, Type::INT8_ARRAY),
                    (&times, Type::INT8_ARRAY),
                    (&(limit.within as i64), Type::INT8),
                    (&i64::from(limit.stations), Type::INT8),
                ],
            )
        })?;
        addresses(&recorded)
    }

    /// The given stations that are in the table.
    fn known(&mut self, stations: &[Address]) -> Result<HashSet<Address>, DatabaseError> {
        if stations.is_empty() {
            return Ok(HashSet::new());
        }
        let stations: Vec<_> = stations.iter().map(|station| station.as_slice()).collect();
        let known = self.with(|client| {
            let query = "SELECT station FROM station WHERE station = ANY ($1)";
            client.query_typed(query, &[(&stations, Type::BYTEA_ARRAY)])
        })?;
        addresses(&known)
    }
}

fn addresses(rows: &[Row]) -> Result<HashSet<Address>, DatabaseError> {
    let address = |row: &Row| {
        let station = Address::try_from(row.get::<_, &[u8]>(0));
        station.map_err(|error| DatabaseError::BadRow(format!("a station: {error}")))
    };
    rows.iter().map(address).collect()
}

impl Tables for PostgresTables {
    fn ingest(&mut self) -> &mut dyn Ingest {
        &mut self.0
    }

    fn record(
        &mut self,
        heartbeats: &[Heartbeat],
        limit: SubnetLimit,
    ) -> Result<Vec<HeartbeatOutcome>, DatabaseError> {
        let mut outcomes = vec![HeartbeatOutcome::Replayed; heartbeats.len()];
        let mut left: Vec<usize> = (0..heartbeats.len()).collect();
        // One statement cannot record a station twice.
        while !left.is_empty() {
            let mut seen = HashSet::new();
            let (now, later): (Vec<usize>, Vec<usize>) = left
                .into_iter()
                .partition(|&index| seen.insert(heartbeats[index].station));
            let group: Vec<_> = now.iter().map(|&index| &heartbeats[index]).collect();
            let recorded = self.record_once(&group, limit)?;
            let mut missing: Vec<_> = group.iter().map(|heartbeat| heartbeat.station).collect();
            missing.retain(|station| !recorded.contains(station));
            let known = self.known(&missing)?;
            for index in now {
                let station = &heartbeats[index].station;
                outcomes[index] = match (recorded.contains(station), known.contains(station)) {
                    (true, _) => HeartbeatOutcome::Recorded,
                    (false, true) => HeartbeatOutcome::Replayed,
                    (false, false) => HeartbeatOutcome::SubnetFull,
                };
            }
            left = later;
        }
        Ok(outcomes)
    }

    fn live(&mut self, since: u64) -> Result<Vec<Station>, DatabaseError> {
        let rows = self.with(|client| {
            client.query_typed(
                "SELECT station, operator, subnet, version, first_seen, seen_at FROM station WHERE seen_at >= $1
                 ORDER BY first_seen, station",
                &[(&(since as i64), Type::INT8)],
            )
        })?;
        rows.iter().map(station_of).collect()
    }

    fn is_evaluated(&mut self, round: RoundNumber, root: B256) -> Result<bool, DatabaseError> {
        let query = "SELECT 1 FROM evaluated_batch WHERE round = $1 AND root = $2";
        let row = self.with(|client| {
            client.query_typed_opt(
                query,
                &[(&(round.0 as i64), Type::INT8), (&root.as_slice(), Type::BYTEA)],
            )
        })?;
        Ok(row.is_some())
    }

    fn mark_at(&mut self, round: RoundNumber, root: B256, line: u64) -> Result<Option<u8>, DatabaseError> {
        let query =
            "SELECT substring(labels FROM $1 FOR 1) FROM evaluated_batch WHERE round = $2 AND root = $3";
        let row = self.with(|client| {
            client.query_typed_opt(
                query,
                &[
                    (&(line as i32), Type::INT4),
                    (&(round.0 as i64), Type::INT8),
                    (&root.as_slice(), Type::BYTEA),
                ],
            )
        })?;
        Ok(row.map(|row| row.get::<_, &[u8]>(0).first().copied().unwrap_or(NO_LABEL)))
    }

    fn mark(&mut self, round: RoundNumber, batches: &[BatchMarks]) -> Result<(), DatabaseError> {
        self.with(|client| {
            let mut transaction = client.transaction()?;
            for BatchMarks { root, marks } in batches {
                transaction.execute(
                    "INSERT INTO evaluated_batch (round, root, labels) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                    &[&(round.0 as i64), &root.as_slice(), marks],
                )?;
            }
            transaction.commit()
        })
    }

    fn remove_stale(&mut self, before: u64) -> Result<u64, DatabaseError> {
        self.with(|client| client.execute("DELETE FROM station WHERE seen_at < $1", &[&(before as i64)]))
    }
}

fn station_of(row: &Row) -> Result<Station, DatabaseError> {
    let bytes = |column: &str| row.get::<_, &[u8]>(column);
    let read = || -> Result<_, Box<dyn std::error::Error>> {
        Ok(Station {
            station: bytes("station").try_into()?,
            operator: bytes("operator").try_into()?,
            subnet: bytes("subnet").try_into()?,
            version: row.get::<_, &str>("version").parse()?,
            first_seen: row.get::<_, i64>("first_seen") as u64,
            seen_at: row.get::<_, i64>("seen_at") as u64,
        })
    };
    read().map_err(|error| DatabaseError::BadRow(format!("a station: {error}")))
}
