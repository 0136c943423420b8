//! Filecoin as a checker sees it, over real sockets: storage providers of every conduct, an indexer that says where they
//! are, a node that says who they are.
//!
//! ```text
//!              Filecoin.StateMinerInfo, eth_call            ┌── everything else ──▶ anvil
//! checker ───▶ Lotus      f01234 → peer id ─────────────────┘
//!         ───▶ Indexer    CID    → peer id, addresses, protocols
//!         ───▶ Provider   CID    → blocks, or whatever its Conduct is
//! ```
//!
//! [`LocalFilecoin`] starts all of it from a seed and a [`Plan`], and knows what a faultless checker must report of each
//! task. All servers share the threads of one [`Host`]; what is dropped ends.
//!
//! [`GatewayLib`] is a provider that we did not write.

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

/// What is behind a lock, whoever panicked with it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// 64 bits that follow from a seed and some bytes.
fn hash64(seed: u64, parts: &[&[u8]]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = hash(seed, parts);
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// A digest that follows from a seed and some bytes.
fn hash(seed: u64, parts: &[&[u8]]) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    let mut hasher = Sha256::new_with_prefix(seed.to_be_bytes());
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}
