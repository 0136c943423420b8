//! The database's threads, and what is asked of them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, mpsc as blocking};
use std::thread;

use tokio::sync::{mpsc, oneshot};

use super::{DatabaseError, Heard, Hearing, Location, Station, Tables};

type Result<T> = std::result::Result<T, DatabaseError>;

/// Writes that may wait; more are refused, so that a slow disk does not fill the memory.
const MOST_WAITING: usize = 4_096;
/// Heartbeats in one transaction.
const GROUP: usize = 2_000;
/// Threads that read.
const READERS: usize = 2;

/// The database. All clones are one; it is closed with the last of them, after all that waits is written.
///
/// **Group commit:** what comes while the disk is busy with one transaction makes up the next one, and nobody is answered
/// before their own is durable.
#[derive(Clone)]
pub struct Database(Arc<Shared>);

struct Shared {
    location: Location,
    writes: mpsc::Sender<Write>,
    reads: blocking::Sender<Read>,
}

struct Write {
    heard: Heard,
    answer: oneshot::Sender<Result<Hearing>>,
}

type Read = Box<dyn FnOnce(&mut dyn Tables) + Send>;

impl Database {
    /// Connects, makes the tables if need be, and starts the threads. Blocks.
    ///
    /// # Errors
    /// [`DatabaseError`] names the database.
    pub fn open(location: &Location) -> Result<Self> {
        let (writes, to_write) = mpsc::channel(MOST_WAITING);
        let (reads, to_read) = blocking::channel();
        let to_read = Arc::new(Mutex::new(to_read));
        // PostgreSQL's client must not be made on a thread of a runtime.
        on_thread("database-writer", location.clone(), move |tables| {
            write_all(tables, to_write)
        })?;
        for _ in 0..READERS {
            let to_read = Arc::clone(&to_read);
            on_thread("database-reader", location.clone(), move |tables| {
                read_all(tables, &to_read)
            })?;
        }
        Ok(Self(Arc::new(Shared {
            location: location.clone(),
            writes,
            reads,
        })))
    }

    /// Notes a heartbeat.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn hear(&self, heard: Heard) -> Result<Hearing> {
        let (answer, answered) = oneshot::channel();
        self.0
            .writes
            .try_send(Write { heard, answer })
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => DatabaseError::Overloaded {
                    waiting: MOST_WAITING,
                },
                mpsc::error::TrySendError::Closed(_) => DatabaseError::Closed,
            })?;
        answered.await.map_err(|_| DatabaseError::Closed)?
    }

    /// The stations seen at `since` (Unix seconds) or later: first seen first, those of one second by address.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn live(&self, since: u64) -> Result<Vec<Station>> {
        self.read(move |tables| tables.live(since)).await
    }

    /// Strikes out stations last seen before a time (Unix seconds); how many.
    ///
    /// # Errors
    /// [`DatabaseError`].
    pub async fn forget(&self, before: u64) -> Result<u64> {
        self.read(move |tables| tables.forget(before)).await
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut dyn Tables) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let job: Read = Box::new(move |tables| {
            // Whoever asked may have gone.
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

/// Starts a thread with a connection of its own, once that is made.
fn on_thread(
    name: &str,
    location: Location,
    run: impl FnOnce(&mut dyn Tables) + Send + 'static,
) -> Result<()> {
    let (made, is_made) = blocking::channel();
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

fn write_all(tables: &mut dyn Tables, mut writes: mpsc::Receiver<Write>) {
    while let Some(first) = writes.blocking_recv() {
        let mut group = vec![first];
        while group.len() < GROUP
            && let Ok(next) = writes.try_recv()
        {
            group.push(next);
        }
        let (heard, answers): (Vec<_>, Vec<_>) =
            group.into_iter().map(|write| (write.heard, write.answer)).unzip();
        let hearings = tables.hear(&heard);
        for (index, answer) in answers.into_iter().enumerate() {
            // Whoever asked may have gone.
            let _ = answer.send(match &hearings {
                Ok(hearings) => Ok(hearings[index]),
                Err(error) => Err(error.clone()),
            });
        }
    }
}

fn read_all(tables: &mut dyn Tables, reads: &Mutex<blocking::Receiver<Read>>) {
    loop {
        let next = reads.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            Ok(read) => read(tables),
            Err(_) => return,
        }
    }
}
