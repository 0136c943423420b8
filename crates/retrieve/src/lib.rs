//! One retrieval, from a provider's id to a verdict.

mod config;
mod error;
mod pacing;
mod retrieval;
mod retriever;
mod step;

pub use config::{CID_CONTACT, CURIO_PEER_IDS, Config, LASSIE_AGENT, Lassie, Limits, Secret};
pub use error::{ConfigError, RetrieveError, RpcError};
pub use pacing::Pacing;
pub use retrieval::{IndexerResult, Retrieval, Transport};
pub use retriever::Retriever;
pub use rustls::pki_types::CertificateDer;
pub use step::Step;
