//! The roster: the stations that a round may draw.

use alloc::string::String;
use core::fmt::{self, Write};

use alloy_primitives::{Address, B128, B256};
use serde::Deserialize;

use crate::address::{parse_operator, parse_station};
use crate::list::{FieldError, FrozenList, List, ListEntry};
use crate::{StationIndex, merkle};

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

/// The distinct stations of a round in index order (`docs/protocol.md` §7).
///
/// A line of its file: `{"station":"0x…","operator":"0x…","subnet":"0x…"}`; addresses and tags are in lower case.
pub type Roster = FrozenList<RosterEntry>;

impl Roster {
    /// The entry at an index.
    #[must_use]
    pub fn get(&self, index: StationIndex) -> Option<&RosterEntry> {
        self.entries().get(index.0 as usize)
    }

    /// Index of a station; `None` if it is not in the roster.
    #[must_use]
    pub fn index_of(&self, station: Address) -> Option<StationIndex> {
        self.index_of_key(&station).map(StationIndex)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawEntry {
    station: String,
    operator: String,
    subnet: String,
}

impl ListEntry for RosterEntry {
    const LIST: List = List::Roster;
    type Raw = RawEntry;
    type Key<'a> = Address;

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

    fn leaf(&self, index: u32) -> B256 {
        merkle::roster_leaf(StationIndex(index), self.station, self.operator, self.subnet)
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
    use crate::ListError;
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
    fn another_spelling_of_the_same_roster_is_rejected() {
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
        // serde would accept the bare values in an array.
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
    fn a_station_listed_twice_is_rejected() {
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
