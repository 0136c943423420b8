//! Statistics for dashboards and people.

use assize_protocol::AttoFil;

use crate::OutboxError;
use crate::database::{Database, money};

/// Statistics of the queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Intents that wait for a nonce.
    pub queued: u64,
    /// Intents with pending transactions.
    pub pending: u64,
    /// Intents that are confirmed but not final.
    pub unfinal: u64,
    /// Unix time in seconds at which the oldest of the first two kinds was enqueued.
    pub oldest: Option<u64>,
    /// Transactions signed to replace others at higher fees.
    pub bumps: u64,
    /// Number of resends of stored bytes.
    pub resends: u64,
    /// Confirmed transactions that a reorganisation dropped.
    pub reorganisations: u64,
    /// Nonces that another program used with this key.
    pub foreign_nonces: u64,
    /// Fees of all mined transactions.
    pub fees: AttoFil,
    /// Number of mined transactions.
    pub mined: u64,
    /// Unix time in seconds at which the first of them was mined.
    pub first_mined_at: Option<u64>,
}

impl Database {
    pub(crate) fn stats(&self) -> Result<Stats, OutboxError> {
        let one = |query: &str| {
            self.connection
                .query_row(query, [], |row| row.get::<_, Option<i64>>(0))
                .map(|number| number.map(|number| number as u64))
        };
        let count = |query: &str| one(query).map(Option::unwrap_or_default);
        let mut fees = AttoFil::ZERO;
        let mut statement = self
            .connection
            .prepare_cached("SELECT fee FROM outbox_intent WHERE state IN ('confirmed', 'closed')")?;
        for fee in statement.query_map([], |row| row.get::<_, String>(0))? {
            fees = fees.saturating_add(money(&fee?)?);
        }
        Ok(Stats {
            queued: count("SELECT count(*) FROM outbox_intent WHERE state = 'queued'")?,
            pending: count("SELECT count(*) FROM outbox_intent WHERE state = 'pending'")?,
            unfinal: count("SELECT count(*) FROM outbox_intent WHERE state = 'confirmed'")?,
            oldest: one("SELECT min(created_at) FROM outbox_intent WHERE state IN ('queued', 'pending')")?,
            bumps: count(
                "SELECT sum(n - 1) FROM (SELECT count(*) AS n FROM outbox_attempt GROUP BY intent, nonce)",
            )?,
            resends: count("SELECT sum(max(sends - 1, 0)) FROM outbox_attempt")?,
            reorganisations: count("SELECT reorganisations FROM outbox_signer")?,
            foreign_nonces: count("SELECT foreign_nonces FROM outbox_signer")?,
            fees,
            mined: count("SELECT count(*) FROM outbox_intent WHERE state IN ('confirmed', 'closed')")?,
            first_mined_at: one(
                "SELECT min(mined_at) FROM outbox_intent WHERE state IN ('confirmed', 'closed')",
            )?,
        })
    }
}
