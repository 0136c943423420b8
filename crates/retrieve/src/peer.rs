//! Looks up a provider's libp2p peer id on the chain.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use alloy_primitives::Address;
use alloy_sol_types::{SolCall, sol};
use assize_protocol::ProviderId;
use cid::Cid;
use cid::multibase::Base;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::http::Http;
use crate::rpc::Rpc;
use crate::{Limits, RetrieveError, RpcError};

sol! {
    /// Curio's `MinerPeerIDMapping`. The signature is the peer's over the provider's id. Only the provider's owner can
    /// write the record, so the signature adds nothing, and neither Spark nor this crate checks it.
    struct PeerData {
        string peerID;
        bytes signature;
    }

    function getPeerData(uint64 minerID) external view returns (PeerData);
}

/// A provider's peer id on chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peer {
    /// The peer id as written on chain; `None` if the provider has not set one.
    pub(crate) id: Option<String>,
    /// Description for the log of steps.
    pub(crate) summary: String,
}

/// Maximum length of a peer id's text in bytes; those in use have 46 to 62.
const LONGEST_ID: usize = 128;

/// Looks peer ids up and caches them.
#[derive(Debug)]
pub(crate) struct Peers {
    rpc: Rpc,
    contract: Option<Address>,
    known: Mutex<Known>,
}

/// Cached answers in order of arrival; the oldest is evicted first.
#[derive(Debug, Default)]
struct Known {
    peers: HashMap<ProviderId, (Instant, Peer)>,
    order: VecDeque<ProviderId>,
}

impl Peers {
    pub(crate) fn new(rpc: Rpc, contract: Option<Address>) -> Self {
        Self {
            rpc,
            contract,
            known: Mutex::default(),
        }
    }

    /// The provider's peer id, and whether it was cached. The contract, if there is one, takes precedence over the
    /// actor; both are queried concurrently.
    ///
    /// If the contract cannot be queried, the result is an error even if the actor was read: the actor of a provider that
    /// uses the contract has another peer id, or none, and using it would count against the provider.
    pub(crate) async fn get(
        &self,
        http: &Http,
        limits: &Limits,
        provider: ProviderId,
    ) -> Result<(Peer, bool), RetrieveError> {
        if let Some(peer) = self.known().get(provider, limits) {
            return Ok((peer, true));
        }
        let failed = |method| {
            move |source| RetrieveError::PeerId {
                provider,
                method,
                endpoint: crate::endpoint(&self.rpc.url),
                source,
            }
        };
        let (actor, contract) = tokio::join!(self.of_actor(http, limits, provider), async {
            match self.contract {
                Some(contract) => self.of_contract(http, limits, contract, provider).await,
                None => Ok(None),
            }
        });
        let peer = match contract.map_err(failed("getPeerData"))? {
            Some(id) => Peer {
                summary: format!("{id}, from the peer id contract"),
                id: Some(id),
            },
            None => match actor.map_err(failed("StateMinerInfo"))? {
                Some(id) => Peer {
                    summary: format!("{id}, from its actor"),
                    id: Some(id),
                },
                None => Peer {
                    summary: "none, neither in its actor nor in the contract".into(),
                    id: None,
                },
            },
        };
        self.known().put(provider, peer.clone(), limits);
        Ok((peer, false))
    }

    async fn of_actor(
        &self,
        http: &Http,
        limits: &Limits,
        provider: ProviderId,
    ) -> Result<Option<String>, RpcError> {
        let params = json!([provider.to_string(), null]);
        let info = self
            .rpc
            .call(http, limits, "Filecoin.StateMinerInfo", params)
            .await?;
        match info.get("PeerId") {
            Some(Value::String(id)) => Ok(usable(id.clone())),
            Some(Value::Null) => Ok(None),
            None if info.is_object() => Ok(None),
            _ => Err(RpcError::Malformed("PeerId is not a string".into())),
        }
    }

