//! What the scheduler remembers: who waits since when, and what was paid.
//!
//! Nothing here decides whether an operator is owed something; the chain does. A history that is lost costs patience, as all
//! begin to wait anew, and the count of the day's FIL.

use std::collections::BTreeMap;
use std::path::Path;

use alloy_primitives::{Address, B256, U256};
use assize_chain::{Payment, PaymentOutcome, SettlementId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::PayoutError;

const DAY: u64 = 86_400;
/// Of the tables; a file with another one is another program's.
const VERSION: i64 = 0x00a5_5201;

/// The scheduler's memory, in SQLite.
#[derive(Debug)]
pub struct History {
    connection: Connection,
}

/// When the last pass was done, and for which settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastPass {
    /// Unix seconds.
    pub at: u64,
    /// The settlement that was active.
    pub settlement: SettlementId,
}

/// All that was ever paid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Payments.
    pub payments: u64,
    /// attoFIL.
    pub paid: U256,
    /// Batches that took effect.
    pub batches: u64,
}

impl History {
    /// Opens the history of `owner`, a contract on a chain, in a file; creates it if need be.
    ///
    /// # Errors
    /// [`PayoutError::ForeignHistory`] if it is another one's; the database's.
    pub fn open(path: &Path, owner: &str) -> Result<Self, PayoutError> {
        let failed = |source| PayoutError::History {
            path: path.to_owned(),
            source,
        };
        let connection = Connection::open(path).map_err(failed)?;
        let there = Self::prepare(&connection, owner).map_err(failed)?;
        match there.as_deref() == Some(owner) {
            true => Ok(Self { connection }),
            false => Err(PayoutError::ForeignHistory {
                path: path.to_owned(),
                there: there.unwrap_or_else(|| "another program".into()),
                here: owner.to_owned(),
            }),
        }
    }

    /// One that is forgotten with the process.
    ///
    /// # Errors
    /// The database's.
    pub fn in_memory() -> Result<Self, PayoutError> {
        let connection = Connection::open_in_memory()?;
        Self::prepare(&connection, "nobody")?;
        Ok(Self { connection })
    }

    /// Whose history it is; `None` if it is no history.
    fn prepare(connection: &Connection, owner: &str) -> Result<Option<String>, rusqlite::Error> {
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if version != VERSION && (version, tables) != (0, 0) {
            return Ok(None);
        }
        connection.busy_timeout(std::time::Duration::from_secs(10))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute_batch(include_str!("history.sql"))?;
        connection.pragma_update(None, "user_version", VERSION)?;
        connection.execute(
            "INSERT OR IGNORE INTO payout_state (one, owner) VALUES (1, ?)",
            [owner],
        )?;
        connection
            .query_row("SELECT owner FROM payout_state", [], |row| row.get(0))
            .optional()
    }

