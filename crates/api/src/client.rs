//! Whoever asks.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use alloy_primitives::B128;
use assize_wire::ProblemKind;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use sha2::{Digest, Sha256};

use crate::Api;

/// A client, as it counts.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    /// Tag of its subnet.
    pub(crate) subnet: B128,
    pub(crate) socket: SocketAddr,
    pub(crate) believed_header: Option<String>,
}

impl FromRequestParts<Api> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Infallible> {
        let socket = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let socket = socket.map_or((Ipv4Addr::UNSPECIFIED, 0).into(), |ConnectInfo(socket)| *socket);
        let address = socket.ip().to_canonical();
        Ok(Self {
            address,
            subnet: tag(address),
            socket,
            believed_header: None,
        })
    }
}

fn tag(address: IpAddr) -> B128 {
    let subnet = match address {
        IpAddr::V4(address) => address.octets()[..3].to_vec(),
        IpAddr::V6(address) => address.octets()[..6].to_vec(),
    };
    B128::from_slice(&Sha256::digest(subnet)[..16])
}

impl Client {
    pub(crate) fn validate(&self, _rows: usize) {}
    pub(crate) fn deliver(&self) {}
    pub(crate) fn duplicate(&self) {}
    pub(crate) fn ignore(&self) {}
    pub(crate) fn reject(&self) {}
    pub(crate) fn throttle(&self) {}

    /// Accounts for a refusal: what no honest client sends is worse than what may happen to anybody.
    pub(crate) fn refuse(&self, kind: Option<ProblemKind>) {
        match kind {
            Some(ProblemKind::Malformed | ProblemKind::BadSignature | ProblemKind::NotDrawn) => self.reject(),
            _ => self.ignore(),
        }
    }
}
