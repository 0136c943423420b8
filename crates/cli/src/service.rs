//! Listeners of commands that run until they are stopped.

use std::net::SocketAddr;

use assize_guard::{ConnectionLimits, Proxies, Server};
use assize_service::{Router, Stop};
use eyre::WrapErr;
use tokio::net::TcpListener;

/// Binds an address.
pub(crate) async fn bind(address: SocketAddr) -> eyre::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .wrap_err_with(|| format!("cannot listen on {address}"))
}

/// The URL of a listener.
pub(crate) fn url_of(listener: &TcpListener) -> eyre::Result<String> {
    Ok(format!("http://{}", listener.local_addr()?))
}

/// Serves routes until the service stops; the URL.
pub(crate) async fn serve_router(address: SocketAddr, router: Router, stop: &Stop) -> eyre::Result<String> {
    let listener = bind(address).await?;
    let url = url_of(&listener)?;
    let stop = stop.clone();
    tokio::spawn(async move {
        let server = Server::new(ConnectionLimits::default(), Proxies::default());
        server
            .serve(listener, router, async move { stop.asked().await })
            .await;
    });
    Ok(url)
}
