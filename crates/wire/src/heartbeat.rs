//! Heartbeats of stations.

use alloy_primitives::{Address, B256};
use assize_measurement::{Domain, Signature, sign_digest, signer_of, station_address};
use assize_protocol::RoundNumber;
use secp256k1::SecretKey;
use serde::{Deserialize, Serialize};

use crate::Version;

/// A station declares that it is live, and for which operator it earns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Heartbeat {
    /// Address of the station's key.
    #[cfg_attr(feature = "openapi", schema(value_type = String, pattern = "^0x[0-9a-fA-F]{40}$"))]
    pub station: Address,
    /// The address to pay: `0x…`, or `f410…`.
    #[serde(with = "crate::operator")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, pattern = "^(0x[0-9a-fA-F]{40}|[ft]410f[a-z2-7]{39})$"))]
    pub operator: Address,
    /// Version of the checker.
    #[cfg_attr(feature = "openapi", schema(value_type = String, pattern = "^(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)$"))]
    pub version: Version,
    /// The station's clock, Unix seconds. It must increase with every heartbeat.
    pub time: u64,
    /// The station's signature over everything above: EIP-712, `Heartbeat(address station,address operator,string
    /// version,uint64 time)`.
    #[serde(with = "signature")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, pattern = "^0x[0-9a-fA-F]{130}$"))]
    pub signature: Signature,
}

/// The answer to a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Liveness {
    /// Until when the station counts as live without another heartbeat, Unix seconds.
    pub live_until: u64,
    /// Seconds to wait before the next heartbeat.
    pub interval: u64,
    /// The newest round; null before the first.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>))]
    pub round: Option<RoundNumber>,
    /// When the next round can be opened, Unix seconds; null before the first.
    pub next_opening: Option<u64>,
    /// The api's clock, Unix seconds.
    pub time: u64,
    /// Oldest checker version whose measurements are accepted.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub minimum_version: Version,
    /// Whether this station's version is older than that.
    pub outdated: bool,
}

mod typed {
    alloy_sol_types::sol! {
        struct Heartbeat {
            address station;
            address operator;
            string version;
            uint64 time;
        }
    }
}

impl Heartbeat {
    /// Creates and signs a heartbeat.
    #[must_use]
    pub fn new(key: &SecretKey, domain: &Domain, operator: Address, version: Version, time: u64) -> Self {
        let mut heartbeat = Self {
            station: station_address(key),
            operator,
            version,
            time,
            signature: Signature([0; 65]),
        };
        heartbeat.signature = sign_digest(key, heartbeat.digest(domain));
        heartbeat
    }

    /// Whether the station signed it.
    #[must_use]
    pub fn signed_by_station(&self, domain: &Domain) -> bool {
        signer_of(self.digest(domain), &self.signature) == Some(self.station)
    }

    fn digest(&self, domain: &Domain) -> B256 {
        domain.digest(&typed::Heartbeat {
            station: self.station,
            operator: self.operator,
            version: self.version.to_string(),
            time: self.time,
        })
    }
}

/// Signatures in JSON.
pub(crate) mod signature {
    use assize_measurement::Signature;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(signature: &Signature, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(signature)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Signature, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(chain_id: u64) -> Domain {
        Domain {
            chain_id,
            rounds: Address::repeat_byte(0xaa),
        }
    }

    fn sample() -> Heartbeat {
        let key = SecretKey::from_secret_bytes([7; 32]).unwrap();
        Heartbeat::new(
            &key,
            &domain(314),
            Address::repeat_byte(3),
            Version(1, 20, 0),
            1_760_000_000,
        )
    }

    #[test]
    fn a_heartbeat_is_valid_on_its_own_network_only() {
        assert!(sample().signed_by_station(&domain(314)));
        assert!(!sample().signed_by_station(&domain(314_159)));
    }

    #[test]
    fn every_field_is_signed() {
        let changes: [fn(&mut Heartbeat); 4] = [
            |heartbeat| heartbeat.station = Address::repeat_byte(9),
            |heartbeat| heartbeat.operator = Address::repeat_byte(9),
            |heartbeat| heartbeat.version.2 += 1,
            |heartbeat| heartbeat.time += 1,
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let mut changed = sample();
            change(&mut changed);
            assert!(!changed.signed_by_station(&domain(314)), "change {index}");
        }
    }

    #[test]
    fn json_parses_back_and_errors_name_the_field() {
        let json = serde_json::to_string(&sample()).unwrap();
        assert_eq!(serde_json::from_str::<Heartbeat>(&json).unwrap(), sample());
        let fault = |from: &str, to: &str| {
            let changed = json.replace(from, to);
            assert_ne!(changed, json, "{from}");
            serde_json::from_str::<Heartbeat>(&changed)
                .unwrap_err()
                .to_string()
        };
        assert!(fault("1.20.0", "1.20").contains("is not a version"));
        assert!(fault("\"0x0303030303", "\"0x03").contains("is not an address"));
        assert!(fault("\"time\"", "\"when\"").contains("unknown field `when`"));
        assert!(fault("\"signature\":\"0x", "\"signature\":\"0x00").contains("65 bytes"));
    }
}
