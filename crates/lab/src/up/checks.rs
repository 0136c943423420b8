//! Checks after the last round, in new processes.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::Command;

use assize_protocol::RoundNumber;
use eyre::{OptionExt, WrapErr, ensure, eyre};
use serde::Serialize;
use serde_json::Value;

use super::environment::Environment;
use super::screen::State;

/// Results of the check of the checkers' receipts.
#[derive(Debug, Default, Serialize)]
pub(super) struct Receipts {
    pub held: u64,
    /// The measurement is in a batch of its round.
    pub included: u64,
    /// The measurement is in no batch, which proves an omission.
    pub omitted: u64,
    /// The receipt is invalid.
    pub invalid: u64,
}

/// Recomputes the newest settlement, and returns the verdict.
pub(super) fn verify(environment: &Environment, state: &State) -> eyre::Result<String> {
    let (id, ..) = state.settlement.ok_or_eyre("no settlement was posted")?;
    let id = id.to_string();
    let mut arguments = vec!["verify", "settlement", &id, "--format", "json"];
    arguments.extend(environment.chain(environment.anvil.url()));
    arguments.extend(environment.drand());
    let verdict = ask(environment, &arguments)?;
    Ok(verdict["verdict"].as_str().unwrap_or("no verdict").to_owned())
}

/// Checks that every measurement with a receipt was committed in its round.
pub(super) fn check_receipts(
    environment: &Environment,
    ingest: &str,
    rounds: RangeInclusive<u64>,
) -> eyre::Result<Receipts> {
    let files = receipt_files(environment, &rounds)?;
    ensure!(!files.is_empty(), "no checker has a receipt");
    let mut arguments = vec![
        "operator",
        "receipts",
        "--format",
        "json",
        "--ingest-address",
        ingest,
    ];
    arguments.extend(environment.chain(environment.anvil.url()));
    arguments.extend(files.iter().map(String::as_str));
    let checked = ask(environment, &arguments)?;
    let checked = checked
        .as_array()
        .ok_or_eyre("`assize operator receipts` did not print a list")?;
    let count = |verdict: &str| {
        let found = checked.iter().filter(|checked| checked["verdict"] == verdict);
        found.count() as u64
    };
    Ok(Receipts {
        held: checked.len() as u64,
        included: count("INCLUDED"),
        omitted: count("OMITTED"),
        invalid: count("INVALID"),
    })
}

fn receipt_files(environment: &Environment, rounds: &RangeInclusive<u64>) -> eyre::Result<Vec<String>> {
    let checkers = std::fs::read_dir(environment.directory.join("checkers"))?;
    let checkers: Vec<PathBuf> = checkers
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    let rounds = || rounds.clone().map(RoundNumber);
    let files = checkers.iter().flat_map(|checker| {
        rounds().map(move |round| checker.join(format!("checker/receipts/round-{round}.ndjson")))
    });
    Ok(files
        .filter(|file| file.exists())
        .map(|file| file.display().to_string())
        .collect())
}

/// Runs a command of this binary, and returns its JSON, also if a check failed.
fn ask(environment: &Environment, arguments: &[&str]) -> eyre::Result<Value> {
    let output = Command::new(&environment.binary)
        .args(arguments)
        .current_dir(&environment.directory)
        .output()
        .wrap_err_with(|| format!("failed to start `assize {}`", arguments[0]))?;
    serde_json::from_slice(&output.stdout).map_err(|_| {
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        eyre!("`assize {}` failed: {errors}", arguments[0])
    })
}
