//! The description of a drand chain, as relays serve it at `/info`.

use assize_protocol::{B256, canonical};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::BeaconError;

/// The id of drand's first chain, which its hash does not include.
const DEFAULT_ID: &str = "default";

/// A chain's signature scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scheme {
    /// quicknet and devnets: signatures in G1 (48 bytes) of `H(round)`, key in G2 (96 bytes).
    #[serde(rename = "bls-unchained-g1-rfc9380")]
    BlsUnchainedG1Rfc9380,
    /// drand's default chain: signatures in G2 (96 bytes) of `H(previous signature ‖ round)`, key in G1 (48 bytes).
    #[serde(rename = "pedersen-bls-chained")]
    PedersenBlsChained,
    /// evmnet: on BN254, signatures in G1 (64 bytes, x and y) of `Keccak-256(round)`, key in G2 (128 bytes).
    #[cfg(feature = "evmnet")]
    #[serde(rename = "bls-bn254-unchained-on-g1")]
    BlsBn254UnchainedG1,
}

impl Scheme {
    /// drand's name for the scheme.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BlsUnchainedG1Rfc9380 => "bls-unchained-g1-rfc9380",
            Self::PedersenBlsChained => "pedersen-bls-chained",
            #[cfg(feature = "evmnet")]
            Self::BlsBn254UnchainedG1 => "bls-bn254-unchained-on-g1",
        }
    }
}

/// A chain as a relay's `/info` describes it. The JSON form is that of drand's v1; v2's is accepted too.
///
/// The hash covers all other fields but the scheme, so it identifies the chain: see [`Self::computed_hash`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Fields", into = "Fields")]
pub struct ChainInfo {
    /// The compressed public key.
    pub public_key: Vec<u8>,
    /// Seconds between rounds.
    pub period: u64,
    /// Unix time of round 1 in seconds.
    pub genesis_time: u64,
    /// The chain's hash, under which relays serve it.
    pub hash: B256,
    /// The previous signature of round 1 of a chained chain; on any chain, a part of the hash.
    pub group_hash: B256,
    /// The signature scheme.
    pub scheme: Scheme,
    /// The chain's name among those of its network, such as `quicknet`.
    pub beacon_id: String,
}

impl ChainInfo {
    /// The hash that follows from the other fields, as drand computes it (`chain.Info.Hash`): SHA-256 of period (4 bytes)
    /// and genesis time (8 bytes), both big-endian, public key, group hash, and id unless it is `default`.
    ///
    /// # Errors
    /// [`BeaconError::Period`] if the period does not fit into 4 bytes.
    pub fn computed_hash(&self) -> Result<B256, BeaconError> {
        let period = u32::try_from(self.period).map_err(|_| BeaconError::Period)?;
        let id = if self.beacon_id == DEFAULT_ID {
            ""
        } else {
            &self.beacon_id
        };
        let hash = Sha256::new()
            .chain_update(period.to_be_bytes())
            .chain_update(self.genesis_time.to_be_bytes())
            .chain_update(&self.public_key)
            .chain_update(self.group_hash)
            .chain_update(id)
            .finalize();
        Ok(B256::new(hash.into()))
    }

    /// The canonical JSON (`docs/protocol.md` §12.1): drand's v1 fields in ascending order.
    #[must_use]
    pub fn to_canonical_json(&self) -> Vec<u8> {
        // Only strings and numbers, so serialisation cannot fail.
        canonical::to_json(self).unwrap_or_default()
    }

    /// Reads the canonical JSON; no other bytes are accepted.
    ///
    /// # Errors
    /// [`BeaconError::Form`] with what differs, and where.
    pub fn from_canonical_json(json: &[u8]) -> Result<Self, BeaconError> {
        Ok(canonical::read_json(json)?)
    }
}