    /// Since when each operator waits, Unix seconds.
    ///
    /// # Errors
    /// The database's.
    pub fn waiting(&self) -> Result<BTreeMap<Address, u64>, PayoutError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT operator, since FROM payout_waiting")?;
        let rows = statement.query_map([], |row| Ok((address(row, 0)?, row.get::<_, i64>(1)? as u64)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Who is owed something: each begins to wait at `since` unless it waits already; all others wait no more.
    ///
    /// # Errors
    /// The database's.
    pub fn note_waiting(
        &mut self,
        owed: impl IntoIterator<Item = Address>,
        since: u64,
    ) -> Result<(), PayoutError> {
        let transaction = self.connection.transaction()?;
        transaction.execute_batch(
            "CREATE TEMP TABLE IF NOT EXISTS owed (operator BLOB PRIMARY KEY); DELETE FROM owed;",
        )?;
        {
            let mut insert = transaction.prepare_cached("INSERT OR IGNORE INTO owed VALUES (?)")?;
            for operator in owed {
                insert.execute([operator.as_slice()])?;
            }
        }
        transaction.execute(
            "DELETE FROM payout_waiting WHERE operator NOT IN (SELECT operator FROM owed)",
            [],
        )?;
        transaction.execute(
            "INSERT OR IGNORE INTO payout_waiting (operator, since) SELECT operator, ? FROM owed",
            [since as i64],
        )?;
        Ok(transaction.commit()?)
    }

    /// A batch is about to be enqueued: its amount, attoFIL, counts as spent until it is known what it paid.
    ///
    /// # Errors
    /// The database's.
    pub fn begin(
        &mut self,
        key: &str,
        settlement: SettlementId,
        amount: u128,
        now: u64,
    ) -> Result<(), PayoutError> {
        self.connection.execute(
            "INSERT OR IGNORE INTO payout_batch (key, settlement, made_at, amount) VALUES (?, ?, ?, ?)",
            params![key, settlement.0 as i64, now as i64, amount.to_string()],
        )?;
        Ok(())
    }

    /// Keys of the batches whose end has not been written down, oldest first.
    ///
    /// # Errors
    /// The database's.
    pub fn open_batches(&self) -> Result<Vec<String>, PayoutError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT key FROM payout_batch WHERE ended_at IS NULL ORDER BY made_at, rowid")?;
        let keys = statement.query_map([], |row| row.get(0))?;
        Ok(keys.collect::<Result<_, _>>()?)
    }

    /// How a batch ended: with these payments in a transaction, or with none.
    ///
    /// # Errors
    /// The database's.
    pub fn end(
        &mut self,
        key: &str,
        hash: Option<B256>,
        payments: &[Payment],
        now: u64,
    ) -> Result<(), PayoutError> {
        let transaction = self.connection.transaction()?;
        let mut total = U256::ZERO;
        for payment in payments {
            let paid = payment.outcome == PaymentOutcome::Paid;
            let operator = payment.operator.as_slice();
            if payment.outcome == PaymentOutcome::NothingToClaim {
                continue;
            }
            transaction.execute(
                "INSERT INTO payout_payment (batch, operator, amount, paid) VALUES (?, ?, ?, ?)",
                params![key, operator, payment.amount.to_string(), paid],
            )?;
            if paid {
                total = total.saturating_add(payment.amount);
                transaction.execute("DELETE FROM payout_waiting WHERE operator = ?", [operator])?;
            } else {
                transaction.execute(
                    "UPDATE payout_waiting SET refusals = refusals + 1 WHERE operator = ?",
                    [operator],
                )?;
            }
        }
        transaction.execute(
            "UPDATE payout_batch SET ended_at = ?, hash = ?, amount = ? WHERE key = ?",
            params![
                now as i64,
                hash.as_ref().map(|hash| hash.as_slice()),
                total.to_string(),
                key
            ],
        )?;
        Ok(transaction.commit()?)
    }

    /// attoFIL paid, or being paid, by batches made on the day (UTC) of a time.
    ///
    /// # Errors
    /// The database's.
    pub fn spent_on_day_of(&self, now: u64) -> Result<u128, PayoutError> {
        let from = now - now % DAY;
        let mut statement = self
            .connection
            .prepare_cached("SELECT amount FROM payout_batch WHERE made_at >= ? AND made_at < ?")?;
        let amounts = statement.query_map(params![from as i64, (from + DAY) as i64], |row| amount(row, 0))?;
        let mut total = U256::ZERO;
        for amount in amounts {
            total = total.saturating_add(amount?);
        }
        Ok(total.saturating_to())
    }

    /// Operators whose address has refused the money at least so many times in a row, with how many.
    ///
    /// # Errors
    /// The database's.
    pub fn stuck(&self, refusals: u32) -> Result<Vec<(Address, u32)>, PayoutError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT operator, refusals FROM payout_waiting WHERE refusals >= max(?, 1) ORDER BY operator",
        )?;
        let rows = statement.query_map([refusals], |row| Ok((address(row, 0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The last pass; none before the first.
    ///
    /// # Errors
    /// The database's.
    pub fn last_pass(&self) -> Result<Option<LastPass>, PayoutError> {
        Ok(self.connection.query_row(
            "SELECT last_pass_at, last_settlement FROM payout_state",
            [],
            |row| {
                let (at, settlement): (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
                Ok(at.zip(settlement).map(|(at, settlement)| LastPass {
                    at: at as u64,
                    settlement: SettlementId(settlement as u64),
                }))
            },
        )?)
    }

    /// A pass was done.
    ///
    /// # Errors
    /// The database's.
    pub fn note_pass(&mut self, pass: LastPass) -> Result<(), PayoutError> {
        self.connection.execute(
            "UPDATE payout_state SET last_pass_at = ?, last_settlement = ?",
            params![pass.at as i64, pass.settlement.0 as i64],
        )?;
        Ok(())
    }

    /// All that was ever paid.
    ///
    /// # Errors
    /// The database's.
    pub fn totals(&self) -> Result<Totals, PayoutError> {
        let mut totals = Totals::default();
        let mut statement = self
            .connection
            .prepare_cached("SELECT amount FROM payout_batch WHERE hash IS NOT NULL")?;
        for paid in statement.query_map([], |row| amount(row, 0))? {
            totals.paid = totals.paid.saturating_add(paid?);
            totals.batches += 1;
        }
        let payments: i64 =
            self.connection
                .query_row("SELECT count(*) FROM payout_payment WHERE paid = 1", [], |row| {
                    row.get(0)
                })?;
        totals.payments = payments as u64;
        Ok(totals)
    }
}

fn address(row: &Row<'_>, column: usize) -> Result<Address, rusqlite::Error> {
    Ok(Address::from(row.get::<_, [u8; 20]>(column)?))
}

fn amount(row: &Row<'_>, column: usize) -> Result<U256, rusqlite::Error> {
    let text: String = row.get(column)?;
    text.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000 * DAY + 5;

    fn operator(n: u8) -> Address {
        Address::repeat_byte(n)
    }

    fn payment(n: u8, amount: u64, outcome: PaymentOutcome) -> Payment {
        Payment {
            operator: operator(n),
            amount: U256::from(amount),
            outcome,
        }
    }

    #[test]
    fn who_is_owed_waits_until_it_is_paid() {
        let mut history = History::in_memory().unwrap();
        history.note_waiting([1, 2, 3].map(operator), 100).unwrap();
        history.note_waiting([1, 2, 4].map(operator), 200).unwrap();
        let expected = [(1, 100), (2, 100), (4, 200)].map(|(n, since)| (operator(n), since));
        assert_eq!(history.waiting().unwrap(), expected.into());

        history.begin("a", SettlementId(1), 30, NOW).unwrap();
        let payments = [
            payment(1, 10, PaymentOutcome::Paid),
            payment(2, 20, PaymentOutcome::Refused),
            payment(4, 0, PaymentOutcome::NothingToClaim),
        ];
        history
            .end("a", Some(B256::repeat_byte(1)), &payments, NOW)
            .unwrap();
        assert_eq!(
            history.waiting().unwrap(),
            [(operator(2), 100), (operator(4), 200)].into()
        );
        assert_eq!(history.stuck(1).unwrap(), [(operator(2), 1)]);
        assert_eq!(history.stuck(2).unwrap(), []);
        // Who is owed again begins anew, also after having been refused.
        history.note_waiting([1].map(operator), 300).unwrap();
        assert_eq!(history.waiting().unwrap(), [(operator(1), 300)].into());
        assert_eq!(history.stuck(1).unwrap(), []);
    }

    #[test]
    fn a_day_counts_what_is_planned_until_it_is_known_what_was_paid() {
        let mut history = History::in_memory().unwrap();
        history.begin("yesterday", SettlementId(1), 7, NOW - DAY).unwrap();
        history.begin("a", SettlementId(1), 100, NOW).unwrap();
        history.begin("b", SettlementId(1), 50, NOW + 10).unwrap();
        assert_eq!(history.spent_on_day_of(NOW + 20).unwrap(), 150);
        assert_eq!(history.open_batches().unwrap(), ["yesterday", "a", "b"]);
        history
            .end(
                "a",
                Some(B256::ZERO),
                &[payment(1, 40, PaymentOutcome::Paid)],
                NOW,
            )
            .unwrap();
        history.end("b", None, &[], NOW).unwrap();
        // Enqueued again after a crash: nothing changes.
        history.begin("a", SettlementId(1), 100, NOW).unwrap();
        assert_eq!(history.spent_on_day_of(NOW).unwrap(), 40);
        assert_eq!(history.open_batches().unwrap(), ["yesterday"]);
        let totals = history.totals().unwrap();
        assert_eq!(
            (totals.payments, totals.paid, totals.batches),
            (1, U256::from(40), 1)
        );
    }

    #[test]
    fn it_outlives_the_process_and_belongs_to_one_contract() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("payouts.sqlite");
        let mut history = History::open(&path, "0x01 on chain 314").unwrap();
        assert_eq!(history.last_pass().unwrap(), None);
        let pass = LastPass {
            at: 5,
            settlement: SettlementId(3),
        };
        history.note_pass(pass).unwrap();
        drop(history);
        let history = History::open(&path, "0x01 on chain 314").unwrap();
        assert_eq!(history.last_pass().unwrap(), Some(pass));
        drop(history);
        let error = History::open(&path, "0x02 on chain 314").unwrap_err().to_string();
        assert!(
            error.contains("0x01 on chain 314") && error.contains("--history"),
            "{error}"
        );

        let foreign = directory.path().join("other.sqlite");
        Connection::open(&foreign)
            .unwrap()
            .execute_batch("CREATE TABLE x (y)")
            .unwrap();
        let error = History::open(&foreign, "0x01").unwrap_err().to_string();
        assert!(error.contains("another program"), "{error}");
    }
}
