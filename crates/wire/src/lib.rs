//! The messages between stations and the api.
//!
//! | message | sender | signed by |
//! |---|---|---|
//! | [`Heartbeat`] | a station, every minute | the station |
//! | [`Liveness`] | the api, in response | – |
//! | [`RoundDocument`], [`StationDocument`] | the api; stations do not trust them, and derive their own | – |
//! | [`CommitteeDocument`] | the api: a committee's members and tasks | – |
//! | [`Receipt`] | the api, for each accepted measurement | the ingest key |
//! | [`Answer`] | the api, for each of several measurements: a receipt or a problem | – |
//! | [`Progress`] | the api: the state of a measurement | – |
//! | [`InclusionDocument`] | the api: the proof that a measurement is in a batch | – |
//! | [`HeldDocument`] | an evaluator: the batches of a round whose lines it holds | – |
//! | [`Problem`] | the api: why a request is rejected (RFC 9457) | – |
//!
//! Bodies are JSON. Signatures are EIP-712, under the domain of measurements (docs/protocol.md §9), so that none is
//! valid on another network. No I/O and no clock.

mod answer;
mod committee;
mod eligible;
mod heartbeat;
mod held;
mod inclusion;
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
pub use held::HeldDocument;
pub use inclusion::InclusionDocument;
pub use inspect::InspectDocument;
pub use network::NetworkDocument;
pub use problem::{Problem, ProblemKind};
pub use progress::{Progress, State};
pub use receipt::{KeptReceipt, Receipt};
pub use round::{BeaconDocument, RoundDocument, StationDocument, TaskDocument};
pub use version::{Version, VersionError};
