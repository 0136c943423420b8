//! Signing and verification with secp256k1.

use alloy_primitives::{Address, B256};
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId, Signature as PlainSignature};
use secp256k1::{Message, PublicKey, SecretKey};

use crate::digest::Digester;
use crate::{Domain, Measurement, Signature};

impl Measurement {
    /// Signs with a station's key (RFC 6979: the same input gives the same signature).
    pub fn sign(&mut self, key: &SecretKey, domain: &Domain) {
        self.signature = sign_digest(key, self.digest(domain));
    }
}

/// Signs a digest (RFC 6979: the same input gives the same signature).
#[must_use]
pub fn sign_digest(key: &SecretKey, digest: B256) -> Signature {
    let message = Message::from_digest(digest.0);
    let (recovery, compact) = RecoverableSignature::sign_ecdsa_recoverable(message, key).serialize_compact();
    let mut bytes = [0; 65];
    bytes[..64].copy_from_slice(&compact);
    // libsecp256k1 produces low s, so the recovery id is 0 or 1.
    bytes[64] = 27 + recovery.to_u8();
    Signature(bytes)
}

/// The signer of a digest; `None` for high s and for v other than 27 and 28, so that nobody can derive a second valid signature
/// from a first.
#[must_use]
pub fn signer_of(digest: B256, signature: &Signature) -> Option<Address> {
    let Signature(bytes) = signature;
    let recovery = match bytes[64] {
        v @ (27 | 28) => RecoveryId::from_u8_masked(v - 27),
        _ => return None,
    };
    let compact = &bytes[..64];
    let mut normal = PlainSignature::from_compact(compact).ok()?;
    normal.normalize_s();
    if normal.serialize_compact() != compact {
        return None;
    }
    let signature = RecoverableSignature::from_compact(compact, recovery).ok()?;
    let key = signature.recover(Message::from_digest(digest.0)).ok()?;
    Some(address_of(&key))
}

/// Verifies signatures under one domain, whose hash it computes once.
#[derive(Debug, Clone)]
pub struct Verifier(Digester);

impl Verifier {
    /// A verifier for one network.
    #[must_use]
    pub fn new(domain: &Domain) -> Self {
        Self(Digester::new(domain))
    }

    /// Whether the measurement's signature is its station's.
    #[must_use]
    pub fn signed_by_station(&self, measurement: &Measurement) -> bool {
        self.check(measurement).is_some()
    }

    /// The measurement's digest, if its signature is its station's.
    #[must_use]
    pub fn check(&self, measurement: &Measurement) -> Option<B256> {
        let digest = self.0.digest(measurement);
        (signer_of(digest, &measurement.signature) == Some(measurement.station)).then_some(digest)
    }
}

/// Address of a station's key, as Ethereum derives it.
#[must_use]
pub fn station_address(key: &SecretKey) -> Address {
    address_of(&key.public_key())
}

