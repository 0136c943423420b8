//! `assize beacon serve`.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alloy_primitives::{B256, hex};
use assize_drand::serve::{Devnet, serve};
use assize_drand::{Clock, SystemClock};
use assize_service::shutdown_signal;
use clap::{Args, value_parser};
use eyre::{WrapErr, eyre};
use serde_json::json;
use tokio::net::TcpListener;

use crate::output::{self, Outcome};

/// Serve a drand chain of your own, for devnets: drand's HTTP interface, v1 and v2, with one key.
///
/// Prints one line of JSON when it is ready: `url`, and what a deployment's parameters take as `beacon`. Whoever has the
/// key knows all beacons beforehand, so nothing of worth may depend on it.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The key, 32 bytes of hex; a new one is made and written there if there is no such file.
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    /// Unix time of round 1; now if not given.
    #[arg(long, value_name = "SECONDS")]
    genesis: Option<u64>,
    /// Seconds between rounds.
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = value_parser!(u64).range(1..=u64::from(u32::MAX)))]
    period: u64,
}

pub(crate) async fn run(args: &ServeArgs) -> eyre::Result<Outcome> {
    let key = read_key(&args.key_file)?;
    let genesis = args.genesis.unwrap_or_else(|| SystemClock.now().as_secs());
    let devnet = Devnet::new(&key, genesis, args.period)?;
    let listener = TcpListener::bind(args.listen)
        .await
        .wrap_err_with(|| format!("cannot listen on {}", args.listen))?;
    let info = devnet.chain().info();
    output::json(&json!({
        "url": format!("http://{}", listener.local_addr()?),
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
