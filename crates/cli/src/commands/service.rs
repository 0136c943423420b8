//! What commands that run for ever share.

use std::net::SocketAddr;

use assize_daemon::{Figures, Router, Status, Stop};
use eyre::WrapErr;
use tokio::net::TcpListener;

use super::told_to_end;

/// Serves health and figures until the daemon ends; the URL.
pub(crate) async fn listen<F: Figures>(
    address: SocketAddr,
    status: &Status<F>,
    stop: &Stop,
) -> eyre::Result<String> {
    listen_beside(address, status, Router::new(), stop).await
}

/// The same, with other routes beside.
pub(crate) async fn listen_beside<F: Figures>(
    address: SocketAddr,
    status: &Status<F>,
    others: Router,
    stop: &Stop,
) -> eyre::Result<String> {
    let listener = TcpListener::bind(address)
        .await
        .wrap_err_with(|| format!("cannot listen on {address}"))?;
    let url = format!("http://{}", listener.local_addr()?);
    let (status, stop) = (status.clone(), stop.clone());
    tokio::spawn(async move {
        let stopped = async move { stop.asked().await };
        status.serve(listener, others, stopped).await;
    });
    Ok(url)
}

/// Lets SIGTERM and SIGINT end a daemon after the step that is under way.
pub(crate) fn end_when_told(stop: &Stop) {
    let asked = stop.clone();
    tokio::spawn(async move {
        told_to_end().await;
        tracing::info!("asked to end; finishing the step that is under way");
        asked.set();
    });
}
