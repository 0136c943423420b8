//! One retrieval, from a provider's id to a verdict.

mod ask;
mod car;
mod cbor;
mod config;
mod content;
mod error;
mod failure;
mod fetch;
mod follow;
mod hash;
mod http;
mod index;
mod metadata;
mod multiaddr;
mod net;
mod pacing;
mod peer;
mod retrieval;
mod retriever;
mod rpc;
mod step;
mod varint;

pub use config::{CID_CONTACT, CURIO_PEER_IDS, Config, LASSIE_AGENT, Lassie, Limits, Secret};
pub use error::{ConfigError, RetrieveError, RpcError};
pub use multiaddr::{MultiaddrError, gateway_url};
pub use pacing::Pacing;
pub use retrieval::{IndexerResult, Retrieval, Transport};
pub use retriever::Retriever;
pub use rustls::pki_types::CertificateDer;
pub use step::Step;
pub use url::Url;

/// Scheme and host of an endpoint: all that is told of it, for its path and query may hold keys.
fn endpoint(url: &Url) -> String {
    format!("{}://{}", url.scheme(), http::authority(url))
}
