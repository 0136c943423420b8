//! What tests and the demo need and no deployment does: a local chain, a faulty node before it, recorded real inputs, a
//! simulated network of honest and hostile stations, a database server.

pub mod anvil;
pub mod fault;
pub mod filecoin;
pub mod fixtures;
pub mod network;
pub mod postgres;
pub mod settled;
pub mod spark;
pub mod world;
