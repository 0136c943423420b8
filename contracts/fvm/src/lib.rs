//! The contracts in the real Filecoin VM.
//!
//! [`chain::Chain`] is a Filecoin chain in memory around `fvm`, the machine that Lotus and Forest run, with the EVM actor of
//! `evm-actor/` and mainnet's gas prices. [`network::Network`] is Assize on it, from the committed bytecode.

pub mod actors;
pub mod chain;
pub mod network;
pub mod node;
pub mod opcodes;
pub mod store;
