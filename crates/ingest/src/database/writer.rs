//! The writing thread: everything queued, in one transaction.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::{DatabaseError, DatabaseOptions, Heartbeat, HeartbeatOutcome, SubnetLimit, Tables};
use crate::{DailyLimit, SignedRow, Taken};

type Answer<T> = oneshot::Sender<Result<T, DatabaseError>>;

/// Maximum number of rows in one transaction: about 20 ms of work for either database.
const GROUP: usize = 1_000;
/// How long heartbeats wait for others: separate transactions would cost ten times as much.
const LINGER: Duration = Duration::from_millis(50);
const DAY: u64 = 86_400;

/// The result of storing a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receiving {
    /// It is new, and now durable.
    New {
        /// When it was received, Unix seconds.
        received_at: u64,
    },
    /// It was already stored.
    Known {
        /// When it was received, Unix seconds.
        received_at: u64,
    },
    /// Another one of the same station, task and round was stored before.
    Duplicate,
    /// The daily storage limit is reached.
    OverLimit,
}

/// A queued write and its requester.
pub(super) enum Write {
    Heartbeat(Heartbeat, Answer<HeartbeatOutcome>),
    Take(Vec<SignedRow>, Answer<Vec<Receiving>>),
}

impl Write {
    fn rows(&self) -> usize {
        match self {
            Self::Heartbeat(..) => 1,
            Self::Take(rows, _) => rows.len(),
        }
    }
}

/// Writes until all senders are gone and the queue is empty.
pub(super) fn write_all(
    tables: &mut dyn Tables,
    writes: &mpsc::Receiver<Write>,
    waiting: &AtomicUsize,
    options: &DatabaseOptions,
) {
    while let Ok(first) = writes.recv() {
        let mut group = Group::default();
        group.add(first);
        let until = Instant::now() + LINGER;
        while group.size < GROUP {
            // Only heartbeats wait for others; measurements are written at once.
            let patience = match group.rows.is_empty() {
                true => until.saturating_duration_since(Instant::now()),
                false => Duration::ZERO,
            };
            match writes.recv_timeout(patience) {
                Ok(next) => group.add(next),
                Err(_) => break,
            }
        }
        waiting.fetch_sub(group.size, Ordering::Relaxed);
        group.write(tables, options);
    }
}

#[derive(Default)]
struct Group {
    size: usize,
    heartbeats: Vec<Heartbeat>,
    heartbeat_answers: Vec<Answer<HeartbeatOutcome>>,
    rows: Vec<SignedRow>,
    /// Each with the number of its rows.
    row_answers: Vec<(usize, Answer<Vec<Receiving>>)>,
}

impl Group {
    fn add(&mut self, write: Write) {
        self.size += write.rows();
        match write {
            Write::Heartbeat(heartbeat, answer) => {
                self.heartbeats.push(heartbeat);
                self.heartbeat_answers.push(answer);
            }
            Write::Take(rows, answer) => {
                self.row_answers.push((rows.len(), answer));
                self.rows.extend(rows);
            }
        }
    }

    fn write(self, tables: &mut dyn Tables, options: &DatabaseOptions) {
        // The requester may have disconnected, so a failed send is ignored.
        if !self.heartbeats.is_empty() {
            let outcomes = tables
                .record(&self.heartbeats, SubnetLimit::default())
                .inspect_err(log);
            for (index, answer) in self.heartbeat_answers.into_iter().enumerate() {
                let _ = answer.send(match &outcomes {
                    Ok(outcomes) => Ok(outcomes[index]),
                    Err(error) => Err(error.clone()),
                });
            }
        }
        if self.row_answers.is_empty() {
            return;
        }
        let now = options.clock.now();
        let limit = DailyLimit {
            day: (now / DAY) as u32,
            bytes: options.daily_bytes,
        };
        // Retry on a new connection if the old one was lost: rows that are already there are not appended twice.
        let taken = tables
            .append(&self.rows, now, limit)
            .inspect_err(log)
            .or_else(|_| tables.append(&self.rows, now, limit))
            .inspect_err(log);
        let mut from = 0;
        for (count, answer) in self.row_answers {
            let received = |taken: &Taken| match *taken {
                Taken::New => Receiving::New { received_at: now },
                Taken::Known { received_at } => Receiving::Known { received_at },
                Taken::Duplicate => Receiving::Duplicate,
                Taken::OverLimit => Receiving::OverLimit,
            };
            let _ = answer.send(match &taken {
                Ok(taken) => Ok(taken[from..from + count].iter().map(received).collect()),
                Err(error) => Err(error.clone()),
            });
            from += count;
        }
    }
}

fn log(error: &DatabaseError) {
    tracing::error!(%error, "failed to write a group");
}
