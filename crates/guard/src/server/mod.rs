//! An HTTP/1.1 server with limits on its connections.

mod body;
mod manners;
mod socket;
mod table;

use std::convert::Infallible;
use std::future::Future;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

pub use body::{Bodies, BodyLimits, BodySnapshot, limit_body};
pub use manners::Audience;
pub use table::ConnectionsSnapshot;

use crate::{Host, Proxies, Rejection, RejectionBody, RenderRejection};
use body::Held;
use manners::Manners;
use socket::Socket;
use table::{Seat, Table};

/// Limits on connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Maximum number of connections. The process may need a higher limit of open files (`ulimit -n`).
    pub total: usize,
    /// Maximum number of connections per IPv4 address or /64; proxies are exempt.
    pub per_host: usize,
    /// Timeout from connecting, or from the last response, until a complete request head. It closes idle connections
    /// and those that send their headers byte by byte.
    pub head_timeout: Duration,
    /// Maximum size of a request head in bytes; at least 8 192.
    pub max_head: usize,
    /// How long a client may delay a response that does not fit into the system's buffers.
    pub write_timeout: Duration,
    /// How long pending requests may continue during shutdown.
    pub drain: Duration,
}

impl ConnectionLimits {
    /// For a public service.
    pub const DEFAULT: Self = Self {
        total: 8_192,
        per_host: 64,
        head_timeout: Duration::from_secs(30),
        max_head: 16_384,
        write_timeout: Duration::from_secs(30),
        drain: Duration::from_secs(10),
    };

    /// For a service whose clients may all have one address, such as a proxy's.
    pub const ONE_HOST: Self = Self {
        per_host: Self::DEFAULT.total,
        ..Self::DEFAULT
    };
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Serves HTTP/1.1 within [`ConnectionLimits`]. Clones share the same state.
///
/// HTTP/2 is not supported: its streams multiply the cost of a connection, and stations send only a few small requests
/// a second. A reverse proxy may offer it to its clients.
///
/// # When all connections are in use
/// A new connection replaces one without a pending request: the oldest of those that never made one, else the one that
/// has been idle for longest. A client that opens silent connections thus displaces its own, and a client that sends a
/// request at once is served. The new connection is rejected only if all others are busy.
///
/// # Responses of the server itself
/// Malformed heads get 400 and oversized heads 431, both without a body; rejected connections get 503 with the body of
/// [`Server::rendering`]. The connection is closed each time. Slow clients get no response.
///
/// # What all responses share
/// Errors have a body, also that of a handler that panicked; nothing is cached unless its handler says so; empty segments
/// of a path mean nothing; `HEAD` is answered as `GET` is. The listeners of [`Audience::Anyone`] let web pages of any
/// origin read (CORS).
#[derive(Debug, Clone)]
pub struct Server {
    limits: ConnectionLimits,
    audience: Audience,
    proxies: Proxies,
    table: Arc<Table>,
    render: RenderRejection,
}

/// The shutdown state that connections observe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Serving,
    /// Finish pending requests.
    Draining,
    /// Stop now.
    Over,
}

impl Server {
    /// Creates a server; `proxies` are exempt from the limit per address.
    #[must_use]
    pub fn new(limits: ConnectionLimits, audience: Audience, proxies: Proxies) -> Self {
        Self {
            limits,
            audience,
            proxies,
            table: Arc::new(Table::new(limits.total, limits.per_host)),
            render: Rejection::to_text,
        }
    }

    /// Renders rejected connections in another form than plain text.
    #[must_use]
    pub fn rendering(self, render: RenderRejection) -> Self {
        Self { render, ..self }
    }

