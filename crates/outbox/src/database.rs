//! Intents and attempts in SQLite.

use std::collections::BTreeMap;
use std::path::Path;

use alloy_primitives::{Address, B256, Bytes, hex};
use assize_chain::{Draft, Fees, SignedTransaction};
use assize_protocol::AttoFil;
use assize_service::sqlite::{Schema, SqliteOptions};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use crate::lease::Lease;
use crate::queue::{Attempt, Gas, Intent, Kind, Mined, Phase, Purpose, Queue, day};
use crate::{Alert, OutboxError};

const SCHEMA: Schema = Schema {
    name: "transaction queue",
    application_id: 0x4153_5a01,
    migrations: &[include_str!("schema.sql")],
    unmarked: None,
};

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
    /// It was cancelled before it took effect.
    Cancelled,
}

/// An intent to be written down.
#[derive(Debug, Clone, Copy)]
pub struct NewIntent<'a> {
    /// Idempotency key: what is to take effect once.
    pub key: &'a str,
    /// What it is for.
    pub kind: Kind,
    /// The call. The contract must refuse, or ignore, a second one with the same effect.
    pub draft: &'a Draft,
}

/// The open file.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) connection: Connection,
    lease: Lease,
}

impl Drop for Database {
    fn drop(&mut self) {
        self.lease.give_back(&self.connection);
    }
}

impl Database {
    pub(crate) fn open(path: &Path, owner: &str, now: u64) -> Result<Self, OutboxError> {
        // A transaction's bytes are on the disk before they are sent: the schema's commits are.
        let mut connection = SCHEMA.open(path, SqliteOptions::default())?.into_connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(
            "INSERT OR IGNORE INTO outbox_signer (one, owner) VALUES (1, ?)",
            [owner],
        )?;
        let there = transaction.query_row("SELECT owner FROM outbox_signer", [], |row| {
            row.get::<_, String>(0)
        })?;
        transaction.commit()?;
        if there != owner {
            return Err(OutboxError::Foreign {
                path: path.to_owned(),
                there,
                here: owner.to_owned(),
            });
        }
        let lease = Lease::take(path, &mut connection, now)?;
        Ok(Self { connection, lease })
    }