fn address_of(key: &PublicKey) -> Address {
    Address::from_raw_public_key(&key.serialize_uncompressed()[1..])
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{address, b256, keccak256};

    use super::*;
    use crate::ndjson::tests::sample;

    fn domain() -> Domain {
        Domain {
            chain_id: 314,
            rounds: address!("00000000000000000000000000000000000000aa"),
        }
    }

    fn key(byte: u8) -> SecretKey {
        SecretKey::from_secret_bytes([byte; 32]).unwrap()
    }

    #[test]
    fn a_station_is_known_by_its_key() {
        // Anvil's first default account.
        let secret = b256!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
        assert_eq!(
            station_address(&SecretKey::from_secret_bytes(secret.0).unwrap()),
            address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
        );
    }

    #[test]
    fn only_the_stations_signature_is_valid() {
        let mut measurement = sample();
        measurement.station = station_address(&key(7));
        measurement.sign(&key(7), &domain());
        let verifier = Verifier::new(&domain());
        assert!(verifier.signed_by_station(&measurement));

        let mut forged = measurement.clone();
        forged.sign(&key(8), &domain());
        assert!(!verifier.signed_by_station(&forged));

        let other = Domain {
            chain_id: 315,
            ..domain()
        };
        assert!(!Verifier::new(&other).signed_by_station(&measurement));
    }

    #[test]
    fn every_field_is_signed() {
        let mut measurement = sample();
        measurement.station = station_address(&key(7));
        measurement.sign(&key(7), &domain());
        let verifier = Verifier::new(&domain());
        let changes: [fn(&mut Measurement); 21] = [
            |m| m.round.0 += 1,
            |m| m.task.0 += 1,
            |m| m.station = station_address(&key(8)),
            |m| m.cid = format!("{}x", m.cid).into(),
            |m| m.miner_id = format!("{}1", m.miner_id).into(),
            |m| m.provider_id = None,
            |m| m.provider_address = None,
            |m| m.protocol = Some("graphsync".into()),
            |m| m.spark_version = None,
            |m| m.zinnia_version = None,
            |m| m.timeout = true,
            |m| m.start_at = None,
            |m| m.first_byte_at = None,
            |m| m.end_at = None,
            |m| m.status_code = None,
            |m| m.head_status_code = None,
            |m| m.byte_length = Some(0),
            |m| m.car_too_large = true,
            |m| m.car_checksum = None,
            |m| m.indexer_result = None,
            |m| m.attestation = Some("I swear".into()),
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let mut changed = measurement.clone();
            change(&mut changed);
            assert_ne!(changed, measurement, "change {index} changes nothing");
            assert!(
                !verifier.signed_by_station(&changed),
                "change {index} is not signed"
            );
        }
    }

    #[test]
    fn malleable_and_malformed_signatures_are_rejected() {
        let mut measurement = sample();
        measurement.station = station_address(&key(7));
        measurement.sign(&key(7), &domain());
        let verifier = Verifier::new(&domain());
        // The same signature with n - s and the other parity recovers the same key; only low s may pass.
        let order = b256!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
        let order = alloy_primitives::U256::from_be_bytes(order.0);
        let mut twin = measurement.clone();
        let s = alloy_primitives::U256::from_be_slice(&measurement.signature.0[32..64]);
        twin.signature.0[32..64].copy_from_slice(&(order - s).to_be_bytes::<32>());
        twin.signature.0[64] = 55 - measurement.signature.0[64];
        assert!(!verifier.signed_by_station(&twin));

        for v in [0, 1, 26, 29, 30, 255] {
            let mut odd = measurement.clone();
            odd.signature.0[64] = v;
            assert!(!verifier.signed_by_station(&odd), "v = {v}");
        }
        for bytes in [[0; 65], [0xff; 65]] {
            let mut odd = measurement.clone();
            odd.signature = Signature(bytes);
            assert!(!verifier.signed_by_station(&odd));
        }
    }

    #[test]
    fn digest_is_that_of_the_specification() {
        // Encoded by hand from EIP-712 and docs/protocol.md, without the macro.
        let measurement = sample();
        let type_hash = keccak256(
            "Measurement(uint64 round,uint32 task,address station,string cid,string minerId,string providerId,string providerAddress,string protocol,string sparkVersion,string zinniaVersion,bool timeout,int64 startAt,int64 firstByteAt,int64 endAt,int64 statusCode,int64 headStatusCode,int64 byteLength,bool carTooLarge,string carChecksum,string indexerResult,string attestation)",
        );
        let word = |number: i64| {
            B256::from(
                alloy_primitives::I256::try_from(number)
                    .unwrap()
                    .to_be_bytes::<32>(),
            )
        };
        let text = |text: Option<&str>| keccak256(text.unwrap_or(""));
        let m = &measurement;
        let words = [
            type_hash,
            word(m.round.0 as i64),
            word(m.task.0.into()),
            m.station.into_word(),
            text(Some(m.cid.as_str())),
            text(Some(m.miner_id.as_str())),
            text(m.provider_id.as_deref()),
            text(m.provider_address.as_deref()),
            text(m.protocol.as_deref()),
            text(m.spark_version.as_deref()),
            text(m.zinnia_version.as_deref()),
            word(m.timeout.into()),
            word(m.start_at.unwrap().0),
            word(m.first_byte_at.unwrap().0),
            word(m.end_at.unwrap().0),
            word(m.status_code.unwrap()),
            word(m.head_status_code.unwrap_or(-1)),
            word(m.byte_length.unwrap()),
            word(m.car_too_large.into()),
            text(m.car_checksum.as_deref()),
            text(m.indexer_result.as_deref()),
            text(m.attestation.as_deref()),
        ];
        let domain_words = [
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
            keccak256("Assize"),
            keccak256("1"),
            word(314),
            domain().rounds.into_word(),
        ];
        let hash = |words: &[B256]| keccak256(words.concat());
        let digest = keccak256(
            [
                &[0x19, 0x01][..],
                hash(&domain_words).as_slice(),
                hash(&words).as_slice(),
            ]
            .concat(),
        );
        assert_eq!(measurement.digest(&domain()), digest);
        assert_eq!(Digester::new(&domain()).digest(&measurement), digest);
    }
}
