//! Records of an indexer: who has a payload, where, and over which protocols.

use std::net::SocketAddr;

use cid::multibase::Base;
use serde_json::{Value, json};

use super::{Protocol, hash, metadata};

/// A record of one provider and one payload. A provider may have several for a payload; extended providers are separate
/// records too, because the find response has no other place for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The provider's own id of the advertisement.
    pub context_id: Vec<u8>,
    /// Encoded protocols; see [`metadata`].
    pub metadata: Vec<u8>,
    /// The provider's peer id.
    pub peer_id: String,
    /// Its multiaddrs.
    pub addresses: Vec<String>,
    /// The protocols by name, for delegated routing; empty if the metadata is raw.
    names: Vec<(&'static str, Vec<u8>)>,
}

impl Record {
    /// A record of these protocols.
    #[must_use]
    pub fn new(peer_id: &str, addresses: &[String], protocols: &[Protocol]) -> Self {
        let named = |protocol: &Protocol| {
            let bytes = metadata(std::slice::from_ref(protocol));
            protocol.name().map(|name| (name, bytes))
        };
        Self {
            context_id: hash(0, &[peer_id.as_bytes()]).to_vec(),
            metadata: metadata(protocols),
            peer_id: peer_id.to_owned(),
            addresses: addresses.to_vec(),
            names: protocols.iter().filter_map(named).collect(),
        }
    }

    /// A record with any bytes as its metadata.
    #[must_use]
    pub fn raw(context_id: &[u8], metadata: &[u8], peer_id: &str, addresses: &[&str]) -> Self {
        Self {
            context_id: context_id.to_vec(),
            metadata: metadata.to_vec(),
            peer_id: peer_id.to_owned(),
            addresses: addresses.iter().map(|&address| address.to_owned()).collect(),
            names: Vec::new(),
        }
    }

    /// The JSON of a find response, keys in the specification's order.
    pub(super) fn find_response(&self) -> String {
        let quoted = |text: &str| json!(text).to_string();
        let context = quoted(&Base::Base64Pad.encode(&self.context_id));
        let metadata = quoted(&Base::Base64Pad.encode(&self.metadata));
        let id = quoted(&self.peer_id);
        let addresses = json!(self.addresses);
        format!(
            "{{\"ContextID\":{context},\"Metadata\":{metadata},\"Provider\":{{\"ID\":{id},\"Addrs\":{addresses}}}}}"
        )
    }

    /// The peer record of delegated routing (HTTP Routing V1).
    pub(super) fn peer(&self) -> Value {
        let mut peer = json!({
            "Schema": "peer",
            "ID": self.peer_id,
            "Addrs": self.addresses,
            "Protocols": self.names.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        });
        for (name, bytes) in &self.names {
            peer[name] = json!(Base::Base64Pad.encode(bytes));
        }
        peer
    }
}

/// The peer id of an Ed25519 key, `12D3KooW…`, derived from a seed and an id. Its private key does not exist.
#[must_use]
pub fn peer_id(seed: u64, id: u64) -> String {
    // The identity multihash of a protobuf: key type 1, 32 bytes.
    let key = hash(seed, &[b"peer", &id.to_be_bytes()]);
    let bytes = [&[0x00, 0x24, 0x08, 0x01, 0x12, 0x20][..], &key].concat();
    Base::Base58Btc.encode(bytes)
}

/// The multiaddr of an HTTP server.
#[must_use]
pub fn http_multiaddr(address: SocketAddr) -> String {
    let version = if address.is_ipv4() { "ip4" } else { "ip6" };
    format!("/{version}/{}/tcp/{}/http", address.ip(), address.port())
}
