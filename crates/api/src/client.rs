//! Whoever asks, and whether they may.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;

use alloy_primitives::B128;
use assize_guard::{Bodies, Buckets, ForwardingHeader, Host, Rejection, Server, SharedGate, Shares, Subnet};
use assize_wire::ProblemKind;
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::Method;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::Api;

/// Tokens that a request costs which may write.
const POST: NonZeroU32 = NonZeroU32::new(2).unwrap();
const GET: NonZeroU32 = NonZeroU32::MIN;
/// Measurements in one request that cost another token.
const LINES_A_TOKEN: usize = 10;

/// Bounds what may come in.
#[derive(Debug)]
pub(crate) struct Gatekeeper {
    pub(crate) server: Server,
    pub(crate) bodies: Bodies,
    /// Rosters and task lists on their way.
    pub(crate) lists: Shares,
    pub(crate) buckets: Buckets,
    pub(crate) gate: SharedGate,
}

/// A client, as it counts.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    pub(crate) socket: SocketAddr,
    subnet: Subnet,
    api: Api,
}

/// Lets a request in, or refuses it; nothing of its body is read before.
pub(crate) async fn admit(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let socket = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let socket = socket.map_or((Ipv4Addr::UNSPECIFIED, 0).into(), |ConnectInfo(socket)| *socket);
    let address = api
        .shared()
        .config
        .addresses
        .client(socket.ip(), request.headers());
    let client = Client {
        address,
        socket,
        subnet: Subnet::of(address),
        api: api.clone(),
    };
    let Gatekeeper { buckets, gate, .. } = &api.shared().gatekeeper;
    let admitted = match *request.method() {
        Method::POST => buckets
            .check(address, POST)
            .and_then(|()| gate.accept(client.subnet)),
        _ => buckets.check(address, GET),
    };
    if let Err(rejection) = admitted {
        return rejection.into_response();
    }
    // Its bodies count for it, not for a proxy.
    request.extensions_mut().insert(Host::of(address));
    request.extensions_mut().insert(client);
    next.run(request).await
}

impl FromRequestParts<Api> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        let client = parts.extensions.get::<Self>().cloned();
        // `admit` has put it there.
        Ok(client.unwrap_or_else(|| {
            let socket: SocketAddr = (Ipv4Addr::UNSPECIFIED, 0).into();
            Self {
                address: socket.ip(),
                socket,
                subnet: Subnet::of(socket.ip()),
                api: api.clone(),
            }
        }))
    }
}

impl Client {
    /// The public name of its subnet.
    pub(crate) fn tag(&self) -> B128 {
        self.api.shared().tagger.tag(self.subnet)
    }

    /// What counts as its machine.
    pub(crate) fn host(&self) -> Host {
        Host::of(self.address)
    }

    /// The header that its address was taken from; none if it is the socket's.
    pub(crate) fn believed_header(&self) -> Option<&'static str> {
        let header = match self.api.shared().config.addresses.header {
            ForwardingHeader::Forwarded => "forwarded",
            ForwardingHeader::XForwardedFor => "x-forwarded-for",
        };
        (self.address != self.socket.ip().to_canonical()).then_some(header)
    }

    /// Takes what so many measurements cost beyond the request.
    pub(crate) fn charge(&self, lines: usize) -> Result<(), Rejection> {
        let tokens = u32::try_from(lines / LINES_A_TOKEN).unwrap_or(u32::MAX);
        match NonZeroU32::new(tokens) {
            Some(tokens) => self.api.shared().gatekeeper.buckets.check(self.address, tokens),
            None => Ok(()),
        }
    }

    fn gate(&self) -> &SharedGate {
        &self.api.shared().gatekeeper.gate
    }

    /// So many things of its go to be checked.
    pub(crate) fn validate(&self, count: usize) {
        (0..count).for_each(|_| self.gate().validate());
    }

    /// What it sent is not looked at, since too much waits.
    pub(crate) fn throttle(&self) {
        self.gate().throttle();
    }

    /// It sent something of use.
    pub(crate) fn deliver(&self) {
        self.gate().deliver(self.subnet);
    }

    /// It sent something that was there.
    pub(crate) fn duplicate(&self) {
        self.gate().duplicate(self.subnet);
    }

    /// It sent something that no honest client sends, or something that may happen to anybody.
    pub(crate) fn refuse(&self, kind: Option<ProblemKind>) {
        match kind {
            Some(ProblemKind::Malformed | ProblemKind::BadSignature | ProblemKind::NotDrawn) => {
                self.gate().reject(self.subnet);
            }
            _ => self.gate().ignore(self.subnet),
        }
    }
}
