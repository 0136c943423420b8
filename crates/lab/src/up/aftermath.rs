//! After the last round: what strangers find, in processes of their own.

use std::path::PathBuf;
use std::process::Command;

use assize_protocol::RoundNumber;
use eyre::{OptionExt, WrapErr, ensure, eyre};
use serde::Serialize;
use serde_json::Value;

use super::screen::State;
use super::stage::Stage;

/// What became of the measurements for which checkers hold receipts.
#[derive(Debug, Default, Serialize)]
pub(super) struct Receipts {
    pub held: u64,
    /// In a batch of their round.
    pub included: u64,
    /// In none: proof against the publisher.
    pub omitted: u64,
    /// Receipts that do not hold.
    pub invalid: u64,
}

/// Recomputes the newest settlement; the verdict.
pub(super) fn verify(stage: &Stage, state: &State) -> eyre::Result<String> {
    let (id, ..) = state.settlement.ok_or_eyre("there is no settlement to verify")?;
    let id = id.to_string();
    let mut arguments = vec!["verify", "settlement", &id, "--format", "json"];
    arguments.extend(stage.chain(stage.anvil.url()));
    arguments.extend(stage.drand());
    let verdict = ask(stage, &arguments)?;
    Ok(verdict["verdict"].as_str().unwrap_or("no verdict").to_owned())
}

/// Looks for every receipted measurement of these rounds among the committed ones.
pub(super) fn check_receipts(stage: &Stage, ingest: &str, rounds: u64) -> eyre::Result<Receipts> {
    let files = receipt_files(stage, rounds)?;
    ensure!(!files.is_empty(), "no checker holds a receipt");
    let mut arguments = vec![
        "operator",
        "receipts",
        "--format",
        "json",
        "--ingest-address",
        ingest,
    ];
    arguments.extend(stage.chain(stage.anvil.url()));
    arguments.extend(files.iter().map(String::as_str));
    let checked = ask(stage, &arguments)?;
    let checked = checked
        .as_array()
        .ok_or_eyre("the check of receipts is not a list")?;
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

fn receipt_files(stage: &Stage, rounds: u64) -> eyre::Result<Vec<String>> {
    let checkers = std::fs::read_dir(stage.directory.join("checkers"))?;
    let checkers: Vec<PathBuf> = checkers
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    let rounds = || (1..=rounds).map(RoundNumber);
    let files = checkers.iter().flat_map(|checker| {
        rounds().map(move |round| checker.join(format!("checker/receipts/round-{round}.ndjson")))
    });
    Ok(files
        .filter(|file| file.exists())
        .map(|file| file.display().to_string())
        .collect())
}

/// What this binary answers, whether or not it finds fault.
fn ask(stage: &Stage, arguments: &[&str]) -> eyre::Result<Value> {
    let output = Command::new(&stage.binary)
        .args(arguments)
        .current_dir(&stage.directory)
        .output()
        .wrap_err_with(|| format!("`assize {}` does not start", arguments[0]))?;
    serde_json::from_slice(&output.stdout).map_err(|_| {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        eyre!("`assize {}` said: {said}", arguments[0])
    })
}
