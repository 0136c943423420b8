//! Intents and attempts in SQLite.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use alloy_primitives::{Address, B256, Bytes, U256, hex};
use assize_chain::{Draft, Fees, SignedTransaction};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::OutboxError;
use crate::step::{Attempt, Mined, State};

/// Money and hashes are text and blobs: SQLite's integers end at 2^63.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS outbox_owner (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        owner TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS outbox_intent (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        key TEXT NOT NULL UNIQUE,
        contract TEXT NOT NULL,
        recipient BLOB NOT NULL,
        value TEXT NOT NULL,
        input BLOB NOT NULL,
        state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'pending', 'done', 'reverted', 'refused')),
        nonce INTEGER,
        passed_at INTEGER,
        mined_hash BLOB,
        mined_block INTEGER,
        gas_used INTEGER,
        reason TEXT
    ) STRICT;
    CREATE TABLE IF NOT EXISTS outbox_attempt (
        hash BLOB PRIMARY KEY,
        intent INTEGER NOT NULL REFERENCES outbox_intent (id),
        nonce INTEGER NOT NULL,
        raw BLOB NOT NULL,
        max_fee TEXT NOT NULL,
        premium TEXT NOT NULL,
        made_at INTEGER NOT NULL,
        sent_at INTEGER,
        last_answer TEXT
    ) STRICT;
    CREATE INDEX IF NOT EXISTS outbox_attempt_of ON outbox_attempt (intent, nonce, made_at);
    CREATE INDEX IF NOT EXISTS outbox_intent_open ON outbox_intent (id) WHERE state IN ('queued', 'pending');
";

/// Enqueues a call under an idempotency key; true if it was not there before. Give it the connection of your own
/// transaction, and the intent exists if and only if that transaction commits. A key enqueued again changes nothing,
/// unless the contract refused it or it was reverted: it had no effect then, and is tried again with a new nonce.
///
/// # Errors
/// SQLite's.
pub fn enqueue(database: &Connection, key: &str, draft: &Draft) -> rusqlite::Result<bool> {
    let recipient = draft.to.unwrap_or(Address::ZERO);
    let added = database.execute(
        "INSERT INTO outbox_intent (key, contract, recipient, value, input) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (key) DO UPDATE SET state = 'queued', nonce = NULL, passed_at = NULL, mined_hash = NULL,
            mined_block = NULL, gas_used = NULL, reason = NULL WHERE state IN ('refused', 'reverted')",
        params![
            key,
            draft.contract,
            recipient.as_slice(),
            draft.value.to_string(),
            &draft.input[..]
        ],
    )?;
    Ok(added == 1)
}

/// How an intent ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It took effect.
    Done(Mined),
    /// It was mined and reverted: no effect.
    Reverted {
        /// The transaction.
        mined: Mined,
        /// The contract's reason.
        reason: String,
    },
    /// The contract would have refused it; nothing was sent.
    Refused {
        /// The contract's reason.
        reason: String,
    },
}

/// An intent as stored.
#[derive(Debug, Clone)]
pub(crate) struct Intent {
    pub id: i64,
    pub key: String,
    pub draft: Draft,
    pub state: State,
    pub reason: Option<String>,
}

/// The open file, and the lock that keeps other processes out while it is open.
#[derive(Debug)]
pub(crate) struct Database {
    pub connection: Connection,
    _lock: File,
}

impl Database {
    pub(crate) fn open(path: &Path, owner: &str) -> Result<Self, OutboxError> {
        let lock = lock(path)?;
        let failed = |source| OutboxError::Database {
            path: path.to_owned(),
            source,
        };
        let connection = Connection::open(path).map_err(failed)?;
        connection
            .pragma_update(None, "journal_mode", "WAL")
            .map_err(failed)?;
        // A transaction's bytes must be on the disk before they are sent.
        connection
            .pragma_update(None, "synchronous", "FULL")
            .map_err(failed)?;
        connection
            .pragma_update(None, "foreign_keys", true)
            .map_err(failed)?;
        connection.execute_batch(SCHEMA).map_err(failed)?;
        connection
            .execute(
                "INSERT OR IGNORE INTO outbox_owner (one, owner) VALUES (1, ?)",
                [owner],
            )
            .map_err(failed)?;
        let there: String = connection
            .query_row("SELECT owner FROM outbox_owner", [], |row| row.get(0))
            .map_err(failed)?;
        if there != owner {
            return Err(OutboxError::Foreign {
                path: path.to_owned(),
                there,
                here: owner.to_owned(),
            });
        }
        Ok(Self {
            connection,
            _lock: lock,
        })
    }