    /// Begins a write, unless somebody else is the sender by now.
    pub(crate) fn write(&mut self) -> Result<Transaction<'_>, OutboxError> {
        self.lease.fenced(&mut self.connection)
    }

    pub(crate) fn renew_lease(&mut self, now: u64) -> Result<(), OutboxError> {
        self.lease.renew(&mut self.connection, now)
    }

    /// Writes an intent down; true if it was not there before.
    pub(crate) fn enqueue(&mut self, new: &NewIntent<'_>, now: u64) -> Result<bool, OutboxError> {
        let transaction = self.write()?;
        let added = transaction.execute(
            "INSERT INTO outbox_intent (key, kind, contract, recipient, value, input, own_gas_limit, created_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (key) DO UPDATE SET state = 'queued', cancelled = 0, nonce = NULL, since = NULL,
                gas_limit = NULL, gas_at = NULL, mined_hash = NULL, reason = NULL,
                contract = excluded.contract, recipient = excluded.recipient, value = excluded.value,
                input = excluded.input, own_gas_limit = excluded.own_gas_limit
             WHERE state IN ('refused', 'void') OR (state = 'closed' AND succeeded = 0)",
            params![
                new.key,
                name_of(new.kind),
                new.draft.contract,
                new.draft.to.unwrap_or(Address::ZERO).as_slice(),
                new.draft.value.atto().to_string(),
                &new.draft.input[..],
                new.draft.gas_limit.map(|limit| limit as i64),
                now as i64,
            ],
        )?;
        transaction.commit()?;
        Ok(added == 1)
    }

    pub(crate) fn cancel(&mut self, key: &str) -> Result<(), OutboxError> {
        let transaction = self.write()?;
        transaction.execute("UPDATE outbox_intent SET cancelled = 1 WHERE key = ?", [key])?;
        Ok(transaction.commit()?)
    }

    pub(crate) fn cancel_queued(&mut self, key: &str) -> Result<(), OutboxError> {
        let transaction = self.write()?;
        transaction.execute(
            "UPDATE outbox_intent SET cancelled = 1 WHERE key = ? AND state = 'queued'",
            [key],
        )?;
        Ok(transaction.commit()?)
    }

    /// Everything that has not come to its end.
    pub(crate) fn load(&self, now: u64) -> Result<Queue, OutboxError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT * FROM outbox_intent WHERE state IN ('queued', 'pending', 'confirmed') ORDER BY id",
        )?;
        let mut rows = statement.query([])?;
        let mut intents = Vec::new();
        while let Some(row) = rows.next()? {
            intents.push(self.intent(row)?);
        }
        let (gap_since, floor): (Option<i64>, i64) =
            self.connection
                .query_row("SELECT gap_since, floor FROM outbox_signer", [], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?;
        Ok(Queue {
            intents,
            floor: floor as u64,
            gap_since: gap_since.map(|since| since as u64),
            spent: self.spent(day(now))?,
        })
    }

    /// What closed intents have cost whose last attempt was made on a day or later.
    fn spent(&self, from: u64) -> Result<BTreeMap<u64, AttoFil>, OutboxError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT intent.fee, CASE WHEN intent.succeeded = 1 AND mined.does_nothing = 0 THEN intent.value ELSE '0' END,
                max(attempt.made_at)
             FROM outbox_attempt attempt
             JOIN outbox_intent intent ON intent.id = attempt.intent AND intent.state = 'closed'
             JOIN outbox_attempt mined ON mined.hash = intent.mined_hash AND mined.nonce = attempt.nonce
             WHERE attempt.made_at >= ? GROUP BY intent.id",
        )?;
        let rows = statement.query_map([(from * 86_400) as i64], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, i64>(2)?,
            ))
        })?;
        let mut spent = BTreeMap::<u64, AttoFil>::new();
        for row in rows {
            let (fee, value, made_at) = row?;
            let sum = spent.entry(day(made_at as u64)).or_default();
            *sum = sum.saturating_add(money(&fee)?).saturating_add(money(&value)?);
        }
        Ok(spent)
    }

    fn intent(&self, row: &Row<'_>) -> Result<Intent, OutboxError> {
        let id: i64 = row.get("id")?;
        let number = |column: &str| {
            row.get::<_, Option<i64>>(column)
                .map(|value| value.map(|value| value as u64))
        };
        let state: String = row.get("state")?;
        let phase = match state.as_str() {
            "queued" => Phase::Queued {
                gas: match (number("gas_limit")?, number("gas_at")?) {
                    (Some(limit), Some(at)) => Some(Gas { limit, at }),
                    _ => None,
                },
            },
            "pending" => Phase::Pending {
                nonce: number("nonce")?.unwrap_or_default(),
                passed_at: number("since")?,
            },
            "confirmed" => Phase::Confirmed {
                mined: mined_of(row)?,
                missing_since: number("since")?,
            },
            "closed" => Phase::Closed(mined_of(row)?),
            "void" => Phase::Void,
            _ => Phase::Refused,
        };
        Ok(Intent {
            id,
            kind: kind_of(&row.get::<_, String>("kind")?),
            value: money(&row.get::<_, String>("value")?)?,
            cancelled: row.get("cancelled")?,
            phase,
            attempts: self.attempts(id)?,
        })
    }

    fn attempts(&self, intent: i64) -> Result<Vec<Attempt>, OutboxError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT hash, nonce, max_fee, premium, gas_limit, does_nothing, made_at, sent_at FROM outbox_attempt
             WHERE intent = ? ORDER BY made_at, rowid",
        )?;
        let mut rows = statement.query([intent])?;
        let mut attempts = Vec::new();
        while let Some(row) = rows.next()? {
            let fee = |column: &str| {
                let text: String = row.get(column)?;
                let bad =
                    || OutboxError::BadRow(format!("an attempt of intent {intent} has the price {text}"));
                text.parse().map_err(|_| bad())
            };
            attempts.push(Attempt {
                hash: hash(row, "hash")?,
                nonce: row.get::<_, i64>("nonce")? as u64,
                fees: Fees {
                    max_fee: fee("max_fee")?,
                    premium: fee("premium")?,
                },
                gas_limit: row.get::<_, i64>("gas_limit")? as u64,
                purpose: match row.get("does_nothing")? {
                    true => Purpose::Nothing,
                    false => Purpose::Call,
                },
                made_at: row.get::<_, i64>("made_at")? as u64,
                sent_at: row.get::<_, Option<i64>>("sent_at")?.map(|at| at as u64),
            });
        }
        Ok(attempts)
    }

    /// Writes down what has changed.
    pub(crate) fn save(
        &mut self,
        before: &Queue,
        after: &Queue,
        alerts: &[Alert],
        now: u64,
    ) -> Result<(), OutboxError> {
        let transaction = self.write()?;
        for (old, new) in before.intents.iter().zip(&after.intents) {
            if old.phase != new.phase {
                save_phase(&transaction, new, now)?;
            }
            if let (Phase::Closed(_), Some(nonce)) = (new.phase, new.nonce()) {
                transaction.execute(
                    "UPDATE outbox_signer SET floor = max(floor, ?)",
                    [nonce as i64 + 1],
                )?;
            }
        }
        let count = |is: fn(&Alert) -> bool| alerts.iter().filter(|alert| is(alert)).count() as i64;
        transaction.execute(
            "UPDATE outbox_signer SET gap_since = ?, reorganisations = reorganisations + ?,
                foreign_nonces = foreign_nonces + ?",
            params![
                after.gap_since.map(|since| since as i64),
                count(|alert| matches!(alert, Alert::Reorganised { .. })),
                count(|alert| matches!(alert, Alert::OutsideUse { .. })),
            ],
        )?;
        Ok(transaction.commit()?)
    }

    /// Writes down what the node said that an intent needs.
    pub(crate) fn set_gas(&mut self, intent: i64, gas: Gas) -> Result<(), OutboxError> {
        let transaction = self.write()?;
        transaction.execute(
            "UPDATE outbox_intent SET gas_limit = ?, gas_at = ? WHERE id = ?",
            params![gas.limit as i64, gas.at as i64, intent],
        )?;
        Ok(transaction.commit()?)
    }

    pub(crate) fn refuse(&mut self, intent: i64, reason: &str) -> Result<(), OutboxError> {
        let transaction = self.write()?;
        transaction.execute(
            "UPDATE outbox_intent SET state = 'refused', reason = ? WHERE id = ?",
            params![reason, intent],
        )?;
        Ok(transaction.commit()?)
    }

    pub(crate) fn set_reason(&mut self, intent: i64, reason: &str) -> Result<(), OutboxError> {
        let transaction = self.write()?;
        transaction.execute(
            "UPDATE outbox_intent SET reason = ? WHERE id = ?",
            params![reason, intent],
        )?;
        Ok(transaction.commit()?)
    }

    /// Stores a signed transaction, and with it who has its nonce, before it is sent. Without an intent it fills a gap.
    pub(crate) fn store_attempt(
        &mut self,
        intent: Option<i64>,
        attempt: &Attempt,
        signed: &SignedTransaction,
        signer: Address,
    ) -> Result<(), OutboxError> {
        let transaction = self.write()?;
        let intent = match intent {
            Some(intent) => intent,
            None => {
                transaction.execute(
                    "INSERT INTO outbox_intent (key, kind, contract, recipient, value, input, created_at)
                     VALUES (?, 'fill', '', ?, '0', x'', ?)",
                    params![
                        format!("fill/{}/{}", attempt.nonce, signed.hash),
                        signer.as_slice(),
                        attempt.made_at as i64
                    ],
                )?;
                transaction.last_insert_rowid()
            }
        };
        transaction.execute(
            "INSERT OR IGNORE INTO outbox_attempt
                (hash, intent, nonce, raw, max_fee, premium, gas_limit, does_nothing, made_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                signed.hash.as_slice(),
                intent,
                attempt.nonce as i64,
                &signed.raw[..],
                attempt.fees.max_fee.to_string(),
                attempt.fees.premium.to_string(),
                attempt.gas_limit as i64,
                attempt.purpose == Purpose::Nothing,
                attempt.made_at as i64
            ],
        )?;
        transaction.execute(
            "UPDATE outbox_intent SET state = 'pending', nonce = ?, since = NULL WHERE id = ?",
            params![attempt.nonce as i64, intent],
        )?;
        Ok(transaction.commit()?)
    }

    pub(crate) fn raw(&self, hash: &B256) -> Result<Bytes, OutboxError> {
        let raw: Vec<u8> = self.connection.query_row(
            "SELECT raw FROM outbox_attempt WHERE hash = ?",
            [hash.as_slice()],
            |row| row.get(0),
        )?;
        Ok(raw.into())
    }

    pub(crate) fn mark_sent(&mut self, hash: &B256, answer: &str, now: u64) -> Result<(), OutboxError> {
        let transaction = self.write()?;
        transaction.execute(
            "UPDATE outbox_attempt SET sent_at = ?, sends = sends + 1, last_answer = ? WHERE hash = ?",
            params![now as i64, answer, hash.as_slice()],
        )?;
        Ok(transaction.commit()?)
    }

    /// What an intent is to do.
    pub(crate) fn draft(&self, intent: i64) -> Result<Draft, OutboxError> {
        let row = self.connection.query_row(
            "SELECT contract, recipient, value, input, own_gas_limit FROM outbox_intent WHERE id = ?",
            [intent],
            |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, Vec<u8>>(1)?,
                    row.get::<_, String>(2)?,
                    row.get::<_, Vec<u8>>(3)?,
                    row.get::<_, Option<i64>>(4)?,
                ))
            },
        )?;
        let (contract, recipient, value, input, gas_limit) = row;
        let recipient = Address::try_from(&recipient[..])
            .map_err(|_| OutboxError::BadRow(format!("intent {intent}: its recipient is no address")))?;
        Ok(Draft {
            contract: known_contract(&contract),
            to: Some(recipient),
            value: money(&value)?,
            input: input.into(),
            gas_limit: gas_limit.map(|limit| limit as u64),
        })
    }

    /// What an intent is to do, by its key; `None` if it is not there.
    pub(crate) fn draft_of(&self, key: &str) -> Result<Option<Draft>, OutboxError> {
        let id = self
            .connection
            .query_row("SELECT id FROM outbox_intent WHERE key = ?", [key], |row| {
                row.get(0)
            })
            .optional()?;
        id.map(|id| self.draft(id)).transpose()
    }

    /// Keys of the intents that do not count yet, oldest first.
    pub(crate) fn unfinished(&self) -> Result<Vec<String>, OutboxError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT key FROM outbox_intent WHERE state IN ('queued', 'pending') ORDER BY id",
        )?;
        let keys = statement.query_map([], |row| row.get(0))?;
        Ok(keys.collect::<Result<_, _>>()?)
    }

    pub(crate) fn key(&self, intent: i64) -> Result<String, OutboxError> {
        let key = self
            .connection
            .query_row("SELECT key FROM outbox_intent WHERE id = ?", [intent], |row| {
                row.get(0)
            });
        Ok(key?)
    }

    /// How an intent ended; `None` if it has not, or is not there.
    pub(crate) fn ended(&self, key: &str) -> Result<Option<Ended>, OutboxError> {
        let ended = self.connection.query_row(
            "SELECT intent.*, attempt.does_nothing FROM outbox_intent intent
             LEFT JOIN outbox_attempt attempt ON attempt.hash = intent.mined_hash WHERE key = ?",
            [key],
            |row| {
                let reason: Option<String> = row.get("reason")?;
                let reason = reason.unwrap_or_else(|| "it was reverted; the node cannot say why".into());
                let nothing: Option<bool> = row.get("does_nothing")?;
                let state: String = row.get("state")?;
                Ok(match (state.as_str(), nothing) {
                    ("confirmed" | "closed", Some(true)) | ("void", _) => Ok(Some(Ended::Cancelled)),
                    ("confirmed" | "closed", _) => mined_of(row).map(|mined| {
                        Some(match mined.succeeded {
                            true => Ended::Done(mined),
                            false => Ended::Reverted { mined, reason },
                        })
                    }),
                    ("refused", _) => Ok(Some(Ended::Refused { reason })),
                    _ => Ok(None),
                })
            },
        );
        ended.optional()?.transpose().map(Option::flatten)
    }

    /// Whether an intent has ended for good: nothing can undo it.
    pub(crate) fn is_final(&self, key: &str) -> Result<bool, OutboxError> {
        let closed = self.connection.query_row(
            "SELECT state IN ('closed', 'void') FROM outbox_intent WHERE key = ?",
            [key],
            |row| row.get(0),
        );
        Ok(closed.optional()?.unwrap_or(false))
    }
}

