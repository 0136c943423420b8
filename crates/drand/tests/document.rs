//! The constants of `docs/protocol.md`, and the beacons of its vectors, which another implementation has verified.

use alloy_primitives::B256;
use assize_drand::{Backend, Beacon, Chain, with_y};
use serde::Deserialize;

#[test]
fn beacons() {
    #[derive(Deserialize)]
    struct Vector {
        y: String,
        randomness: B256,
        #[serde(flatten)]
        beacon: Beacon,
    }
    #[derive(Deserialize)]
    struct File {
        cases: Vec<Vector>,
    }
    let json = include_str!("../../../docs/vectors/v2/beacons.json");
    let File { cases } = serde_json::from_str(json).unwrap();
    assert_eq!(cases.len(), 3);
    for Vector {
        y,
        randomness,
        beacon,
    } in cases
    {
        for &backend in Backend::ALL {
            assert_eq!(
                Chain::quicknet().verify_with(backend, &beacon).unwrap().0,
                randomness
            );
        }
        let bytes = with_y(&beacon.signature).unwrap();
        assert_eq!(const_hex::encode_prefixed(&bytes[48..]), y);
    }
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
