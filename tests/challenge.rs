//! Colluding evaluators take from past promises: anyone has the Court void it, on a real anvil with the real contracts.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test panics")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::process::Output;

use assize_chain::{ListCommitment, SettlementId, Status};
use assize_evaluate::SettlementDocument;
use assize_protocol::{Address, AttoFil, TaskList};
use assize_store::{LocalStore, Store};
use assize_testkit::fixtures;
use assize_testkit::network::{Network, NetworkPlan};
use assize_testkit::world::{World, WorldPlan};
use common::site::Site;
use common::{answer, ended, refused};
use serde_json::{Value, json};

const STRANGER: usize = 5;
/// Seconds from posting to activation; a demand may take half of it to answer.
const WINDOW: u64 = 3_600;

struct Court {
    site: Site,
}

impl Court {
    /// A chain on which round 1 is over.
    async fn new() -> Self {
        let plan = WorldPlan {
            step: 2,
            challenge_window: WINDOW,
            ..WorldPlan::default()
        };
        let site = Site::new(World::start_with(plan).await.unwrap());
        let world = &site.world;
        let store = LocalStore::open(site.path("store")).unwrap();
        let tasks = TaskList::new(fixtures::tasks().unwrap().entries()[..400].to_vec()).unwrap();
        let plan = NetworkPlan {
            seed: 1,
            stations: 250,
            refusing_operator: None,
        };
        let roster = Network::new(plan, &tasks).roster().unwrap();
        let one = world
            .open_lists(
                &ListCommitment::of(&roster, store.put(&roster.to_ndjson()).unwrap()),
                &ListCommitment::of(&tasks, store.put(&tasks.to_ndjson()).unwrap()),
            )
            .await
            .unwrap();
        world.finish(one).await.unwrap();
        let round = world.rounds.round(one).await.unwrap();
        let beacons = [round.beacon_round, round.dedupe_beacon_round].map(|number| world.beacon(number));
        fs::write(site.path("beacons.json"), json!(beacons).to_string()).unwrap();
        Self { site }
    }

    /// Posts a settlement of the next round with these allocations, whoever they rob; its document is in the store.
    async fn post(&self, document: &SettlementDocument) -> SettlementId {
        let store = LocalStore::open(self.site.path("store")).unwrap();
        store.put(&document.to_bytes()).unwrap();
        self.site.world.post(document, false).await.unwrap().id
    }

    /// Three operators are promised these amounts, and the settlement is active.
    async fn promise(&self) {
        let document = self.document(&[5, 6, 7]).await;
        self.post(&document).await;
        let head = self.site.world.rewards.head().await.unwrap().unwrap();
        let active = self.site.world.rewards.settlement(head).await.unwrap().active_at;
        self.site.world.anvil.mine_at(active).unwrap();
        self.site.world.open_round().await.unwrap();
    }

    async fn document(&self, amounts: &[u128]) -> SettlementDocument {
        let amounts: BTreeMap<_, _> = (1u8..)
            .zip(amounts)
            .map(|(number, amount)| (Address::repeat_byte(number), AttoFil::new(*amount)))
            .collect();
        self.site.world.document(&amounts).await.unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.site.command(Some(STRANGER), arguments);
        command.args(["--drand-info", "drand.json", "--beacons", "beacons.json"]);
        command.output().unwrap()
    }

    async fn status(&self, id: SettlementId) -> Status {
        self.site.world.rewards.settlement(id).await.unwrap().status
    }

    /// Challenges the settlement, which must void it; returns the report.
    async fn voids(&self, id: SettlementId) -> Value {
        let id_text = id.to_string();
        let challenge = ["settlement", "challenge", &id_text, "--format", "json"];
        ended(self.run(&[&challenge[..], &["--dry-run"]].concat()), 0);
        assert_eq!(self.status(id).await, Status::Pending);
        // Whoever is not at a terminal says --yes, as for every transaction.
        refused(&self.run(&challenge), 2, &["stdin is not a terminal; pass --yes"]);
        assert_eq!(self.status(id).await, Status::Pending);
        let report = answer(self.run(&[&challenge[..], &["--yes"]].concat()));
        assert_eq!(self.status(id).await, Status::Void);
        report
    }
}

