//! Fixtures for tests and the demo: a local chain, a faulty node in front of it, recorded real inputs, a simulated
//! network of honest and hostile stations, a database server. Not used in production.

pub mod anvil;
pub mod fault;
pub mod filecoin;
pub mod fixtures;
pub mod network;
pub mod postgres;
pub mod services;
pub mod settled;
pub mod spark;
pub mod vectors;
pub mod world;
