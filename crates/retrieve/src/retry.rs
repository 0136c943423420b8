//! Whether and when a request to a service is repeated.

use std::time::Duration;

use crate::Limits;

/// Longest pause between two attempts, unless the service stated one.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Whether a response asks for another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    No,
    Soon,
    /// After a delay that the service stated.
    After(Duration),
}

impl Retry {
    /// Of an HTTP status with its `Retry-After`.
    pub(crate) fn of_status(status: u16, after: Option<Duration>) -> Self {
        match (status, after) {
            (429 | 503, Some(after)) => Self::After(after),
            (429 | 500.., _) => Self::Soon,
            _ => Self::No,
        }
    }
}

/// A response that says whether to try again.
pub(crate) trait Retryable {
    fn retry(&self) -> Retry;
}

/// Repeats a request with exponential back-off, or when the service says, as often as the limits allow; after a connection
/// failure, `unreachable` times. A stated delay is honoured up to [`Limits::lookup`].
pub(crate) async fn with_retries<T: Retryable, F: Future<Output = Result<T, String>>>(
    limits: &Limits,
    mut unreachable: u32,
    mut once: impl FnMut() -> F,
) -> Result<T, String> {
    let mut pause = limits.backoff;
    let mut left = limits.retries;
    loop {
        let answered = once().await;
        let retry = match &answered {
            Ok(response) => response.retry(),
            Err(_) if unreachable > 0 => {
                unreachable -= 1;
                Retry::Soon
            }
            Err(_) => Retry::No,
        };
        let wait = match retry {
            Retry::No => return answered,
            _ if left == 0 => return answered,
            Retry::Soon => pause,
            Retry::After(delay) => delay.min(limits.lookup),
        };
        left -= 1;
        tokio::time::sleep(wait).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
