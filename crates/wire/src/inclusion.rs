//! The proof that a measurement is in a batch.

use alloy_primitives::B256;
use assize_protocol::{RoundNumber, line_leaf, positional};
use serde::{Deserialize, Serialize};

/// Where a measurement's line is in its batch, with the proof: `GET /measurements/DIGEST/inclusion`.
///
/// It shows that the line is in the batch that `root` and `count` name (docs/protocol.md §8.2, §9.1). That a publisher has
/// committed that batch to the round, only the chain shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InclusionDocument {
    /// The round of the measurement and of the batch.
    #[cfg_attr(feature = "openapi", schema(value_type = u64))]
    pub round: RoundNumber,
    /// Root over the batch's lines.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub root: B256,
    /// Number of the batch's lines.
    pub count: u32,
    /// The place of the measurement's line among them, from 0.
    pub index: u32,
    /// The siblings of its leaf, from its level upwards.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub proof: Vec<B256>,
}

impl InclusionDocument {
    /// Whether it shows that the batch has this line, which is given without its line feed.
    #[must_use]
    pub fn shows(&self, line: &[u8]) -> bool {
        positional::verify(self.root, self.count, line_leaf(line), self.index, &self.proof)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_holds_for_its_line_place_and_batch_only() {
        let lines = [&b"one"[..], b"two", b"three"];
        let tree = positional::Tree::new(lines.iter().map(|line| line_leaf(line)).collect());
        let inclusion = InclusionDocument {
            round: RoundNumber(7),
            root: tree.root(),
            count: tree.count(),
            index: 2,
            proof: tree.proof(2).unwrap(),
        };
        assert!(inclusion.shows(b"three"));
        assert!(!inclusion.shows(b"two"));
        let changes: [fn(&mut InclusionDocument); 4] = [
            |changed| changed.index = 1,
            |changed| changed.count = 5,
            |changed| changed.root = B256::repeat_byte(1),
            |changed| _ = changed.proof.pop(),
        ];
        for change in changes {
            let mut changed = inclusion.clone();
            change(&mut changed);
            assert!(!changed.shows(b"three"), "{changed:?}");
        }
    }
}
