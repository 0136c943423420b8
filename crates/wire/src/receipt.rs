//! Receipts for measurements.

use alloy_primitives::{Address, B256};
use assize_measurement::{Domain, Signature, sign_digest, signer_of, station_address};
use secp256k1::SecretKey;
use serde::{Deserialize, Serialize};

/// The api confirms that it accepted a measurement, and when. With it an operator can prove that the publisher omitted
/// the measurement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Receipt {
    /// EIP-712 digest of the measurement, which its station signed.
    #[cfg_attr(feature = "openapi", schema(value_type = String, pattern = "^0x[0-9a-f]{64}$"))]
    pub digest: B256,
    /// When it became durable, Unix seconds. Submitting it again gives the same receipt.
    pub received_at: u64,
    /// Address of the ingest key.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub ingest: Address,
    /// The ingest key's signature over everything above: EIP-712, `Receipt(bytes32 digest,uint64 receivedAt,address
    /// ingest)`.
    #[serde(with = "crate::heartbeat::signature")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub signature: Signature,
}

/// A measurement with its receipt, as a checker stores them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeptReceipt {
    /// The measurement's line (docs/protocol.md §9).
    pub measurement: String,
    /// The receipt.
    pub receipt: Receipt,
}

mod typed {
    alloy_sol_types::sol! {
        struct Receipt {
            bytes32 digest;
            uint64 receivedAt;
            address ingest;
        }
    }
}

impl Receipt {
    /// Creates and signs a receipt.
    #[must_use]
    pub fn new(key: &SecretKey, domain: &Domain, digest: B256, received_at: u64) -> Self {
        let mut receipt = Self {
            digest,
            received_at,
            ingest: station_address(key),
            signature: Signature([0; 65]),
        };
        receipt.signature = sign_digest(key, receipt.own_digest(domain));
        receipt
    }

    /// Whether the named key signed it. The caller must know whether to trust the key.
    #[must_use]
    pub fn is_signed(&self, domain: &Domain) -> bool {
        signer_of(self.own_digest(domain), &self.signature) == Some(self.ingest)
    }

    fn own_digest(&self, domain: &Domain) -> B256 {
        domain.digest(&typed::Receipt {
            digest: self.digest,
            receivedAt: self.received_at,
            ingest: self.ingest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_valid_for_its_measurement_time_and_network_only() {
        let domain = |chain_id| Domain {
            chain_id,
            rounds: Address::repeat_byte(0xaa),
        };
        let key = SecretKey::from_secret_bytes([7; 32]).unwrap();
        let receipt = Receipt::new(&key, &domain(314), B256::repeat_byte(1), 1_760_000_000);
        assert!(receipt.is_signed(&domain(314)));
        assert!(!receipt.is_signed(&domain(315)));
        assert_eq!(
            receipt,
            Receipt::new(&key, &domain(314), B256::repeat_byte(1), 1_760_000_000)
        );
        let changes: [fn(&mut Receipt); 3] = [
            |receipt| receipt.digest = B256::repeat_byte(2),
            |receipt| receipt.received_at += 1,
            |receipt| receipt.ingest = Address::repeat_byte(2),
        ];
        for change in changes {
            let mut changed = receipt.clone();
            change(&mut changed);
            assert!(!changed.is_signed(&domain(314)), "{changed:?}");
        }
    }
}
