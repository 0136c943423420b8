//! The scheduler's history: who has been waiting since when, and what was paid.
//!
//! It never decides whether an operator is owed something; the chain does. If the history is lost, everybody starts
//! waiting anew, and the count of today's FIL is zero.

use std::collections::BTreeMap;
use std::path::Path;

use alloy_primitives::{Address, B256};
use assize_chain::{Payment, PaymentOutcome};
use assize_facts::SettlementId;
use assize_protocol::AttoFil;
use assize_service::sqlite::{Schema, SqliteOptions};
use rusqlite::{Connection, Row, params};

use crate::plan::total;
use crate::{FailedPayment, Margin, Payout, PayoutError};

const DAY: u64 = 86_400;

const SCHEMA: Schema = Schema {
    name: "payout history",
    application_id: 0x4153_5a02,
    migrations: &[include_str!("history.sql")],
    unmarked: None,
};

/// The history, in SQLite.
#[derive(Debug)]
pub struct History {
    connection: Connection,
}

/// When the last pass was made, and for which settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastPass {
    /// Unix seconds.
    pub at: u64,
    /// The active settlement.
    pub settlement: SettlementId,
}

/// Sums of all payments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Number of payments.
    pub payments: u64,
    /// What was paid.
    pub paid: AttoFil,
    /// Number of batches that took effect.
    pub batches: u64,
}

impl History {
    /// Opens the history of `owner`, a contract on a chain; creates the file if it does not exist.
    ///
    /// # Errors
    /// [`PayoutError::ForeignHistory`] if it has another owner; database errors.
    pub fn open(path: &Path, owner: &str) -> Result<Self, PayoutError> {
        let connection = SCHEMA.open(path, SqliteOptions::default())?.into_connection();
        let there = Self::claim(&connection, owner)?;
        match there == owner {
            true => Ok(Self { connection }),
            false => Err(PayoutError::ForeignHistory {
                path: path.to_owned(),
                there,
                here: owner.to_owned(),
            }),
        }
    }

    /// A history in memory only.
    ///
    /// # Errors
    /// Database errors.
    pub fn in_memory() -> Result<Self, PayoutError> {
        let connection = SCHEMA.open_in_memory()?.into_connection();
        Self::claim(&connection, "nobody")?;
        Ok(Self { connection })
    }

    /// Makes `owner` the owner of a history that has none; returns the owner.
    fn claim(connection: &Connection, owner: &str) -> Result<String, rusqlite::Error> {
        connection.execute(
            "INSERT OR IGNORE INTO payout_state (one, owner) VALUES (1, ?)",
            [owner],
        )?;
        connection.query_row("SELECT owner FROM payout_state", [], |row| row.get(0))
    }

