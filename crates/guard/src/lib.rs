//! Who may come in: parts for a public server that anybody may flood. They know nothing of what it serves.
//!
//! ```text
//! socket ──▶ Server ──────▶ Addresses ──▶ Buckets ────▶ Gate ─────────▶ the queue
//!            connections,   whose it is   so much an    while the queue
//!            headers,                     address, so   overflows: drops
//!            bodies,                      much a        by the subnet's
//!            slowness                     subnet        own record
//! ```
//!
//! - [`Addresses`] says which address a request is of: the socket's, or what a named proxy says.
//! - [`Subnet`] is the /24 or /48 that it counts for, and [`SubnetTagger`] its public, opaque name.
//! - [`Buckets`] hold requests an address and a subnet may still make.
//! - [`Gate`] is gossipsub's peer gater; [`SharedGate`] is the one that a server has.
//! - [`Server`] bounds what connections may cost before anybody knows whose they are, and [`limit_body`] what bodies
//!   may.
//! - [`Shares`] bound what each host and subnet holds of something that there is only so much of.
//!
//! What they refuse is a [`Rejection`].

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
pub use rejection::Rejection;
pub use server::{
    Bodies, BodyLimits, BodySnapshot, ConnectionLimits, ConnectionsSnapshot, Server, limit_body,
};
pub use shares::{Excess, Share, ShareLimits, Shares};
pub use subnet::{Host, Subnet};
pub use tag::{SecretError, SubnetTagger};
