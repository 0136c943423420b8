//! Ensures one sender per key: a lock on this machine, and a lease with a fencing token for all other machines that
//! share the file.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use crate::OutboxError;

/// Duration of a lease in seconds; it is renewed on every tick.
pub(crate) const LEASE: u64 = 120;

/// The right to send, until another process takes it over.
#[derive(Debug)]
pub(crate) struct Lease {
    /// Fencing token: higher for every new holder.
    fence: i64,
    /// The system releases it when the process ends, for whatever reason.
    _lock: File,
}

impl Lease {
    /// Takes the lease. On the machine that held it last, the lock shows that its process has ended, so nobody waits
    /// after a crash. Another machine waits until the lease has expired.
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
            return Err(OutboxError::BadRow("the signer row is missing".into()));
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

    /// Begins a write, unless another process has taken the lease.
    pub(crate) fn fenced<'a>(&self, connection: &'a mut Connection) -> Result<Transaction<'a>, OutboxError> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let fence: i64 = transaction.query_row("SELECT fence FROM outbox_signer", [], |row| row.get(0))?;
        match fence == self.fence {
            true => Ok(transaction),
            false => Err(OutboxError::Fenced),
        }
    }

    /// Extends the lease.
    pub(crate) fn renew(&self, connection: &mut Connection, now: u64) -> Result<(), OutboxError> {
        let transaction = self.fenced(connection)?;
        transaction.execute("UPDATE outbox_signer SET held_until = ?", [(now + LEASE) as i64])?;
        Ok(transaction.commit()?)
    }

    /// Releases the lease, so that another machine need not wait.
    pub(crate) fn give_back(&self, connection: &Connection) {
        // If the release fails, the lease expires.
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

/// Takes the lock file beside the database.
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
