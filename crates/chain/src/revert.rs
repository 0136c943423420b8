//! Reverts of contracts as sentences.

mod remedies;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{LazyLock, OnceLock};

use alloy_dyn_abi::{DynSolValue, JsonAbiExt};
use alloy_json_abi::{ContractObject, Error as AbiError};
use alloy_primitives::{Bytes, Selector};
use alloy_sol_types::{Panic, Revert as RevertString, SolError};
use assize_protocol::{AttoFil, FileCid};

use self::remedies::remedy;
use crate::contracts;

/// A contract's revert: the error and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revert {
    /// The contract called.
    pub contract: &'static str,
    /// The error's name and arguments, such as `NoSuchRound(round: 3, latest: 2)`.
    pub error: String,
    /// The remedy, if there is one.
    pub remedy: Option<&'static str>,
    /// The data that the contract returned.
    pub data: Bytes,
}

impl Revert {
    /// Decodes the data with which `contract` reverted; without data, the node's own words are all there is.
    pub(crate) fn read(contract: &'static str, data: Bytes, words: &str) -> Self {
        let (error, remedy) = match words {
            words if data.is_empty() && !words.is_empty() => (format!("{words:?}"), None),
            _ => describe(&data),
        };
        Self {
            contract,
            error,
            remedy,
            data,
        }
    }

    /// The error as its generated type, if it has that type.
    #[must_use]
    pub fn decode<E: SolError>(&self) -> Option<E> {
        E::abi_decode(&self.data).ok()
    }
}

