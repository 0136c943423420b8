//! The machine's clock.

use std::time::Duration;

/// Unix seconds.
pub(crate) fn now() -> u64 {
    since_epoch().as_secs()
}

/// Unix time, to the millisecond and beyond.
pub(crate) fn since_epoch() -> Duration {
    #[expect(
        clippy::disallowed_methods,
        reason = "a checker acts at the time it is; what it derives does not depend on it"
    )]
    let now = std::time::SystemTime::now();
    // A clock before 1970 is as wrong as one at 1970.
    now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
}
