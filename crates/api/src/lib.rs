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

pub mod clock;
pub mod coordinator;
pub mod database;

pub use clock::Clock;
pub use database::{
    BatchMarks, Database, DatabaseError, Heard, Hearing, Location, Options as DatabaseOptions, Receiving,
    Standing, Station, Tables,
};
