//! The demo, end to end, on a real anvil.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test panics")]

mod common;

use common::{assize, json_of, refused, run};
use serde_json::Value;

fn demo(seed: &str) -> Value {
    let size = ["demo", "--stations", "120", "--rounds", "2"];
    json_of([&size[..], &["--seed", seed]].concat())
}

fn without_timing_and_host(mut report: Value) -> String {
    let fields = report.as_object_mut().unwrap();
    assert!(fields.remove("timing").is_some() && fields.remove("host").is_some());
    serde_json::to_string_pretty(&report).unwrap()
}

fn number(value: &Value) -> u128 {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn honest_stations_earn_and_fraud_is_detected() {
    let report = demo("7");
    assert_eq!(report["verification"]["verdict"], "MATCH");
    assert_eq!(report["rounds"].as_array().unwrap().len(), 2);
    for round in report["rounds"].as_array().unwrap() {
        assert!(round["batches"].as_array().unwrap().len() >= 2, "{round}");
    }

    let classes = report["behaviours"].as_array().unwrap();
    let class = |name: &str| classes.iter().find(|class| class["behaviour"] == name).unwrap();
    let outcome = |name: &str, outcome: &str| class(name)["outcomes"][outcome].as_u64().unwrap_or(0);
    let all = |name: &str| class(name)["measurements"].as_u64().unwrap();
    // Two percent of honest retrievals fail; some of them agree with a provider that fails too.
    assert!(
        class("honest")["rewarded"].as_f64().unwrap() > 0.96,
        "{}",
        class("honest")
    );
    assert_eq!(
        class("honest")["outcomes"].as_object().unwrap().len(),
        2,
        "{}",
        class("honest")
    );
    // Each class is rejected with its label (docs/protocol.md §10.1).
    for (name, label) in [
        ("liar", "MINORITY_RESULT"),
        ("forger", "BAD_SIGNATURE"),
        ("stray", "TASK_WRONG_COMMITTEE"),
        ("inventor", "TASK_NOT_IN_ROUND"),
        ("outsider", "NOT_IN_ROSTER"),
    ] {
        assert!(all(name) > 0);
        assert_eq!(outcome(name, label), all(name), "{}", class(name));
        assert_eq!(number(&class(name)["earnedPerStation"]), 0);
    }
    assert_eq!(outcome("repeater", "DUPLICATE") * 2, all("repeater"));
    assert!(outcome("crowd", "DUP_SUBNET") > all("crowd") / 2);
    assert!(outcome("ring", "MINORITY_RESULT") > 0);
    let honest = number(&class("honest")["earnedPerStation"]);
    for name in ["ring", "crowd", "repeater"] {
        assert!(
            class(name)["rewarded"].as_f64() < class("honest")["rewarded"].as_f64(),
            "{}",
            class(name)
        );
    }
    assert!(number(&class("ring")["earnedPerStation"]) < honest);

    let money = &report["money"];
    assert_eq!(
        number(&money["deposited"]),
        number(&money["paid"]) + number(&money["left"])
    );
    assert!(number(&money["paid"]) <= number(&money["granted"]));
    assert_eq!(money["refused"].as_array().unwrap().len(), 1);
    assert!(money["operatorsPaid"].as_u64().unwrap() > 10);
    assert!(number(&money["claimedByHand"]["amount"]) > 0);
    assert_eq!(report["settlement"]["signaturesPosted"], 2);
}

#[test]
fn the_same_seed_gives_the_same_report() {
    assert_eq!(
        without_timing_and_host(demo("3")),
        without_timing_and_host(demo("3"))
    );
}

#[test]
fn bad_arguments_are_named() {
    refused(&run(["demo", "--rounds", "16"]), 2, &["--rounds"]);
    refused(&run(["demo", "--stations", "5"]), 2, &["--stations"]);
    let full = directory_with_a_file();
    refused(
        &run(["demo", "--keep", full.path().to_str().unwrap()]),
        2,
        &["the directory", "not empty"],
    );
    let missing = assize()
        .args(["demo"])
        .env("ASSIZE_ANVIL", "/no/such/anvil")
        .output()
        .unwrap();
    refused(&missing, 2, &["ASSIZE_ANVIL", "/no/such/anvil"]);
}

fn directory_with_a_file() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("something"), "").unwrap();
    directory
}
