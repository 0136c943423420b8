//! `assize run beacon`.

use std::net::SocketAddr;
use std::path::PathBuf;

use alloy_primitives::hex;
use assize_drand::serve::{Devnet, router};
use assize_drand::{Clock, SystemClock};
use assize_service::{ConnectionLimits, DataDir, SecretFile, Stop, bind, serve};
use clap::Args;
use serde_json::json;

use crate::args::duration::positive_seconds;
use crate::output::{self, Outcome};

const KEY: SecretFile = SecretFile {
    name: "beacon key",
    risk: "know and choose every beacon",
};

/// Serve a devnet's drand chain; the key's owner knows all beacons in advance.
#[derive(Debug, Args)]
pub struct BeaconArgs {
    /// Address of drand's HTTP interface.
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
    let path = match &args.key_file {
        Some(path) => path.clone(),
        None => {
            data.create()?;
            data.beacon_key()
        }
    };
    let genesis = args.genesis.unwrap_or_else(|| SystemClock.now().as_secs());
    let key = KEY.open_or_create(&path, Some)?;
    let devnet = Devnet::new(&key, genesis, args.period)?;
    let (listener, url) = bind(args.listen).await?;
    let info = devnet.chain().info();
    output::json(&json!({
        "url": url,
        "hash": hex::encode(info.hash),
        "beacon": {
            "kind": "drand",
            "publicKey": hex::encode_prefixed(&info.public_key),
            "genesis": info.genesis_time,
            "period": info.period,
        },
    }))?;
    let stop = Stop::default();
    stop.set_on_signal();
    let router = router(devnet, SystemClock);
    serve(listener, router, ConnectionLimits::ONE_HOST, stop).await;
    Ok(Outcome::Done)
}
