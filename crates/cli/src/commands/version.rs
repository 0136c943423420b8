//! `assize version`.

use assize_deployment::code_hashes;
use clap::Args;
use serde_json::{Map, json};

use crate::args::FormatArgs;
use crate::output::Outcome;

/// Version of docs/protocol.md that this build implements.
const PROTOCOL: u32 = 2;

/// Show version, git commit, protocol version and the contracts' code hashes.
#[derive(Debug, Args)]
pub struct VersionArgs {
    #[command(flatten)]
    format: FormatArgs,
}

pub(super) fn run(args: &VersionArgs) -> eyre::Result<Outcome> {
    let version = env!("CARGO_PKG_VERSION");
    // Empty in a build from a source archive.
    let commit = Some(env!("ASSIZE_COMMIT")).filter(|commit| !commit.is_empty());
    let hashes = code_hashes();
    let contracts: Map<_, _> = hashes
        .iter()
        .map(|(name, hash)| ((*name).to_owned(), json!(hash)))
        .collect();
    let report = json!({"version": version, "commit": commit, "protocol": PROTOCOL, "contracts": contracts});
    args.format.print(&report, || {
        let mut text = format!(
            "assize {version}\n  commit           {}\n  protocol         {PROTOCOL}",
            commit.unwrap_or("unknown")
        );
        for (name, hash) in &hashes {
            text.push_str(&format!("\n  {name:<15}  {hash}"));
        }
        text
    })?;
    Ok(Outcome::Done)
}
