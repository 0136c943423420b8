//! The commands that need no chain: beacons, shuffle, committees, tasks.

mod common;

use common::{json_of, refused, run};
use serde_json::{Value, json};

const SEED: &str = "0x01b4f6bd5d6a06a7b74a8565ceb4f845afe0ae96a0ac05cf5e86066bf7b538ec";
/// Quicknet round 1000.
const SIGNATURE: &str =
    "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39";

#[test]
fn shuffle_is_ethereums() {
    // consensus-spec-tests, shuffling, this seed, count 100.
    let mapping = json_of(["derive", "shuffle", "--seed", SEED, "--count", "100"]);
    let mapping = mapping.as_array().unwrap();
    assert_eq!(mapping.len(), 100);
    assert_eq!(
        mapping[..8],
        [14, 61, 28, 43, 48, 31, 84, 71].map(|index| json!(index))
    );
    assert_eq!(mapping[99], json!(60));
    assert_eq!(
        json_of(["derive", "shuffle", "--seed", SEED, "--count", "0"]),
        json!([])
    );
    assert_eq!(
        json_of(["derive", "shuffle", "--seed", SEED, "--count", "1"]),
        json!([0])
    );
}

#[test]
fn committees_partition_the_roster() {
    let all = json_of(["derive", "committees", "--seed", SEED, "--stations", "250"]);
    assert_eq!(all["committees"], 3);
    let members: Vec<Vec<u64>> = serde_json::from_value(all["members"].clone()).unwrap();
    assert_eq!(members.iter().map(Vec::len).collect::<Vec<_>>(), [83, 83, 84]);
    let mut everyone = members.concat();
    everyone.sort_unstable();
    assert_eq!(everyone, (0..250).collect::<Vec<_>>());

    let one = json_of(format!("derive committees --seed {SEED} --stations 250 --committee 1").split(' '));
    assert_eq!(one, json!({"committees": 3, "members": [members[1]]}));

    // Seats are numbered over the whole roster: committee 1 begins at seat 83.
    let station = members[1][7].to_string();
    let seat =
        json_of(format!("derive committees --seed {SEED} --stations 250 --station {station}").split(' '));
    assert_eq!(
        seat,
        json!({"station": members[1][7], "committee": 1, "seat": 90})
    );

    let none = json_of(["derive", "committees", "--seed", SEED, "--stations", "0"]);
    assert_eq!(none, json!({"committees": 0, "members": []}));
}

#[test]
fn each_committee_has_its_own_tasks() {
    let all = json_of(format!("derive tasks --seed {SEED} --stations 300 --tasks 2000").split(' '));
    assert_eq!(all["tasksPerCommittee"], 100);
    let tasks: Vec<Vec<u64>> = serde_json::from_value(all["tasks"].clone()).unwrap();
    let mut drawn = tasks.concat();
    drawn.sort_unstable();
    drawn.dedup();
    assert_eq!(drawn.len(), 300);

    let one =
        json_of(format!("derive tasks --seed {SEED} --stations 300 --tasks 2000 --committee 2").split(' '));
    assert_eq!(one["tasks"], json!([tasks[2]]));
}

#[test]
fn beacons_are_verified() {
    let genuine = json_of(format!("beacon verify --round 1000 --signature {SIGNATURE}").split(' '));
    assert_eq!(genuine["valid"], true);
    assert_eq!(genuine["round"], 1000);
    assert_eq!(genuine["randomness"].as_str().unwrap().len(), 64);

    let other_round =
        run(format!("beacon verify --round 1001 --signature {SIGNATURE} --format json").split(' '));
    assert_eq!(other_round.status.code(), Some(1));
    let verdict: Value = serde_json::from_slice(&other_round.stdout).unwrap();
    assert_eq!(verdict["valid"], false);
}

#[test]
fn bad_input_is_named() {
    let short = "0x01b4";
    refused(
        &run(["derive", "shuffle", "--seed", short, "--count", "10"]),
        2,
        &["--seed", "32"],
    );
    refused(
        &run(["derive", "shuffle", "--seed", SEED, "--count", "4294967296"]),
        2,
        &["--count", "4294967296"],
    );
    refused(
        &run(format!("derive committees --seed {SEED} --stations 10 --station 10").split(' ')),
        2,
        &["station 10 does not exist"],
    );
    refused(
        &run(format!("derive committees --seed {SEED} --stations 10 --committee 1").split(' ')),
        2,
        &["committee 1 does not exist"],
    );
    refused(
        &run(format!("derive committees --seed {SEED} --stations 0 --station 0").split(' ')),
        2,
        &["station 0 does not exist"],
    );
    refused(
        &run(format!("derive committees --seed {SEED} --stations 10 --max-size 0").split(' ')),
        2,
        &["--max-size"],
    );
    refused(
        &run(format!("derive tasks --seed {SEED} --stations 10 --tasks x").split(' ')),
        2,
        &["--tasks"],
    );
    refused(
        &run(["beacon", "verify", "--round", "1000", "--signature", "zz"]),
        2,
        &["--signature"],
    );
    refused(
        &run(format!("beacon verify --round 1 --signature {SIGNATURE} --drand x").split(' ')),
        2,
        &["--drand"],
    );
    refused(&run(["no-such-command"]), 2, &["no-such-command"]);
}
