//! The lists that a round froze.

use assize_protocol::{
    B256, FileCid, FrozenList, List, ListEntry, PayloadCid, ProviderId, RosterEntry, RoundNumber,
    StationIndex, TaskIndex, merkle,
};
use serde::{Deserialize, Serialize};

use crate::RoundFault;

/// A roster or a task list as a round froze it when it opened (docs/protocol.md §3, §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ListDocument))]
pub struct ListCommitment {
    /// Root of its Merkle tree (docs/protocol.md §8); zero for an empty list.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub root: B256,
    /// Number of entries.
    pub count: u32,
    /// CID of its file.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub cid: FileCid,
}

impl ListCommitment {
    /// The commitment to a list whose file has this CID.
    #[must_use]
    pub fn of<E: ListEntry>(list: &FrozenList<E>, cid: FileCid) -> Self {
        Self {
            root: list.root(),
            count: list.count(),
            cid,
        }
    }

    /// Parses a file with this CID, and checks that it is the frozen list (docs/protocol.md §7).
    ///
    /// # Errors
    /// [`RoundFault::List`] if the file is malformed, [`RoundFault::WrongList`] if its count or root differs.
    pub fn read<E: ListEntry>(&self, round: RoundNumber, file: &[u8]) -> Result<FrozenList<E>, RoundFault> {
        let list = self.parse::<E>(round, file)?;
        self.check(round, E::LIST, list.count(), list.tree().root())?;
        Ok(list)
    }

    /// Parses a file with this CID. [`Self::check`] checks that it is the frozen list.
    ///
    /// # Errors
    /// [`RoundFault::List`].
    pub fn parse<E: ListEntry>(&self, round: RoundNumber, file: &[u8]) -> Result<FrozenList<E>, RoundFault> {
        FrozenList::parse(file).map_err(|source| RoundFault::List {
            list: E::LIST,
            round,
            cid: self.cid,
            source,
        })
    }

    /// Checks that a list of `count` entries whose tree has this `root` is the frozen one. A file belongs to a round if
    /// its CID is the round's (which the reader of the file checks), its number of lines is the round's count, and the
    /// root of its tree is the round's root (docs/protocol.md §7).
    ///
    /// # Errors
    /// [`RoundFault::WrongList`] with the value that differs.
    pub fn check(&self, round: RoundNumber, list: List, count: u32, root: B256) -> Result<(), RoundFault> {
        let differs = |what, file: String, chain: String| RoundFault::WrongList {
            list,
            round,
            cid: self.cid,
            what,
            file,
            chain,
        };
        if count != self.count {
            return Err(differs("count", count.to_string(), self.count.to_string()));
        }
        if root != self.root {
            return Err(differs("root", root.to_string(), self.root.to_string()));
        }
        Ok(())
    }

    /// Whether `proof` proves that `entry` is entry `index` of this roster (docs/protocol.md §8).
    #[must_use]
    pub fn has_station(&self, index: StationIndex, entry: &RosterEntry, proof: &[B256]) -> bool {
        let leaf = merkle::roster_leaf(index, entry.station, entry.operator, entry.subnet);
        index.0 < self.count && merkle::verify(self.root, leaf, proof)
    }

    /// Whether `proof` proves that entry `index` of this task list has this payload and provider (docs/protocol.md §8).
    #[must_use]
    pub fn has_task(&self, index: TaskIndex, cid: &PayloadCid, provider: ProviderId, proof: &[B256]) -> bool {
        let leaf = merkle::task_leaf(index, &cid.to_bytes(), provider);
        index.0 < self.count && merkle::verify(self.root, leaf, proof)
    }
}
