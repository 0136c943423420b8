//! What every daemon needs, once.
//!
//! | need | here |
//! |---|---|
//! | one pass after another, with back-off, alerts and a timely end | [`run`] over a [`Daemon`] |
//! | an end on SIGTERM and SIGINT | [`Stop`], [`shutdown_signal`] |
//! | `/healthz` and `/metrics` | [`Status`], [`metrics`] |
//! | the time | [`Clock`] |
//! | where files are | [`DataDir`] |
//! | keys and other secrets | [`SecretFile`] |
//! | SQLite files | [`sqlite::Schema`] |

mod clock;
mod data;
pub mod metrics;
mod passes;
mod secret;
pub mod sqlite;
mod status;
mod stop;

pub use axum::Router;
pub use clock::Clock;
pub use data::{DataDir, DataDirError, DataEntry};
pub use metrics::Metrics;
pub use passes::{Alert, Daemon, Failures, PassError, run};
pub use secret::{SecretError, SecretFile};
pub use status::{ListenError, OPENMETRICS, Status};
pub use stop::{Stop, shutdown_signal};