/// The JSON form.
#[derive(Serialize, Deserialize)]
struct Fields {
    #[serde(with = "const_hex::serde::no_prefix")]
    public_key: Vec<u8>,
    period: u64,
    genesis_time: u64,
    #[serde(alias = "chain_hash", with = "const_hex::serde::no_prefix")]
    hash: [u8; 32],
    #[serde(
        rename = "groupHash",
        alias = "genesis_seed",
        with = "const_hex::serde::no_prefix"
    )]
    group_hash: [u8; 32],
    #[serde(rename = "schemeID", alias = "scheme")]
    scheme: Scheme,
    #[serde(default)]
    metadata: Metadata,
    /// Where v2 has the id.
    #[serde(default, skip_serializing)]
    beacon_id: Option<String>,
}

/// Where v1 has the id; old relays leave it out.
#[derive(Serialize, Deserialize)]
struct Metadata {
    #[serde(rename = "beaconID")]
    beacon_id: String,
}

impl Default for Metadata {
    fn default() -> Self {
        Self {
            beacon_id: DEFAULT_ID.to_owned(),
        }
    }
}

impl From<Fields> for ChainInfo {
    fn from(fields: Fields) -> Self {
        Self {
            public_key: fields.public_key,
            period: fields.period,
            genesis_time: fields.genesis_time,
            hash: B256::new(fields.hash),
            group_hash: B256::new(fields.group_hash),
            scheme: fields.scheme,
            beacon_id: fields.beacon_id.unwrap_or(fields.metadata.beacon_id),
        }
    }
}

impl From<ChainInfo> for Fields {
    fn from(info: ChainInfo) -> Self {
        Self {
            public_key: info.public_key,
            period: info.period,
            genesis_time: info.genesis_time,
            hash: info.hash.0,
            group_hash: info.group_hash.0,
            scheme: info.scheme,
            metadata: Metadata {
                beacon_id: info.beacon_id,
            },
            beacon_id: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Chain;

    #[test]
    fn hashes_are_those_of_drand() {
        for chain in [
            Chain::quicknet(),
            Chain::default_chain(),
            #[cfg(feature = "evmnet")]
            Chain::evmnet(),
        ] {
            assert_eq!(chain.info().computed_hash(), Ok(chain.hash()));
        }
    }

    #[test]
    fn a_description_that_does_not_have_its_hash_is_rejected() {
        let changes: [fn(&mut ChainInfo); 5] = [
            |info| info.period += 1,
            |info| info.genesis_time += 1,
            |info| info.group_hash = B256::ZERO,
            |info| info.beacon_id.push('2'),
            |info| info.hash = Chain::default_chain().hash(),
        ];
        for change in changes {
            let mut info = Chain::quicknet().info().clone();
            change(&mut info);
            let error = Chain::new(info.clone()).unwrap_err();
            assert_eq!(
                error,
                BeaconError::WrongHash {
                    stated: info.hash,
                    computed: info.computed_hash().unwrap()
                }
            );
        }
        let mut info = Chain::quicknet().info().clone();
        info.period = 1 << 32;
        assert_eq!(Chain::new(info), Err(BeaconError::Period));
    }

    #[test]
    fn only_the_canonical_bytes_are_read_back() {
        let info = Chain::quicknet().info().clone();
        let json = info.to_canonical_json();
        let text = String::from_utf8(json.clone()).unwrap();
        assert!(
            text.starts_with(r#"{"genesis_time":1692803367,"groupHash":"f477d5c8"#),
            "{text}"
        );
        assert!(text.contains(r#""metadata":{"beaconID":"quicknet"}"#), "{text}");
        assert_eq!(ChainInfo::from_canonical_json(&json), Ok(info));
        for other in [
            text.replace("52db9b", "52DB9B"),
            text.replace("\"52db9b", "\"0x52db9b"),
            text.replace(":3,", ": 3,"),
            text.replace(r#""metadata":{"beaconID":"quicknet"},"#, ""),
            text.replace(r#""metadata""#, r#""beacon_id":"quicknet","metadata""#),
            text.clone() + "\n",
        ] {
            assert_ne!(other, text);
            assert!(
                ChainInfo::from_canonical_json(other.as_bytes()).is_err(),
                "{other}"
            );
        }
    }
}
