//! Filecoin as a checker sees it, over real sockets: storage providers with any behaviour, an indexer with their
//! addresses, a node with their peer ids.
//!
//! ```text
//!              Filecoin.StateMinerInfo, eth_call            ┌── everything else ──▶ anvil
//! checker ───▶ Lotus      f01234 → peer id ─────────────────┘
//!         ───▶ Indexer    CID    → peer id, addresses, protocols
//!         ───▶ Provider   CID    → blocks, or whatever its Conduct is
//! ```
//!
//! [`LocalFilecoin`] starts all of it from a seed and a [`Plan`], and knows the result that a correct checker must
//! report for each task. All servers share the threads of one [`Host`] and stop on drop.
//!
//! [`GatewayLib`] is an independent implementation of a provider.

mod answer;
mod bomb;
mod conduct;
mod gateway_lib;
mod host;
mod http;
mod indexer;
mod local;
mod lotus;
mod metadata;
mod payload;
mod plan;
mod port;
mod provider;
mod record;
#[cfg(test)]
mod testing;

pub use conduct::{Conduct, Expected};
pub use gateway_lib::{GatewayLib, GatewayLibError};
pub use host::Host;
pub use indexer::{Indexer, IndexerFault};
pub use local::{FilecoinError, LocalFilecoin, Offer};
pub use lotus::{CURIO_PEER_IDS, Lotus, LotusFault, MinerInfo};
pub use metadata::{Protocol, metadata};
pub use payload::Payload;
pub use plan::{Advertised, PeerIdSource, Plan, ProviderPlan};
pub use port::DeadAddress;
pub use provider::{Provider, Visit};
pub use record::{Record, http_multiaddr, peer_id};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex, poisoned or not.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// 64 bits derived from a seed and some bytes.
fn hash64(seed: u64, parts: &[&[u8]]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = hash(seed, parts);
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// A digest derived from a seed and some bytes.
fn hash(seed: u64, parts: &[&[u8]]) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    let mut hasher = Sha256::new_with_prefix(seed.to_be_bytes());
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}
