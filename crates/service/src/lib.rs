//! What every daemon needs, once.
//!
//! | need | here |
//! |---|---|
//! | one pass after another, with back-off, alerts and a timely end | [`run`] over a [`Daemon`] |
//! | an end on SIGTERM and SIGINT | [`Stop`] |
//! | HTTP until the end | [`bind`], [`serve`] |
//! | `/healthz` and `/metrics` | [`Status`], [`metrics`] |
//! | a crash between two durable steps, for tests | [`Boundaries`] |
//! | the time, and times as people read them | [`Clock`], [`date`], [`moment`], [`duration`] |
//! | numbers of things | [`counted`], [`plural`] |
//! | where files are | [`DataDir`] |
//! | files that people name, of any kind and size | [`read_file`], [`open_file`] |
//! | files that are replaced as a whole | [`beside`], [`replace`] |
//! | keys and other secrets | [`SecretFile`] |
//! | strangers' texts in logs and terminals | [`Plain`], [`printable`] |
//! | SQLite files | [`sqlite::Schema`] |

mod boundary;
mod clock;
mod count;
mod data;
mod files;
mod listen;
pub mod metrics;
mod passes;
mod plain;
mod replace;
mod secret;
pub mod sqlite;
mod status;
mod stop;
mod time;

pub use assize_guard::{Audience, ConnectionLimits};
pub use axum::Router;
pub use boundary::{Boundaries, Stopped, unless_stopped};
pub use clock::Clock;
pub use count::{counted, plural};
pub use data::{DataDir, DataDirError, DataEntry};
pub use files::{LARGEST_FILE, LARGEST_SETTINGS, open_file, read_file};
pub use listen::{ListenError, bind, bind_if, serve};
pub use metrics::{Metrics, NoMetrics};
pub use passes::{Alert, Daemon, PassError, idle_pause, run};
pub use plain::{Plain, printable};
pub use replace::{beside, replace};
pub use secret::{SecretError, SecretFile};
pub use status::{OPENMETRICS, Status};
pub use stop::Stop;
pub use time::{date, date_and_time, duration, moment, near};
