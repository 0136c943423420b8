//! The database's threads and the operations they run.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use alloy_primitives::B256;
use assize_protocol::RoundNumber;
use assize_service::Clock;
use tokio::sync::oneshot;

use super::writer::{Receiving, Write, write_all};
use super::{BatchMarks, DatabaseError, Heartbeat, HeartbeatOutcome, Location, Standing, Station, Tables};
use crate::{Batch, BatchTree, Found, SignedRow};

type Result<T> = std::result::Result<T, DatabaseError>;

/// Maximum number of queued rows. Further ones are rejected, so that a slow disk does not exhaust memory.
const MAX_WAITING: usize = 10_000;
/// Number of reading threads.
const READERS: usize = 2;

/// Options of a database.
#[derive(Debug, Clone)]
pub struct DatabaseOptions {
    /// The clock for the time at which measurements are received.
    pub clock: Clock,
    /// Bytes of measurements accepted per day (UTC), by all processes on the database together.
    pub daily_bytes: u64,
}

impl Default for DatabaseOptions {
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            daily_bytes: u64::MAX,
        }
    }
}

/// The database. Clones share their state; it is closed when the last one is dropped, after all queued writes.
///
/// **Group commit:** operations that arrive during one transaction form the next one. Each is answered only when it is
/// durable.
#[derive(Clone)]
pub struct Database(Arc<Shared>);

struct Shared {
    location: Location,
    writes: mpsc::Sender<Write>,
    /// Number of rows in `writes`.
    waiting: Arc<AtomicUsize>,
    reads: mpsc::Sender<Read>,
}

type Read = Box<dyn FnOnce(&mut dyn Tables) + Send>;

impl Database {
    /// Connects, creates missing tables, and starts the threads. Blocks.
    ///
    /// # Errors
    /// [`DatabaseError`] names the database.
    pub fn open(location: &Location) -> Result<Self> {
        Self::open_with(location, DatabaseOptions::default())
    }

    /// Like [`Database::open`], with options.
    ///
    /// # Errors
    /// [`DatabaseError`] names the database.
    pub fn open_with(location: &Location, options: DatabaseOptions) -> Result<Self> {
        let (writes, to_write) = mpsc::channel();
        let (reads, to_read) = mpsc::channel();
        let to_read = Arc::new(Mutex::new(to_read));
        let waiting = Arc::new(AtomicUsize::new(0));
        // PostgreSQL's client must not be created on a runtime's thread.
        on_thread("database-writer", location.clone(), {
            let waiting = Arc::clone(&waiting);
            move |tables| write_all(tables, &to_write, &waiting, &options)
        })?;
        for _ in 0..READERS {
            let to_read = Arc::clone(&to_read);
            on_thread("database-reader", location.clone(), move |tables| {
                read_all(tables, &to_read);
            })?;
        }
        Ok(Self(Arc::new(Shared {
            location: location.clone(),
            writes,
            waiting,
            reads,
        })))
    }

    /// Rows waiting to be written.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.waiting.load(Ordering::Relaxed)
    }

    /// Records a heartbeat.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn record(&self, heartbeat: Heartbeat) -> Result<HeartbeatOutcome> {
        self.write(1, |answer| Write::Heartbeat(heartbeat, answer)).await
    }

    /// Stores measurements. Returns a result for each once they are durable.
    ///
    /// # Errors
    /// [`DatabaseError`]; then it is unknown whether they were stored, and sending them again is safe.
    pub async fn take(&self, rows: Vec<SignedRow>) -> Result<Vec<Receiving>> {
        self.write(rows.len(), |answer| Write::Take(rows, answer)).await
    }

    /// The state of a measurement; `None` if it was never stored, or has been pruned.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn find(&self, digest: B256) -> Result<Option<Standing>> {
        self.read(move |tables| tables.find(digest)).await
    }

    /// A measurement and its batch, without evaluation's result; `None` if it was never stored, or has been pruned.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn locate(&self, digest: B256) -> Result<Option<Found>> {
        self.read(move |tables| Ok(tables.ingest().find(digest)?)).await
    }

    /// The tree over a batch's lines, all of which are read for it.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn tree(&self, batch: Batch) -> Result<BatchTree> {
        self.read(move |tables| Ok(BatchTree::read(tables.ingest(), &batch)?))
            .await
    }

    /// Stores evaluation's results for a round permanently.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn mark(&self, round: RoundNumber, batches: Vec<BatchMarks>) -> Result<()> {
        self.read(move |tables| tables.mark(round, &batches)).await
    }

    /// The stations seen at `since` (Unix seconds) or later, ordered by time of the first heartbeat, then by address.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn live(&self, since: u64) -> Result<Vec<Station>> {
        self.read(move |tables| tables.live(since)).await
    }

    /// Removes stations last seen before a time (Unix seconds). Returns their number.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn remove_stale(&self, before: u64) -> Result<u64> {
        self.read(move |tables| tables.remove_stale(before)).await
    }

    async fn write<T>(
        &self,
        rows: usize,
        write: impl FnOnce(oneshot::Sender<Result<T>>) -> Write,
    ) -> Result<T> {
        let waiting = self.0.waiting.fetch_add(rows, Ordering::Relaxed);
        if waiting + rows > MAX_WAITING {
            self.0.waiting.fetch_sub(rows, Ordering::Relaxed);
            return Err(DatabaseError::Overloaded { waiting });
        }
        let (answer, answered) = oneshot::channel();
        self.0
            .writes
            .send(write(answer))
            .map_err(|_| DatabaseError::Closed)?;
        answered.await.map_err(|_| DatabaseError::Closed)?
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut dyn Tables) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let job: Read = Box::new(move |tables| {
            // The requester may have disconnected.
            let _ = answer.send(read(tables));
        });
        self.0.reads.send(job).map_err(|_| DatabaseError::Closed)?;
        answered.await.map_err(|_| DatabaseError::Closed)?
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Database").field(&self.0.location).finish()
    }
}

/// Starts a thread with its own connection, and returns when it is connected.
fn on_thread(
    name: &str,
    location: Location,
    run: impl FnOnce(&mut dyn Tables) + Send + 'static,
) -> Result<()> {
    let (made, is_made) = mpsc::channel();
    let work = move || match location.connect() {
        Ok(mut tables) => {
            let _ = made.send(Ok(()));
            run(&mut *tables);
        }
        Err(error) => {
            let _ = made.send(Err(error));
        }
    };
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(|_| DatabaseError::Closed)?;
    is_made.recv().map_err(|_| DatabaseError::Closed)?
}

fn read_all(tables: &mut dyn Tables, reads: &Mutex<mpsc::Receiver<Read>>) {
    loop {
        let next = reads.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            Ok(read) => read(tables),
            Err(_) => return,
        }
    }
}