    async fn of_contract(
        &self,
        http: &Http,
        limits: &Limits,
        contract: Address,
        provider: ProviderId,
    ) -> Result<Option<String>, RpcError> {
        let data = getPeerDataCall { minerID: provider.0 }.abi_encode();
        let params = json!([{"to": contract, "data": const_hex::encode_prefixed(data)}, "latest"]);
        let result = self.rpc.call(http, limits, "eth_call", params).await?;
        let decoded = result
            .as_str()
            .and_then(|text| const_hex::decode(text).ok())
            .and_then(|bytes| getPeerDataCall::abi_decode_returns(&bytes).ok());
        let record =
            decoded.ok_or_else(|| RpcError::Malformed(format!("{contract} is not a peer id contract")))?;
        Ok(usable(record.peerID))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        // Every update is atomic, so a poisoned lock is harmless.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn get(&self, provider: ProviderId, limits: &Limits) -> Option<Peer> {
        let (since, peer) = self.peers.get(&provider)?;
        (since.elapsed() < limits.peer_ttl).then(|| peer.clone())
    }

    fn put(&mut self, provider: ProviderId, peer: Peer, limits: &Limits) {
        if self.peers.insert(provider, (Instant::now(), peer)).is_none() {
            self.order.push_back(provider);
        }
        while self.peers.len() > limits.peers
            && let Some(oldest) = self.order.pop_front()
        {
            self.peers.remove(&oldest);
        }
    }
}

/// The value of a peer id field, if it can be one. Providers can write text of any length there.
fn usable(id: String) -> Option<String> {
    (1..=LONGEST_ID).contains(&id.len()).then_some(id)
}

/// A peer id's multihash, from either of its text forms (libp2p specs, peer-ids): base58btc, or a CID with codec
/// `libp2p-key`.
pub(crate) fn peer_multihash(text: &str) -> Option<Vec<u8>> {
    const LIBP2P_KEY: u64 = 0x72;
    // Base58 decoding takes quadratic time.
    if text.len() > LONGEST_ID {
        return None;
    }
    if text.starts_with("Qm") || text.starts_with('1') {
        return Base::Base58Btc.decode(text).ok();
    }
    let cid: Cid = text.parse().ok()?;
    (cid.codec() == LIBP2P_KEY).then(|| cid.hash().to_bytes())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The examples of libp2p/specs, peer-ids.
    #[test]
    fn text_forms_of_one_peer_are_equal() {
        let base58 = peer_multihash("QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N");
        assert_eq!(base58.as_ref().map(Vec::len), Some(34));
        assert_eq!(
            peer_multihash("12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA").map(|id| id.len()),
            Some(38)
        );
        let cid = Cid::new_v1(
            0x72,
            cid::multihash::Multihash::from_bytes(&base58.clone().unwrap()).unwrap(),
        );
        assert_eq!(peer_multihash(&cid.to_string()), base58);
        // Decoding takes quadratic time, so overlong input is not decoded.
        let long = format!("1{}", "2".repeat(LONGEST_ID));
        assert_eq!(peer_multihash(&long), None);
        assert!(peer_multihash(&long[..LONGEST_ID]).is_some());
        let long = format!("/{}/ipfs/{cid}", "2".repeat(LONGEST_ID));
        assert_eq!(peer_multihash(&long), None);
        // Another codec; other strings.
        let other = Cid::new_v1(0x55, *cid.hash()).to_string();
        for text in [other.as_str(), "", "Qm0", "f01234", "bafy"] {
            assert_eq!(peer_multihash(text), None, "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn memory_ends_with_time_and_with_room() {
        let limits = Limits {
            peers: 2,
            peer_ttl: Duration::from_secs(10),
            ..Limits::default()
        };
        let peer = |name: &str| Peer {
            id: Some(name.into()),
            summary: String::new(),
        };
        let mut known = Known::default();
        known.put(ProviderId(1), peer("a"), &limits);
        known.put(ProviderId(2), peer("b"), &limits);
        known.put(ProviderId(1), peer("c"), &limits);
        assert_eq!(known.get(ProviderId(1), &limits), Some(peer("c")));
        known.put(ProviderId(3), peer("d"), &limits);
        assert_eq!(known.get(ProviderId(1), &limits), None);
        assert_eq!(known.get(ProviderId(2), &limits), Some(peer("b")));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(known.get(ProviderId(2), &limits), None);
        for id in 0..100 {
            known.put(ProviderId(id), peer("x"), &limits);
        }
        assert_eq!((known.peers.len(), known.order.len()), (2, 2));
    }
}
