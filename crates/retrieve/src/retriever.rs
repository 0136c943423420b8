//! The way of one retrieval.

use std::sync::Arc;

use assize_protocol::{PayloadCid, ProviderId};

use crate::{Config, ConfigError, Retrieval, RetrieveError};

/// Performs retrievals. Clones share one cache of peer ids.
#[derive(Debug, Clone)]
pub struct Retriever {
    config: Arc<Config>,
}

impl Retriever {
    /// A retriever.
    ///
    /// # Errors
    /// [`ConfigError`] if the configuration cannot work.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self { config: Arc::new(config) })
    }

    /// Retrieves a payload's root block from a provider, now. Takes up to a few minutes ([`Limits`](crate::Limits)).
    ///
    /// # Errors
    /// [`RetrieveError`] if the checker's own side failed; whatever the provider does is a [`Retrieval`].
    pub async fn retrieve(&self, cid: PayloadCid, provider: ProviderId) -> Result<Retrieval, RetrieveError> {
        let _ = (&self.config, cid, provider);
        unreachable!("written in a moment")
    }
}
