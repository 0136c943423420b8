//! Limits on the number of crates that the binaries compile, so that the first build stays short; and that money has one type.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The crates that a package compiles with its default features, including the workspace's, build scripts' and macros' crates.
fn crates_of(package: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--package", package])
        .args(["--edges", "normal,build", "--prefix", "none", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree -p {package}: {errors}");
    let lines = String::from_utf8(output.stdout).unwrap();
    // Name and version, without the crate's source and the mark of macros.
    let name = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    lines.lines().filter(|line| !line.is_empty()).map(name).collect()
}

#[test]
fn the_binaries_compile_few_crates() {
    // `make demo` builds the lab. An additional crate needs a reason: raise a bound only with one.
    for (package, bound) in [("assize-lab", 300), ("assize-cli", 335)] {
        let count = crates_of(package).len();
        assert!(
            count <= bound,
            "{package} compiles {count} crates, {bound} are allowed: see cargo tree -p {package}"
        );
    }
}

#[test]
fn removed_dependencies_do_not_return() {
    // A query engine for one sum, a second TLS provider in addition to ring, and ICU4X for host names.
    for package in ["assize-lab", "assize-cli"] {
        for name in [
            "datafusion",
            "arrow-array",
            "aws-lc-sys",
            "openssl-sys",
            "icu_properties",
        ] {
            let found = crates_of(package)
                .into_iter()
                .find(|found| found.split(' ').next().is_some_and(|found| found == name));
            assert_eq!(found, None, "in {package}: see cargo tree -p {package} -i {name}");
        }
    }
}

/// The files that may use integers of more than 64 bits, and what for. Everywhere else an amount is an `AttoFil`, and the price of gas
/// a `GasPrice`.
const WIDE_INTEGERS: [(&str, &str); 28] = [
    ("chain/src/amount.rs", "words of the ABI"),
    ("chain/src/at.rs", "words of the ABI"),
    ("chain/src/beacon.rs", "words of the ABI"),
    ("chain/src/blocks.rs", "a product of two 64-bit numbers"),
    ("chain/src/client.rs", "JSON-RPC"),
    ("chain/src/court.rs", "words of the ABI"),
    ("chain/src/eip1559.rs", "signed transactions"),
    ("chain/src/gas.rs", "products of gas and its price"),
    ("chain/src/rewards.rs", "words of the ABI"),
    ("chain/src/roles.rs", "words of the ABI"),
    ("chain/src/rounds.rs", "words of the ABI"),
    ("chain/src/rounds/reports.rs", "words of the ABI"),
    ("chain/src/transaction.rs", "JSON-RPC"),
    ("deployment/src/creation.rs", "words of the ABI"),
    ("deployment/src/plan.rs", "words of the ABI"),
    ("evaluate/src/figures.rs", "percentiles of times"),
    ("guard/src/subnet.rs", "IPv6 addresses"),
    ("keys/src/keystore.rs", "products of scrypt's parameters"),
    ("payout/src/allocations.rs", "property tests"),
    (
        "protocol/src/allocations.rs",
        "leaves of a document that need not be canonical",
    ),
    ("protocol/src/amount.rs", "the type of amounts"),
    ("protocol/src/leaf.rs", "words of the ABI"),
    ("protocol/src/lib.rs", "what the type of amounts converts from"),
    ("protocol/src/rewards.rs", "sets of 256 tasks"),
    ("protocol/src/seed.rs", "words of the ABI"),
    ("retrieve/src/request.rs", "UUIDs"),
    ("spark/src/report.rs", "Spark's scores, which are shares"),
    ("testkit/src/fault/transaction.rs", "signed transactions"),
];

/// Names of amounts.
const MONEY: &str =
    "amount balance budget claimable claimed cost deposited due earned fee granted owed paid reward";

/// The simulation of cheating has no FIL: its rewards are shares, its costs are relative to each other.
const WITHOUT_FIL: [&str; 2] = ["simulate/src/", "lab/src/simulate.rs"];

/// All sources of the crates, as paths in `crates/`, without comments and tests.
fn sources() -> Vec<(String, String)> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let entries = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries(crates).map(|path| path.join("src")).collect();
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") && !path.ends_with("tests.rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
                let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
                let name = path.strip_prefix(crates).unwrap().to_str().unwrap().to_owned();
                sources.push((name, lines.collect::<Vec<_>>().join("\n")));
            }
        }
    }
    sources
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
}

#[test]
fn wide_integers_are_no_amounts() {
    let is_wide = |word: &str| ["u128", "U96", "U128", "U256"].contains(&word);
    let sources = sources().into_iter();
    let found: BTreeSet<String> = sources
        .filter(|(_, code)| words(code).any(is_wide))
        .map(|(name, _)| name)
        .collect();
    let listed: BTreeSet<String> = WIDE_INTEGERS.map(|(file, _)| file.to_owned()).into();
    assert_eq!(
        found, listed,
        "left: files that use wide integers, right: those that may; an amount is an AttoFil, other uses need a reason in the list"
    );
}

#[test]
fn floating_point_numbers_are_no_amounts() {
    for (name, code) in sources() {
        for line in code.lines().filter(|line| line.contains("f64")) {
            // `amount: f64` and `fn amount(…) -> f64`.
            let fields = line
                .match_indices(": f64")
                .filter_map(|(at, _)| words(&line[..at]).last());
            let function = line
                .split_once("-> f64")
                .and_then(|(head, _)| head.split_once("fn "));
            let function = function.and_then(|(_, head)| words(head).next());
            let amount = fields.chain(function).find(|name| {
                let mut parts = name.split('_').map(|part| part.trim_end_matches('s'));
                parts.any(|part| MONEY.split(' ').any(|money| money == part))
            });
            assert!(
                amount.is_none() || WITHOUT_FIL.iter().any(|there| name.starts_with(there)),
                "{name}: `{}` has an amount as a floating-point number: use AttoFil, whose to_fil_f64 is for metrics",
                line.trim()
            );
        }
    }
}
