//! Files that evaluators could not get, and that evaluation leaves out (docs/protocol.md §11.3).

use std::collections::BTreeSet;
use std::fmt;

use assize_protocol::{List, RoundNumber};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a file of a round is. In JSON and on the chain, a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
#[repr(u8)]
pub enum FileKind {
    /// The roster.
    Roster = 0,
    /// The task list.
    Tasks = 1,
    /// A list of seals.
    Seals = 2,
    /// A batch of measurements.
    Lines = 3,
}

/// A number that is no [`FileKind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0} is no kind of file: 0 is a roster, 1 a task list, 2 a list of seals, 3 a batch")]
pub struct NoSuchKind(pub u8);

impl From<FileKind> for u8 {
    fn from(kind: FileKind) -> Self {
        kind as Self
    }
}

impl TryFrom<u8> for FileKind {
    type Error = NoSuchKind;

    fn try_from(number: u8) -> Result<Self, NoSuchKind> {
        match number {
            0 => Ok(Self::Roster),
            1 => Ok(Self::Tasks),
            2 => Ok(Self::Seals),
            3 => Ok(Self::Lines),
            _ => Err(NoSuchKind(number)),
        }
    }
}

impl From<List> for FileKind {
    fn from(list: List) -> Self {
        match list {
            List::Roster => Self::Roster,
            List::Tasks => Self::Tasks,
        }
    }
}

/// A file that a round's evaluation reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileKey {
    /// The round.
    pub round: RoundNumber,
    /// What it is.
    pub kind: FileKind,
    /// Its place in commit order, from 0; 0 for rosters and task lists.
    pub index: u32,
}

impl FileKey {
    /// The roster or task list of a round.
    #[must_use]
    pub fn list(round: RoundNumber, list: List) -> Self {
        Self {
            round,
            kind: list.into(),
            index: 0,
        }
    }

    /// A batch of a round.
    #[must_use]
    pub fn batch(round: RoundNumber, index: u32) -> Self {
        Self {
            round,
            kind: FileKind::Lines,
            index,
        }
    }
}

impl fmt::Display for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { round, kind, index } = self;
        match kind {
            FileKind::Roster => write!(f, "the roster of round {round}"),
            FileKind::Tasks => write!(f, "the task list of round {round}"),
            FileKind::Seals => write!(f, "list of seals {index} of round {round}"),
            FileKind::Lines => write!(f, "batch {index} of round {round}"),
        }
    }
}

/// The files that an evaluation leaves out: the first so many that were ever dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drops(BTreeSet<FileKey>);

impl Drops {
    /// Whether nothing was dropped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a file was dropped.
    #[must_use]
    pub fn contains(&self, file: FileKey) -> bool {
        self.0.contains(&file)
    }

    /// Which of a round's lists were dropped, the roster first. Such a round pays nothing.
    #[must_use]
    pub fn lists(&self, round: RoundNumber) -> Vec<List> {
        [List::Roster, List::Tasks]
            .into_iter()
            .filter(|&list| self.contains(FileKey::list(round, list)))
            .collect()
    }

    /// The files, ascending.
    pub fn files(&self) -> impl Iterator<Item = FileKey> {
        self.0.iter().copied()
    }
}

impl FromIterator<FileKey> for Drops {
    fn from_iter<I: IntoIterator<Item = FileKey>>(files: I) -> Self {
        Self(files.into_iter().collect())
    }
}