fn save_phase(transaction: &Transaction<'_>, intent: &Intent, now: u64) -> Result<(), OutboxError> {
    match intent.phase {
        Phase::Queued { gas } => transaction.execute(
            "UPDATE outbox_intent SET state = 'queued', nonce = NULL, since = NULL, gas_limit = ?, gas_at = ?
             WHERE id = ?",
            params![
                gas.map(|gas| gas.limit as i64),
                gas.map(|gas| gas.at as i64),
                intent.id
            ],
        ),
        Phase::Pending { nonce, passed_at } => transaction.execute(
            "UPDATE outbox_intent SET state = 'pending', nonce = ?, since = ?, mined_hash = NULL WHERE id = ?",
            params![nonce as i64, passed_at.map(|at| at as i64), intent.id],
        ),
        Phase::Confirmed { mined, missing_since } => {
            save_mined(transaction, intent.id, "confirmed", &mined, missing_since, now)
        }
        Phase::Closed(mined) => save_mined(transaction, intent.id, "closed", &mined, None, now),
        Phase::Void => transaction.execute(
            "UPDATE outbox_intent SET state = 'void', since = NULL WHERE id = ?",
            [intent.id],
        ),
        Phase::Refused => Ok(0),
    }?;
    Ok(())
}

fn save_mined(
    transaction: &Transaction<'_>,
    intent: i64,
    state: &str,
    mined: &Mined,
    missing_since: Option<u64>,
    now: u64,
) -> rusqlite::Result<usize> {
    transaction.execute(
        "UPDATE outbox_intent SET state = ?, since = ?, mined_hash = ?, mined_block = ?, mined_block_hash = ?,
            mined_at = coalesce(mined_at, ?), succeeded = ?, gas_used = ?, fee = ? WHERE id = ?",
        params![
            state,
            missing_since.map(|at| at as i64),
            mined.hash.as_slice(),
            mined.block as i64,
            mined.block_hash.as_slice(),
            now as i64,
            mined.succeeded,
            mined.gas_used as i64,
            mined.fee.atto().to_string(),
            intent,
        ],
    )
}

