//! Retrievals over real sockets, from providers of all characters.

mod evil;
mod gateway;
mod lassie;
mod lookups;
mod support;
mod tls;
