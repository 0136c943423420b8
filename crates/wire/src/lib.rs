//! What stations and the api say to each other.
//!
//! | message | who says it | signed by |
//! |---|---|---|
//! | [`Heartbeat`] | a station, every minute | the station |
//! | [`Liveness`] | the api, in answer | – |
//! | [`RoundDocument`], [`StationDocument`] | the api; a station believes none of it, and derives its own | – |
//! | [`CommitteeDocument`] | the api: a committee's members and tasks | – |
//! | [`Receipt`] | the api, for each measurement it took | the ingest key |
//! | [`Answer`] | the api, to each of several measurements: a receipt or a problem | – |
//! | [`Progress`] | the api: what became of a measurement | – |
//! | [`Problem`] | the api: why it refuses (RFC 9457) | – |
//!
//! Bodies are JSON. Signatures are EIP-712, under the domain of measurements (docs/protocol.md §9), so that none can be
//! used on another network. No I/O and no clock.

mod answer;
mod committee;
mod eligible;
mod heartbeat;
mod inspect;
mod network;
mod operator;
mod problem;
mod progress;
mod receipt;
mod round;
mod version;

pub use answer::Answer;
pub use committee::{CommitteeDocument, MemberDocument};
pub use eligible::{AllocatorSummary, ClientCount, ClientSummary, MinerSummary, ProviderCount};
pub use heartbeat::{Heartbeat, Liveness};
pub use inspect::InspectDocument;
pub use network::NetworkDocument;
pub use problem::{Problem, ProblemKind};
pub use progress::{Progress, State};
pub use receipt::{KeptReceipt, Receipt};
pub use round::{BeaconDocument, RoundDocument, StationDocument, TaskDocument};
pub use version::{Version, VersionError};
