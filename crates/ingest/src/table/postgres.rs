//! The ingest table in PostgreSQL.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use alloy_primitives::B256;
use assize_protocol::RoundNumber;
use postgres::binary_copy::BinaryCopyInWriter;
use postgres::fallible_iterator::FallibleIterator;
use postgres::types::Type;
use postgres::{Client, Config, NoTls, Row, Statement, Transaction};

use super::{
    Batch, BatchLimit, BatchState, DailyLimit, FileMark, Found, Ingest, Lines, NewRow, Rows, SignedRow,
    Stored, Taken, Totals, Unbatched,
};
use crate::{IngestError, server};

/// Ids are drawn before they are visible to others. Appending holds this lock shared, closing a batch exclusively, so
/// that no lower id can appear after a batch is closed. PostgreSQL manual, §13.3.5.
const LOCK: i64 = 0x0000_6173_7369_7a65;

/// One round trip, one transaction. Ids are drawn only once `held` exists. Known rows of `given` are found by the
/// index, as they were before the statement; a plan made while the table was small is kept when it is large.
const APPEND: &str = "
    WITH held AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared($1)),
    given AS (
        SELECT * FROM unnest($2::bytea[], $3::bigint[], $4::text[], $9::bytea[], $10::bigint[]) WITH ORDINALITY
        AS given (digest, round, line, station, task, place)
    ),
    new AS (
        INSERT INTO ingest_measurement (round, received_at, line, digest, station, task)
        SELECT round, $5, line, digest, station, task FROM held, given WHERE place <= $6 ORDER BY place
        ON CONFLICT DO NOTHING
        RETURNING digest, octet_length(line) AS bytes
    ),
    counted AS (
        INSERT INTO ingest_day (day, instance, bytes)
        SELECT $7, $8, sum(bytes) FROM new HAVING count(*) > 0
        ON CONFLICT (day, instance) DO UPDATE SET bytes = ingest_day.bytes + EXCLUDED.bytes
    )
    SELECT digest, $5 AS received_at, true AS new, (SELECT sum(bytes) FROM new)::bigint
        + (SELECT coalesce(sum(bytes), 0) FROM ingest_day WHERE day = $7)::bigint AS stored
    FROM new
    UNION ALL
    SELECT digest, known.received_at, false, NULL
    FROM given CROSS JOIN LATERAL (
        SELECT m.received_at FROM ingest_measurement m WHERE m.digest = given.digest LIMIT 1
    ) known";

const APPEND_TYPES: [Type; 10] = [
    Type::INT8,
    Type::BYTEA_ARRAY,
    Type::INT8_ARRAY,
    Type::TEXT_ARRAY,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::BYTEA_ARRAY,
    Type::INT8_ARRAY,
];

const BATCH: &str = "id, round, first, last, count, state, cid, root, oldest, seen_at_block";

/// The ingest table in a PostgreSQL database.
///
/// A lost connection is re-established at the next call.
pub struct PostgresIngest {
    config: Config,
    /// The database's name and host, without its password.
    label: String,
    client: Mutex<Option<Connected>>,
    /// Identifies this process in the count of a day's bytes.
    instance: i64,
    /// A day, and its bytes at the last count.
    stored: Option<(u32, u64)>,
}

struct Connected {
    client: Client,
    /// The prepared [`APPEND`], once needed: planning takes as long as executing it.
    append: Option<Statement>,
}

