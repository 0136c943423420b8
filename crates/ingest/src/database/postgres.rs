//! The tables in PostgreSQL.

use std::collections::HashSet;
use std::sync::Arc;

use alloy_primitives::{Address, B256};
use assize_protocol::RoundNumber;
use postgres::types::Type;
use postgres::{Client, Config, NoTls, Row};

use super::{
    BatchMarks, DatabaseError, Heartbeat, HeartbeatOutcome, NO_LABEL, Standing, Station, SubnetLimit, Tables,
};
use crate::{DailyLimit, Ingest, PostgresIngest, SignedRow, Taken, server};

/// Lock held while tables are created: two instances that start at once would both create them.
const LOCK: i64 = 0x0000_6173_7369_7a66;

/// The tables in a PostgreSQL database. It reconnects after a lost connection on the next call.
///
/// Its client drives a runtime, so it lives on a thread outside any other runtime.
pub(super) struct PostgresTables {
    config: Config,
    /// The database's name and host, without its password.
    label: String,
    client: Option<Client>,
    ingest: PostgresIngest,
}

impl PostgresTables {
    pub(super) fn connect(url: &str) -> Result<Self, DatabaseError> {
        let config: Config = url.parse().map_err(|source| DatabaseError::Postgres {
            database: "(unreadable address)".into(),
            source: Arc::new(source),
        })?;
        let mut tables = Self {
            label: server::label(&config),
            config,
            client: None,
            ingest: PostgresIngest::connect(url)?,
        };
        tables.with(|client| {
            let mut transaction = client.transaction()?;
            transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])?;
            transaction.batch_execute(include_str!("postgres.sql"))?;
            transaction.commit()
        })?;
        Ok(tables)
    }

    fn with<T>(
        &mut self,
        run: impl FnOnce(&mut Client) -> Result<T, postgres::Error>,
    ) -> Result<T, DatabaseError> {
        let result = match self.client.take().filter(|client| !client.is_closed()) {
            Some(client) => Ok(client),
            None => self.config.connect(NoTls),
        };
        let result = result.and_then(|mut client| {
            let result = run(&mut client);
            if !result.as_ref().is_err_and(server::is_lost) {
                self.client = Some(client);
            }
            result
        });
        result.map_err(|source| DatabaseError::Postgres {
            database: self.label.clone(),
            source: Arc::new(source),
        })
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
                 SELECT station, operator, subnet, version, heard_at, heard_at, time
                 FROM unnest($1, $2, $3, $4, $5, $6) AS heard (station, operator, subnet, version, heard_at, time)
                 WHERE EXISTS (SELECT FROM station known WHERE known.station = heard.station)
                    OR (SELECT count(*) FROM station other
                        WHERE other.subnet = heard.subnet AND other.seen_at > heard.heard_at - $7) < $8
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
            let cid = cid.to_string();
            let marked = self.with(|client| {
                client.query_typed_opt(
                    "SELECT 1 FROM evaluated_batch WHERE cid = $1",
                    &[(&cid, Type::TEXT)],
                )
            })?;
            if marked.is_some() {
                let line = self.ingest.line_of(&batch, found.id)? as i32;
                let marks = self.with(|client| {
                    client.query_typed_opt(
                        "SELECT substring(labels FROM $1 FOR 1) FROM evaluated_batch WHERE cid = $2",
                        &[(&line, Type::INT4), (&cid, Type::TEXT)],
                    )
                })?;
                mark = marks.map(|row| row.get::<_, &[u8]>(0).first().copied().unwrap_or(NO_LABEL));
            }
        }
        Ok(Some(Standing { found, mark }))
    }

    fn mark(&mut self, round: RoundNumber, batches: &[BatchMarks]) -> Result<(), DatabaseError> {
        self.with(|client| {
            let mut transaction = client.transaction()?;
            for BatchMarks { cid, marks } in batches {
                transaction.execute(
                    "INSERT INTO evaluated_batch (cid, round, labels) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                    &[&cid.to_string(), &(round.0 as i64), marks],
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
