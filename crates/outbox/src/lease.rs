//! One sender for a key: a lock for this machine, a lease with a fencing token for all others that see the file.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use crate::OutboxError;

/// Seconds for which a lease is good; it is renewed at every look at the chain.
pub(crate) const LEASE: u64 = 120;

/// The right to send, while nobody else has taken it.
#[derive(Debug)]
pub(crate) struct Lease {
    /// Every holder has a higher one than those before it.
    fence: i64,
    /// The system releases it when the process ends, however it ends.
    _lock: File,
}

impl Lease {
    /// Takes the lease. On the machine that had it last the lock tells that its process has ended, so nobody waits after
    /// a crash; another machine waits until it has run out.
    pub(crate) fn take(path: &Path, connection: &mut Connection, now: u64) -> Result<Self, OutboxError> {
        let lock = lock(path)?;
        let host = host();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let there: Option<(i64, Option<String>, i64)> = transaction
            .query_row("SELECT fence, holder, held_until FROM outbox_signer", [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        let Some((fence, holder, until)) = there else {
            return Err(OutboxError::BadRow("the queue has no owner".into()));
        };
        let seconds = (until as u64).saturating_sub(now);
        match holder.filter(|holder| *holder != host && seconds > 0) {
            Some(holder) => Err(OutboxError::Leased {
                path: path.to_owned(),
                holder,
                seconds,
            }),
            None => {
                transaction.execute(
                    "UPDATE outbox_signer SET fence = ?, holder = ?, held_until = ?",
                    params![fence + 1, host, (now + LEASE) as i64],
                )?;
                transaction.commit()?;
                Ok(Self {
                    fence: fence + 1,
                    _lock: lock,
                })
            }
        }
    }

    /// Begins a write, unless somebody else has the lease by now.
    pub(crate) fn fenced<'a>(&self, connection: &'a mut Connection) -> Result<Transaction<'a>, OutboxError> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let fence: i64 = transaction.query_row("SELECT fence FROM outbox_signer", [], |row| row.get(0))?;
        match fence == self.fence {
            true => Ok(transaction),
            false => Err(OutboxError::Fenced),
        }
    }

    /// Holds it for longer.
    pub(crate) fn renew(&self, connection: &mut Connection, now: u64) -> Result<(), OutboxError> {
        let transaction = self.fenced(connection)?;
        transaction.execute("UPDATE outbox_signer SET held_until = ?", [(now + LEASE) as i64])?;
        Ok(transaction.commit()?)
    }

    /// Gives it back, so that another machine need not wait.
    pub(crate) fn give_back(&self, connection: &Connection) {
        // If it cannot be given back, it runs out.
        let _ = connection.execute(
            "UPDATE outbox_signer SET held_until = 0 WHERE fence = ?",
            [self.fence],
        );
    }
}

/// The machine's name.
fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .map_or_else(|| "this machine".to_owned(), |name| name.trim().to_owned())
}

/// Takes the lock beside the file.
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
