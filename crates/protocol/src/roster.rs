//! The roster: the stations that a round may draw.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use alloy_primitives::{Address, B128, B256};
use serde::Deserialize;

use crate::address::{parse_operator, parse_station};
use crate::list::{Entries, Entry, FieldError, List, ListError};
use crate::{StationIndex, merkle};

/// What is wrong with a roster.
pub type RosterError = ListError;

/// A station that may be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RosterEntry {
    /// Address of the station's secp256k1 key, with which it signs measurements.
    pub station: Address,
    /// The address to pay.
    pub operator: Address,
    /// Opaque tag of the station's network (/24 or /48); stations of one subnet share one vote.
    pub subnet: B128,
}

/// The stations of a round in index order, none twice (`docs/protocol.md` §7).
///
/// The file form is NDJSON, one line per station, each ended by a line feed:
/// `{"station":"0x…","operator":"0x…","subnet":"0x…"}`. A roster has one file, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster(Entries<RosterEntry>);

impl Roster {
    /// A roster of the given stations.
    ///
    /// # Errors
    /// [`ListError::Duplicate`] if a station is listed twice, [`ListError::TooLong`] beyond 2³² − 1 stations.
    pub fn new(entries: Vec<RosterEntry>) -> Result<Self, RosterError> {
        Entries::new(entries).map(Self)
    }

    /// Reads the file form; takes exactly the bytes that [`Self::to_ndjson`] writes.
    ///
    /// # Errors
    /// [`ListError`] with the line, the field and the remedy.
    pub fn parse(file: &[u8]) -> Result<Self, RosterError> {
        Entries::parse(file).map(Self)
    }

    /// The file form. The same roster always gives the same bytes: addresses and tags are in lower case.
    #[must_use]
    pub fn to_ndjson(&self) -> Vec<u8> {
        self.0.to_ndjson()
    }

    /// The stations in index order.
    #[must_use]
    pub fn entries(&self) -> &[RosterEntry] {
        self.0.all()
    }

    /// How many stations there are (N).
    #[must_use]
    pub fn count(&self) -> u32 {
        self.0.count()
    }

    /// The entry at an index.
    #[must_use]
    pub fn get(&self, index: StationIndex) -> Option<&RosterEntry> {
        self.entries().get(index.0 as usize)
    }

    /// Index of a station; `None` if it is not in the roster.
    #[must_use]
    pub fn index_of(&self, station: Address) -> Option<StationIndex> {
        self.0.index_of(&station).map(StationIndex)
    }

    /// The Merkle tree whose root the round freezes; its leaves are [`merkle::roster_leaf`].
    #[must_use]
    pub fn tree(&self) -> merkle::Tree {
        let leaf = |(index, entry): (u32, &RosterEntry)| {
            merkle::roster_leaf(StationIndex(index), entry.station, entry.operator, entry.subnet)
        };
        merkle::Tree::new((0..).zip(self.entries()).map(leaf).collect())
    }

    /// Root of [`Self::tree`]; zero for an empty roster.
    #[must_use]
    pub fn root(&self) -> B256 {
        self.tree().root()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawEntry {
    station: String,
    operator: String,
    subnet: String,
}

impl Entry for RosterEntry {
    const LIST: List = List::Roster;
    type Raw = RawEntry;
    type Key = Address;

    fn key(&self) -> Address {
        self.station
    }

    fn describe(&self) -> String {
        alloc::format!("station {}", self.station)
    }

    fn read(raw: RawEntry) -> Result<Self, FieldError> {
        let station = parse_station(&raw.station).map_err(|error| FieldError::new("station", error))?;
        let operator = parse_operator(&raw.operator).map_err(|error| FieldError::new("operator", error))?;
        Ok(Self {
            station,
            operator,
            subnet: parse_subnet(&raw.subnet)?,
        })
    }

    fn write(&self, line: &mut String) -> fmt::Result {
        let Self {
            station,
            operator,
            subnet,
        } = self;
        write!(
            line,
            r#"{{"station":"{station:#x}","operator":"{operator:#x}","subnet":"{subnet:#x}"}}"#
        )
    }
}

fn parse_subnet(text: &str) -> Result<B128, FieldError> {
    let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 32);
    digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| {
        FieldError::new(
            "subnet",
            format_args!("`{text}` is not a subnet tag: use 0x and 32 hexadecimal digits"),
        )
    })
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::address::to_delegated;

    fn entry(byte: u8) -> RosterEntry {
        RosterEntry {
            station: Address::repeat_byte(byte),
            operator: Address::repeat_byte(0xab),
            subnet: B128::repeat_byte(0x0c),
        }
    }

