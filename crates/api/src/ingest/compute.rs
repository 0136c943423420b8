//! Threads for signatures, so that those who wait for the network need not wait for them.

use tokio::sync::oneshot;

/// The threads.
#[derive(Debug)]
pub(crate) struct Compute(rayon::ThreadPool);

impl Compute {
    /// As many as there are cores.
    pub(crate) fn new() -> Result<Self, rayon::ThreadPoolBuildError> {
        Self::with_threads(0)
    }

    /// So many; 0 means as many as there are cores.
    pub(crate) fn with_threads(threads: usize) -> Result<Self, rayon::ThreadPoolBuildError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("compute-{index}"));
        pool.build().map(Self)
    }

    /// Runs there; `None` if it panicked.
    pub(crate) async fn run<T: Send + 'static>(&self, run: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.0.spawn(move || {
            // Whoever asked may have gone.
            if let Ok(result) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)) {
                let _ = answer.send(result);
            }
        });
        answered.await.ok()
    }
}
