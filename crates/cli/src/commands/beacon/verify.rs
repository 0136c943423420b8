//! `assize beacon verify`.

use std::str::FromStr;

use alloy_primitives::hex;
use assize_drand::{Beacon, BeaconError};
use assize_protocol::BeaconRound;
use clap::Args;
use serde::Serialize;

use super::name_of;
use crate::args::{DrandArgs, FormatArgs};
use crate::connect::drand_chain;
use crate::output::Outcome;

/// Verify a drand beacon's signature (exit code 1 if it is invalid).
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// drand round.
    #[arg(long, value_name = "R")]
    round: BeaconRound,
    /// Signature as drand publishes it.
    #[arg(long, value_name = "HEX", allow_hyphen_values = true)]
    signature: HexBytes,
    /// Signature of the round before; chained chains only.
    #[arg(long, value_name = "HEX")]
    previous_signature: Option<HexBytes>,
    #[command(flatten)]
    drand: DrandArgs,
    #[command(flatten)]
    format: FormatArgs,
}

/// Bytes in hex, with or without 0x.
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

pub(crate) fn run(args: &VerifyArgs) -> eyre::Result<Outcome> {
    let chain = drand_chain(&args.drand)?;
    let name = name_of(&args.drand);
    let beacon = Beacon {
        round: args.round,
        signature: args.signature.0.clone(),
        previous_signature: args.previous_signature.as_ref().map(|bytes| bytes.0.clone()),
    };
    let verdict = |randomness, reason: Option<BeaconError>| Verdict {
        chain: &name,
        round: args.round,
        valid: reason.is_none(),
        randomness,
        reason: reason.map(|reason| reason.to_string()),
    };
    let (verdict, outcome) = match chain.verify(&beacon) {
        Ok(randomness) => (verdict(Some(hex::encode(randomness.0)), None), Outcome::Done),
        Err(reason) => (verdict(None, Some(reason)), Outcome::CheckFailed),
    };
    args.format
        .print(&verdict, || match (&verdict.randomness, &verdict.reason) {
            (Some(randomness), _) => {
                format!("valid: {name} round {}, randomness {randomness}", args.round)
            }
            (None, reason) => format!("invalid: {}", reason.as_deref().unwrap_or_default()),
        })?;
    Ok(outcome)
}
