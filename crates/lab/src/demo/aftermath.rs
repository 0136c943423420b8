//! After the play: the verifier, and what is kept.

use std::io::Read;
use std::process::Command;

use eyre::{OptionExt, WrapErr, eyre};
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use super::report::Verification;
use super::stage::Stage;

/// Runs `assize verify settlement` as a stranger would.
pub(super) fn verify_in_a_fresh_process(stage: &Stage) -> eyre::Result<Verification> {
    let binary = std::env::current_exe().wrap_err("cannot find the path of this program")?;
    let output = Command::new(binary)
        .args([
            "verify",
            "settlement",
            "1",
            "--format",
            "json",
            "--rpc-url",
            stage.anvil.url(),
        ])
        .arg("--deployment")
        .arg(stage.files.path("deployment.json"))
        .arg("--store")
        .arg(stage.files.path("store"))
        .arg("--beacons")
        .arg(stage.files.path("beacons.json"))
        .output()
        .wrap_err("the verifier does not start")?;
    let verdict: Value = serde_json::from_slice(&output.stdout)
        .wrap_err_with(|| eyre!("the verifier said: {}", String::from_utf8_lossy(&output.stderr)))?;
    Ok(Verification {
        verdict: verdict["verdict"].as_str().unwrap_or("no verdict").to_owned(),
        rounds_recomputed: verdict["rounds"].as_u64().unwrap_or_default() as usize,
        measurements_recomputed: verdict["measurements"].as_u64().unwrap_or_default(),
    })
}

/// Leaves the chain in a form that anvil can load.
pub(super) fn keep_chain(stage: &Stage) -> eyre::Result<()> {
    let dump = stage.anvil.rpc("anvil_dumpState", json!([]))?;
    let hex = dump.as_str().ok_or_eyre("anvil dumped no state")?;
    stage.files.write("chain.json", &unpacked_state(hex)?)?;
    Ok(())
}

/// `anvil_dumpState` gives gzipped JSON in hex; `anvil --load-state` takes the JSON.
fn unpacked_state(hex: &str) -> eyre::Result<Vec<u8>> {
    let gzipped = alloy_primitives::hex::decode(hex).wrap_err("anvil's state is not hex")?;
    let mut json = Vec::new();
    GzDecoder::new(&gzipped[..])
        .read_to_end(&mut json)
        .wrap_err("anvil's state is not gzipped")?;
    Ok(json)
}