    /// Since when each operator has been waiting, Unix seconds.
    ///
    /// # Errors
    /// Database errors.
    pub fn waiting(&self) -> Result<BTreeMap<Address, u64>, PayoutError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT operator, since FROM payout_waiting")?;
        let rows = statement.query_map([], |row| Ok((address(row, 0)?, row.get::<_, i64>(1)? as u64)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Records who is owed something: each begins to wait at `since` unless it is already waiting; all others stop
    /// waiting.
    ///
    /// # Errors
    /// Database errors.
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

    /// Operators whose payment has failed before, with the payout address that rejected it.
    ///
    /// # Errors
    /// Database errors.
    pub fn doubts(&self) -> Result<BTreeMap<Address, (FailedPayment, Option<String>)>, PayoutError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT operator, refusals, refused_at, refused_by, failures FROM payout_waiting
             WHERE refusals > 0 OR failures > 0",
        )?;
        let rows = statement.query_map([], |row| {
            let refusals = row.get(1)?;
            let doubt = FailedPayment {
                refusals,
                refused_at: row.get::<_, i64>(2)? as u64,
                alone: refusals > 0 || row.get::<_, u32>(4)? > 1,
            };
            Ok((address(row, 0)?, (doubt, row.get(3)?)))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Records a batch before it is enqueued: its amount counts as spent until the actual payments are known.
    ///
    /// # Errors
    /// Database errors.
    pub fn begin(
        &mut self,
        key: &str,
        settlement: SettlementId,
        payouts: &[Payout],
        margin: Margin,
        now: u64,
    ) -> Result<(), PayoutError> {
        let operators: Vec<u8> = payouts
            .iter()
            .flat_map(|payout| payout.operator.into_array())
            .collect();
        self.connection.execute(
            "INSERT OR IGNORE INTO payout_batch (key, settlement, made_at, amount, operators, ample) VALUES (?, ?, ?, ?, ?, ?)",
            params![
                key,
                settlement.0 as i64,
                now as i64,
                total(payouts).atto().to_string(),
                operators,
                margin == Margin::Large
            ],
        )?;
        Ok(())
    }

    /// Records that a batch was reverted or rejected. If it has one operator, that operator's address has rejected the
    /// payment, and is returned with the amount. If it has several, it may have had too little gas: they are paid with more;
    /// if it had that, the culprit is unknown, and each is paid separately from now on.
    ///
    /// # Errors
    /// Database errors.
    pub fn fail(&mut self, key: &str, now: u64) -> Result<Option<(Address, AttoFil)>, PayoutError> {
        let (operators, amount, ample): (Vec<u8>, AttoFil, bool) = self.connection.query_row(
            "SELECT operators, amount, ample FROM payout_batch WHERE key = ?",
            [key],
            |row| Ok((row.get(0)?, amount(row, 1)?, row.get(2)?)),
        )?;
        if operators.len() == Address::len_bytes() {
            let operator = Address::from_slice(&operators);
            let payment = Payment {
                operator,
                amount,
                outcome: PaymentOutcome::Refused,
            };
            self.end(key, None, &[payment], now)?;
            return Ok(Some((operator, amount)));
        }
        let transaction = self.connection.transaction()?;
        for operator in operators.chunks_exact(Address::len_bytes()) {
            transaction.execute(
                "UPDATE payout_waiting SET failures = max(failures, ?) WHERE operator = ?",
                params![1 + u32::from(ample), operator],
            )?;
        }
        transaction.execute(
            "UPDATE payout_batch SET ended_at = ?, amount = '0' WHERE key = ?",
            params![now as i64, key],
        )?;
        transaction.execute("UPDATE payout_state SET again = 1", [])?;
        transaction.commit()?;
        Ok(None)
    }

    /// Requests another pass at once.
    ///
    /// # Errors
    /// Database errors.
    pub fn ask_again(&mut self) -> Result<(), PayoutError> {
        self.connection.execute("UPDATE payout_state SET again = 1", [])?;
        Ok(())
    }

    /// Whether another pass is requested.
    ///
    /// # Errors
    /// Database errors.
    pub fn is_asked_again(&self) -> Result<bool, PayoutError> {
        Ok(self
            .connection
            .query_row("SELECT again FROM payout_state", [], |row| row.get(0))?)
    }

    /// Records the payout address of an operator that rejected a payment.
    ///
    /// # Errors
    /// Database errors.
    pub fn note_refusing_address(&mut self, operator: Address, recipient: &str) -> Result<(), PayoutError> {
        self.connection.execute(
            "UPDATE payout_waiting SET refused_by = ? WHERE operator = ?",
            params![recipient, operator.as_slice()],
        )?;
        Ok(())
    }

    /// Keys of the open batches, oldest first.
    ///
    /// # Errors
    /// Database errors.
    pub fn open_batches(&self) -> Result<Vec<String>, PayoutError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT key FROM payout_batch WHERE ended_at IS NULL ORDER BY made_at, rowid")?;
        let keys = statement.query_map([], |row| row.get(0))?;
        Ok(keys.collect::<Result<_, _>>()?)
    }

    /// Records how a batch ended: with payments in a transaction, or with none.
    ///
    /// # Errors
    /// Database errors.
    pub fn end(
        &mut self,
        key: &str,
        hash: Option<B256>,
        payments: &[Payment],
        now: u64,
    ) -> Result<(), PayoutError> {
        let transaction = self.connection.transaction()?;
        let mut total = AttoFil::ZERO;
        for payment in payments {
            let paid = payment.outcome == PaymentOutcome::Paid;
            let operator = payment.operator.as_slice();
            if payment.outcome == PaymentOutcome::NothingToClaim {
                continue;
            }
            transaction.execute(
                "INSERT INTO payout_payment (batch, operator, amount, paid) VALUES (?, ?, ?, ?)",
                params![key, operator, payment.amount.atto().to_string(), paid],
            )?;
            if paid {
                total = total.saturating_add(payment.amount);
                transaction.execute("DELETE FROM payout_waiting WHERE operator = ?", [operator])?;
            } else {
                transaction.execute(
                    "UPDATE payout_waiting SET refusals = refusals + 1, refused_at = ? WHERE operator = ?",
                    params![now as i64, operator],
                )?;
            }
        }
        transaction.execute(
            "UPDATE payout_batch SET ended_at = ?, hash = ?, amount = ? WHERE key = ?",
            params![
                now as i64,
                hash.as_ref().map(|hash| hash.as_slice()),
                total.atto().to_string(),
                key
            ],
        )?;
        Ok(transaction.commit()?)
    }

    /// What is paid or pending in batches made on the day (UTC) of the given time.
    ///
    /// # Errors
    /// Database errors.
    pub fn spent_on_day_of(&self, now: u64) -> Result<AttoFil, PayoutError> {
        let from = now - now % DAY;
        let mut statement = self
            .connection
            .prepare_cached("SELECT amount FROM payout_batch WHERE made_at >= ? AND made_at < ?")?;
        let amounts = statement.query_map(params![from as i64, (from + DAY) as i64], |row| amount(row, 0))?;
        let mut total = AttoFil::ZERO;
        for amount in amounts {
            total = total.saturating_add(amount?);
        }
        Ok(total)
    }

    /// Operators whose address has rejected payments at least that many times in a row, with the number of times.
    ///
    /// # Errors
    /// Database errors.
    pub fn stuck(&self, refusals: u32) -> Result<Vec<(Address, u32)>, PayoutError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT operator, refusals FROM payout_waiting WHERE refusals >= max(?, 1) ORDER BY operator",
        )?;
        let rows = statement.query_map([refusals], |row| Ok((address(row, 0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The last pass; `None` before the first.
    ///
    /// # Errors
    /// Database errors.
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

    /// Records a pass.
    ///
    /// # Errors
    /// Database errors.
    pub fn note_pass(&mut self, pass: LastPass) -> Result<(), PayoutError> {
        self.connection.execute(
            "UPDATE payout_state SET last_pass_at = ?, last_settlement = ?, again = 0",
            params![pass.at as i64, pass.settlement.0 as i64],
        )?;
        Ok(())
    }

    /// Sums of all payments.
    ///
    /// # Errors
    /// Database errors.
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

fn amount(row: &Row<'_>, column: usize) -> Result<AttoFil, rusqlite::Error> {
    let text: String = row.get(column)?;
    AttoFil::from_digits(&text).ok_or_else(|| {
        let reason = format!("`{text}` is not an amount");
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, reason.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000 * DAY + 5;

    fn operator(n: u8) -> Address {
        Address::repeat_byte(n)
    }

    fn payment(n: u8, amount: u128, outcome: PaymentOutcome) -> Payment {
        Payment {
            operator: operator(n),
            amount: AttoFil::new(amount),
            outcome,
        }
    }

    fn payout(n: u8, due: u128) -> Payout {
        Payout {
            operator: operator(n),
            due: AttoFil::new(due),
            waiting_since: 0,
        }
    }

    fn begin(history: &mut History, key: &str, payouts: &[Payout], margin: Margin, now: u64) {
        history.begin(key, SettlementId(1), payouts, margin, now).unwrap();
    }

    #[test]
    fn operators_of_a_reverted_batch_get_more_gas_and_are_then_paid_separately_and_a_single_one_has_rejected()
    {
        let mut history = History::in_memory().unwrap();
        history.note_waiting([1, 2, 3].map(operator), 100).unwrap();
        let batch = [payout(1, 5), payout(2, 6)];
        for (key, margin, alone) in [("both", Margin::Usual, false), ("again", Margin::Large, true)] {
            begin(&mut history, key, &batch, margin, NOW);
            assert_eq!(history.fail(key, NOW).unwrap(), None);
            assert!(history.is_asked_again().unwrap());
            assert_eq!(history.spent_on_day_of(NOW).unwrap(), AttoFil::ZERO);
            let failed = FailedPayment {
                alone,
                ..FailedPayment::default()
            };
            let expected = [1, 2].map(|n| (operator(n), (failed, None)));
            assert_eq!(history.doubts().unwrap(), expected.into());
        }

        begin(&mut history, "one", &batch[..1], Margin::Usual, NOW);
        let refused = Some((operator(1), AttoFil::new(5)));
        assert_eq!(history.fail("one", NOW).unwrap(), refused);
        history.note_refusing_address(operator(1), "f1abc").unwrap();
        let doubt = FailedPayment {
            refusals: 1,
            refused_at: NOW,
            alone: true,
        };
        assert_eq!(
            history.doubts().unwrap()[&operator(1)],
            (doubt, Some("f1abc".into()))
        );
        assert_eq!(doubt.again_at(), NOW + DAY);
        begin(&mut history, "two", &batch[1..], Margin::Usual, NOW);
        let paid = [payment(2, 6, PaymentOutcome::Paid)];
        history.end("two", Some(B256::ZERO), &paid, NOW).unwrap();
        assert_eq!(history.doubts().unwrap().len(), 1);
    }

    #[test]
    fn an_operator_waits_until_it_is_paid() {
        let mut history = History::in_memory().unwrap();
        history.note_waiting([1, 2, 3].map(operator), 100).unwrap();
        history.note_waiting([1, 2, 4].map(operator), 200).unwrap();
        let expected = [(1, 100), (2, 100), (4, 200)].map(|(n, since)| (operator(n), since));
        assert_eq!(history.waiting().unwrap(), expected.into());

        begin(&mut history, "a", &[payout(9, 30)], Margin::Usual, NOW);
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
        // An operator that is owed again starts waiting anew, even after a rejection.
        history.note_waiting([1].map(operator), 300).unwrap();
        assert_eq!(history.waiting().unwrap(), [(operator(1), 300)].into());
        assert_eq!(history.stuck(1).unwrap(), []);
    }

    #[test]
    fn a_day_counts_planned_amounts_until_the_payments_are_known() {
        let mut history = History::in_memory().unwrap();
        let usual = Margin::Usual;
        begin(&mut history, "yesterday", &[payout(9, 7)], usual, NOW - DAY);
        begin(&mut history, "a", &[payout(9, 100)], usual, NOW);
        begin(&mut history, "b", &[payout(9, 50)], usual, NOW + 10);
        assert_eq!(history.spent_on_day_of(NOW + 20).unwrap(), AttoFil::new(150));
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
        // Enqueued again after a crash: no change.
        begin(&mut history, "a", &[payout(9, 100)], usual, NOW);
        assert_eq!(history.spent_on_day_of(NOW).unwrap(), AttoFil::new(40));
        assert_eq!(history.open_batches().unwrap(), ["yesterday"]);
        let totals = history.totals().unwrap();
        assert_eq!(
            (totals.payments, totals.paid, totals.batches),
            (1, AttoFil::new(40), 1)
        );
    }

    #[test]
    fn it_survives_the_process_and_belongs_to_one_contract() {
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
            error.contains("0x01 on chain 314") && error.contains("--data"),
            "{error}"
        );

        let foreign = directory.path().join("other.sqlite");
        Connection::open(&foreign)
            .unwrap()
            .execute_batch("CREATE TABLE x (y)")
            .unwrap();
        let error = History::open(&foreign, "0x01").unwrap_err().to_string();
        assert!(error.contains("is not a payout history"), "{error}");
    }
}
