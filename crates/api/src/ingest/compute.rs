//! Threads for signatures, so that tasks waiting for the network are not blocked by them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use thiserror::Error;
use tokio::sync::oneshot;

/// The threads, and the number of signatures waiting for them.
#[derive(Debug)]
pub(crate) struct Compute {
    pool: rayon::ThreadPool,
    waiting: Arc<AtomicUsize>,
    max: usize,
}

/// Why work was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum ComputeError {
    /// The queue is full.
    #[error("too many signatures are waiting for verification")]
    Overloaded,
    /// The work panicked.
    #[error("the work panicked")]
    Failed,
}

impl Compute {
    /// Starts this many threads (0: one per core) with a queue of at most `most` signatures.
    pub(crate) fn new(threads: usize, max: usize) -> Result<Self, rayon::ThreadPoolBuildError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("compute-{index}"));
        Ok(Self {
            pool: pool.build()?,
            waiting: Arc::default(),
            max,
        })
    }

    /// Runs work that verifies this many signatures.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        signatures: usize,
        run: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ComputeError> {
        if self.waiting.fetch_add(signatures, Ordering::Relaxed) + signatures > self.max {
            self.waiting.fetch_sub(signatures, Ordering::Relaxed);
            return Err(ComputeError::Overloaded);
        }
        let (answer, answered) = oneshot::channel();
        let waiting = Arc::clone(&self.waiting);
        self.pool.spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(run));
            waiting.fetch_sub(signatures, Ordering::Relaxed);
            // The requester may have disconnected.
            if let Ok(result) = result {
                let _ = answer.send(result);
            }
        });
        answered.await.map_err(|_| ComputeError::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn excess_work_is_rejected_and_a_panic_is_survived() {
        let compute = Compute::new(1, 10).unwrap();
        assert_eq!(compute.run(10, || 7).await, Ok(7));
        assert_eq!(compute.run(11, || 7).await, Err(ComputeError::Overloaded));
        assert_eq!(
            compute.run(10, || panic!("meant")).await,
            Err::<(), _>(ComputeError::Failed)
        );
        assert_eq!(compute.run(10, || 7).await, Ok(7));
    }
}
