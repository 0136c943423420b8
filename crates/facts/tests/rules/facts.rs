//! `facts.json`.

use std::collections::BTreeMap;

use assize_facts::{ChainFacts, FileKey, FileKind, Proposal, Settlement, SettlementId, Status};
use assize_protocol::{AttoFil, B256, List, RoundNumber};
use serde_json::{Value, json};

use crate::scene::{Scene, cid};

fn facts() -> ChainFacts {
    let scene = Scene::new();
    let mut next = scene.facts.clone();
    next.round.number = RoundNumber(8);
    let settlement = |id| Settlement {
        id: SettlementId(id),
        proposal: Proposal {
            parent: (id > 1).then(|| SettlementId(id - 1)),
            first_round: RoundNumber(7),
            last_round: RoundNumber(8),
            root: B256::repeat_byte(1),
            operators: 3,
            cumulative_total: AttoFil::MAX,
            drops: 1,
            cid: cid(4),
        },
        posted_at: 5,
        active_at: 6,
        status: Status::Pending,
    };
    ChainFacts {
        contracts: scene.contracts,
        drops: vec![
            FileKey::batch(RoundNumber(8), 0),
            FileKey::list(RoundNumber(7), List::Tasks),
        ],
        now: scene.now,
        rounds: BTreeMap::from([(RoundNumber(7), scene.facts), (RoundNumber(8), next)]),
        settlements: [1, 2].map(|id| (SettlementId(id), settlement(id))).into(),
    }
}

fn read(json: &Value) -> Result<ChainFacts, String> {
    serde_json::from_str(&json.to_string()).map_err(|error| error.to_string())
}

#[test]
fn facts_have_the_form_of_the_protocol() {
    let facts = facts();
    let json = serde_json::to_value(&facts).unwrap();
    let keys = |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    let sorted = |mut keys: Vec<String>| {
        keys.sort();
        keys.join(" ")
    };
    assert_eq!(sorted(keys(&json)), "contracts drops now rounds settlements");
    assert_eq!(sorted(keys(&json["contracts"])), "chainId rewards rounds");
    assert_eq!(
        sorted(keys(&json["rounds"][0])),
        "beaconRound commitments dedupeBeaconRound number openedAt own parameters roster seed tasks times"
    );
    assert_eq!(sorted(keys(&json["rounds"][0]["roster"])), "cid count root");
    assert_eq!(
        sorted(keys(&json["rounds"][0]["commitments"][0])),
        "cid committedAt count publisher root"
    );
    assert_eq!(sorted(keys(&json["rounds"][0]["own"][0])), "report station");
    assert_eq!(json["drops"][0], json!({"round": 8, "kind": 3, "index": 0}));
    assert_eq!(
        sorted(keys(&json["settlements"][0])),
        "activeAt cid cumulativeTotal drops firstRound id lastRound operators parent postedAt root status"
    );
    assert_eq!(
        json["settlements"][0]["cumulativeTotal"],
        json!(AttoFil::MAX.atto().to_string())
    );
    assert_eq!(json["settlements"][0]["status"], "pending");
    assert_eq!(read(&json).unwrap(), facts);
}

#[test]
fn invalid_lists_of_facts_are_rejected() {
    let fault = |change: &dyn Fn(&mut Value)| {
        let mut json = serde_json::to_value(facts()).unwrap();
        change(&mut json);
        read(&json).unwrap_err()
    };
    let swapped = fault(&|json| json["rounds"].as_array_mut().unwrap().swap(0, 1));
    assert!(swapped.contains("round 7 is listed after round 8"), "{swapped}");
    let twice = fault(&|json| json["rounds"][1]["number"] = json!(7));
    assert!(twice.contains("round 7 is listed after round 7"), "{twice}");
    let twice = fault(&|json| json["settlements"][1]["id"] = json!(1));
    assert!(
        twice.contains("settlement 1 is listed after settlement 1"),
        "{twice}"
    );
    assert!(fault(&|json| json["settlements"][0]["cumulativeTotal"] = json!(5)).contains("string"));
    assert!(fault(&|json| json["settlements"][0]["cumulativeTotal"] = json!("5 FIL")).contains("attoFIL"));
    assert!(fault(&|json| json["settlements"][0]["status"] = json!("won")).contains("won"));
    assert!(fault(&|json| json["more"] = json!(1)).contains("more"));
    assert!(fault(&|json| json["contracts"]["more"] = json!(1)).contains("more"));
    assert!(fault(&|json| json["drops"][0]["kind"] = json!(4)).contains("4 is no kind of file"));
    assert!(fault(&|json| json["drops"][0]["kind"] = json!("roster")).contains("roster"));
    let many = fault(&|json| json["rounds"][0]["parameters"]["maxTasksPerCommittee"] = json!(257));
    assert!(many.contains("at most 256"), "{many}");
    assert!(fault(&|json| json["now"] = json!(-1)).contains("-1"));
    assert!(fault(&|json| json["rounds"][0]["openedAt"] = Value::Null).contains("null"));
}

#[test]
fn a_settlement_leaves_out_the_files_that_were_dropped_before_it() {
    let facts = facts();
    let drops = facts.first_drops(1).unwrap();
    assert!(drops.contains(FileKey::batch(RoundNumber(8), 0)) && drops.lists(RoundNumber(7)).is_empty());
    let drops = facts.first_drops(2).unwrap();
    assert_eq!(drops.lists(RoundNumber(7)), [List::Tasks]);
    assert!(drops.lists(RoundNumber(8)).is_empty());
    assert!(facts.first_drops(0).unwrap().is_empty());
    assert_eq!(facts.first_drops(3), None);
    for kind in [
        FileKind::Roster,
        FileKind::Tasks,
        FileKind::Seals,
        FileKind::Lines,
    ] {
        assert_eq!(FileKind::try_from(u8::from(kind)), Ok(kind));
    }
}
