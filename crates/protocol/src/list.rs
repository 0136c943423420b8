//! The common part of rosters and task lists: NDJSON files of distinct entries in index order (`docs/protocol.md` §7).

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{self, Display, Write as _};
use core::marker::PhantomData;
use core::str::FromStr;

use alloy_primitives::{B256, keccak256};
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
    /// More bytes than any list has.
    #[error("the {list} has more than {MAX_LIST} bytes, and a list has at most as many: leave out entries")]
    LongFile {
        /// The file.
        list: List,
    },
}

/// Maximum length of a list's file in bytes: 256 MiB (`docs/protocol.md` §7).
pub const MAX_LIST: usize = 256 << 20;

impl List {
    /// Checks that a file of this length can be such a list.
    ///
    /// # Errors
    /// [`ListError::LongFile`].
    pub fn check_length(self, bytes: usize) -> Result<(), ListError> {
        match bytes > MAX_LIST {
            true => Err(ListError::LongFile { list: self }),
            false => Ok(()),
        }
    }
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
    type Key<'a>: Ord
    where
        Self: 'a;

    /// The key, which must be unique.
    fn key(&self) -> Self::Key<'_>;
    /// What it is, in words: its kind and its key.
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
        // By index too, so among equal keys the lower one comes first.
        let order = |index: &u32| (list[*index as usize].key(), *index);
        let mut by_key: Vec<u32> = (0..count).collect();
        by_key.sort_unstable_by(|a, b| order(a).cmp(&order(b)));
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

    pub(crate) fn index_of_key<'a>(&'a self, key: &E::Key<'a>) -> Option<u32> {
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
        merkle::Tree::new(self.leaves())
    }

    /// Root of [`Self::tree`]; zero for an empty list.
    #[must_use]
    pub fn root(&self) -> B256 {
        merkle::root_of(self.leaves())
    }

    fn leaves(&self) -> Vec<B256> {
        let leaves = (0..).zip(&self.list).map(|(index, entry)| entry.leaf(index));
        leaves.collect()
    }
}

/// Reads the file form of a [`FrozenList`] line by line.
#[derive(Clone, Debug)]
pub struct ListReader<E> {
    entries: Vec<E>,
    lines: Lines,
}

impl<E> Default for ListReader<E> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            lines: Lines::default(),
        }
    }
}

impl<E: ListEntry> ListReader<E> {
    /// Adds the next line, given with its line feed.
    ///
    /// # Errors
    /// [`ListError`] with the line, the field and the remedy.
    pub fn push(&mut self, text: &[u8]) -> Result<(), ListError> {
        let entry = self.lines.read(text)?;
        self.entries.push(entry);
        Ok(())
    }

    /// The list, after its last line.
    ///
    /// # Errors
    /// As [`FrozenList::new`].
    pub fn finish(self) -> Result<FrozenList<E>, ListError> {
        FrozenList::new(self.entries)
    }
}

/// Checks the file form of a [`FrozenList`] line by line, as strictly as [`ListReader`], and keeps no entry: 52 bytes of each.
#[derive(Clone, Debug)]
pub struct ListChecker<E> {
    leaves: Vec<B256>,
    /// Digests of the entries' keys, with their indices.
    keys: Vec<([u8; 16], u32)>,
    lines: Lines,
    entry: PhantomData<E>,
}

impl<E> Default for ListChecker<E> {
    fn default() -> Self {
        Self {
            leaves: Vec::new(),
            keys: Vec::new(),
            lines: Lines::default(),
            entry: PhantomData,
        }
    }
}

impl<E: ListEntry> ListChecker<E> {
    /// Adds the next line, given with its line feed.
    ///
    /// # Errors
    /// As [`ListReader::push`].
    pub fn push(&mut self, text: &[u8]) -> Result<(), ListError> {
        let entry: E = self.lines.read(text)?;
        // No file within the bound has as many lines as indices.
        let index = self.leaves.len() as u32;
        let mut digest = [0; 16];
        digest.copy_from_slice(&keccak256(entry.describe())[..16]);
        self.keys.push((digest, index));
        self.leaves.push(entry.leaf(index));
        Ok(())
    }

