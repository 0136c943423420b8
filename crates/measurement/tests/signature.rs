//! Signatures agree with other implementations: Foundry's `cast`, and the one behind the vectors of `docs/vectors`.
#![expect(clippy::unwrap_used, reason = "a vector that cannot be read fails the test")]

use alloy_primitives::{Address, B256};
use assize_measurement::{
    Domain, Measurement, Seal, Signature, Verifier, ndjson, sign_digest, signer_of, station_address,
};
use assize_protocol::{RoundNumber, StationIndex, TaskSet};
use secp256k1::SecretKey;
use serde_json::Value;

fn field<T: std::str::FromStr<Err: std::fmt::Debug>>(value: &Value) -> T {
    value.as_str().unwrap().parse().unwrap()
}

fn row(round: u64, line: &Value) -> Measurement {
    let text = line.as_str().unwrap();
    let mut batch = ndjson::parse_batch(RoundNumber(round), text.as_bytes());
    assert_eq!(batch.rejected, []);
    let measurement = batch.rows.remove(0).measurement;
    assert_eq!(measurement.to_line(), text, "the line is canonical");
    measurement
}

/// Their signature is valid under our digest, and ours is equal byte for byte (RFC 6979).
fn agree(measurement: &Measurement, domain: &Domain, key: B256) {
    let key = SecretKey::from_secret_bytes(key.0).unwrap();
    assert_eq!(station_address(&key), measurement.station);
    assert!(Verifier::new(domain).signed_by_station(measurement));
    let mut ours = measurement.clone();
    ours.sign(&key, domain);
    assert_eq!(ours.signature, measurement.signature);
}

#[test]
fn cast_signs_the_same() {
    let fixture: Value = serde_json::from_str(include_str!("fixtures/typed_data.json")).unwrap();
    let typed = &fixture["typedData"]["domain"];
    let domain = Domain {
        chain_id: typed["chainId"].as_u64().unwrap(),
        rounds: field::<Address>(&typed["verifyingContract"]),
    };
    agree(&row(3, &fixture["line"]), &domain, field(&fixture["key"]));
}

#[test]
fn the_vectors_are_signed_the_same() {
    let file: Value =
        serde_json::from_str(include_str!("../../../docs/vectors/v2/measurement.json")).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let domain = Domain {
            chain_id: case["chainId"].as_u64().unwrap(),
            rounds: field::<Address>(&case["rounds"]),
        };
        let measurement = row(7, &case["line"]);
        assert_eq!(measurement.digest(&domain), field::<B256>(&case["digest"]));
        agree(&measurement, &domain, field(&case["stationKey"]));
    }
}

#[test]
fn seals_are_signed_the_same() {
    let file: Value = serde_json::from_str(include_str!("../../../docs/vectors/v2/seal.json")).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 2);
    for case in cases {
        let domain = Domain {
            chain_id: case["chainId"].as_u64().unwrap(),
            rounds: field::<Address>(&case["rounds"]),
        };
        let seal = Seal {
            round: RoundNumber(case["round"].as_u64().unwrap()),
            station: StationIndex(case["station"].as_u64().unwrap() as u32),
            operator: field(&case["operator"]),
            tasks: TaskSet(field(&case["tasks"])),
            report: field(&case["report"]),
        };
        assert_eq!(seal.digest(&domain), field::<B256>(&case["digest"]));
        let key = SecretKey::from_secret_bytes(field::<B256>(&case["stationKey"]).0).unwrap();
        let signature = sign_digest(&key, seal.digest(&domain));
        assert_eq!(signature, field::<Signature>(&case["signature"]));
        assert_eq!(
            signer_of(seal.digest(&domain), &signature),
            Some(station_address(&key))
        );
    }
}
