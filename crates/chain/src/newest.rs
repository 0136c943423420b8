//! Whether a node follows the chain.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use alloy_primitives::B256;

use crate::{ChainClient, Result};

/// A node's newest block, and when it was first seen.
#[derive(Debug, Default)]
pub struct NewestBlock(Mutex<Option<(B256, Instant)>>);

impl NewestBlock {
    /// Asks for the newest block, and returns for how many seconds it has been the same.
    ///
    /// # Errors
    /// The node does not answer.
    pub async fn standing_for(&self, client: &ChainClient) -> Result<u64> {
        let newest = client.head().await?.hash;
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(match *seen {
            Some((hash, since)) if hash == newest => since.elapsed().as_secs(),
            _ => {
                *seen = Some((newest, Instant::now()));
                0
            }
        })
    }
}
