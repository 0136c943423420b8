//! Three evaluators, two of which must sign, on a real chain, over real sockets.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

mod files;
mod peers;
mod settling;
mod stage;