impl PostgresIngest {
    /// Connects by a URL such as `postgres://user:password@host/database`; creates the tables if they do not exist.
    ///
    /// # Errors
    /// [`IngestError::Postgres`] naming database and host.
    pub fn connect(url: &str) -> Result<Self, IngestError> {
        let mut config: Config = url.parse().map_err(|source| IngestError::Postgres {
            database: "(unreadable address)".into(),
            source,
        })?;
        server::notice_dead_connections(&mut config);
        let mut ingest = Self {
            label: server::label(&config),
            config,
            client: Mutex::new(None),
            instance: RandomState::new().hash_one(()) as i64,
            stored: None,
        };
        ingest.with(|client| {
            let mut transaction = client.transaction()?;
            // Two processes that start at once would both create the tables.
            transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])?;
            transaction.batch_execute(include_str!("postgres.sql"))?;
            transaction.batch_execute(include_str!("../database/postgres.sql"))?;
            transaction.commit()
        })?;
        Ok(ingest)
    }

    /// Runs on a separate thread: the client drives a runtime, which must not run within another.
    fn run<T: Send>(
        &mut self,
        run: impl FnOnce(&mut Client) -> Result<T, Failure> + Send,
    ) -> Result<T, IngestError> {
        self.run_connected(|connected| run(&mut connected.client))
    }

    fn run_connected<T: Send>(
        &mut self,
        run: impl FnOnce(&mut Connected) -> Result<T, Failure> + Send,
    ) -> Result<T, IngestError> {
        let (config, client) = (&self.config, &self.client);
        let work = move || {
            let mut place = client.lock().unwrap_or_else(PoisonError::into_inner);
            let mut client = match place.take().filter(|connected| !connected.client.is_closed()) {
                Some(connected) => connected,
                None => Connected {
                    client: config.connect(NoTls)?,
                    append: None,
                },
            };
            let result = run(&mut client);
            let lost = matches!(&result, Err(Failure::Database(error)) if server::is_lost(error));
            if !lost {
                *place = Some(client);
            }
            result
        };
        let result = std::thread::scope(|scope| match scope.spawn(work).join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        result.map_err(|failure| match failure {
            Failure::Database(source) => IngestError::Postgres {
                database: self.label.clone(),
                source,
            },
            Failure::Other(error) => error,
        })
    }

    /// Bytes of single measurements appended on a day, as far as known.
    fn stored_on(&mut self, day: u32) -> Result<u64, IngestError> {
        match self.stored {
            Some((known, bytes)) if known == day => Ok(bytes),
            _ => self.count_stored(day),
        }
    }

    fn count_stored(&mut self, day: u32) -> Result<u64, IngestError> {
        let stored = self.with(|client| {
            client.query_typed_one(
                "SELECT coalesce(sum(bytes), 0)::bigint FROM ingest_day WHERE day = $1",
                &[(&i64::from(day), Type::INT8)],
            )
        })?;
        let stored = stored.get::<_, i64>(0) as u64;
        self.stored = Some((day, stored));
        Ok(stored)
    }

    /// When measurements were received that another process appended at the same moment.
    fn known(&mut self, digests: &[&[u8]]) -> Result<Vec<Row>, IngestError> {
        self.with(|client| {
            client.query_typed(
                "SELECT digest, received_at FROM ingest_measurement WHERE digest = ANY ($1)",
                &[(&digests, Type::BYTEA_ARRAY)],
            )
        })
    }

    /// Runs what may run twice: if the connection turns out to be lost, which is noticed only in use, again on a new one.
    pub(crate) fn with<T: Send, E: Into<Failure>>(
        &mut self,
        run: impl Fn(&mut Client) -> Result<T, E> + Send + Sync,
    ) -> Result<T, IngestError> {
        let again = || |client: &mut Client| run(client).map_err(Into::into);
        match self.run(again()) {
            Err(IngestError::Postgres { source, .. }) if server::is_lost(&source) => self.run(again()),
            result => result,
        }
    }
}

pub(crate) enum Failure {
    Database(postgres::Error),
    Other(IngestError),
}

impl From<postgres::Error> for Failure {
    fn from(error: postgres::Error) -> Self {
        Self::Database(error)
    }
}

impl Ingest for PostgresIngest {
    fn add_file(&mut self, file: &FileMark<'_>, rows: Rows<'_>) -> Result<Option<u64>, IngestError> {
        let received_at = file.received_at as i64;
        self.run(|client| {
            let mut transaction = client.transaction()?;
            transaction.execute("SELECT pg_advisory_xact_lock_shared($1)", &[&LOCK])?;
            let marked = transaction.execute(
                "INSERT INTO ingest_file (digest, name, added, received_at) VALUES ($1, $2, 0, $3)
                 ON CONFLICT DO NOTHING",
                &[&&file.digest[..], &file.name, &received_at],
            )?;
            if marked == 0 {
                return Ok(None);
            }
            let added = copy_in(&mut transaction, received_at, rows)?;
            transaction.execute(
                "UPDATE ingest_file SET added = $1 WHERE digest = $2",
                &[&(added as i64), &&file.digest[..]],
            )?;
            transaction.commit()?;
            Ok(Some(added))
        })
    }

