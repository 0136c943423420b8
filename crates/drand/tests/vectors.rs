//! Real beacons, forged beacons, and a comparison of both implementations.
#![expect(clippy::unwrap_used, reason = "a vector that cannot be read fails the test")]

use std::collections::BTreeSet;

use alloy_primitives::{B256, hex};
use assize_drand::{
    Backend, Beacon, BeaconError, Chain, ChainInfo, PointError, RecordedBeacons, Scheme, with_y,
};
use assize_protocol::BeaconRound;
use blst::{min_pk, min_sig};
use proptest::prelude::*;
use serde::Deserialize;

const QUICKNET: &str = include_str!("fixtures/quicknet.json");
const DEFAULT: &str = include_str!("fixtures/default.json");
const INVALID: &str = include_str!("fixtures/invalid.json");

fn genuine(json: &str) -> Vec<Beacon> {
    RecordedBeacons::from_json(json.as_bytes())
        .unwrap()
        .beacons()
        .cloned()
        .collect()
}

#[test]
fn genuine_beacons_verify_in_every_implementation() {
    #[derive(Deserialize)]
    struct Stated {
        round: u64,
        randomness: B256,
    }
    for (chain, json, count) in [
        (Chain::quicknet(), QUICKNET, 47),
        (Chain::default_chain(), DEFAULT, 10),
    ] {
        let mut stated: Vec<Stated> = serde_json::from_str(json).unwrap();
        stated.sort_by_key(|stated| stated.round);
        let beacons = genuine(json);
        assert_eq!(beacons.len(), count);
        for (beacon, stated) in beacons.iter().zip(stated) {
            assert_eq!(beacon.round.0, stated.round);
            for &backend in Backend::ALL {
                let randomness = chain.verify_with(backend, beacon);
                assert_eq!(
                    randomness.map(|it| it.0),
                    Ok(stated.randomness),
                    "{backend:?}, round {}",
                    beacon.round
                );
            }
        }
    }
}

/// The vectors' name of the fault behind an error.
fn category_of(error: &BeaconError) -> &'static str {
    match error {
        BeaconError::Signature { fault, .. } => match fault {
            PointError::NotInSubgroup => "off_subgroup",
            PointError::NotOnCurve => "off_curve",
            PointError::FieldOverflow => "field_overflow",
            PointError::Infinity => "infinity",
            PointError::Length { expected: 48, .. } => "length",
            _ => "another point fault",
        },
        BeaconError::WrongSignature {
            round: BeaconRound(1000),
            chained: false,
        } => "wrong_point",
        BeaconError::RoundZero => "wrong_round",
        BeaconError::WrongPrevious {
            round: BeaconRound(72785),
            ..
        } => "wrong_previous",
        _ => "another error",
    }
}

#[test]
fn forged_beacons_are_rejected_each_with_its_own_error() {
    #[derive(Deserialize)]
    struct Forged {
        name: String,
        category: String,
        chain: String,
        #[serde(flatten)]
        beacon: Beacon,
    }
    let vectors: Vec<Forged> = serde_json::from_str(INVALID).unwrap();
    assert_eq!(vectors.len(), 15);
    let mut messages = BTreeSet::new();
    let mut categories = BTreeSet::new();
    for Forged {
        name,
        category,
        chain,
        beacon,
    } in vectors
    {
        let chain = if chain == "quicknet" {
            Chain::quicknet()
        } else {
            Chain::default_chain()
        };
        for &backend in Backend::ALL {
            let error = chain.verify_with(backend, &beacon).unwrap_err();
            assert_eq!(category_of(&error), category, "{name} ({backend:?}): {error}");
            messages.insert(error.to_string());
        }
        categories.insert(category);
    }
    // The messages of the two signatures of wrong length differ too.
    assert_eq!((categories.len(), messages.len()), (8, 9), "{messages:#?}");
}

#[test]
fn a_genuine_signature_of_another_round_or_chain_is_rejected() {
    let beacons = genuine(QUICKNET);
    for pair in beacons.windows(2).take(5) {
        let beacon = Beacon {
            round: pair[1].round,
            ..pair[0].clone()
        };
        for &backend in Backend::ALL {
            let error = BeaconError::WrongSignature {
                round: beacon.round,
                chained: false,
            };
            assert_eq!(Chain::quicknet().verify_with(backend, &beacon), Err(error));
        }
    }
    let fault = PointError::Length {
        expected: 96,
        actual: 48,
    };
    let previous = genuine(DEFAULT)[1].previous_signature.clone();
    let foreign = Beacon {
        previous_signature: previous,
        ..beacons[1].clone()
    };
    assert_eq!(
        Chain::default_chain().verify(&foreign),
        Err(BeaconError::Signature {
            round: BeaconRound(2),
            fault
        })
    );
}

