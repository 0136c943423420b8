//! The beacon of `docs/protocol.md`, which another implementation verified.

use alloy_primitives::B256;
use assize_drand::{Backend, Beacon, Chain, with_y};
use serde::Deserialize;
use serde_json::Value;

#[test]
fn beacon() {
    #[derive(Deserialize)]
    struct Vector {
        y: String,
        randomness: B256,
        #[serde(flatten)]
        beacon: Beacon,
    }
    let document = include_str!("../../../docs/protocol.md");
    let (_, block) = document.split_once("```json vectors\n").unwrap();
    let (json, _) = block.split_once("\n```").unwrap();
    let mut vectors: Value = serde_json::from_str(json).unwrap();
    let Vector {
        y,
        randomness,
        beacon,
    } = serde_json::from_value(vectors["beacon"].take()).unwrap();
    for &backend in Backend::ALL {
        assert_eq!(
            Chain::quicknet().verify_with(backend, &beacon).unwrap().0,
            randomness
        );
    }
    let bytes = with_y(&beacon.signature.as_slice().try_into().unwrap()).unwrap();
    assert_eq!(const_hex::encode_prefixed(&bytes[48..]), y);
}

#[test]
fn constants() {
    let document = include_str!("../../../docs/protocol.md");
    let chain = Chain::quicknet();
    assert!(document.contains(&format!("| chain hash | `{}` |", const_hex::encode(chain.hash()))));
    assert!(document.contains(&format!(
        "| public key | `{}` |",
        const_hex::encode(chain.public_key())
    )));
}