    /// Number of entries and root of their tree, after the last line.
    ///
    /// # Errors
    /// [`ListError::Duplicate`], which does not name the entry.
    pub fn finish(self) -> Result<(u32, B256), ListError> {
        let Self { leaves, mut keys, .. } = self;
        keys.sort_unstable();
        let repeated = keys.array_windows().filter(|[a, b]| a.0 == b.0);
        if let Some([(_, first), (_, again)]) = repeated.min_by_key(|[_, again]| again.1) {
            return Err(ListError::Duplicate {
                list: E::LIST,
                line: *again as usize + 1,
                first: *first as usize + 1,
                entry: "the entry".into(),
            });
        }
        drop(keys);
        Ok((leaves.len() as u32, merkle::root_of(leaves)))
    }
}

/// Reads the lines of a list, one after another.
#[derive(Clone, Debug, Default)]
struct Lines {
    /// Lines and bytes so far.
    count: usize,
    bytes: usize,
    /// The canonical form of the last one.
    canonical: String,
}

impl Lines {
    /// The entry of the next line, given with its line feed.
    fn read<E: ListEntry>(&mut self, text: &[u8]) -> Result<E, ListError> {
        self.bytes = self.bytes.saturating_add(text.len());
        E::LIST.check_length(self.bytes)?;
        let (list, line) = (E::LIST, self.count + 1);
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
        self.count += 1;
        Ok(entry)
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

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    use crate::{Roster, RosterEntry, TaskList};

    const ROSTER: &str = r#"{"station":"0x0101010101010101010101010101010101010101","operator":"0xabababababababababababababababababababab","subnet":"0x0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c"}"#;
    const TASK: &str = r#"{"cid":"bafkqaaa","provider":"f01","clients":[],"allocators":[]}"#;

    fn checked<E: ListEntry>(file: &str) -> Result<(u32, B256), ListError> {
        let mut list = ListChecker::<E>::default();
        for line in file.as_bytes().split_inclusive(|&byte| byte == b'\n') {
            list.push(line)?;
        }
        list.finish()
    }

    #[test]
    fn what_is_only_checked_is_checked_as_strictly() {
        let (roster, task) = (ROSTER, TASK);
        let (other, second) = (roster.replace("0x01", "0x02"), task.replace("f01", "f02"));
        let paid = other.replace("0xab", "0xac");
        for file in [
            String::new(),
            format!("{roster}\n"),
            format!("{roster}\n{other}\n"),
            format!("{roster}\n{other}"),
            format!("{roster}\n{other}\n{}\n", roster.replace("0x02", "0x03")),
            format!("{roster}\n\n"),
            format!("{roster} \n"),
        ] {
            let read = Roster::parse(file.as_bytes()).map(|list| (list.count(), list.tree().root()));
            let found = checked::<RosterEntry>(&file);
            match &read {
                Err(ListError::Duplicate { .. }) => {}
                read => assert_eq!(&found, read, "{file}"),
            }
            assert_eq!(found.is_ok(), read.is_ok(), "{file}");
        }
        for file in [
            format!("{task}\n{second}\n"),
            format!("{task}\n{}\n", task.replace("qaaa", "qaba")),
        ] {
            let read = TaskList::parse(file.as_bytes()).map(|list| (list.count(), list.root()));
            assert_eq!(checked::<crate::Task>(&file), read, "{file}");
        }
        // One key with different other fields.
        let twice = checked::<RosterEntry>(&format!("{roster}\n{other}\n{paid}\n"));
        assert_eq!(
            twice.unwrap_err().to_string(),
            "line 3 of the roster repeats the entry of line 2: remove one of them"
        );
    }

    #[test]
    fn a_list_has_at_most_256_mebibytes() {
        let line = format!("{TASK}\n");
        let after = |bytes: usize| {
            let mut lines = Lines {
                bytes,
                ..Lines::default()
            };
            lines.read::<crate::Task>(line.as_bytes()).map(drop)
        };
        assert_eq!(MAX_LIST, 268_435_456);
        assert_eq!(after(MAX_LIST - line.len()), Ok(()));
        let error = after(MAX_LIST - line.len() + 1).unwrap_err();
        assert_eq!(error, ListError::LongFile { list: List::Tasks });
        assert!(List::Roster.check_length(MAX_LIST).is_ok());
        assert_eq!(
            List::Roster.check_length(MAX_LIST + 1).unwrap_err().to_string(),
            "the roster has more than 268435456 bytes, and a list has at most as many: leave out entries"
        );
    }
}
