//! The common part of rosters and task lists: NDJSON files of distinct entries in index order (`docs/protocol.md` §7).

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{self, Display, Write as _};
use core::str::FromStr;

use alloy_primitives::B256;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::canonical::{self, NotCanonical};
use crate::merkle;

/// Which of the two files of a round. In JSON `roster` or `tasks`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum List {
    /// The stations that may be drawn.
    Roster,
    /// The tasks that may be drawn.
    Tasks,
}

impl Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Roster => "roster",
            Self::Tasks => "task list",
        })
    }
}

/// What is wrong with a roster or a task list. Lines are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// The last line has no line feed.
    #[error("line {line} of the {list} does not end with a line feed: the file is truncated; fetch it again")]
    Truncated {
        /// The file.
        list: List,
        /// The last line.
        line: usize,
    },
    /// A line without content.
    #[error("line {line} of the {list} is empty: remove it, each line is one entry")]
    Empty {
        /// The file.
        list: List,
        /// The line.
        line: usize,
    },
    /// A line that is not a JSON object with exactly the fields of an entry.
    #[error("line {line} of the {list} is not an entry: {reason}")]
    NotAnEntry {
        /// The file.
        list: List,
        /// The line.
        line: usize,
        /// What the JSON parser found.
        reason: String,
    },
    /// A line that no entry is as long as.
    #[error("line {line} of the {list} is not an entry: it has more than {MAX_LINE} bytes")]
    LongLine {
        /// The file.
        list: List,
        /// The line.
        line: usize,
    },
    /// A field with an invalid value.
    #[error("line {line} of the {list}, field `{field}`: {reason}")]
    Field {
        /// The file.
        list: List,
        /// The line.
        line: usize,
        /// The field.
        field: &'static str,
        /// The cause.
        reason: String,
    },
    /// A line that is not in canonical form.
    #[error(
        "line {line} of the {list} is not in canonical form: column {column} has {found} where the canonical form has \
         {canonical}"
    )]
    NotCanonical {
        /// The file.
        list: List,
        /// The line.
        line: usize,
        /// The byte in the line, from 1.
        column: usize,
        /// The line's bytes there.
        found: String,
        /// The canonical bytes there.
        canonical: String,
    },
    /// An entry that is listed twice.
    #[error("line {line} of the {list} repeats {entry} of line {first}: remove one of them")]
    Duplicate {
        /// The file.
        list: List,
        /// The later line.
        line: usize,
        /// The earlier line.
        first: usize,
        /// The repeated key.
        entry: String,
    },
    /// More entries than indices.
    #[error(
        "the {list} has {count} entries, more than the {} that a round can hold",
        u32::MAX
    )]
    TooLong {
        /// The file.
        list: List,
        /// Entries found.
        count: usize,
    },
}

/// More bytes than any entry's line has. Its longest field is a payload CID, of a digest of at most 128 bytes.
pub const MAX_LINE: usize = 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// An entry of a [`FrozenList`].
pub trait ListEntry: Sized {
    /// The file it belongs to.
    const LIST: List;
    /// Its line as JSON, before the fields are parsed.
    type Raw: DeserializeOwned;
    /// The key, which must be unique.
    type Key: Ord;

    /// The key, which must be unique.
    fn key(&self) -> Self::Key;
    /// What it is, in words.
    fn describe(&self) -> String;
    /// Parses the fields. Accepts encodings that are not canonical; the list rejects them by comparing bytes.
    ///
    /// # Errors
    /// A field is invalid.
    fn read(raw: Self::Raw) -> Result<Self, FieldError>;
    /// Writes the canonical form, without the line feed.
    ///
    /// # Errors
    /// Those of `line`.
    fn write(&self, line: &mut String) -> fmt::Result;
    /// Its leaf in the list's Merkle tree (`docs/protocol.md` §8).
    fn leaf(&self, index: u32) -> B256;
}

/// A field with an invalid value.
#[derive(Debug)]
pub struct FieldError {
    field: &'static str,
    reason: String,
}

impl FieldError {
    pub(crate) fn new(field: &'static str, reason: impl Display) -> Self {
        Self {
            field,
            reason: reason.to_string(),
        }
    }

    /// Reads a field from its text.
    pub(crate) fn parse<T: FromStr<Err: Display>>(field: &'static str, text: &str) -> Result<T, Self> {
        text.parse().map_err(|error| Self::new(field, error))
    }
}

/// A list that a round freezes: entries in index order, none twice (`docs/protocol.md` §7).
///
/// The file form is NDJSON, one line per entry, each ended by a line feed. A list has one file, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrozenList<E> {
    list: Vec<E>,
    /// Indices by ascending key.
    by_key: Vec<u32>,
}

