//! Clients and the limits on their requests.

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

/// Tokens that a write request costs.
const POST: NonZeroU32 = NonZeroU32::new(2).unwrap();
const GET: NonZeroU32 = NonZeroU32::MIN;
/// Number of measurements in a request that cost one more token.
const LINES_PER_TOKEN: usize = 10;

/// Limits incoming requests.
#[derive(Debug)]
pub(crate) struct Gatekeeper {
    pub(crate) server: Server,
    pub(crate) bodies: Bodies,
    /// Rosters and task lists being sent.
    pub(crate) lists: Shares,
    pub(crate) buckets: Buckets,
    pub(crate) gate: SharedGate,
}

/// A client, as the limits identify it.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    pub(crate) socket: SocketAddr,
    subnet: Subnet,
    api: Api,
}

/// Admits or rejects a request before its body is read.
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
    // Bodies count against the client, not against its proxy.
    request.extensions_mut().insert(Host::of(address));
    request.extensions_mut().insert(client);
    next.run(request).await
}

impl FromRequestParts<Api> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        let client = parts.extensions.get::<Self>().cloned();
        // `admit` inserted it.
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
    /// The public tag of its subnet.
    pub(crate) fn tag(&self) -> B128 {
        self.api.shared().tagger.tag(self.subnet)
    }

    /// The host that its requests count against.
    pub(crate) fn host(&self) -> Host {
        Host::of(self.address)
    }

    /// The trusted header that its address was taken from; `None` if the address is the socket's.
    pub(crate) fn trusted_header(&self) -> Option<&'static str> {
        let header = match self.api.shared().config.addresses.header {
            ForwardingHeader::Forwarded => "forwarded",
            ForwardingHeader::XForwardedFor => "x-forwarded-for",
        };
        (self.address != self.socket.ip().to_canonical()).then_some(header)
    }

    /// Charges the cost of this many measurements, in addition to the request.
    pub(crate) fn charge(&self, lines: usize) -> Result<(), Rejection> {
        let tokens = u32::try_from(lines / LINES_PER_TOKEN).unwrap_or(u32::MAX);
        match NonZeroU32::new(tokens) {
            Some(tokens) => self.api.shared().gatekeeper.buckets.check(self.address, tokens),
            None => Ok(()),
        }
    }

    fn gate(&self) -> &SharedGate {
        &self.api.shared().gatekeeper.gate
    }

    /// Records that this many of its items were validated.
    pub(crate) fn validate(&self, count: usize) {
        (0..count).for_each(|_| self.gate().validate());
    }

    /// Records that its items were dropped because the queue was full.
    pub(crate) fn throttle(&self) {
        self.gate().throttle();
    }

    /// Records a useful item.
    pub(crate) fn deliver(&self) {
        self.gate().deliver(self.subnet);
    }

    /// Records a duplicate.
    pub(crate) fn duplicate(&self) {
        self.gate().duplicate(self.subnet);
    }

    /// Records a rejected item. `kind` distinguishes what no honest client sends from what may happen to anyone.
    pub(crate) fn refuse(&self, kind: Option<ProblemKind>) {
        match kind {
            Some(ProblemKind::Malformed | ProblemKind::BadSignature | ProblemKind::NotDrawn) => {
                self.gate().reject(self.subnet);
            }
            _ => self.gate().ignore(self.subnet),
        }
    }
}
