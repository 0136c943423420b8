//! The HTTP API for stations: heartbeats, rounds, measurements and their receipts.
//!
//! ```text
//! stations ──heartbeats, measurements──▶ assize-ingest
//!          ◀──receipts─────────────────      │
//!          ◀──rounds, committees, tasks, proofs── chain, store, drand
//! ```
//!
//! You need not trust what it says about a round: anyone can derive it from chain, store and drand. Only for the acceptance
//! of a measurement you depend on it, and it signs a receipt for that.

mod api;
mod client;
mod config;
mod evaluation;
mod ingest;
mod key;
mod metrics;
mod refusal;
mod rounds;
mod routes;
#[cfg(any(feature = "otlp", feature = "sentry"))]
pub mod telemetry;
mod trees;

pub(crate) use api::Network;
pub use api::{Api, ApiError, Parts};
pub use config::ApiConfig;
pub use key::{IngestKey, check_secrets, open_subnet_tagger};
pub use rounds::{Beacons, RoundError};
