//! Reserved ports that refuse connections.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

use super::http_multiaddr;

/// Backlog of connections to accept.
const BACKLOG: u32 = 1_024;

/// A local address that refuses connections until it is dropped.
#[derive(Debug)]
pub struct DeadAddress {
    address: SocketAddr,
    _port: TcpSocket,
}

impl DeadAddress {
    /// Reserves a free port.
    ///
    /// # Errors
    /// Operating system errors.
    pub fn reserve() -> io::Result<Self> {
        let (port, address) = reserve()?;
        Ok(Self { address, _port: port })
    }

    /// As an HTTP server would advertise it.
    #[must_use]
    pub fn multiaddr(&self) -> String {
        http_multiaddr(self.address)
    }

    /// The URL of an HTTP server at it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Binds a free port without listening on it: connections are refused, and no other process gets the port.
pub(super) fn reserve() -> io::Result<(TcpSocket, SocketAddr)> {
    let socket = TcpSocket::new_v4()?;
    // Required to listen on the port beside this socket.
    socket.set_reuseaddr(true)?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

/// Listens on a reserved port; needs a runtime.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
