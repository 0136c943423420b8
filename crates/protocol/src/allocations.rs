//! The allocations of a settlement document, for readers that need nothing else of it (`docs/protocol.md` §11.1).
//!
//! The root on chain decides what is claimed and what is challenged. So this reader ignores other fields, the version, the order,
//! and the spelling of values: a quorum that posts a document in another form withholds neither money nor a proof of fraud.

use alloc::format;
use alloc::vec::Vec;

use alloy_primitives::{Address, B256, U256};
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

use crate::{Allocation, AttoFil};

/// The allocations of a document, as it lists them.
///
/// # Errors
/// That of the JSON parser, if there is no list of allocations.
pub fn allocations_in(document: &[u8]) -> Result<Vec<Allocation>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Part {
        allocations: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        operator: Address,
        #[serde(deserialize_with = "amount")]
        cumulative: AttoFil,
        #[serde(deserialize_with = "amount")]
        running: AttoFil,
        #[serde(deserialize_with = "amount")]
        grown: AttoFil,
        #[serde(deserialize_with = "count")]
        reports: u32,
        sheet: B256,
    }
    let Part { allocations } = serde_json::from_slice(document)?;
    let allocation = |entry: Entry| Allocation {
        operator: entry.operator,
        cumulative: entry.cumulative,
        running: entry.running,
        grown: entry.grown,
        reports: entry.reports,
        sheet: entry.sheet,
    };
    Ok(allocations.into_iter().map(allocation).collect())
}

/// A whole number, as a number or as a string of digits.
fn digits(json: &str) -> Option<U256> {
    let digits = json
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(json);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| U256::from_str_radix(digits, 10).ok()).flatten()
}

fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AttoFil, D::Error> {
    let value = <&RawValue>::deserialize(deserializer)?;
    let amount = digits(value.get()).and_then(|digits| u128::try_from(digits).ok());
    amount
        .map(AttoFil::new)
        .ok_or_else(|| de::Error::custom(format!("`{}` is not an amount below 2^128", value.get())))
}

fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let value = <&RawValue>::deserialize(deserializer)?;
    let count = digits(value.get()).and_then(|digits| u32::try_from(digits).ok());
    count.ok_or_else(|| de::Error::custom(format!("`{}` is not a number below 2^32", value.get())))
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn other_fields_versions_orders_and_spellings_do_not_matter() {
        let zero = "00".repeat(32);
        let text = format!(
            r#"{{"version":9,"x":1,"allocations":[
                {{"cumulative":7,"grown":"1","note":"","operator":"0x00000000000000000000000000000000000000AB","reports":"02","running":7,"sheet":"0x{zero}"}},
                {{"operator":"0x00000000000000000000000000000000000000aa","cumulative":"0009","running":"16","grown":0,"reports":0,"sheet":"{zero}"}}]}}"#
        );
        let expected = [(0xab, 7, 7, 1, 2), (0xaa, 9, 16, 0, 0)].map(
            |(operator, cumulative, running, grown, reports)| Allocation {
                operator: Address::with_last_byte(operator),
                cumulative: AttoFil::new(cumulative),
                running: AttoFil::new(running),
                grown: AttoFil::new(grown),
                reports,
                sheet: B256::ZERO,
            },
        );
        assert_eq!(allocations_in(text.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn what_is_no_allocation_is_refused() {
        let entry = format!(
            r#"{{"operator":"0x00000000000000000000000000000000000000aa","cumulative":9,"running":9,"grown":9,"reports":1,"sheet":"0x{}"}}"#,
            "00".repeat(32)
        );
        let read = |entry: &str| allocations_in(format!(r#"{{"allocations":[{entry}]}}"#).as_bytes());
        assert_eq!(read(&entry).unwrap().len(), 1);
        for (from, to) in [
            ("\"cumulative\":9", "\"cumulative\":-9"),
            ("\"cumulative\":9", "\"cumulative\":9.0"),
            ("\"cumulative\":9", "\"cumulative\":\"x\""),
            (
                "\"running\":9",
                "\"running\":340282366920938463463374607431768211456",
            ),
            ("\"reports\":1", "\"reports\":4294967296"),
            (",\"grown\":9", ""),
        ] {
            assert!(read(&entry.replacen(from, to, 1)).is_err(), "{to}");
        }
        assert!(allocations_in(b"{}").is_err(), "it has no such part");
    }
}
