//! `assize run beacon`.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alloy_primitives::{B256, hex};
use assize_drand::serve::{Devnet, serve};
use assize_drand::{Clock, SystemClock};
use clap::Args;
use eyre::{WrapErr, eyre};
use serde_json::json;

use crate::args::duration::positive_seconds;
use crate::output::{self, Outcome};
use crate::service::{bind, url_of};
use assize_service::DataDir;
use assize_service::shutdown_signal;

/// Serve a drand chain of one key, for devnets (its owner knows every beacon in advance).
#[derive(Debug, Args)]
pub struct BeaconArgs {
    /// Address of drand's HTTP interface; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Key, 32 bytes of hex; created if missing [default: DATA/beacon.key].
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Unix time of round 1 [default: now].
    #[arg(long, value_name = "SECONDS")]
    genesis: Option<u64>,
    /// Time between rounds.
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = positive_seconds)]
    period: u64,
}

pub(crate) async fn run(args: &BeaconArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let key = match &args.key_file {
        Some(path) => read_key(path)?,
        None => {
            data.create()?;
            read_key(&data.beacon_key())?
        }
    };
    let genesis = args.genesis.unwrap_or_else(|| SystemClock.now().as_secs());
    let devnet = Devnet::new(&key, genesis, args.period)?;
    let listener = bind(args.listen).await?;
    let info = devnet.chain().info();
    output::json(&json!({
        "url": url_of(&listener)?,
        "hash": hex::encode(info.hash),
        "beacon": {
            "kind": "drand",
            "publicKey": hex::encode_prefixed(&info.public_key),
            "genesis": info.genesis_time,
            "period": info.period,
        },
    }))?;
    serve(Arc::new(devnet), listener, SystemClock, shutdown_signal()).await?;
    Ok(Outcome::Done)
}

/// The key in a file; a new one if there is none.
fn read_key(path: &Path) -> eyre::Result<[u8; 32]> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let key = B256::random();
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)
                .wrap_err_with(|| format!("cannot create --key-file {}", path.display()))?;
            writeln!(file, "{}", hex::encode(key))?;
            return Ok(key.0);
        }
        Err(error) => {
            return Err(error).wrap_err_with(|| format!("cannot read --key-file {}", path.display()));
        }
    };
    let bytes = hex::decode(text.trim())
        .ok()
        .and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| eyre!("--key-file {} does not hold 32 bytes of hex", path.display()))
}
