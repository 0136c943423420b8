//! A server of HTTP/1.1 whose connections are bounded.

mod body;
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
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

pub use body::{Bodies, BodyLimits, BodySnapshot, limit_body};
pub use table::ConnectionsSnapshot;

use crate::{Host, Proxies, Rejection};
use body::Held;
use socket::Socket;
use table::{Seat, Table};

/// What connections may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Most connections. Above, the process may need a higher limit of open files than it is given (`ulimit -n`).
    pub total: usize,
    /// Most connections of an IPv4 address or a /64; proxies are exempt.
    pub per_host: usize,
    /// How long a client may take from connecting, or from its last answer, until the head of its request is there:
    /// the end of idle connections and of those that send their headers byte by byte.
    pub head_timeout: Duration,
    /// Longest head of a request, bytes; at least 8 192.
    pub max_head: usize,
    /// How long a client may let an answer wait that the system's buffers do not hold.
    pub write_timeout: Duration,
    /// How long requests may go on when the server is to end.
    pub drain: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            total: 8_192,
            per_host: 64,
            head_timeout: Duration::from_secs(30),
            max_head: 16_384,
            write_timeout: Duration::from_secs(30),
            drain: Duration::from_secs(10),
        }
    }
}

/// Serves HTTP/1.1 within [`ConnectionLimits`]. All clones are one.
///
/// HTTP/2 is not spoken: its streams multiply what one connection may cost, and stations send a few small requests a
/// second. A proxy that speaks it with its clients is welcome.
///
/// # When all connections are in use
/// A new one takes the place of one without a request: of those that never made one, the oldest; else of those between
/// two requests, the one that has been for longest. So whoever opens connections and says nothing displaces himself,
/// and a client that asks at once is served. Only if all are at work is the new one refused.
///
/// # What it answers by itself
/// To malformed heads 400, to heads that are too long 431, both without a body, and to refused connections 503 as
/// RFC 9457 has it; each time the connection is closed. Whoever is too slow is not answered.
#[derive(Debug, Clone)]
pub struct Server {
    limits: ConnectionLimits,
    proxies: Proxies,
    table: Arc<Table>,
}

/// What connections are told when the server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Serving,
    /// Finish your request.
    Draining,
    /// Now.
    Over,
}

impl Server {
    /// With `proxies` exempt from the limit of one address.
    #[must_use]
    pub fn new(limits: ConnectionLimits, proxies: Proxies) -> Self {
        Self {
            limits,
            proxies,
            table: Arc::new(Table::new(limits.total, limits.per_host)),
        }
    }

    /// Serves `router` until `stop` is done and the last request answered, or [`ConnectionLimits::drain`] is over.
    /// Requests carry [`ConnectInfo`] with the socket's other end.
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
                            phases: phases.clone(),
                        };
                        let (router, alive) = (router.clone(), alive.clone());
                        tokio::spawn(async move {
                            connection.serve(stream, router).await;
                            drop(alive);
                        });
                    }
                    Err(rejection) => refuse(stream, rejection),
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
            tracing::warn!("requests are cut off, since the server is to end");
            phase.send_replace(Phase::Over);
            ended.recv().await;
        }
    }

    fn admit(&self, peer: SocketAddr) -> Result<Seat, Rejection> {
        let host = (!self.proxies.contain(peer.ip())).then(|| Host::of(peer.ip()));
        Table::admit(&self.table, host)
    }

    /// The client may have gone again, or the process may open no more files.
    async fn not_accepted(&self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
        if matches!(
            error.kind(),
            ConnectionAborted | ConnectionRefused | ConnectionReset
        ) {
            return;
        }
        tracing::warn!(%error, "no connection can be accepted; is the limit of open files lower than that of connections?");
        self.table.displace();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    /// What connections did and do.
    #[must_use]
    pub fn snapshot(&self) -> ConnectionsSnapshot {
        self.table.snapshot()
    }
}

/// Best effort, without waiting.
fn refuse(stream: TcpStream, rejection: Rejection) {
    let body = serde_json::to_string(&assize_wire::Problem::from(rejection)).unwrap_or_default();
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nretry-after: 1\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    // It does not block: the socket's buffer is empty, or gone.
    let _ = stream
        .into_std()
        .and_then(|mut stream| stream.write(answer.as_bytes()));
}

struct Connection {
    seat: Seat,
    peer: SocketAddr,
    limits: ConnectionLimits,
    phases: watch::Receiver<Phase>,
}

impl Connection {
    async fn serve(self, stream: TcpStream, router: Router) {
        let Self {
            seat,
            peer,
            limits,
            mut phases,
        } = self;
        // Until it says something it has no buffers: silent connections cost next to nothing.
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
        // Answers are small, and not to wait for more.
        let _ = stream.set_nodelay(true);
        let socket = TokioIo::new(Socket::new(stream, limits.write_timeout));
        let service = TowerToHyperService::new(router);
        let service = service_fn(|request: Request<Incoming>| {
            let busy = seat.busy();
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            let response = service.call(request);
            async move {
                let response = response.await.unwrap_or_else(|error: Infallible| match error {});
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
                    // The server may be gone altogether.
                    if changed.is_err() || *phases.borrow_and_update() == Phase::Over {
                        return;
                    }
                    connection.as_mut().graceful_shutdown();
                }
                served = connection.as_mut() => {
                    return match served {
                        Err(error) if error.is_timeout() => seat.timed_out(),
                        Err(error) if error.is_parse() => seat.malformed(),
                        // The client went away, which is its right.
                        Ok(()) | Err(_) => {}
                    };
                }
            }
        }
    }
}
