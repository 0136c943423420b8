//! `assize beacon`.

use assize_protocol::BeaconRound;
use std::str::FromStr;

use alloy_primitives::hex;
use assize_drand::{Beacon, BeaconError, Chain};
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::output::{self, Outcome};

#[derive(Debug, Subcommand)]
pub(crate) enum BeaconCommand {
    Verify(VerifyArgs),
}

/// Verify a drand beacon's signature; exits with 1 if it is not genuine.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// drand round.
    #[arg(long, value_name = "R")]
    round: BeaconRound,
    /// The signature as drand publishes it.
    #[arg(long, value_name = "HEX", allow_hyphen_values = true)]
    signature: HexBytes,
    /// The round before's signature; for chained chains only.
    #[arg(long, value_name = "HEX")]
    previous_signature: Option<HexBytes>,
    /// drand chain.
    #[arg(long, default_value = "quicknet", value_parser = ["quicknet", "default"])]
    chain: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Bytes given in hex, with or without 0x.
#[derive(Debug, Clone)]
struct HexBytes(Vec<u8>);

impl FromStr for HexBytes {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        hex::decode(text).map(Self)
    }
}

#[derive(Serialize)]
struct Verdict<'a> {
    chain: &'a str,
    round: BeaconRound,
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    randomness: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

pub(crate) fn run(command: &BeaconCommand) -> eyre::Result<Outcome> {
    let BeaconCommand::Verify(args) = command;
    let chain = match args.chain.as_str() {
        "default" => Chain::default_chain(),
        _ => Chain::quicknet(),
    };
    let beacon = Beacon {
        round: args.round,
        signature: args.signature.0.clone(),
        previous_signature: args.previous_signature.as_ref().map(|bytes| bytes.0.clone()),
    };
    let verdict = |randomness, reason: Option<BeaconError>| Verdict {
        chain: &args.chain,
        round: args.round,
        valid: reason.is_none(),
        randomness,
        reason: reason.map(|reason| reason.to_string()),
    };
    let (verdict, outcome) = match chain.verify(&beacon) {
        Ok(randomness) => (verdict(Some(hex::encode(randomness.0)), None), Outcome::Done),
        Err(reason) => (verdict(None, Some(reason)), Outcome::CheckFailed),
    };
    output::either(args.json, &verdict, || {
        match (&verdict.randomness, &verdict.reason) {
            (Some(randomness), _) => format!(
                "genuine: {} round {}, randomness {randomness}",
                args.chain, args.round
            ),
            (None, reason) => format!("NOT genuine: {}", reason.as_deref().unwrap_or_default()),
        }
    })?;
    Ok(outcome)
}
