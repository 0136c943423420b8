//! The configuration with which the programs of a local network reach what is around it.

use std::path::Path;

use assize_testkit::filecoin::{CURIO_PEER_IDS, LocalFilecoin};
use serde_json::{Value, json};

/// Settings for a configuration file in `directory`, which has the deployment and the drand chain's description.
pub(crate) fn settings(
    directory: &Path,
    relay: &str,
    filecoin: &LocalFilecoin,
) -> Vec<(&'static str, Value)> {
    let path = |name: &str| directory.join(name).display().to_string();
    vec![
        ("rpc-url", json!(filecoin.rpc_url())),
        ("deployment", json!(path("deployment.json"))),
        ("drand-info", json!(path("drand.json"))),
        ("relay", json!([relay])),
        ("indexer", json!([filecoin.indexer_url()])),
        ("peer-ids", json!(CURIO_PEER_IDS.to_string())),
        ("allow-private", json!(true)),
    ]
}

/// The settings as TOML, in which strings, lists of strings and booleans are written as in JSON.
pub(crate) fn to_toml(settings: &[(&str, Value)]) -> String {
    settings
        .iter()
        .map(|(key, value)| format!("{key} = {value}\n"))
        .collect()
}
