//! Reverts of contracts as sentences.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{LazyLock, OnceLock};

use alloy_dyn_abi::{DynSolValue, JsonAbiExt};
use alloy_json_abi::{ContractObject, Error as AbiError};
use alloy_primitives::{Bytes, Selector};
use alloy_sol_types::{Panic, Revert as RevertString, SolError};
use assize_protocol::{AttoFil, FileCid};

use crate::contracts;

/// A contract's revert: the error and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revert {
    /// The contract called.
    pub contract: &'static str,
    /// The error's name and arguments, such as `AlreadyCommitted(cid: bafk…, round: 3)`.
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

/// Arguments of errors that are times.
const TIME_NAMES: [&str; 10] = [
    "closesAt",
    "timestamp",
    "opensForAnyoneAt",
    "commitsUntil",
    "endedAt",
    "endsAt",
    "at",
    "earliest",
    "abandonedAt",
    "effectiveAt",
];
/// Arguments of errors that are amounts.
const AMOUNT_NAMES: [&str; 8] = [
    "growth",
    "budget",
    "cumulativeTotal",
    "totalDeposited",
    "cumulative",
    "claimed",
    "amount",
    "unpaid",
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
                name => format!("{name}: {}", show_named(name, value)),
            })
            .collect();
        return (
            format!("{}({})", error.name, arguments.join(", ")),
            remedy(&error.name),
        );
    }
    (format!("unknown error {data}"), None)
}

fn show_named(name: &str, value: &DynSolValue) -> String {
    match value {
        DynSolValue::Uint(number, _) if AMOUNT_NAMES.contains(&name) => AttoFil::from(*number).to_string(),
        DynSolValue::Uint(number, _) if TIME_NAMES.contains(&name) => {
            let words = TIMES.get().zip(u64::try_from(*number).ok());
            words.map_or_else(|| number.to_string(), |(words, at)| words(at))
        }
        _ => show(value),
    }
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

/// What to do about errors of `Rounds`, `Rewards` and beacons.
const REMEDIES: &[(&str, &str)] = &[
    ("NotCoordinator", "use the coordinator's key"),
    (
        "NotPublisher",
        "use a publisher's key, or let the owner add this one with setPublisher",
    ),
    ("NotGuardian", "use the guardian's key"),
    ("OwnableUnauthorizedAccount", "use the owner's key"),
    ("NoSuchRound", "open the round first, or use a lower number"),
    ("PreviousRoundOpen", "wait until the previous round has closed"),
    ("TooEarlyForAnyone", "wait, or let the coordinator open the round"),
    ("AlreadyRevealed", "nothing to do: the seed is known"),
    ("NotRevealed", "reveal the round's beacon first"),
    ("CommitWindowOpen", "wait until the commit window ends"),
    (
        "CommitWindowOver",
        "batches of this round can no longer be committed",
    ),
    ("AlreadyCommitted", "nothing to do: the batch is on chain"),
    ("NothingChanged", "the value is already in force"),
    ("WrongParent", "settle again on top of the newest settlement"),
    (
        "RangeDoesNotContinue",
        "settle again on top of the newest settlement",
    ),
    (
        "OverBudget",
        "recompute the settlement: it pays more than the rounds' budgets allow",
    ),
    ("Underfunded", "deposit FIL first"),
    ("NotEnoughSignatures", "collect signatures of more evaluators"),
    (
        "SignersNotAscending",
        "pass each evaluator's signature once, in ascending order of addresses",
    ),
    ("NotEvaluator", "use signatures of registered evaluators only"),
    ("NotActive", "wait until the challenge window is over"),
    (
        "NoSuchSettlement",
        "no settlement has this number: they count from 1 to settlementCount",
    ),
    (
        "WindowTooShort",
        "the window is in seconds: use at least min, which was fixed at the deployment",
    ),
    ("WindowTooLong", "the window is in seconds: use at most max"),
    ("EndTooSoon", "choose an end at or after the earliest"),
    (
        "ParameterOutOfBounds",
        "choose a value from min to max; durations are in seconds",
    ),
    ("NotPending", "only a pending settlement can be vetoed"),
    (
        "InvalidProof",
        "the proof is for another settlement, operator or amount",
    ),
    (
        "NothingToClaim",
        "the operator has been paid everything that this settlement grants",
    ),
    (
        "NoFilecoinPrecompiles",
        "this chain cannot pay f0, f1, f2 and f3 addresses because it lacks Filecoin's precompiles: use a 0x or f410 address",
    ),
    (
        "PaymentFailed",
        "the recipient rejects payments: let the operator set another payout address",
    ),
    ("TooLittleGas", "send fewer claims in one transaction"),
];

fn remedy(error: &str) -> Option<&'static str> {
    let known = REMEDIES.iter().find(|(name, _)| *name == error);
    known.map(|(_, remedy)| *remedy)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use alloy_primitives::{Address, FixedBytes, U256};

    use super::*;
    use crate::contracts::{rewards::Rewards, rounds::Rounds};

    fn said(contract: &'static str, error: &impl SolError) -> String {
        Revert::read(contract, error.abi_encode().into(), "").to_string()
    }

    #[test]
    fn values_and_remedy_are_named() {
        let cid: FileCid = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
            .parse()
            .unwrap();
        let error = Rounds::AlreadyCommitted {
            cid: cid.to_bytes().into(),
            round: 3,
        };
        assert_eq!(
            said("Rounds", &error),
            format!(
                "Rounds reverted: AlreadyCommitted(cid: {cid}, round: 3); nothing to do: the batch is on chain"
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
        let error = Rewards::NotEvaluator {
            signer: Address::repeat_byte(0x11),
        };
        let expected = "Rewards reverted: NotEvaluator(signer: 0x1111111111111111111111111111111111111111); \
                        use signatures of registered evaluators only";
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
