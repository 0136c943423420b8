//! Coordinator and ingest: the service that stations speak to.
//!
//! ```text
//! stations ──heartbeats──▶ Database ──live stations──▶ coordinator ──open, reveal──▶ Rounds
//!          ──measurements─▶    │                                                        │
//!          ◀──receipts──────   └──────▶ publish                  chain, store, drand ◀──┘
//!          ◀──rounds, committees, tasks, proofs────────────────────────┘
//! ```
//!
//! Nothing it says about a round has to be believed: whoever asks can derive it from chain, store and drand. What it
//! alone can say is that it has a measurement, and for that it signs a receipt.

mod api;
mod client;
mod config;
pub mod coordinator;
pub mod database;
mod evaluation;
mod ingest;
mod key;
mod metrics;
mod refusal;
mod rounds;
mod routes;
#[cfg(any(feature = "otlp", feature = "sentry"))]
pub mod telemetry;

pub(crate) use api::Network;
pub use api::{Api, ApiError, Parts};
pub use config::ApiConfig;
pub use database::{
    BatchMarks, Crowd, Database, DatabaseError, Heard, Hearing, Location, NO_LABEL,
    Options as DatabaseOptions, Receiving, Standing, Station, Tables,
};
pub use key::{IngestKey, open_subnet_tagger};
pub use rounds::{Beacons, RoundError};
