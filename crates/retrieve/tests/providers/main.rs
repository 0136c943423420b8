//! Retrievals over real sockets, from providers of all characters.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod evil;
mod gateway;
mod lassie;
mod lookups;
mod support;
mod tls;