fn mined_of(row: &Row<'_>) -> Result<Mined, OutboxError> {
    Ok(Mined {
        hash: hash(row, "mined_hash")?,
        block: row.get::<_, i64>("mined_block")? as u64,
        block_hash: hash(row, "mined_block_hash")?,
        succeeded: row.get("succeeded")?,
        gas_used: row.get::<_, i64>("gas_used")? as u64,
        fee: money(&row.get::<_, String>("fee")?)?,
    })
}

fn hash(row: &Row<'_>, column: &str) -> Result<B256, OutboxError> {
    let bytes: Vec<u8> = row.get(column)?;
    B256::try_from(&bytes[..]).map_err(|_| OutboxError::BadRow(format!("{column} 0x{}", hex::encode(&bytes))))
}

pub(crate) fn money(text: &str) -> Result<AttoFil, OutboxError> {
    AttoFil::from_digits(text).ok_or_else(|| OutboxError::BadRow(format!("`{text}` is no amount")))
}

fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Commit => "commit",
        Kind::Urgent => "urgent",
        Kind::Payout => "payout",
        Kind::Fill => "fill",
    }
}

fn kind_of(name: &str) -> Kind {
    match name {
        "commit" => Kind::Commit,
        "urgent" => Kind::Urgent,
        "fill" => Kind::Fill,
        _ => Kind::Payout,
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