    /// The oldest intent that has not ended.
    pub(crate) fn next_open(&self) -> Result<Option<Intent>, OutboxError> {
        self.one("WHERE state IN ('queued', 'pending') ORDER BY id LIMIT 1", [])
    }

    pub(crate) fn by_key(&self, key: &str) -> Result<Option<Intent>, OutboxError> {
        self.one("WHERE key = ?", [key])
    }

    fn one(&self, which: &str, parameters: impl rusqlite::Params) -> Result<Option<Intent>, OutboxError> {
        let columns = "id, key, contract, recipient, value, input, state, nonce, passed_at, mined_hash, mined_block, gas_used, reason";
        let query = format!("SELECT {columns} FROM outbox_intent {which}");
        let found = self
            .connection
            .query_row(&query, parameters, |row| Ok(self.intent(row)))
            .optional()?;
        found.transpose()
    }

    fn intent(&self, row: &Row<'_>) -> Result<Intent, OutboxError> {
        let id: i64 = row.get("id")?;
        let bad = |what: &str| OutboxError::BadRow(format!("intent {id}: {what}"));
        let recipient: Vec<u8> = row.get("recipient")?;
        let value: String = row.get("value")?;
        let input: Vec<u8> = row.get("input")?;
        let contract: String = row.get("contract")?;
        let draft = Draft::call(
            known_contract(&contract),
            Address::try_from(&recipient[..]).map_err(|_| bad("its recipient is no address"))?,
            Bytes::from(input),
        )
        .with_value(value.parse::<U256>().map_err(|_| bad("its value is no number"))?);
        let state: String = row.get("state")?;
        let state = match state.as_str() {
            "queued" => State::Queued,
            "pending" => {
                let nonce: i64 = row.get("nonce")?;
                State::Pending {
                    nonce: nonce as u64,
                    attempts: self.attempts(id, nonce)?,
                    passed_at: row.get::<_, Option<i64>>("passed_at")?.map(|time| time as u64),
                }
            }
            "refused" => State::Refused,
            ended => {
                let hash: Vec<u8> = row.get("mined_hash")?;
                let block: i64 = row.get("mined_block")?;
                let gas_used: i64 = row.get("gas_used")?;
                let mined = Mined {
                    hash: B256::try_from(&hash[..]).map_err(|_| bad("its transaction has no hash"))?,
                    block: block as u64,
                    succeeded: ended == "done",
                    gas_used: gas_used as u64,
                };
                if mined.succeeded {
                    State::Done(mined)
                } else {
                    State::Reverted(mined)
                }
            }
        };
        Ok(Intent {
            id,
            key: row.get("key")?,
            draft,
            state,
            reason: row.get("reason")?,
        })
    }

