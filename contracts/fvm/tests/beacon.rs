//! Beacons through the machine's precompile (FIP-0095), which no other EVM has.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

use std::path::Path;

use alloy_primitives::{B256, Bytes};
use assize_fvm::chain::BLOCK_GAS;
use assize_fvm::network::abi::FilecoinBeacon;
use assize_fvm::network::abi::rounds::Rounds;
use assize_fvm::network::{ANYONE, Network, epoch_of, round_of};
use serde_json::Value;

/// Rounds, signatures and randomness that quicknet has published.
fn recorded() -> Vec<(u64, Bytes, B256)> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../test/fixtures/beacons.json");
    let text = std::fs::read_to_string(file).unwrap();
    let fixture: Value = serde_json::from_str(&text).unwrap();
    let cases = fixture["cases"].as_array().unwrap();
    let case = |case: &Value| {
        let bytes = |name: &str| case[name].as_str().unwrap().parse::<Bytes>().unwrap();
        let signature = Bytes::copy_from_slice(&bytes("signature")[..48]);
        (
            case["round"].as_u64().unwrap(),
            signature,
            B256::from_slice(&bytes("randomness")),
        )
    };
    cases.iter().map(case).collect()
}

#[test]
fn recorded_beacons_are_verified_by_their_digests() {
    let mut network = Network::new().unwrap();
    let beacon = network.beacon;
    let mut verified = 0;
    for (round, signature, randomness) in recorded() {
        // One round in ten is on the chain: the others' epochs are given the same beacon under the number that they carry.
        let epoch = epoch_of(round);
        let Some(carried) = round_of(epoch) else {
            continue;
        };
        network.chain.go_to_epoch(epoch);
        network.chain.node.record(epoch, &signature);
        let verify = FilecoinBeacon::verifyCall {
            round: carried,
            signature: signature.clone(),
        };
        assert_eq!(network.view(beacon, &verify).unwrap(), randomness);

        let mut forged = signature.to_vec();
        forged[47] ^= 1;
        let forged = FilecoinBeacon::verifyCall {
            round: carried,
            signature: forged.into(),
        };
        assert!(network.view(beacon, &forged).is_err());
        if carried != round {
            let off_chain = FilecoinBeacon::verifyCall { round, signature };
            assert!(network.view(beacon, &off_chain).is_err());
        }
        verified += 1;
    }
    assert!(verified >= 3, "{verified}");
}

/// The precompile ends the whole message for an epoch that has not come, and takes all its gas; the contract asks before.
#[test]
fn an_epoch_that_has_not_come_costs_little() {
    let mut network = Network::new().unwrap();
    let rounds = network.rounds;
    network.open().unwrap();
    let opened = network.chain.snapshot();
    let reveal = network.reveal(1).unwrap();
    let due = network.chain.epoch();
    network.chain.restore(opened);
    assert!(network.chain.epoch() < due);
    let early = network.chain.simulate(ANYONE, rounds, &reveal).unwrap();
    assert!(!early.is_ok() && early.gas < BLOCK_GAS / 200, "{early:?}");

    // With a delay of 150 s and a slack of three epochs, it can be proved five and a half minutes after the opening.
    let opened_at = network.round(1).unwrap().openedAt;
    network.chain.go_to_epoch(due);
    assert!(network.chain.now() - opened_at <= 330);
    network.send(ANYONE, rounds, &reveal).unwrap();
    let again = network.chain.simulate(ANYONE, rounds, &reveal).unwrap();
    assert!(!again.is_ok());
    let shown = network.view(rounds, &Rounds::getRoundCall { round: 1 }).unwrap();
    assert_ne!(shown.seed, B256::ZERO);
}