/// A forgotten flag is not fraud: the drand chain is compared before anything is judged.
#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_of_another_drand_chain_is_judged_only_if_it_is_named() {
    let court = Court::new().await;
    let hash = court.site.world.drand_chain().hash().to_string();
    let hash = hash.trim_start_matches("0x");
    let quicknet = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971";
    let made = ended(court.run(&["bundle", "round", "1", "-o", "round.car"]), 0);
    let line = made
        .lines()
        .find_map(|line| line.trim().strip_prefix("verify it anywhere: assize "));
    let line = line.unwrap();
    assert!(line.ends_with(&format!("--drand-hash {hash}")), "{made}");

    let verify = ["verify", "round", "1", "--offline", "round.car"];
    let run = |arguments: &[&str]| court.site.run(None, arguments);
    refused(
        &run(&verify),
        2,
        &[hash, quicknet, "nothing was verified", "--drand-hash"],
    );
    // The line that `bundle` printed works. Nobody measured, and the verdict says so.
    let verdict = ended(run(&line.split(' ').collect::<Vec<_>>()), 0);
    assert!(
        verdict.starts_with("MATCH") && verdict.contains("nothing was committed"),
        "{verdict}"
    );
    ended(run(&[&verify[..], &["--drand-info", "drand.json"]].concat()), 0);

    // Python agrees.
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/verify_round.py");
    let python = |arguments: &[&str]| {
        let mut command = std::process::Command::new("python3");
        let command = command.arg(script).args(arguments);
        command.current_dir(court.site.directory.path()).output().unwrap()
    };
    let output = python(&["round.car"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains(hash) && stderr.contains(quicknet), "{stderr}");
    assert!(ended(python(&["round.car", "--drand-hash", hash]), 0).contains("MATCH"));

    // With a node, the flag that is missing is named: quicknet is not the chain of these contracts.
    refused(
        &court
            .site
            .run(None, &["verify", "round", "1", "--beacons", "beacons.json"]),
        2,
        &[
            "the network's contracts verify beacons of",
            quicknet,
            "--drand-info FILE",
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn anyone_can_void_what_breaks_a_promise() {
    let court = Court::new().await;
    court.promise().await;

    // One operator has less than before, and another has it.
    let robbed = court.document(&[9, 3, 7]).await;
    let id = court.post(&robbed).await;
    let report = court.voids(id).await;
    let fault = report["fraud"].as_str().unwrap();
    assert!(
        fault.contains("does not have what its parent promised it"),
        "{report}"
    );
    assert!(report["gas"].as_u64().unwrap() <= 250_000, "{report}");
    let id_text = id.to_string();
    refused(
        &court.run(&["settlement", "challenge", &id_text]),
        2,
        &["is void", "challenge window"],
    );

    // Sums that do not add up.
    let mut wrong = court.document(&[5, 6, 8]).await;
    wrong.allocations[1].running = AttoFil::new(12);
    wrong.root = wrong.rewards_tree().root();
    let id = court.post(&wrong).await;
    let report = court.voids(id).await;
    assert!(
        report["fraud"].as_str().unwrap().contains("sums are wrong"),
        "{report}"
    );

    // Nobody has less: whether it was earned, the Court cannot see.
    let kept = court.document(&[5, 6, 8]).await;
    let id = court.post(&kept).await;
    let output = court.run(&["settlement", "challenge", &id.to_string()]);
    assert!(ended(output, 1).contains("nothing to challenge"));
    assert_eq!(court.status(id).await, Status::Pending);
    refused(
        &court.run(&["settlement", "challenge", "9"]),
        2,
        &["settlement 9 does not exist: 4 have been posted"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_that_nobody_shows_is_void_and_one_that_is_shown_stands() {
    let court = Court::new().await;
    court.promise().await;
    let withheld = court.document(&[9, 3, 7]).await;
    let id = court.site.world.post(&withheld, false).await.unwrap().id;
    let text = id.to_string();
    // Its document is nowhere.
    refused(
        &court.run(&["settlement", "challenge", &text]),
        2,
        &[&withheld.cid().to_string()],
    );
    let demand = |place: &str| {
        let arguments = ["settlement", "demand", &text, place, "--yes"];
        court.site.run(Some(STRANGER), &arguments)
    };
    ended(demand("1"), 0);
    refused(&demand("1"), 2, &["demanded"]);
    refused(&demand("7"), 2, &["7"]);
    let lapse = || {
        let arguments = ["settlement", "lapse", &text, "1", "--yes"];
        court.site.run(Some(STRANGER), &arguments)
    };
    refused(&lapse(), 2, &[]);
    let answered_until = court.site.world.anvil.timestamp().unwrap() + WINDOW / 2 + 60;
    court.site.world.anvil.mine_at(answered_until).unwrap();
    ended(lapse(), 0);
    assert_eq!(court.status(id).await, Status::Void);

    // An honest one: somebody with the document shows the place, and has the bond.
    let kept = court.document(&[5, 6, 8]).await;
    let id = court.post(&kept).await;
    let text = id.to_string();
    let run = |arguments: &[&str]| court.site.run(Some(STRANGER), arguments);
    ended(run(&["settlement", "demand", &text, "2", "--yes"]), 0);
    ended(run(&["settlement", "answer", &text, "--yes"]), 0);
    court
        .site
        .world
        .anvil
        .mine_at(court.site.world.anvil.timestamp().unwrap() + WINDOW / 2 + 60)
        .unwrap();
    refused(&run(&["settlement", "lapse", &text, "2", "--yes"]), 2, &[]);
    assert_eq!(court.status(id).await, Status::Pending);
}