    fn attempts(&self, intent: i64, nonce: i64) -> Result<Vec<Attempt>, OutboxError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT hash, max_fee, premium, made_at, sent_at FROM outbox_attempt
             WHERE intent = ? AND nonce = ? ORDER BY made_at, rowid",
        )?;
        let rows = statement.query_map([intent, nonce], |row| {
            Ok((
                row.get::<_, Vec<u8>>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, String>(2)?,
                row.get::<_, i64>(3)?,
                row.get::<_, Option<i64>>(4)?,
            ))
        })?;
        let mut attempts = Vec::new();
        for row in rows {
            let (hash, max_fee, premium, made_at, sent_at) = row?;
            let bad = || OutboxError::BadRow(format!("attempt 0x{}", hex::encode(&hash)));
            let fees = Fees {
                max_fee: max_fee.parse().map_err(|_| bad())?,
                premium: premium.parse().map_err(|_| bad())?,
            };
            let hash = B256::try_from(&hash[..]).map_err(|_| bad())?;
            attempts.push(Attempt {
                hash,
                fees,
                made_at: made_at as u64,
                sent_at: sent_at.map(|sent_at| sent_at as u64),
            });
        }
        Ok(attempts)
    }

    /// Stores a signed transaction before it is sent.
    pub(crate) fn store_attempt(
        &mut self,
        intent: i64,
        nonce: u64,
        fees: Fees,
        signed: &SignedTransaction,
        now: u64,
    ) -> Result<(), OutboxError> {
        let transaction = self.connection.transaction()?;
        transaction.execute(
            "INSERT OR IGNORE INTO outbox_attempt (hash, intent, nonce, raw, max_fee, premium, made_at)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
            params![
                signed.hash.as_slice(),
                intent,
                nonce as i64,
                &signed.raw[..],
                fees.max_fee.to_string(),
                fees.premium.to_string(),
                now as i64
            ],
        )?;
        transaction.execute(
            "UPDATE outbox_intent SET state = 'pending', nonce = ? WHERE id = ?",
            params![nonce as i64, intent],
        )?;
        transaction.commit()?;
        Ok(())
    }

    pub(crate) fn raw(&self, hash: &B256) -> Result<Bytes, OutboxError> {
        let raw: Vec<u8> = self.connection.query_row(
            "SELECT raw FROM outbox_attempt WHERE hash = ?",
            [hash.as_slice()],
            |row| row.get(0),
        )?;
        Ok(raw.into())
    }

    pub(crate) fn mark_sent(&self, hash: &B256, answer: &str, now: u64) -> Result<(), OutboxError> {
        self.connection.execute(
            "UPDATE outbox_attempt SET sent_at = ?, last_answer = ? WHERE hash = ?",
            params![now as i64, answer, hash.as_slice()],
        )?;
        Ok(())
    }

    pub(crate) fn requeue(&self, intent: i64) -> Result<(), OutboxError> {
        self.connection.execute(
            "UPDATE outbox_intent SET state = 'queued', nonce = NULL, passed_at = NULL WHERE id = ?",
            [intent],
        )?;
        Ok(())
    }

    pub(crate) fn mark_passed(&self, intent: i64, passed_at: Option<u64>) -> Result<(), OutboxError> {
        self.connection.execute(
            "UPDATE outbox_intent SET passed_at = ? WHERE id = ?",
            params![passed_at.map(|time| time as i64), intent],
        )?;
        Ok(())
    }

    pub(crate) fn refuse(&self, intent: i64, reason: &str) -> Result<(), OutboxError> {
        self.connection.execute(
            "UPDATE outbox_intent SET state = 'refused', nonce = NULL, reason = ? WHERE id = ?",
            params![reason, intent],
        )?;
        Ok(())
    }

    pub(crate) fn finish(&self, intent: i64, mined: &Mined, reason: Option<&str>) -> Result<(), OutboxError> {
        self.connection.execute(
            "UPDATE outbox_intent SET state = ?, mined_hash = ?, mined_block = ?, gas_used = ?, reason = ? WHERE id = ?",
            params![
                if mined.succeeded { "done" } else { "reverted" },
                mined.hash.as_slice(),
                mined.block as i64,
                mined.gas_used as i64,
                reason,
                intent
            ],
        )?;
        Ok(())
    }
}

/// Messages name the contract; only these two are ever called.
fn known_contract(name: &str) -> &'static str {
    match name {
        "Rounds" => "Rounds",
        "Rewards" => "Rewards",
        _ => "the contract",
    }
}

/// Takes the lock beside the file; the system releases it when the process ends, however it ends.
fn lock(path: &Path) -> Result<File, OutboxError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock_path = PathBuf::from(name);
    let failed = |source| OutboxError::Lock {
        path: lock_path.clone(),
        source,
    };
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(OutboxError::Locked {
            path: path.to_owned(),
        }),
        Err(std::fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}