    /// Serves `router` until `stop` completes and the last request is answered, or [`ConnectionLimits::drain`] has
    /// passed. Requests carry [`ConnectInfo`] with the socket's peer.
    pub async fn serve(&self, listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
        let (phase, phases) = watch::channel(Phase::Serving);
        // Closed when the last connection has dropped its sender.
        let (alive, mut ended) = mpsc::channel::<()>(1);
        tokio::pin!(stop);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut stop => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => match self.admit(peer) {
                    Ok(seat) => {
                        let connection = Connection {
                            seat,
                            peer,
                            limits: self.limits,
                            audience: self.audience,
                            phases: phases.clone(),
                        };
                        let (router, alive) = (router.clone(), alive.clone());
                        tokio::spawn(async move {
                            connection.serve(stream, router).await;
                            drop(alive);
                        });
                    }
                    Err(rejection) => refuse(stream, self.render, &rejection),
                },
                Err(error) => self.not_accepted(&error).await,
            }
        }
        drop((listener, alive));
        phase.send_replace(Phase::Draining);
        self.table.displace_all();
        if tokio::time::timeout(self.limits.drain, ended.recv())
            .await
            .is_err()
        {
            tracing::warn!("shutdown timeout; aborting pending requests");
            phase.send_replace(Phase::Over);
            ended.recv().await;
        }
    }

    fn admit(&self, peer: SocketAddr) -> Result<Seat, Rejection> {
        let host = (!self.proxies.contain(peer.ip())).then(|| Host::of(peer.ip()));
        Table::admit(&self.table, host)
    }

    /// The client may have disconnected, or the process may have reached its limit of open files.
    async fn not_accepted(&self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
        if matches!(
            error.kind(),
            ConnectionAborted | ConnectionRefused | ConnectionReset
        ) {
            return;
        }
        tracing::warn!(%error, "failed to accept a connection; check that the limit of open files is above that of connections");
        self.table.displace();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    /// Statistics of connections.
    #[must_use]
    pub fn snapshot(&self) -> ConnectionsSnapshot {
        self.table.snapshot()
    }
}

/// Best effort, without waiting.
fn refuse(stream: TcpStream, render: RenderRejection, rejection: &Rejection) {
    let RejectionBody { content_type, body } = render(rejection);
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: {content_type}\r\nretry-after: 1\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    // It does not block: the socket's buffer is empty, or the socket closed.
    let _ = stream
        .into_std()
        .and_then(|mut stream| stream.write(answer.as_bytes()));
}

struct Connection {
    seat: Seat,
    peer: SocketAddr,
    limits: ConnectionLimits,
    audience: Audience,
    phases: watch::Receiver<Phase>,
}

impl Connection {
    async fn serve(self, stream: TcpStream, router: Router) {
        let Self {
            seat,
            peer,
            limits,
            audience,
            mut phases,
        } = self;
        // It has no buffers until it sends data, so silent connections cost almost nothing.
        let spoke = tokio::select! {
            biased;
            () = seat.displaced() => return,
            spoke = tokio::time::timeout(limits.head_timeout, stream.readable()) => spoke,
        };
        match spoke {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            Err(_) => return seat.timed_out(),
        }
        // Responses are small and should be sent without delay.
        let _ = stream.set_nodelay(true);
        let socket = TokioIo::new(Socket::new(stream, limits.write_timeout));
        let service = TowerToHyperService::new(router);
        let service = service_fn(|request: Request<Incoming>| {
            let busy = seat.busy();
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            let manners = Manners::of(&mut request, audience);
            let handler = service.call(request);
            let handler = handler.map(|response| response.unwrap_or_else(|error: Infallible| match error {}));
            async move {
                let response = manners.respond(handler).await;
                Ok::<_, Infallible>(response.map(|body| Held::new(body, busy)))
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_timeout)
            .max_buf_size(limits.max_head.max(8_192))
            .serve_connection(socket, service);
        tokio::pin!(connection);
        loop {
            tokio::select! {
                biased;
                () = seat.displaced() => return,
                changed = phases.changed() => {
                    // The server may have stopped.
                    if changed.is_err() || *phases.borrow_and_update() == Phase::Over {
                        return;
                    }
                    connection.as_mut().graceful_shutdown();
                }
                served = connection.as_mut() => {
                    return match served {
                        Err(error) if error.is_timeout() => seat.timed_out(),
                        Err(error) if error.is_parse() => seat.malformed(),
                        // The client disconnected.
                        Ok(()) | Err(_) => {}
                    };
                }
            }
        }
    }
}
