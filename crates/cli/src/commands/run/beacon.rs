//! `assize run beacon`.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use alloy_primitives::hex;
use assize_drand::serve::{Devnet, router};
use assize_drand::{Chain, Clock, SystemClock};
use assize_service::{
    Audience, ConnectionLimits, DataDir, LARGEST_SETTINGS, SecretFile, Stop, bind, read_file, serve,
};
use clap::Args;
use eyre::{WrapErr, ensure};
use serde_json::json;

use crate::args::duration::positive_seconds;
use crate::output::{self, Outcome};

/// Seconds between rounds, unless the options or an earlier start say otherwise.
const PERIOD: u64 = 3;

const KEY: SecretFile = SecretFile {
    name: "beacon key",
    risk: "know and choose every beacon",
};

/// Serve a devnet's drand chain; the key's owner knows all beacons in advance.
#[derive(Debug, Args)]
pub(crate) struct BeaconArgs {
    /// Address of drand's HTTP interface.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Key, 32 bytes of hex; created if missing [default: DATA/beacon.key].
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Unix time of round 1 [default: that of the first start].
    #[arg(long, value_name = "SECONDS")]
    genesis: Option<u64>,
    /// Time between rounds [default: that of the first start, 3s].
    #[arg(long, value_name = "DURATION", value_parser = positive_seconds)]
    period: Option<u64>,
}

pub(crate) async fn run(args: &BeaconArgs, data: &DataDir) -> eyre::Result<Outcome> {
    // Before any file is created: a second one started by mistake changes nothing.
    let (listener, url) = bind(args.listen).await?;
    let path = match &args.key_file {
        Some(path) => path.clone(),
        None => {
            data.create()?;
            data.beacon_key()
        }
    };
    let description = path.with_extension("json");
    let kept = read(&description)?;
    let kept = kept.as_ref().map(Chain::info);
    let genesis = args.genesis.or(kept.map(|info| info.genesis_time));
    let period = args.period.or(kept.map(|info| info.period)).unwrap_or(PERIOD);
    let key = KEY.open_or_create(&path, Some)?;
    let devnet = Devnet::new(
        &key,
        genesis.unwrap_or_else(|| SystemClock.now().as_secs()),
        period,
    )?;
    // Contracts that were deployed for the chain accept the beacons of no other.
    if let Some(kept) = kept {
        ensure!(
            devnet.chain().info() == kept,
            "{} describes a chain with genesis {}, a period of {} s and the hash {}, which is not that of this key and these \
             options: leave out --genesis and --period, or name another --key-file for another chain",
            description.display(),
            kept.genesis_time,
            kept.period,
            hex::encode(kept.hash)
        );
    }
    let info = devnet.chain().info();
    if kept.is_none() {
        std::fs::write(&description, info.to_canonical_json())
            .wrap_err_with(|| format!("cannot write {}", description.display()))?;
    }
    output::json(&json!({
        "url": url,
        "hash": hex::encode(info.hash),
        // What its clients give as --drand-info.
        "info": info,
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
    serve(
        listener,
        router,
        ConnectionLimits::ONE_HOST,
        Audience::Anyone,
        stop,
    )
    .await;
    Ok(Outcome::Done)
}

/// The chain that an earlier start described beside its key.
fn read(description: &Path) -> eyre::Result<Option<Chain>> {
    match read_file(description, LARGEST_SETTINGS) {
        Ok(json) => {
            let chain = Chain::from_json(&json);
            Ok(Some(chain.wrap_err_with(|| {
                format!("{} does not describe a drand chain", description.display())
            })?))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).wrap_err_with(|| format!("cannot read {}", description.display())),
    }
}