    fn file(entries: &[RosterEntry]) -> String {
        String::from_utf8(Roster::new(entries.to_vec()).unwrap().to_ndjson()).unwrap()
    }

    fn fault(file: &str) -> String {
        Roster::parse(file.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn the_file_form_is_fixed_and_reads_back() {
        let file = file(&[entry(2), entry(1)]);
        assert_eq!(
            file.lines().next(),
            Some(
                r#"{"station":"0x0202020202020202020202020202020202020202","operator":"0xabababababababababababababababababababab","subnet":"0x0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c"}"#
            )
        );
        let roster = Roster::parse(file.as_bytes()).unwrap();
        assert_eq!(roster.entries(), [entry(2), entry(1)]);
        assert_eq!(roster.index_of(entry(1).station), Some(StationIndex(1)));
        assert_eq!(roster.index_of(entry(3).station), None);
        assert_eq!(roster.to_ndjson(), file.as_bytes());
    }

    #[test]
    fn another_spelling_of_the_same_roster_is_refused() {
        let good = file(&[entry(1), entry(2)]);
        let message = |from: &str, to: &str| fault(&good.replacen(from, to, 1));
        assert_eq!(
            message("0xabab", "0xABAB"),
            "line 1 of the roster, field `operator`: `0xABABabababababababababababababababababab` fails its \
             EIP-55 checksum: check for typos; correct capitals are 0xABaBaBaBABabABabAbAbABAbABabababaBaBABaB, or use lower \
             case only"
        );
        let upper = message(&"ab".repeat(20), &"AB".repeat(20));
        assert!(
            upper.starts_with("line 1 of the roster is not in canonical form: column 71 has `\"0xABAB"),
            "{upper}"
        );
        let delegated = message(
            "0xabababababababababababababababababababab",
            &to_delegated(Address::repeat_byte(0xab)),
        );
        assert!(
            delegated.contains("the canonical form has `\"0xabab"),
            "{delegated}"
        );
        for (from, to) in [
            (":", ": "),
            ("station", "st\\u0061tion"),
            ("}\n", "}\r\n"),
            ("}", "} "),
        ] {
            let message = message(from, to);
            assert!(
                message.contains("line 1 of the roster is not in canonical form"),
                "{to}: {message}"
            );
        }
        assert!(fault(&(String::from("\u{feff}") + &good)).contains("byte order mark"));
        // serde would take the bare values in an array.
        let array = fault(&alloc::format!(
            "[{:?},{:?},\"0x{}\"]\n",
            entry(1).station,
            entry(1).operator,
            "0c".repeat(16)
        ));
        assert!(array.starts_with("line 1 of the roster is not"), "{array}");
    }

    #[test]
    fn an_empty_file_is_an_empty_roster() {
        let roster = Roster::parse(b"").unwrap();
        assert_eq!((roster.count(), roster.root()), (0, B256::ZERO));
    }

    #[test]
    fn faults_name_line_and_field() {
        let good = file(&[entry(1), entry(2)]);
        assert!(fault(good.trim_end()).starts_with("line 2 of the roster does not end with a line feed"));
        assert!(fault(&good.replacen('\n', "\n\n", 1)).starts_with("line 2 of the roster is empty"));
        assert!(fault(&good.replace("0x0202", "0x")).starts_with("line 2 of the roster, field `station`"));
        assert!(fault(&good.replace("0x0c0c", "0x")).starts_with("line 1 of the roster, field `subnet`"));
        let unknown = fault(&good.replace("subnet", "subnets"));
        assert!(
            unknown.starts_with("line 1 of the roster is not an entry: unknown field `subnets`"),
            "{unknown}"
        );
        assert!(fault("{}\n").contains("missing field `station` at column 2"));
        assert!(fault("\u{0}\n").starts_with("line 1 of the roster is not an entry"));
    }

    #[test]
    fn a_station_listed_twice_is_refused() {
        let (one, two) = (file(&[entry(1)]), file(&[entry(2)]));
        let message = fault(&alloc::format!("{one}{two}{two}{one}"));
        assert!(
            message.starts_with("line 3 of the roster repeats station 0x0202"),
            "{message}"
        );
        assert!(message.contains("of line 2"), "{message}");
        assert!(matches!(
            Roster::new([entry(1), entry(1)].into()),
            Err(ListError::Duplicate { line: 2, .. })
        ));
    }

    #[test]
    fn the_zero_address_cannot_be_paid() {
        let zero = RosterEntry {
            operator: Address::ZERO,
            ..entry(1)
        };
        assert!(fault(&file(&[zero])).contains("field `operator`"));
    }
}
