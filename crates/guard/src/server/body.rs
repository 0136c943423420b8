//! Limits on request bodies.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::table::Busy;
use crate::{Excess, Host, Rejection, Share, ShareLimits, Shares};

/// Limits on request bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyLimits {
    /// Maximum size of a body in bytes.
    pub max: u64,
    /// Grace period before the minimum rate applies.
    pub grace: Duration,
    /// Minimum rate in bytes per second from the beginning of the body, after the grace period. At least 1.
    pub min_rate: u64,
    /// Maximum size in bytes of all bodies that are being received or processed. A subnet may use an eighth of it and a
    /// host a sixteenth, but at least one body.
    pub max_together: u64,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self {
            max: 1 << 20,
            grace: Duration::from_secs(10),
            min_rate: 16_384,
            max_together: 64 << 20,
        }
    }
}

/// Statistics of bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BodySnapshot {
    /// Bytes held now.
    pub held: u64,
    /// Rejected as too large.
    pub too_large: u64,
    /// Rejected as too slow.
    pub too_slow: u64,
    /// Rejected because the limit of all, of the client or of its subnet was reached.
    pub too_many: u64,
}

/// The state of all bodies, for [`limit_body`]. Clones share it.
#[derive(Debug, Clone)]
pub struct Bodies(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: BodyLimits,
    shares: Shares,
    too_large: AtomicU64,
    too_slow: AtomicU64,
    too_many: AtomicU64,
}

impl Bodies {
    /// Creates an empty state.
    #[must_use]
    pub fn new(limits: BodyLimits) -> Self {
        let total = limits.max_together;
        let shares = Shares::new(ShareLimits {
            total,
            per_subnet: (total / 8).max(limits.max),
            per_host: (total / 16).max(limits.max),
        });
        Self(Arc::new(Shared {
            limits,
            shares,
            too_large: AtomicU64::new(0),
            too_slow: AtomicU64::new(0),
            too_many: AtomicU64::new(0),
        }))
    }

    /// Current statistics.
    #[must_use]
    pub fn snapshot(&self) -> BodySnapshot {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        BodySnapshot {
            held: self.0.shares.held(),
            too_large: of(&self.0.too_large),
            too_slow: of(&self.0.too_slow),
            too_many: of(&self.0.too_many),
        }
    }

    fn refuse(&self, rejection: Rejection) -> Response {
        let counter = match rejection {
            Rejection::BodyTooLarge { .. } => &self.0.too_large,
            Rejection::BodyTooSlow { .. } => &self.0.too_slow,
            _ => &self.0.too_many,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        rejection.into_response()
    }
}

/// Limits the body of a request: a layer for [`axum::middleware::from_fn_with_state`], outside of everything that reads
/// bodies.
///
/// A body whose declared length is too large is rejected before it is read. For other bodies, the reader gets an error
/// as soon as a limit is exceeded, and the response is the [`Rejection`] whatever the reader does. The bytes of a body
/// are released when the response head is ready. They count for the [`Host`] in the request's extensions, if a caller
/// has set it, else for the socket's peer.
pub async fn limit_body(State(bodies): State<Bodies>, request: Request, next: Next) -> Response {
    let limits = bodies.0.limits;
    if request.body().size_hint().lower() > limits.max {
        return bodies.refuse(Rejection::BodyTooLarge { limit: limits.max });
    }
    let watch = Arc::new(Watch {
        share: Mutex::new(bodies.0.shares.of(host_of(&request))),
        bodies: bodies.clone(),
        verdict: OnceLock::new(),
    });
    let limited = request.map(|body| {
        Body::new(Limited {
            body,
            received: 0,
            started: None,
            watch: Arc::clone(&watch),
        })
    });
    let response = next.run(limited).await;
    match watch.verdict.get() {
        Some(rejection) => bodies.refuse(*rejection),
        None => response,
    }
}

fn host_of(request: &Request) -> Host {
    let extensions = request.extensions();
    let of_socket = || {
        let socket = extensions.get::<ConnectInfo<SocketAddr>>();
        Host::of(socket.map_or(Ipv4Addr::UNSPECIFIED.into(), |ConnectInfo(socket)| socket.ip()))
    };
    extensions.get::<Host>().copied().unwrap_or_else(of_socket)
}

/// Accounting of one body. Its bytes are released when neither the request nor its body is left.
#[derive(Debug)]
struct Watch {
    bodies: Bodies,
    share: Mutex<Share>,
    verdict: OnceLock<Rejection>,
}

impl Watch {
    fn hold(&self, bytes: u64) -> Result<(), Rejection> {
        let mut share = self.share.lock().unwrap_or_else(PoisonError::into_inner);
        share.add(bytes).map_err(|excess| match excess {
            Excess::Client => Rejection::BodiesOfClient,
            Excess::Total => Rejection::BodiesTooMany,
        })
    }
}

/// A body with enforced limits.
struct Limited {
    body: Body,
    received: u64,
    /// When it was first read, and its timer: earlier delays are the server's, not the client's.
    started: Option<(Instant, Pin<Box<Sleep>>)>,
    watch: Arc<Watch>,
}

impl Limited {
    /// When the next bytes must have arrived.
    fn deadline(&self, started: Instant) -> Instant {
        let BodyLimits { grace, min_rate, .. } = self.watch.bodies.0.limits;
        started + grace + Duration::from_millis(self.received.saturating_mul(1_000) / min_rate.max(1))
    }

    fn take(&mut self, bytes: u64) -> Result<(), Rejection> {
        let limit = self.watch.bodies.0.limits.max;
        self.received += bytes;
        if self.received > limit {
            return Err(Rejection::BodyTooLarge { limit });
        }
        self.watch.hold(bytes)
    }

    fn fail(&mut self, rejection: Rejection) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        // Only the first rejection is kept.
        let _ = self.watch.verdict.set(rejection);
        self.body = Body::empty();
        Poll::Ready(Some(Err(rejection.into())))
    }
}

impl HttpBody for Limited {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            let bytes = match &frame {
                Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len),
                _ => 0,
            };
            return match this.take(bytes as u64) {
                Ok(()) => Poll::Ready(frame.map(|frame| frame.map_err(BoxError::from))),
                Err(rejection) => this.fail(rejection),
            };
        }
        let started = this
            .started
            .as_ref()
            .map_or_else(Instant::now, |(started, _)| *started);
        let deadline = this.deadline(started);
        let (_, alarm) = this
            .started
            .get_or_insert_with(|| (started, Box::pin(tokio::time::sleep_until(deadline))));
        if alarm.deadline() != deadline {
            alarm.as_mut().reset(deadline);
        }
        ready!(alarm.as_mut().poll(cx));
        let received = this.received;
        let within = deadline - started;
        this.fail(Rejection::BodyTooSlow { received, within })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of a response; as long as it exists, the connection is busy.
pub(super) struct Held {
    body: Body,
    _busy: Busy,
}

impl Held {
    pub(super) fn new(body: Body, busy: Busy) -> Self {
        Self { body, _busy: busy }
    }
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
