//! Limits that protect a public HTTP server from overload. The parts do not depend on the server's purpose.
//!
//! ```text
//! socket ──▶ Server ──────▶ Addresses ──▶ Buckets ────▶ Gate ──────────▶ the queue
//!            limits on      client        rate limits   while the queue
//!            connections,   address       per address   overflows: drops
//!            headers,                     and subnet    by the subnet's
//!            bodies, time                               record
//! ```
//!
//! - [`Addresses`] determines the client address of a request: the socket's peer, or what a trusted proxy states.
//! - [`Subnet`] is the /24 or /48 of an address, and [`SubnetTagger`] gives it a public, opaque name.
//! - [`Buckets`] limit the request rates of addresses and subnets.
//! - [`Gate`] is gossipsub's peer gater; [`SharedGate`] is the gate of a server.
//! - [`Server`] limits connections before their clients are known, and [`limit_body`] limits bodies.
//! - [`Shares`] limit how much of a scarce resource each host and subnet holds.
//!
//! Rejected requests get a [`Rejection`].

mod address;
mod buckets;
mod forwarded;
mod gate;
mod rejection;
mod server;
mod shares;
mod subnet;
mod tag;

pub use address::{Addresses, ForwardingHeader, NotANetwork, Proxies};
pub use buckets::{Buckets, BucketsConfig, BucketsSnapshot, Rate};
pub use gate::{Gate, GateParams, GateParamsError, GateSnapshot, Record, SharedGate, decay};
pub use rejection::{Rejection, RejectionBody, RenderRejection};
pub use server::{
    Audience, Bodies, BodyLimits, BodySnapshot, ConnectionLimits, ConnectionsSnapshot, Server, limit_body,
};
pub use shares::{Excess, Share, ShareLimits, Shares};
pub use subnet::{Host, Subnet};
pub use tag::SubnetTagger;
