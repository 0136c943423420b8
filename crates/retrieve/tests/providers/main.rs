//! Retrievals over real sockets, from honest and malicious providers.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod evil;
mod gateway;
mod indexers;
mod lassie;
mod peers;
mod support;
mod tls;
