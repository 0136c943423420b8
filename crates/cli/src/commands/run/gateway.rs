//! `assize gateway`.

use std::net::SocketAddr;
use std::path::PathBuf;

use assize_service::shutdown_signal;
use assize_store::{LocalStore, serve};
use clap::Args;
use eyre::WrapErr;
use serde_json::json;
use tokio::net::TcpListener;

use crate::output::{self, Outcome};

/// Serve a local store as a trustless IPFS gateway, so that verifiers can get its batches at once.
///
/// GET /ipfs/{cid}?format=car gives a file, format=raw a block; dag-scope, entity-bytes and Accept as the Trustless Gateway
/// specification has them. Every block is checked before it is sent. Prints one line of JSON when it is ready: `url`.
#[derive(Debug, Args)]
pub(crate) struct GatewayArgs {
    /// Directory of the store.
    #[arg(long, env = "ASSIZE_STORE", value_name = "DIR", default_value = "store")]
    store: PathBuf,
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

pub(crate) async fn run(args: &GatewayArgs) -> eyre::Result<Outcome> {
    let store = LocalStore::open(&args.store)?;
    let listener = TcpListener::bind(args.listen)
        .await
        .wrap_err_with(|| format!("cannot listen on {}", args.listen))?;
    output::json(&json!({
        "url": format!("http://{}", listener.local_addr()?),
        "files": store.cids()?.len(),
    }))?;
    serve::serve(store, listener, shutdown_signal()).await?;
    Ok(Outcome::Done)
}
