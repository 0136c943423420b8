//! Points between two durable steps, where a process may die.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use thiserror::Error;

use crate::PassError;

type Watcher<B> = dyn FnMut(B) -> bool + Send;

/// The boundaries `B` between the durable steps of a daemon. A test watches them, and stops a run there as a crash would;
/// otherwise they do nothing. All clones are one.
pub struct Boundaries<B>(Option<Arc<Mutex<Watcher<B>>>>);

/// A test stopped the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("stopped at {0:?}")]
pub struct Stopped<B: fmt::Debug>(pub B);

impl<B: fmt::Debug + Copy> Boundaries<B> {
    /// Boundaries at which `watcher` stops the run if it returns false.
    #[must_use]
    pub fn watched(watcher: impl FnMut(B) -> bool + Send + 'static) -> Self {
        Self(Some(Arc::new(Mutex::new(watcher))))
    }

    /// Goes on, unless the watcher stops the run here.
    ///
    /// # Errors
    /// [`Stopped`].
    pub fn reach(&self, boundary: B) -> Result<(), Stopped<B>> {
        let Some(watcher) = &self.0 else { return Ok(()) };
        let mut watcher = watcher.lock().unwrap_or_else(PoisonError::into_inner);
        match watcher(boundary) {
            true => Ok(()),
            false => Err(Stopped(boundary)),
        }
    }
}

impl<B> Clone for Boundaries<B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<B> Default for Boundaries<B> {
    fn default() -> Self {
        Self(None)
    }
}

/// A simulated crash ends everything at once; any other error is returned after the rest is done.
///
/// # Errors
/// The simulated crash.
pub fn unless_stopped<T, E: PassError>(result: Result<T, E>) -> Result<Result<T, E>, E> {
    match result {
        Err(error) if error.is_stopped() => Err(error),
        other => Ok(other),
    }
}