    fn append(
        &mut self,
        rows: &[SignedRow],
        received_at: u64,
        limit: DailyLimit,
    ) -> Result<Vec<Taken>, IngestError> {
        let mut stored = self.stored_on(limit.day)?;
        let within = |stored: &mut u64, row: &&SignedRow| {
            *stored = stored.saturating_add(row.line.len() as u64);
            *stored <= limit.bytes
        };
        let fitting = rows.iter().take_while(|row| within(&mut stored, row)).count();
        if fitting < rows.len() {
            // Other processes may have appended since, or the day may have changed.
            self.stored = None;
        }
        let digests: Vec<_> = rows.iter().map(|row| row.digest.as_slice()).collect();
        let rounds: Vec<_> = rows.iter().map(|row| row.round.0 as i64).collect();
        let lines: Vec<_> = rows.iter().map(|row| row.line.as_str()).collect();
        let stations: Vec<_> = rows.iter().map(|row| row.station.as_slice()).collect();
        let tasks: Vec<_> = rows.iter().map(|row| i64::from(row.task.0)).collect();
        let instance = self.instance;
        let answers = self.run_connected(|Connected { client, append }| {
            let statement = match append {
                Some(statement) => statement,
                None => append.insert(client.prepare_typed(APPEND, &APPEND_TYPES)?),
            };
            let rows = client.query(
                &*statement,
                &[
                    &LOCK,
                    &digests,
                    &rounds,
                    &lines,
                    &(received_at as i64),
                    &(fitting as i64),
                    &i64::from(limit.day),
                    &instance,
                    &stations,
                    &tasks,
                ],
            )?;
            Ok(rows)
        })?;
        let mut taken = HashMap::<&[u8], Taken>::new();
        for answer in &answers {
            let (digest, new) = (answer.get(0), answer.get::<_, bool>(2));
            let received_at = answer.get::<_, i64>(1) as u64;
            if new {
                self.stored = Some((limit.day, answer.get::<_, i64>(3) as u64));
                taken.insert(digest, Taken::New);
            } else {
                taken.insert(digest, Taken::Known { received_at });
            }
        }
        let mut missing = digests[..fitting].to_vec();
        missing.retain(|digest| !taken.contains_key(digest));
        let elsewhere = match missing.is_empty() {
            true => Vec::new(),
            false => self.known(&missing)?,
        };
        for row in &elsewhere {
            let received_at = row.get::<_, i64>(1) as u64;
            taken.insert(row.get(0), Taken::Known { received_at });
        }
        // Only another measurement in its place keeps out a new one that fits.
        for digest in &missing {
            taken.entry(digest).or_insert(Taken::Duplicate);
        }
        let take = |digest| match taken.get_mut(digest) {
            // If it is listed twice, the second is known.
            Some(taken) => std::mem::replace(
                taken,
                match *taken {
                    Taken::New => Taken::Known { received_at },
                    other => other,
                },
            ),
            None => Taken::OverLimit,
        };
        Ok(digests.iter().copied().map(take).collect())
    }

    fn find(&mut self, digest: B256) -> Result<Option<Found>, IngestError> {
        self.with(|client| -> Result<_, Failure> {
            let rows = client.query_typed(
                &format!(
                    "SELECT m.id AS found, m.round AS of_round, m.received_at, batch.* FROM ingest_measurement m
                     LEFT JOIN LATERAL (SELECT {BATCH} FROM ingest_batch WHERE round = m.round AND last >= m.id
                        ORDER BY last LIMIT 1) batch ON true
                     WHERE m.digest = $1"
                ),
                &[(&digest.as_slice(), Type::BYTEA)],
            )?;
            let Some(row) = rows.first() else {
                return Ok(None);
            };
            let batch = row.get::<_, Option<i64>>("id").map(|_| batch_of(row)).transpose()?;
            Ok(Some(Found {
                id: row.get("found"),
                round: RoundNumber(row.get::<_, i64>("of_round") as u64),
                received_at: row.get::<_, i64>("received_at") as u64,
                batch,
            }))
        })
    }

    fn line_of(&mut self, batch: &Batch, id: i64) -> Result<u64, IngestError> {
        let stretch = [batch.round.0 as i64, batch.first, id];
        let row = self.with(|client| {
            let [round, first, last] = &stretch;
            client.query_typed_one(
                "SELECT count(*) FROM ingest_measurement WHERE round = $1 AND id BETWEEN $2 AND $3",
                &[(round, Type::INT8), (first, Type::INT8), (last, Type::INT8)],
            )
        })?;
        Ok(row.get::<_, i64>(0) as u64)
    }

