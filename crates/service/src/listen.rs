//! Serving HTTP until the end is asked for.

use std::io;
use std::net::SocketAddr;

use assize_guard::{Audience, ConnectionLimits, Proxies, Server};
use axum::Router;
use thiserror::Error;
use tokio::net::TcpListener;

use crate::Stop;

/// An address cannot be listened on.
#[derive(Debug, Error)]
#[error("cannot listen on {address}: {source}; stop the program that uses the address, or give another")]
pub struct ListenError {
    /// The address.
    pub address: SocketAddr,
    /// The operating system's error.
    pub source: io::Error,
}

/// A listener at an address, and its URL. Port 0 takes a free one.
///
/// # Errors
/// [`ListenError`] names the address.
pub async fn bind(address: SocketAddr) -> Result<(TcpListener, String), ListenError> {
    let failed = |source| ListenError { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let url = format!("http://{}", listener.local_addr().map_err(failed)?);
    Ok((listener, url))
}

/// As [`bind`], if an address is given. A daemon binds all its addresses before it touches its files, so that a second one
/// started by mistake changes nothing.
///
/// # Errors
/// [`ListenError`] names the address.
pub async fn bind_if(address: Option<SocketAddr>) -> Result<Option<(TcpListener, String)>, ListenError> {
    match address {
        Some(address) => bind(address).await.map(Some),
        None => Ok(None),
    }
}

/// Serves routes until the end is asked for; open requests are answered first.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    audience: Audience,
    stop: Stop,
) {
    let server = Server::new(limits, audience, Proxies::default());
    server.serve(listener, router, stop.asked()).await;
}
