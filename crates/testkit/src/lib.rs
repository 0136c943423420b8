//! What tests and the demo need and no deployment does: a local chain, recorded real inputs, and a simulated
//! network of honest and hostile stations.

pub mod anvil;
pub mod fixtures;
pub mod network;
