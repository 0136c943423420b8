//! Interned text.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable, hash_table};

/// The number of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id(pub u32);

impl Id {
    /// A missing key; never the number of a text.
    pub const ABSENT: Self = Self(0);
    /// Null; never the number of a text.
    pub const NULL: Self = Self(1);

    /// The number as an index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Every text once, with its number.
///
/// The hash table has a random seed: texts come from strangers, who must not know which of them collide.
#[derive(Debug)]
pub struct Strings {
    text: String,
    /// Where each text ends.
    ends: Vec<usize>,
    table: HashTable<Entry>,
    seed: DefaultHashBuilder,
}

/// Where a text is. [`Strings::ends`] has it too, but is seldom in the processor's cache.
#[derive(Clone, Copy, Debug)]
struct Entry {
    start: usize,
    length: u32,
    id: Id,
}

impl Entry {
    fn text(self, all: &str) -> &str {
        &all[self.start..self.start + self.length as usize]
    }
}

impl Default for Strings {
    fn default() -> Self {
        Self::new()
    }
}

impl Strings {
    /// Without any text.
    #[must_use]
    pub fn new() -> Self {
        Self {
            text: String::new(),
            ends: vec![0; 2],
            table: HashTable::new(),
            seed: DefaultHashBuilder::default(),
        }
    }

    /// One more than the highest number.
    #[must_use]
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// The text with this number; empty for [`Id::NULL`] and [`Id::ABSENT`].
    ///
    /// # Panics
    /// If the number is not from here.
    #[must_use]
    pub fn get(&self, id: Id) -> &str {
        let end = self.ends[id.index()];
        let start = id.index().checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..end]
    }

    /// The number of a text; a new one if it has none yet.
    pub fn intern(&mut self, text: &str) -> Id {
        let Self {
            text: all,
            ends,
            table,
            seed,
        } = self;
        let found = table.entry(
            seed.hash_one(text),
            |entry| entry.text(all) == text,
            |entry| seed.hash_one(entry.text(all)),
        );
        match found {
            hash_table::Entry::Occupied(found) => found.get().id,
            hash_table::Entry::Vacant(place) => {
                // Memory does not suffice for more than 2^32 texts, and a text is part of one row.
                let entry = Entry {
                    start: all.len(),
                    length: text.len() as u32,
                    id: Id(ends.len() as u32),
                };
                place.insert(entry);
                all.push_str(text);
                ends.push(all.len());
                entry.id
            }
        }
    }

    /// The number of a text, or [`Id::NULL`].
    pub fn intern_option(&mut self, text: Option<&str>) -> Id {
        text.map_or(Id::NULL, |text| self.intern(text))
    }

    /// Adds all texts of `other`; returns the number here for each number there.
    pub fn absorb(&mut self, other: &Self) -> Vec<Id> {
        (0..other.count() as u32)
            .map(|id| match Id(id) {
                id @ (Id::ABSENT | Id::NULL) => id,
                id => self.intern(other.get(id)),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_missing_text_differs_from_an_empty_one() {
        let mut strings = Strings::new();
        let empty = strings.intern("");
        let ids = [
            Id::ABSENT,
            Id::NULL,
            empty,
            strings.intern("a"),
            strings.intern_option(None),
            strings.intern_option(Some("")),
        ];
        assert_eq!(ids.map(|id| id.0), [0, 1, 2, 3, 1, 2]);
        assert_eq!(
            (strings.get(Id::NULL), strings.get(empty), strings.get(ids[3])),
            ("", "", "a")
        );
    }

    proptest! {
        #[test]
        fn equal_texts_have_equal_numbers(one: Vec<String>, two: Vec<String>) {
            let mut strings = Strings::new();
            let mut other = Strings::new();
            let mut ids = HashMap::new();
            for text in &one {
                let id = strings.intern(text);
                prop_assert_eq!(*ids.entry(text.clone()).or_insert(id), id);
            }
            let theirs: Vec<_> = two.iter().map(|text| other.intern(text)).collect();
            let here = strings.absorb(&other);
            for (text, id) in two.iter().zip(theirs) {
                prop_assert_eq!(strings.get(here[id.index()]), text);
                if let Some(id_of_one) = ids.get(text) {
                    prop_assert_eq!(here[id.index()], *id_of_one);
                }
            }
        }
    }
}