impl fmt::Display for Revert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} reverted: {}", self.contract, self.error)?;
        match self.remedy {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Revert {}

/// How a time of an error is written. This crate has no calendar, so it is Unix seconds unless the program says otherwise.
static TIMES: OnceLock<fn(u64) -> String> = OnceLock::new();

/// Lets all reverts show their times, which are Unix seconds, in these words. The first call counts.
pub fn show_times_as(words: fn(u64) -> String) {
    let _ = TIMES.set(words);
}

/// Arguments of errors that are times; with the error's name where another error has the name for something else.
const TIME_NAMES: [&str; 14] = [
    "closesAt",
    "timestamp",
    "opensForAnyoneAt",
    "until",
    "dedupeFrom",
    "from",
    "dueAt",
    "activeAt",
    "TooLate.latest",
    "endedAt",
    "endsAt",
    "at",
    "earliest",
    "abandonedAt",
];
/// Arguments of errors that are amounts, likewise.
const AMOUNT_NAMES: [&str; 11] = [
    "growth",
    "budget",
    "TotalDecreases.previous",
    "cumulativeTotal",
    "totalDeposited",
    "cumulative",
    "claimed",
    "amount",
    "unpaid",
    "bond",
    "BondTooSmall.needed",
];
/// Arguments of errors that are the contracts' enumerations, and the names of their values.
const ENUM_NAMES: [(&str, [&str; 4]); 2] = [
    ("kind", ["roster", "task list", "list of seals", "batch"]),
    ("status", ["none", "pending", "active", "void"]),
];

/// Errors of all contracts by selector. A contract may pass on another one's error, as `Rounds` does with its beacon's,
/// so they share one table; equal selectors have equal names and types.
static ERRORS: LazyLock<BTreeMap<Selector, AbiError>> = LazyLock::new(|| {
    contracts::ARTIFACTS
        .iter()
        .filter_map(|json| serde_json::from_str::<ContractObject>(json).ok()?.abi)
        .flat_map(|abi| abi.errors.into_values().flatten())
        .map(|error| (error.selector(), error))
        .collect()
});

fn describe(data: &Bytes) -> (String, Option<&'static str>) {
    if data.is_empty() {
        return ("no reason given".into(), None);
    }
    if let Ok(RevertString { reason }) = RevertString::abi_decode(data) {
        return (format!("\"{reason}\""), None);
    }
    if let Ok(panic) = Panic::abi_decode(data) {
        return (panic.to_string(), None);
    }
    let known = data
        .first_chunk()
        .and_then(|selector| ERRORS.get(&Selector::from(*selector)));
    if let Some(error) = known
        && let Ok(values) = error.abi_decode_input(&data[4..])
    {
        let arguments: Vec<_> = error
            .inputs
            .iter()
            .zip(&values)
            .map(|(input, value)| match input.name.as_str() {
                "" => show(value),
                name => format!("{name}: {}", show_named(&error.name, name, value)),
            })
            .collect();
        return (
            format!("{}({})", error.name, arguments.join(", ")),
            remedy(&error.name),
        );
    }
    (format!("unknown error {data}"), None)
}

fn show_named(error: &str, name: &str, value: &DynSolValue) -> String {
    let is_one_of = |names: &[&str]| {
        let listed = |listed: &&str| match listed.split_once('.') {
            Some(qualified) => qualified == (error, name),
            None => *listed == name,
        };
        names.iter().any(listed)
    };
    let DynSolValue::Uint(number, _) = value else {
        return show(value);
    };
    if is_one_of(&AMOUNT_NAMES) {
        return AttoFil::from(*number).to_string();
    }
    let small = u64::try_from(*number).ok();
    if is_one_of(&TIME_NAMES)
        && let Some((words, at)) = TIMES.get().zip(small)
    {
        return words(at);
    }
    let values = ENUM_NAMES.iter().find(|(listed, _)| *listed == name);
    let word = values.and_then(|(_, values)| values.get(usize::try_from(small?).ok()?));
    word.map_or_else(|| number.to_string(), |word| (*word).to_owned())
}

fn show(value: &DynSolValue) -> String {
    match value {
        DynSolValue::Bytes(bytes) => match FileCid::from_bytes(bytes) {
            Ok(cid) => cid.to_string(),
            Err(_) => Bytes::copy_from_slice(bytes).to_string(),
        },
        // Parameter names are short strings in one word.
        DynSolValue::FixedBytes(word, _) => {
            let text: &[u8] = &word[..word
                .iter()
                .rposition(|byte| *byte != 0)
                .map_or(0, |last| last + 1)];
            match std::str::from_utf8(text) {
                Ok(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                    text.into()
                }
                _ => word.to_string(),
            }
        }
        DynSolValue::Address(address) => address.to_string(),
        DynSolValue::Uint(number, _) => number.to_string(),
        DynSolValue::Int(number, _) => number.to_string(),
        DynSolValue::Bool(truth) => truth.to_string(),
        DynSolValue::String(text) => format!("\"{text}\""),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use alloy_primitives::{Address, FixedBytes, U256};

    use super::remedies::REMEDIES;
    use super::*;
    use crate::contracts::{court::Court, rewards::Rewards, roles::Roles, rounds::Rounds};

    fn said(contract: &'static str, error: &impl SolError) -> String {
        Revert::read(contract, error.abi_encode().into(), "").to_string()
    }

    #[test]
    fn values_and_remedy_are_named() {
        let cid: FileCid = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
            .parse()
            .unwrap();
        let invalid = Rounds::InvalidCid {
            cid: cid.to_bytes().into(),
        };
        assert!(said("Rounds", &invalid).contains(&format!("(cid: {cid})")));
        let root = FixedBytes::repeat_byte(0xab);
        let error = Rounds::AlreadyCommitted {
            round: 3,
            kind: 3,
            root,
        };
        assert_eq!(
            said("Rounds", &error),
            format!(
                "Rounds reverted: AlreadyCommitted(round: 3, kind: batch, root: {root}); nothing to do: the file is on chain"
            )
        );
        let revert = Revert::read("Rounds", error.abi_encode().into(), "");
        assert_eq!(revert.decode::<Rounds::AlreadyCommitted>(), Some(error));
        assert_eq!(revert.decode::<Rounds::NotRevealed>(), None);
    }

    #[test]
    fn parameter_names_are_text_and_roots_are_hex() {
        let mut parameter = FixedBytes::<32>::ZERO;
        parameter[..6].copy_from_slice(b"quorum");
        let (value, min, max) = (U256::ZERO, U256::from(1), U256::from(100));
        let out_of_bounds = said(
            "Rounds",
            &Rounds::ParameterOutOfBounds {
                parameter,
                value,
                min,
                max,
            },
        );
        assert!(
            out_of_bounds.contains("parameter: quorum, value: 0, min: 1, max: 100"),
            "{out_of_bounds}"
        );
        let root = FixedBytes::repeat_byte(0xab);
        assert!(said("Rounds", &Rounds::RootWithoutEntries { root }).contains("root: 0xabab"));
    }

    #[test]
    fn amounts_are_in_fil_and_times_in_the_words_of_the_program() {
        let over = said(
            "Rewards",
            &Rewards::OverBudget {
                growth: U256::from(2_500_000_000_000_000_000_u64),
                budget: U256::ZERO,
            },
        );
        assert!(over.contains("(growth: 2.5 FIL, budget: 0 FIL)"), "{over}");
        let early = Rounds::TooEarlyForAnyone {
            opensForAnyoneAt: 60,
            timestamp: U256::from(7),
        };
        show_times_as(|at| format!("second {at}"));
        let early = said("Rounds", &early);
        assert!(
            early.contains("(opensForAnyoneAt: second 60, timestamp: second 7)"),
            "{early}"
        );
    }

    #[test]
    fn names_with_two_meanings_are_told_apart() {
        let late = Court::TooLate {
            activeAt: 1,
            latest: U256::from(2),
        };
        let none = Rounds::NoSuchRound { round: 3, latest: 2 };
        let bond = Court::BondTooSmall {
            bond: U256::ZERO,
            needed: U256::from(1),
        };
        let gas = Rewards::TooLittleGas {
            needed: U256::from(1),
        };
        show_times_as(|at| format!("second {at}"));
        for (said, words) in [
            (said("Court", &late), "activeAt: second 1, latest: second 2"),
            (said("Rounds", &none), "round: 3, latest: 2"),
            (
                said("Court", &bond),
                "bond: 0 FIL, needed: 0.000000000000000001 FIL",
            ),
            (said("Rewards", &gas), "needed: 1)"),
        ] {
            assert!(said.contains(words), "{said}");
        }
    }

    #[test]
    fn arguments_with_a_meaning_are_those_of_an_error() {
        let qualified: BTreeSet<_> = ERRORS
            .values()
            .flat_map(|error| {
                let name = |input: &alloy_json_abi::Param| format!("{}.{}", error.name, input.name);
                error.inputs.iter().map(name).collect::<Vec<_>>()
            })
            .collect();
        let enums = ENUM_NAMES.iter().map(|(name, _)| name);
        for listed in TIME_NAMES.iter().chain(&AMOUNT_NAMES).chain(enums) {
            let end = format!(".{listed}");
            let found = qualified
                .iter()
                .any(|name| name == listed || name.ends_with(&end));
            assert!(found, "no error has the argument {listed}");
        }
    }

    #[test]
    fn every_error_of_these_contracts_has_a_remedy() {
        // Of OpenZeppelin's, which cannot happen: names too long, numbers too large, calls from within.
        const IMPOSSIBLE: [&str; 6] = [
            "InvalidShortString",
            "StringTooLong",
            "SafeCastOverflowedUintDowncast",
            "SafeCastOverflowedUintToInt",
            "SafeCastOverflowedIntToUint",
            "ReentrancyGuardReentrantCall",
        ];
        let mut missing: BTreeSet<_> = BTreeSet::new();
        for json in &contracts::ARTIFACTS[..4] {
            let abi = serde_json::from_str::<ContractObject>(json).unwrap().abi.unwrap();
            missing.extend(abi.errors.into_keys().filter(|name| remedy(name).is_none()));
        }
        missing.retain(|name| !IMPOSSIBLE.contains(&name.as_str()));
        assert_eq!(missing, BTreeSet::from(["OwnableInvalidOwner".to_owned()]));
    }

    #[test]
    fn remedies_name_errors_and_functions_that_exist() {
        let names: BTreeSet<_> = ERRORS.values().map(|error| error.name.as_str()).collect();
        let functions: BTreeSet<_> = contracts::ARTIFACTS
            .iter()
            .filter_map(|json| serde_json::from_str::<ContractObject>(json).unwrap().abi)
            .flat_map(|abi| abi.functions.into_keys())
            .collect();
        let mut seen = BTreeSet::new();
        for (error, remedy) in REMEDIES {
            assert!(names.contains(error), "no contract has the error {error}");
            assert!(seen.insert(error), "{error} has two remedies");
            // Names of the contracts are words with a capital after the first letter; FIL and FILs are not.
            let is_name = |word: &&str| {
                let mut letters = word.chars();
                letters.next().is_some_and(char::is_lowercase) && letters.any(char::is_uppercase)
            };
            let words = remedy.split(|symbol: char| !symbol.is_alphanumeric());
            for name in words.filter(is_name) {
                assert!(
                    functions.contains(name),
                    "no contract has {name}, which the remedy of {error} names"
                );
            }
        }
    }

    #[test]
    fn money_errors_read_well() {
        let error = Roles::NotEvaluator {
            signer: Address::repeat_byte(0x11),
        };
        let expected = "Rewards reverted: NotEvaluator(signer: 0x1111111111111111111111111111111111111111); \
                        use keys and signatures of the evaluators in force only";
        assert_eq!(said("Rewards", &error), expected);
    }

    #[test]
    fn solidity_strings_panics_and_the_unknown() {
        assert_eq!(
            said("Rounds", &RevertString::from("hello")),
            "Rounds reverted: \"hello\""
        );
        assert!(
            said(
                "Rounds",
                &Panic {
                    code: U256::from(0x11)
                }
            )
            .contains("overflow")
        );
        let unknown = Revert::read("Rounds", Bytes::from_static(&[1, 2, 3, 4]), "").to_string();
        assert_eq!(unknown, "Rounds reverted: unknown error 0x01020304");
        assert_eq!(
            Revert::read("Rounds", Bytes::new(), "").to_string(),
            "Rounds reverted: no reason given"
        );
        assert_eq!(
            Revert::read("Rounds", Bytes::new(), "out of gas").to_string(),
            "Rounds reverted: \"out of gas\""
        );
    }
}
