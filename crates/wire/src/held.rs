//! What an evaluator holds of a round.

use alloy_primitives::B256;
use assize_protocol::RoundNumber;
use serde::{Deserialize, Serialize};

/// The batches of a round whose lines an evaluator holds and serves: `GET /held/ROUND`.
///
/// It has read each, and found the committed root over its lines (docs/protocol.md §9.1). Nobody can prove it; a station asks
/// several evaluators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldDocument {
    /// The round.
    pub round: RoundNumber,
    /// The batches, by the roots over their lines.
    pub roots: Vec<B256>,
}
