//! Simulated adversaries: the same seed gives the same result, and invalid input is rejected.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

mod common;

use std::fs;

use common::{json_of, refused, run, words};
use serde_json::Value;

#[test]
fn the_same_seed_gives_the_same_simulation() {
    let play = |seed: &str| {
        json_of(format!("simulate --stations 100 --rounds 10 --share 0.4 --seed {seed}").split(' '))
    };
    assert_eq!(play("1"), play("1"));
    assert_ne!(play("1"), play("2"));
    assert_eq!(play("1")["outcomes"].as_array().unwrap().len(), 5);
    let directory = tempfile::tempdir().unwrap();
    let picture = directory.path().join("capture.svg");
    let sizes = words("simulate --stations 100 --rounds 10 --share 0.3,0.5 --strategy lie-for-one");
    let output = run([&sizes[..], &["--plot", picture.to_str().unwrap()]].concat());
    assert!(output.status.success());
    assert!(String::from_utf8(output.stdout).unwrap().contains("lie-for-one"));
    assert!(
        fs::read_to_string(picture)
            .unwrap()
            .contains("exact, committees of 100")
    );
    refused(&run(["simulate", "--share", "1.5"]), 2, &["share is 1.5"]);
    refused(
        &run(["simulate", "--rounds", "0"]),
        2,
        &["error: the number of rounds is 0"],
    );
    refused(&run(["simulate", "--tasks", "0"]), 2, &["--tasks"]);
    let costs = "--station-cost 0 --subnet-cost 0 --retrieval-cost 0";
    let free = format!("simulate --stations 100 --rounds 2 --share 0.3 --format json {costs}");
    let free = words(&free);
    assert_eq!(json_of(free)["outcomes"][0]["advantage"], Value::Null);
    refused(
        &run(["simulate", "--stations", "10"]),
        2,
        &["10 stations are too few"],
    );
    refused(
        &run(["simulate", "--subnet-cost", "-1", "--rounds", "1"]),
        2,
        &["--subnet-cost"],
    );
}
