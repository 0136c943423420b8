//! Verification in a new process, and the chain's state for `--keep`.

use std::io::Read;
use std::process::Command;

use eyre::{OptionExt, WrapErr, eyre};
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use super::environment::Environment;
use super::report::Verification;

/// Runs `assize verify settlement` with nothing but chain, store and beacons.
pub(super) fn verify_in_new_process(environment: &Environment) -> eyre::Result<Verification> {
    let binary = std::env::current_exe().wrap_err("cannot find the path of this program")?;
    let output = Command::new(binary)
        .args([
            "verify",
            "settlement",
            "1",
            "--format",
            "json",
            "--rpc-url",
            environment.anvil.url(),
        ])
        .arg("--deployment")
        .arg(environment.files.path("deployment.json"))
        .arg("--store")
        .arg(environment.files.path("store"))
        .arg("--beacons")
        .arg(environment.files.path("beacons.json"))
        .output()
        .wrap_err("failed to start the verifier")?;
    let verdict: Value = serde_json::from_slice(&output.stdout)
        .wrap_err_with(|| eyre!("the verifier failed: {}", String::from_utf8_lossy(&output.stderr)))?;
    Ok(Verification {
        verdict: verdict["verdict"].as_str().unwrap_or("no verdict").to_owned(),
        rounds_recomputed: verdict["rounds"].as_u64().unwrap_or_default() as usize,
        measurements_recomputed: verdict["measurements"].as_u64().unwrap_or_default(),
    })
}

/// Writes the chain's state to a file that anvil can load.
pub(super) fn save_chain(environment: &Environment) -> eyre::Result<()> {
    let dump = environment.anvil.rpc("anvil_dumpState", json!([]))?;
    let hex = dump.as_str().ok_or_eyre("anvil returned no state")?;
    environment.files.write("chain.json", &unpacked_state(hex)?)?;
    Ok(())
}

/// `anvil_dumpState` returns gzipped JSON in hex; `anvil --load-state` takes the JSON.
fn unpacked_state(hex: &str) -> eyre::Result<Vec<u8>> {
    let gzipped = alloy_primitives::hex::decode(hex).wrap_err("anvil's state is not hex")?;
    let mut json = Vec::new();
    GzDecoder::new(&gzipped[..])
        .read_to_end(&mut json)
        .wrap_err("anvil's state is not gzip")?;
    Ok(json)
}