impl<E: ListEntry> FrozenList<E> {
    /// A list of the given entries.
    ///
    /// # Errors
    /// [`ListError::Duplicate`] if one is listed twice, [`ListError::TooLong`] beyond 2³² − 1.
    pub fn new(list: Vec<E>) -> Result<Self, ListError> {
        let count = u32::try_from(list.len()).map_err(|_| ListError::TooLong {
            list: E::LIST,
            count: list.len(),
        })?;
        let mut by_key: Vec<u32> = (0..count).collect();
        by_key.sort_by_cached_key(|&index| list[index as usize].key());
        // The sort is stable, so among equal keys the lower index comes first.
        let repeated = by_key
            .array_windows()
            .filter(|[a, b]| list[*a as usize].key() == list[*b as usize].key());
        if let Some([first, again]) = repeated.min_by_key(|[_, again]| *again) {
            return Err(ListError::Duplicate {
                list: E::LIST,
                line: *again as usize + 1,
                first: *first as usize + 1,
                entry: list[*again as usize].describe(),
            });
        }
        Ok(Self { list, by_key })
    }

    /// Reads the file form; accepts exactly the bytes that [`Self::to_ndjson`] writes.
    ///
    /// # Errors
    /// [`ListError`] with the line, the field and the remedy.
    pub fn parse(file: &[u8]) -> Result<Self, ListError> {
        let mut list = ListReader::default();
        for line in file.split_inclusive(|&byte| byte == b'\n') {
            list.push(line)?;
        }
        list.finish()
    }

    /// The file form. The same list always gives the same bytes.
    #[must_use]
    pub fn to_ndjson(&self) -> Vec<u8> {
        let mut file = String::new();
        for entry in &self.list {
            write_line(entry, &mut file);
        }
        file.into_bytes()
    }

    /// The entries in index order.
    #[must_use]
    pub fn entries(&self) -> &[E] {
        &self.list
    }

    pub(crate) fn index_of_key(&self, key: &E::Key) -> Option<u32> {
        let place = self
            .by_key
            .binary_search_by(|&index| self.list[index as usize].key().cmp(key))
            .ok()?;
        Some(self.by_key[place])
    }

    /// How many entries there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.by_key.len() as u32
    }

    /// The Merkle tree whose root the round freezes.
    #[must_use]
    pub fn tree(&self) -> merkle::Tree {
        let leaves = (0..).zip(&self.list).map(|(index, entry)| entry.leaf(index));
        merkle::Tree::new(leaves.collect())
    }

    /// Root of [`Self::tree`]; zero for an empty list.
    #[must_use]
    pub fn root(&self) -> B256 {
        self.tree().root()
    }
}

/// Reads the file form of a [`FrozenList`] line by line.
#[derive(Clone, Debug)]
pub struct ListReader<E> {
    entries: Vec<E>,
    canonical: String,
}

impl<E> Default for ListReader<E> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            canonical: String::new(),
        }
    }
}

impl<E: ListEntry> ListReader<E> {
    /// Adds the next line, given with its line feed.
    ///
    /// # Errors
    /// [`ListError`] with the line, the field and the remedy.
    pub fn push(&mut self, text: &[u8]) -> Result<(), ListError> {
        let (list, line) = (E::LIST, self.entries.len() + 1);
        if text.len() > MAX_LINE {
            return Err(ListError::LongLine { list, line });
        }
        let Some((b'\n', content)) = text.split_last() else {
            return Err(ListError::Truncated { list, line });
        };
        let entry: E = parse_line(line, content)?;
        self.canonical.clear();
        write_line(&entry, &mut self.canonical);
        canonical::compare(text, self.canonical.as_bytes()).map_err(|difference| {
            let NotCanonical {
                column,
                found,
                canonical,
                ..
            } = difference;
            ListError::NotCanonical {
                list,
                line,
                column,
                found,
                canonical,
            }
        })?;
        self.entries.push(entry);
        Ok(())
    }

    /// Lines so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// The list, after its last line.
    ///
    /// # Errors
    /// As [`FrozenList::new`].
    pub fn finish(self) -> Result<FrozenList<E>, ListError> {
        FrozenList::new(self.entries)
    }
}

fn write_line<E: ListEntry>(entry: &E, file: &mut String) {
    // Writing to a string cannot fail.
    let _ = entry.write(file).and_then(|()| file.write_char('\n'));
}

fn parse_line<E: ListEntry>(line: usize, text: &[u8]) -> Result<E, ListError> {
    let list = E::LIST;
    if text.trim_ascii().is_empty() {
        return Err(ListError::Empty { list, line });
    }
    if text.starts_with(BYTE_ORDER_MARK) {
        let reason = "it begins with a byte order mark: remove the bytes EF BB BF".into();
        return Err(ListError::NotAnEntry { list, line, reason });
    }
    let raw = serde_json::from_slice(text).map_err(|error| {
        // The parser sees one line only; its own line number would mislead.
        let reason = error.to_string().replace(" at line 1 column ", " at column ");
        ListError::NotAnEntry { list, line, reason }
    })?;
    E::read(raw).map_err(|FieldError { field, reason }| ListError::Field {
        list,
        line,
        field,
        reason,
    })
}
