//! What a settlement grants: the leaves of the rewards tree and of its sheets (`docs/protocol.md` §8.2).

use alloy_primitives::{Address, B256, U256, keccak256};
use serde::{Deserialize, Serialize};

use crate::{AttoFil, RoundNumber, StationIndex, TaskNumber, leaf};

/// What a settlement grants an operator: a leaf of its rewards tree, whose leaves ascend by operator.
///
/// The contract has the amounts but `cumulative` as `uint96`; those that exist fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allocation {
    /// The operator.
    pub operator: Address,
    /// What it has earned since round 1.
    pub cumulative: AttoFil,
    /// Sum of `cumulative` of this leaf and all before it.
    pub running: AttoFil,
    /// What the settlement adds to the operator.
    pub grown: AttoFil,
    /// Number of leaves of the operator's sheet.
    pub reports: u32,
    /// Root of the operator's sheet; zero if it is empty.
    pub sheet: B256,
}

impl Allocation {
    /// What a claim need not look at, as one word.
    #[must_use]
    pub fn rest(&self) -> B256 {
        let words = [
            leaf::wide(self.running.atto()),
            leaf::wide(self.grown.atto()),
            leaf::number(self.reports),
            self.sheet,
        ];
        keccak256(words.concat())
    }

    /// The leaf.
    #[must_use]
    pub fn leaf(&self) -> B256 {
        claim_leaf(self.operator, self.cumulative, self.rest())
    }
}

/// The leaf of an allocation of which only this much is known; all that a claim shows.
#[must_use]
pub fn claim_leaf(operator: Address, cumulative: AttoFil, rest: B256) -> B256 {
    leaf::of_words(&[leaf::address(operator), leaf::wide(cumulative.atto()), rest])
}

/// What was accepted of one station's measurements of one round: a leaf of its operator's sheet, whose leaves ascend by round and
/// station. In documents: `[round, station, tasks, rank, accepted, running]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Row", into = "Row")]
pub struct SheetEntry {
    /// The round.
    pub round: RoundNumber,
    /// The station's index in the round's roster.
    pub station: StationIndex,
    /// Which of its measurements were accepted, by the number of the task.
    pub tasks: TaskSet,
    /// How many accepted measurements of the round belong to stations with a lower index.
    pub rank: u32,
    /// How many accepted measurements the round has: `E` of §10.4.
    pub accepted: u32,
    /// What the sheet adds up to, with this leaf.
    pub running: AttoFil,
}

impl SheetEntry {
    /// The leaf.
    #[must_use]
    pub fn leaf(&self) -> B256 {
        leaf::of_words(&[
            leaf::number(self.round.0),
            leaf::number(self.station.0),
            self.tasks.0,
            leaf::number(self.rank),
            leaf::number(self.accepted),
            leaf::wide(self.running.atto()),
        ])
    }
}

/// Its form in documents.
type Row = (RoundNumber, StationIndex, TaskSet, u32, u32, AttoFil);

impl From<Row> for SheetEntry {
    fn from((round, station, tasks, rank, accepted, running): Row) -> Self {
        Self {
            round,
            station,
            tasks,
            rank,
            accepted,
            running,
        }
    }
}

impl From<SheetEntry> for Row {
    fn from(entry: SheetEntry) -> Self {
        (
            entry.round,
            entry.station,
            entry.tasks,
            entry.rank,
            entry.accepted,
            entry.running,
        )
    }
}

/// Tasks of a committee: bit `k` of the word is task number `k`, counted from the least significant. A committee has at most
/// [`MOST_TASKS_PER_COMMITTEE`](crate::Parameters::MOST_TASKS_PER_COMMITTEE).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskSet(pub B256);

impl TaskSet {
    /// Adds a task. One that no committee has is left out.
    pub fn insert(&mut self, k: TaskNumber) {
        if let Some(byte) = self.byte_of(k) {
            self.0[byte] |= 1 << (k.0 % 8);
        }
    }

    /// Whether it has a task.
    #[must_use]
    pub fn contains(&self, k: TaskNumber) -> bool {
        self.byte_of(k)
            .is_some_and(|byte| self.0[byte] & (1 << (k.0 % 8)) != 0)
    }

    /// How many tasks it has.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.0.iter().map(|byte| byte.count_ones()).sum()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_zero()
    }

    /// One more than its highest task; 0 without any.
    #[must_use]
    pub fn end(&self) -> u32 {
        u32::try_from(self.word().bit_len()).unwrap_or(u32::MAX)
    }

    /// As a number.
    #[must_use]
    pub fn word(&self) -> U256 {
        self.0.into()
    }

    fn byte_of(&self, k: TaskNumber) -> Option<usize> {
        31_usize.checked_sub(k.0 as usize / 8)
    }
}

impl FromIterator<TaskNumber> for TaskSet {
    fn from_iter<I: IntoIterator<Item = TaskNumber>>(tasks: I) -> Self {
        let mut set = Self::default();
        tasks.into_iter().for_each(|k| set.insert(k));
        set
    }
}