    fn unbatched(&mut self) -> Result<Vec<Unbatched>, IngestError> {
        self.with(|client| -> Result<_, postgres::Error> {
            let rows = client.query(
                "WITH RECURSIVE rounds (round) AS (
                    (SELECT round FROM ingest_measurement ORDER BY round LIMIT 1)
                    UNION ALL
                    SELECT (SELECT round FROM ingest_measurement WHERE round > rounds.round ORDER BY round LIMIT 1)
                    FROM rounds WHERE rounds.round IS NOT NULL
                 ), ends AS (
                    SELECT round, (SELECT coalesce(max(last), 0) FROM ingest_batch batch WHERE batch.round = rounds.round)
                        AS last
                    FROM rounds WHERE round IS NOT NULL
                 )
                 SELECT round,
                    (SELECT count(*) FROM ingest_measurement m WHERE m.round = ends.round AND m.id > ends.last),
                    (SELECT received_at FROM ingest_measurement m WHERE m.round = ends.round AND m.id > ends.last
                     ORDER BY id LIMIT 1)
                 FROM ends ORDER BY round",
                &[],
            )?;
            let unbatched = rows.iter().filter_map(|row| {
                Some(Unbatched {
                    round: RoundNumber(row.get::<_, i64>(0) as u64),
                    count: row.get::<_, i64>(1) as u64,
                    oldest: row.get::<_, Option<i64>>(2)? as u64,
                })
            });
            Ok(unbatched.collect())
        })
    }

    fn close(&mut self, round: RoundNumber, limit: BatchLimit) -> Result<Option<Batch>, IngestError> {
        let round = round.0 as i64;
        self.run(|client| {
            let mut transaction = client.transaction()?;
            transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])?;
            let row = transaction.query_opt(
                &format!(
                    "INSERT INTO ingest_batch (round, first, last, count, oldest)
                     SELECT $1, min(id), max(id), count(*),
                        (SELECT received_at FROM ingest_measurement m WHERE m.id = min(next.id))
                     FROM (
                        SELECT id, sum(octet_length(line) + 1) OVER (ORDER BY id) AS bytes, row_number() OVER (ORDER BY id) AS number
                        FROM (
                            SELECT id, line FROM ingest_measurement WHERE round = $1 AND id >
                                (SELECT coalesce(max(last), 0) FROM ingest_batch WHERE round = $1)
                            ORDER BY id LIMIT $2) waiting) next
                     WHERE bytes <= $3 OR number = 1
                     HAVING count(*) > 0
                     RETURNING {BATCH}"
                ),
                &[&round, &i64::from(limit.lines), &i64::try_from(limit.bytes).unwrap_or(i64::MAX)],
            )?;
            let batch = row.as_ref().map(batch_of).transpose()?;
            transaction.commit()?;
            Ok(batch)
        })
    }

    fn batches_of(&mut self, round: RoundNumber) -> Result<Vec<Batch>, IngestError> {
        self.with(|client| -> Result<_, Failure> {
            let rows = client.query(
                &format!("SELECT {BATCH} FROM ingest_batch WHERE round = $1 ORDER BY last"),
                &[&(round.0 as i64)],
            )?;
            rows.iter().map(batch_of).collect()
        })
    }

    fn open_batches(&mut self) -> Result<Vec<Batch>, IngestError> {
        self.with(|client| -> Result<_, Failure> {
            let rows = client.query(
                &format!(
                    "SELECT {BATCH} FROM ingest_batch WHERE state IN ('closed', 'stored', 'committed') ORDER BY id"
                ),
                &[],
            )?;
            rows.iter().map(batch_of).collect()
        })
    }

    fn read(&mut self, batch: &Batch, lines: Lines<'_>) -> Result<(), IngestError> {
        let stretch = [batch.round.0 as i64, batch.first, batch.last];
        self.run(|client| {
            // Rows are streamed.
            let mut rows = client.query_raw(
                "SELECT id, line FROM ingest_measurement WHERE round = $1 AND id BETWEEN $2 AND $3 ORDER BY id",
                stretch,
            )?;
            while let Some(row) = rows.next()? {
                lines(row.get(0), row.get::<_, &str>(1).as_bytes())
                    .map_err(|error| Failure::Other(IngestError::Output(error)))?;
            }
            Ok(())
        })
    }

    fn set_stored(&mut self, batch: i64, stored: &Stored, bytes: u64) -> Result<(), IngestError> {
        let (cid, root, bytes) = (stored.cid.to_string(), &stored.root[..], bytes as i64);
        self.with(|client| {
            client.execute(
                "UPDATE ingest_batch SET state = 'stored', state_at = extract(epoch FROM now())::bigint, cid = $1,
                    root = $2, bytes = $3 WHERE id = $4",
                &[&cid, &root, &bytes, &batch],
            )
        })
        .map(drop)
    }

    fn set_state(&mut self, batch: i64, state: BatchState, block: Option<u64>) -> Result<(), IngestError> {
        let block = block.map(|block| block as i64);
        self.with(|client| {
            client.execute(
                "UPDATE ingest_batch SET state = $1, state_at = extract(epoch FROM now())::bigint, seen_at_block = $2
                 WHERE id = $3",
                &[&state.name(), &block, &batch],
            )
        })
        .map(drop)
    }

    fn prune(&mut self, before: u64) -> Result<u64, IngestError> {
        let before = before as i64;
        self.with(|client| -> Result<_, postgres::Error> {
            client.execute(
                "DELETE FROM ingest_day WHERE day < $1::bigint / 86400",
                &[&before],
            )?;
            let mut transaction = client.transaction()?;
            let oldest = transaction.query_opt(
                "UPDATE ingest_batch SET pruned = true WHERE id = (
                    SELECT id FROM ingest_batch WHERE state = 'final' AND NOT pruned AND state_at < $1
                    ORDER BY state_at LIMIT 1)
                 RETURNING round, first, last",
                &[&before],
            )?;
            let Some(stretch) = oldest else { return Ok(0) };
            let deleted = transaction.execute(
                "DELETE FROM ingest_measurement WHERE round = $1 AND id BETWEEN $2 AND $3",
                &[
                    &stretch.get::<_, i64>(0),
                    &stretch.get::<_, i64>(1),
                    &stretch.get::<_, i64>(2),
                ],
            )?;
            transaction.commit()?;
            Ok(deleted)
        })
    }

    fn totals(&mut self) -> Result<Totals, IngestError> {
        self.with(|client| -> Result<_, postgres::Error> {
            let row = client.query_one(
                "SELECT
                    count(*) FILTER (WHERE state IN ('committed', 'final')),
                    coalesce(sum(count) FILTER (WHERE state IN ('committed', 'final')), 0)::bigint,
                    coalesce(sum(bytes) FILTER (WHERE state IN ('committed', 'final')), 0)::bigint,
                    count(*) FILTER (WHERE state IN ('closed', 'stored')),
                    coalesce(sum(count) FILTER (WHERE state = 'late'), 0)::bigint
                 FROM ingest_batch",
                &[],
            )?;
            let number = |index: usize| row.get::<_, i64>(index) as u64;
            Ok(Totals {
                committed_batches: number(0),
                committed_measurements: number(1),
                committed_bytes: number(2),
                open_batches: number(3),
                late_measurements: number(4),
            })
        })
    }
}