#[test]
fn chained_beacons_depend_on_the_previous_one() {
    let chain = Chain::default_chain();
    let beacons = genuine(DEFAULT);
    let (first, third) = (&beacons[0], &beacons[2]);
    let with = |beacon: &Beacon, previous: Option<Vec<u8>>| {
        chain
            .verify(&Beacon {
                previous_signature: previous,
                ..beacon.clone()
            })
            .unwrap_err()
    };
    assert_eq!(
        with(third, None),
        BeaconError::MissingPrevious {
            round: BeaconRound(3)
        }
    );
    let genesis = chain.info().group_hash;
    assert_eq!(
        with(first, Some(vec![0; 32])),
        BeaconError::WrongGenesis { expected: genesis }
    );
    let fault = PointError::Length {
        expected: 96,
        actual: 32,
    };
    assert_eq!(
        with(third, Some(genesis.to_vec())),
        BeaconError::WrongPrevious {
            round: BeaconRound(3),
            fault
        }
    );
    // A valid signature, but not that of round 2.
    let error = with(third, Some(third.signature.clone()));
    assert_eq!(
        error,
        BeaconError::WrongSignature {
            round: BeaconRound(3),
            chained: true
        }
    );
    assert!(error.to_string().contains("after this previous signature"));
}

#[test]
fn the_previous_signature_of_an_unchained_beacon_is_ignored() {
    let beacon = Beacon {
        previous_signature: Some(vec![1, 2, 3]),
        ..genuine(QUICKNET)[0].clone()
    };
    assert!(
        Backend::ALL
            .iter()
            .all(|&backend| Chain::quicknet().verify_with(backend, &beacon).is_ok())
    );
}

/// blst is the oracle; the code under test does not use it.
#[test]
fn coordinates_for_the_contracts() {
    for beacon in genuine(QUICKNET) {
        let signature: [u8; 48] = beacon.signature.as_slice().try_into().unwrap();
        let uncompressed = min_sig::Signature::from_bytes(&signature).unwrap().serialize();
        let bytes = with_y(&signature).unwrap();
        assert_eq!(
            (&bytes[..48], &bytes[48..]),
            (&signature[..], &uncompressed[48..])
        );
    }
    let infinity = BeaconError::NotASignature {
        fault: PointError::Infinity,
    };
    assert_eq!(with_y(&[0xc0; 48]), Err(infinity));

    let chain = Chain::quicknet();
    let uncompressed = min_sig::PublicKey::from_bytes(chain.public_key())
        .unwrap()
        .serialize();
    let words = chain.public_key_eip2537().unwrap();
    for (word, place) in [(0, 1), (1, 0), (2, 3), (3, 2)] {
        assert_eq!(words[64 * word..][..16], [0; 16]);
        assert_eq!(words[64 * word + 16..][..48], uncompressed[48 * place..][..48]);
    }
    let error = Chain::default_chain()
        .public_key_eip2537()
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("pedersen-bls-chained cannot be checked on chain"),
        "{error}"
    );
}

fn devnet(public_key: Vec<u8>, scheme: Scheme) -> ChainInfo {
    let (period, genesis_time) = (1, 1_000);
    let mut info = ChainInfo {
        public_key,
        period,
        genesis_time,
        hash: B256::ZERO,
        group_hash: B256::ZERO,
        scheme,
        beacon_id: "default".into(),
    };
    info.hash = info.computed_hash().unwrap();
    info
}

