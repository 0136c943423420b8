//! `assize run gateway`.

use std::net::SocketAddr;
use std::path::PathBuf;

use assize_service::{Audience, ConnectionLimits, DataDir, Stop, bind, serve};
use assize_store::LocalStore;
use assize_store::serve::router;
use clap::Args;
use eyre::ensure;
use serde_json::json;

use crate::output::{self, Outcome};

/// Serve a local store as a trustless IPFS gateway.
#[derive(Debug, Args)]
pub(crate) struct GatewayArgs {
    /// Directory of the store [default: DATA/store].
    #[arg(long, env = "ASSIZE_STORE", hide_env_values = true, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Address of /ipfs and /healthz.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

pub(crate) async fn run(args: &GatewayArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let directory = args.store.clone().unwrap_or_else(|| data.store());
    let place = directory.to_string_lossy();
    ensure!(
        !place.contains("://") && !place.starts_with("kubo:"),
        "--store {place} is not a directory: this gateway serves directories; buckets and Kubo have gateways of their own"
    );
    let store = LocalStore::open_existing(&directory)?;
    let (listener, url) = bind(args.listen).await?;
    output::json(&json!({
        "url": url,
        "files": store.cids()?.len(),
    }))?;
    let stop = Stop::default();
    stop.set_on_signal();
    serve(
        listener,
        router(store),
        ConnectionLimits::ONE_HOST,
        Audience::Anyone,
        stop,
    )
    .await;
    Ok(Outcome::Done)
}