impl Drop for PostgresIngest {
    fn drop(&mut self) {
        // Closing the connection drives a runtime too.
        let client = self
            .client
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        std::thread::scope(|scope| drop(scope.spawn(|| drop(client)).join()));
    }
}

impl std::fmt::Debug for PostgresIngest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresIngest")
            .field("database", &self.label)
            .finish_non_exhaustive()
    }
}

fn copy_in(transaction: &mut Transaction<'_>, received_at: i64, rows: Rows<'_>) -> Result<u64, Failure> {
    let sink = transaction.copy_in("COPY ingest_measurement (round, received_at, line) FROM STDIN BINARY")?;
    let mut writer = BinaryCopyInWriter::new(sink, &[Type::INT8, Type::INT8, Type::TEXT]);
    while let Some(NewRow { round, line }) =
        rows().map_err(|error| Failure::Other(IngestError::Input(error)))?
    {
        writer.write(&[&(round.0 as i64), &received_at, &line])?;
    }
    Ok(writer.finish()?)
}

fn batch_of(row: &Row) -> Result<Batch, Failure> {
    let id: i64 = row.get("id");
    let nonsense = |what: String| Failure::Other(IngestError::BadRow(format!("batch {id}: {what}")));
    let state: &str = row.get("state");
    let cid: Option<&str> = row.get("cid");
    let cid = cid.map(|cid| cid.parse().map_err(|_| nonsense(format!("`{cid}` is not a CID"))));
    let root: Option<&[u8]> = row.get("root");
    let root =
        root.map(|root| B256::try_from(root).map_err(|_| nonsense("its root has not 32 bytes".into())));
    let root = root.transpose()?;
    Ok(Batch {
        id,
        round: RoundNumber(row.get::<_, i64>("round") as u64),
        first: row.get("first"),
        last: row.get("last"),
        count: row.get::<_, i64>("count") as u32,
        state: BatchState::parse(state).ok_or_else(|| nonsense(format!("`{state}` is not a state")))?,
        stored: cid.transpose()?.zip(root).map(|(cid, root)| Stored { cid, root }),
        oldest: row.get::<_, i64>("oldest") as u64,
        seen_at_block: row
            .get::<_, Option<i64>>("seen_at_block")
            .map(|block| block as u64),
    })
}
