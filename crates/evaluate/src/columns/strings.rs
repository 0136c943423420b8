//! Interned text.

use std::hash::BuildHasher;

use assize_measurement::spark::Field;
use hashbrown::{DefaultHashBuilder, HashTable, hash_table};

/// A text's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Id(pub u32);

/// What stands for a missing key; never a text's.
pub(crate) const ABSENT: Id = Id(0);
/// What stands for null; never a text's.
pub(crate) const NULL: Id = Id(1);

impl Id {
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Each text once, one after the other.
///
/// The table is seeded at random: texts are anybody's, and nobody shall know which of them collide.
#[derive(Default)]
pub(crate) struct Strings {
    text: String,
    /// Where each text ends.
    ends: Vec<usize>,
    table: HashTable<Entry>,
    seed: DefaultHashBuilder,
}

/// Where a text is: here as well, to save a look into [`Strings::ends`], which seldom is in the processor's cache.
#[derive(Clone, Copy)]
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

impl Strings {
    pub(crate) fn new() -> Self {
        Self {
            ends: vec![0; 2],
            ..Self::default()
        }
    }

    /// One more than the highest number.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The text with this number; of [`NULL`] and of what is missing, the empty one.
    pub(crate) fn get(&self, id: Id) -> &str {
        let end = self.ends[id.index()];
        let start = id.index().checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..end]
    }

    pub(crate) fn intern(&mut self, text: &str) -> Id {
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
                // There is no memory for more than 2^32 texts, and a text is a part of one row.
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

    /// The number of a text, if there is one.
    pub(crate) fn intern_option(&mut self, text: Option<&str>) -> Id {
        text.map_or(NULL, |text| self.intern(text))
    }

    /// As [`Self::intern_option`], with what is missing kept apart from null.
    pub(crate) fn intern_field<T: AsRef<str>>(&mut self, field: &Field<T>) -> Id {
        match field {
            Field::Absent => ABSENT,
            Field::Null => NULL,
            Field::Value(text) => self.intern(text.as_ref()),
        }
    }

    /// Takes over all texts of another, and returns the numbers that they have here.
    pub(crate) fn absorb(&mut self, other: &Self) -> Vec<Id> {
        (0..other.len() as u32)
            .map(|id| match Id(id) {
                id @ (ABSENT | NULL) => id,
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
    fn nothing_and_the_empty_text_are_apart() {
        let mut strings = Strings::new();
        let empty = strings.intern("");
        let ids = [
            ABSENT,
            NULL,
            empty,
            strings.intern_field(&Field::Value("a")),
            strings.intern_field::<&str>(&Field::Null),
            strings.intern_field::<&str>(&Field::Absent),
            strings.intern_option(None),
            strings.intern_option(Some("")),
        ];
        assert_eq!(ids.map(|id| id.0), [0, 1, 2, 3, 1, 0, 1, 2]);
        assert_eq!(
            (strings.get(NULL), strings.get(empty), strings.get(ids[3])),
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
