//! Parts of a document, for readers that need no others (docs/protocol.md §11.1).
//!
//! The roots on chain decide what is claimed and what is challenged. So these readers ignore other fields, the version, and the
//! spelling of values: a quorum that posts a document in another form withholds neither money nor a proof of fraud.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, U256};
use assize_protocol::{AttoFil, CommitteeIndex, RoundNumber, StationIndex, TaskNumber, merkle};
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

use super::DocumentError;
use crate::Accepted;

/// A rewarded measurement as a document lists it, which may be one that cannot exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewarded {
    /// The round.
    pub round: RoundNumber,
    /// Index of the station.
    pub station: U256,
    /// The committee.
    pub committee: U256,
    /// Position of the task among the committee's.
    pub k: U256,
}

impl Rewarded {
    /// Its leaf in the accepted tree.
    #[must_use]
    pub fn leaf(&self) -> B256 {
        merkle::leaf_of_words(&[
            B256::from(U256::from(self.round.0)),
            self.station.into(),
            self.committee.into(),
            self.k.into(),
        ])
    }

    /// The same with indices as rounds have them; `None` if no round has such large ones.
    #[must_use]
    pub fn possible(&self) -> Option<Accepted> {
        Some(Accepted {
            round: self.round,
            station: StationIndex(self.station.try_into().ok()?),
            committee: CommitteeIndex(self.committee.try_into().ok()?),
            k: TaskNumber(self.k.try_into().ok()?),
        })
    }
}

/// The allocations of a document; of an operator that is listed twice, the last.
///
/// # Errors
/// [`DocumentError::Json`].
pub fn allocations(document: &[u8]) -> Result<BTreeMap<Address, AttoFil>, DocumentError> {
    #[derive(Deserialize)]
    struct Part {
        allocations: Vec<Allocation>,
    }
    #[derive(Deserialize)]
    struct Allocation {
        operator: Address,
        #[serde(deserialize_with = "amount")]
        cumulative: AttoFil,
    }
    let Part { allocations } = serde_json::from_slice(document)?;
    let entries = allocations.into_iter();
    Ok(entries.map(|entry| (entry.operator, entry.cumulative)).collect())
}

/// The rewarded measurements of a document.
///
/// # Errors
/// [`DocumentError::Json`].
pub fn accepted(document: &[u8]) -> Result<Vec<Rewarded>, DocumentError> {
    #[derive(Deserialize)]
    struct Part<'a> {
        #[serde(borrow)]
        accepted: Vec<[&'a RawValue; 4]>,
    }
    let Part { accepted } = serde_json::from_slice(document)?;
    let word = |value: &RawValue| digits(value.get()).ok_or_else(|| invalid(value));
    let entry = |[round, station, committee, k]: [&RawValue; 4]| {
        let number = word(round)?;
        Ok(Rewarded {
            round: RoundNumber(number.try_into().map_err(|_| invalid(round))?),
            station: word(station)?,
            committee: word(committee)?,
            k: word(k)?,
        })
    };
    accepted.into_iter().map(entry).collect()
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

fn invalid(value: &RawValue) -> DocumentError {
    let reason = format!("`{}` in `accepted` is not a number below 2^256", value.get());
    DocumentError::Json(de::Error::custom(reason))
}

fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AttoFil, D::Error> {
    let value = <&RawValue>::deserialize(deserializer)?;
    let amount = digits(value.get()).and_then(|digits| u128::try_from(digits).ok());
    amount
        .map(AttoFil::new)
        .ok_or_else(|| de::Error::custom(format!("`{}` is not an amount below 2^128", value.get())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_fields_versions_and_spellings_do_not_matter() {
        let text = r#"{"version":3,"x":1,"allocations":[{"cumulative":7,"note":"","operator":"0x00000000000000000000000000000000000000AA"},
            {"operator":"0x00000000000000000000000000000000000000ab","cumulative":"0009"}]}"#;
        let expected = [(0xaa, 7), (0xab, 9)]
            .map(|(operator, amount)| (Address::with_last_byte(operator), AttoFil::new(amount)));
        assert_eq!(allocations(text.as_bytes()).unwrap(), BTreeMap::from(expected));
        assert!(accepted(text.as_bytes()).is_err(), "it has no such part");
    }

    #[test]
    fn measurements_that_cannot_exist_have_leaves() {
        let large = U256::MAX.to_string();
        let text = format!(r#"{{"accepted":[[1,2,3,4],["1",4294967296,0,{large}]]}}"#);
        let [possible, impossible] = accepted(text.as_bytes()).unwrap()[..] else {
            panic!("two entries")
        };
        let of_round = possible.possible().unwrap();
        let leaf = merkle::accepted_leaf(of_round.round, of_round.station, of_round.committee, of_round.k);
        assert_eq!(possible.leaf(), leaf);
        assert_eq!(impossible.possible(), None);
        assert_eq!(
            (impossible.station, impossible.k),
            (U256::from(1_u64 << 32), U256::MAX)
        );
        for entry in [
            "[1,2,3]",
            "[1,2,3,-4]",
            "[1,2,3,4.0]",
            "[1,2,3,\"x\"]",
            "[18446744073709551616,2,3,4]",
        ] {
            assert!(
                accepted(format!(r#"{{"accepted":[{entry}]}}"#).as_bytes()).is_err(),
                "{entry}"
            );
        }
    }
}
