//! The lists that a round froze.

use std::fmt::Display;
use std::io::{BufRead, Read};
use std::sync::Arc;

use assize_protocol::{
    B256, FileCid, FrozenList, List, ListChecker, ListEntry, ListError, ListReader, MAX_LIST_LINE,
    PayloadCid, ProviderId, RosterEntry, RoundNumber, StationIndex, TaskIndex, merkle,
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

    /// Reads a file with this CID, and checks that it is the frozen list (docs/protocol.md §7).
    ///
    /// # Errors
    /// [`RoundFault::List`] if the file is malformed or too long, [`RoundFault::WrongList`] if its count or root differs,
    /// [`RoundFault::File`] if it cannot be read to its end.
    pub fn read<E: ListEntry>(
        &self,
        round: RoundNumber,
        file: impl BufRead,
    ) -> Result<FrozenList<E>, RoundFault> {
        let list = self.parse::<E>(round, file)?;
        self.check(round, E::LIST, list.count(), list.root())?;
        Ok(list)
    }

    /// Checks that a file with this CID is the frozen list, as [`Self::read`] does, but keeps no entry.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn check_file<E: ListEntry>(&self, round: RoundNumber, file: impl BufRead) -> Result<(), RoundFault> {
        let mut list = ListChecker::<E>::default();
        self.each_line::<E>(round, file, |line| list.push(line))?;
        let (count, root) = list
            .finish()
            .map_err(|source| self.malformed::<E>(round, source))?;
        self.check(round, E::LIST, count, root)
    }

    /// Reads a file with this CID, line by line. [`Self::check`] checks that it is the frozen list.
    ///
    /// # Errors
    /// [`RoundFault::List`], [`RoundFault::File`], and [`RoundFault::WrongList`] if it has more entries than the frozen list.
    pub fn parse<E: ListEntry>(
        &self,
        round: RoundNumber,
        file: impl BufRead,
    ) -> Result<FrozenList<E>, RoundFault> {
        let mut list = ListReader::<E>::default();
        self.each_line::<E>(round, file, |line| list.push(line))?;
        list.finish().map_err(|source| self.malformed::<E>(round, source))
    }

    /// Passes the file's lines to `push`, as far as it takes them, each with its line feed.
    fn each_line<E: ListEntry>(
        &self,
        round: RoundNumber,
        mut file: impl BufRead,
        mut push: impl FnMut(&[u8]) -> Result<(), ListError>,
    ) -> Result<(), RoundFault> {
        let mut line = Vec::new();
        let mut count = 0;
        loop {
            line.clear();
            let mut rest = file.by_ref().take(MAX_LIST_LINE as u64 + 1);
            let length = rest
                .read_until(b'\n', &mut line)
                .map_err(|error| RoundFault::File {
                    list: E::LIST,
                    round,
                    cid: self.cid,
                    source: Arc::new(error),
                })?;
            if length == 0 {
                return Ok(());
            }
            if count == self.count {
                return Err(self.differs(
                    round,
                    E::LIST,
                    "count",
                    format!("above {}", self.count),
                    self.count,
                ));
            }
            push(&line).map_err(|source| self.malformed::<E>(round, source))?;
            count += 1;
        }
    }

    fn malformed<E: ListEntry>(&self, round: RoundNumber, source: ListError) -> RoundFault {
        RoundFault::List {
            list: E::LIST,
            round,
            cid: self.cid,
            source,
        }
    }

    /// Checks that a list of `count` entries whose tree has this `root` is the frozen one. A file belongs to a round if
    /// its CID is the round's (which the reader of the file checks), its number of lines is the round's count, and the
    /// root of its tree is the round's root (docs/protocol.md §7).
    ///
    /// # Errors
    /// [`RoundFault::WrongList`] with the value that differs.
    pub fn check(&self, round: RoundNumber, list: List, count: u32, root: B256) -> Result<(), RoundFault> {
        if count != self.count {
            return Err(self.differs(round, list, "count", count, self.count));
        }
        if root != self.root {
            return Err(self.differs(round, list, "root", root, self.root));
        }
        Ok(())
    }

    fn differs(
        &self,
        round: RoundNumber,
        list: List,
        what: &'static str,
        file: impl Display,
        chain: impl Display,
    ) -> RoundFault {
        RoundFault::WrongList {
            list,
            round,
            cid: self.cid,
            what,
            file: file.to_string(),
            chain: chain.to_string(),
        }
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