#[test]
fn a_devnet_runs_its_own_key() {
    let secret = min_sig::SecretKey::key_gen(&[7; 32], &[]).unwrap();
    let sign = |round: u64| {
        use sha2::{Digest, Sha256};
        let message = Sha256::digest(round.to_be_bytes());
        let signature = secret.sign(&message, b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_", &[]);
        Beacon {
            round: BeaconRound(round),
            signature: signature.to_bytes().into(),
            previous_signature: None,
        }
    };
    let info = devnet(secret.sk_to_pk().to_bytes().into(), Scheme::BlsUnchainedG1Rfc9380);
    let chain = Chain::new(info.clone()).unwrap();
    assert_eq!(chain.schedule().round_after(1_000), BeaconRound(2));
    for &backend in Backend::ALL {
        assert_eq!(chain.verify_with(backend, &sign(9)), Ok(sign(9).randomness()));
        assert!(Chain::quicknet().verify_with(backend, &sign(9)).is_err());
    }
    let json = serde_json::to_string(&info).unwrap();
    assert!(
        json.contains(r#""schemeID":"bls-unchained-g1-rfc9380""#),
        "{json}"
    );
    assert_eq!(Chain::from_json(json.as_bytes()), Ok(chain));
}

#[test]
fn relays_info_is_parsed() {
    // https://api.drand.sh/52db…e971/info
    let json = br#"{"public_key":"83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a","period":3,"genesis_time":1692803367,"hash":"52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971","groupHash":"f477d5c89f21a17c863a7f937c6a6d15859414d2be09cd448d4279af331c5d3e","schemeID":"bls-unchained-g1-rfc9380","metadata":{"beaconID":"quicknet"}}"#;
    assert_eq!(Chain::from_json(json), Ok(Chain::quicknet()));
    assert!(matches!(
        Chain::from_json(b"{}"),
        Err(BeaconError::Json {
            expected: "a chain's info",
            ..
        })
    ));
}

#[test]
fn invalid_keys_are_rejected() {
    let refuse = |key: &[u8], scheme| Chain::new(devnet(key.into(), scheme)).unwrap_err();
    let quicknet = Scheme::BlsUnchainedG1Rfc9380;
    let length = PointError::Length {
        expected: 96,
        actual: 48,
    };
    assert_eq!(
        refuse(&[0x83; 48], quicknet),
        BeaconError::PublicKey { fault: length }
    );
    let infinity = [&[0xc0][..], &[0; 95]].concat();
    assert_eq!(
        refuse(&infinity, quicknet),
        BeaconError::PublicKey {
            fault: PointError::Infinity
        }
    );
    let infinity = [&[0xc0][..], &[0; 47]].concat();
    assert_eq!(
        refuse(&infinity, Scheme::PedersenBlsChained),
        BeaconError::PublicKey {
            fault: PointError::Infinity
        }
    );
    // On the curve of G1 but outside the subgroup: from the forged signatures.
    let outside = hex!(
        "955849eb0782c83c609b6c2de390c440757161f5bd6958d5bba685bd65e8622f550e6326a624d7259e86d85305d382c4"
    );
    let fault = PointError::NotInSubgroup;
    assert_eq!(
        refuse(&outside, Scheme::PedersenBlsChained),
        BeaconError::PublicKey { fault }
    );
    let stopped = ChainInfo {
        period: 0,
        ..Chain::quicknet().info().clone()
    };
    assert_eq!(Chain::new(stopped), Err(BeaconError::Period));
}

/// A chained beacon of our own key, to get arbitrary points of G2.
#[test]
fn both_groups_report_all_faults() {
    let secret = min_pk::SecretKey::key_gen(&[7; 32], &[]).unwrap();
    let chain = Chain::new(devnet(
        secret.sk_to_pk().to_bytes().into(),
        Scheme::PedersenBlsChained,
    ))
    .unwrap();
    let good = secret.sign(b"anything", b"", &[]).to_bytes();
    let fault = |first: u8, last: u8| {
        let mut signature = good;
        (signature[0], signature[95]) = (first, last);
        let beacon = Beacon {
            round: BeaconRound(1),
            signature: signature.into(),
            previous_signature: Some(vec![0; 32]),
        };
        let errors: Vec<_> = Backend::ALL
            .iter()
            .map(|&backend| chain.verify_with(backend, &beacon))
            .collect();
        assert!(errors.windows(2).all(|pair| pair[0] == pair[1]), "{errors:?}");
        errors[0].clone().unwrap_err()
    };
    let point = |fault| BeaconError::Signature {
        round: BeaconRound(1),
        fault,
    };
    assert_eq!(
        fault(good[0], good[95]),
        BeaconError::WrongSignature {
            round: BeaconRound(1),
            chained: true
        }
    );
    assert_eq!(fault(good[0] & 0x7f, good[95]), point(PointError::NotCompressed));
    assert_eq!(fault(good[0] | 0x40, good[95]), point(PointError::Infinity));
    assert_eq!(fault(0x9f, good[95]), point(PointError::FieldOverflow));
    // About half of all x have a point, and almost none of those is in the subgroup.
    let others: BTreeSet<String> = (0..20).map(|x| fault(good[0], x).to_string()).collect();
    assert!(others.contains(&point(PointError::NotOnCurve).to_string()));
    assert!(others.contains(&point(PointError::NotInSubgroup).to_string()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_flipped_bit_is_detected(bit in 0..48 * 8_usize) {
        let mut beacon = genuine(QUICKNET)[6].clone();
        beacon.signature[bit / 8] ^= 1 << (bit % 8);
        let errors: Vec<_> =
            Backend::ALL.iter().map(|&backend| Chain::quicknet().verify_with(backend, &beacon).unwrap_err()).collect();
        prop_assert!(errors.windows(2).all(|pair| pair[0] == pair[1]), "{errors:?}");
    }

    #[test]
    fn arbitrary_bytes_are_rejected_by_both(round: u64, mut signature in prop::collection::vec(any::<u8>(), 0..50)) {
        if let Some(first) = signature.first_mut() {
            *first = *first & 0x1f | 0x80;
        }
        let beacon = Beacon { round: BeaconRound(round), signature, previous_signature: None };
        let errors: Vec<_> =
            Backend::ALL.iter().map(|&backend| Chain::quicknet().verify_with(backend, &beacon).unwrap_err()).collect();
        prop_assert!(errors.windows(2).all(|pair| pair[0] == pair[1]), "{errors:?}");
    }
}
