//! Ports that refuse connections, and nobody else gets.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

use super::http_multiaddr;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;

/// An address of this machine that refuses connections, as long as this is kept.
#[derive(Debug)]
pub struct DeadAddress {
    address: SocketAddr,
    _port: TcpSocket,
}

impl DeadAddress {
    /// Takes a free port.
    ///
    /// # Errors
    /// The operating system's.
    pub fn reserve() -> io::Result<Self> {
        let (port, address) = reserve()?;
        Ok(Self { address, _port: port })
    }

    /// As an HTTP server would advertise it.
    #[must_use]
    pub fn multiaddr(&self) -> String {
        http_multiaddr(self.address)
    }

    /// As an HTTP server would have it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Binds a free port without listening on it: whoever connects is refused, and nobody else gets the port.
pub(super) fn reserve() -> io::Result<(TcpSocket, SocketAddr)> {
    let socket = TcpSocket::new_v4()?;
    // Without it the port could not be listened on beside this socket.
    socket.set_reuseaddr(true)?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

/// Listens on a port that was reserved; needs a runtime about it.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
