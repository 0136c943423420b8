//! Colluding evaluators: anyone voids their settlement, on a real anvil with the real contracts.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test panics")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::process::Output;

use assize_chain::{ListCommitment, SettlementId, Status};
use assize_drand::Verified;
use assize_evaluate::{Accepted, SettlementDocument, settle};
use assize_protocol::{
    Assignment, AttoFil, CommitteeIndex, Roster, RoundNumber, StationIndex, TaskList, TaskNumber,
};
use assize_store::{LocalStore, Store};
use assize_testkit::fixtures;
use assize_testkit::network::{Network, NetworkPlan};
use assize_testkit::world::World;
use assize_verify::{Evidence, read_rounds};
use common::site::Site;
use common::{answer, ended, refused};
use serde_json::{Value, json};

const STRANGER: usize = 5;

struct Court {
    site: Site,
    assignment: Assignment,
    /// A document of round 1 without rewards.
    honest: SettlementDocument,
    roster: Roster,
}

impl Court {
    /// A chain on which round 1, with three committees, is over.
    async fn new() -> Self {
        let site = Site::new(World::start(60).await.unwrap());
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
        let round = world.rounds.round(one).await.unwrap();
        let deposit = world.rewards.deposit(round.parameters.budget);
        world.send(&deposit).await.unwrap();
        world.anvil.mine_at(round.commits_until + 1).unwrap();
        let beacons = [round.beacon_round, round.dedupe_beacon_round].map(|number| world.beacon(number));
        fs::write(site.path("beacons.json"), json!(beacons).to_string()).unwrap();

        let facts = read_rounds(&world.rounds, &world.rewards, one, one)
            .await
            .unwrap();
        let evidence = Evidence {
            chain: &facts,
            store: &store,
            beacons: &Verified::new(world.drand_chain().clone(), world.beacons().unwrap()),
            progress: &|_| {},
        };
        let evaluated = [evidence.evaluate_round(one).unwrap()];
        let honest = settle(facts.contracts, None, &evaluated).unwrap();
        let assignment = round.assignment(round.seed.unwrap());
        assert_eq!(assignment.committee_count(), 3);
        Self {
            site,
            assignment,
            honest,
            roster,
        }
    }

    /// Posts a settlement, signed by the evaluator, that rewards only this measurement.
    async fn post(&self, accepted: Accepted) -> SettlementId {
        let operator = self.roster.entries()[0].operator;
        let mut document = SettlementDocument {
            allocations: BTreeMap::from([(operator, AttoFil::new(7))]),
            cumulative_total: AttoFil::new(7),
            accepted: vec![accepted],
            ..self.honest.clone()
        };
        document.root = document.reward_tree().root();
        document.accepted_root = document.accepted_tree().root();
        let store = LocalStore::open(self.site.path("store")).unwrap();
        store.put(&document.to_bytes()).unwrap();
        self.site.world.post(&document, false).await.unwrap().id
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
        let report = answer(self.run(&challenge));
        assert_eq!(self.status(id).await, Status::Void);
        assert_eq!(self.site.world.rewards.head().await.unwrap(), None);
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
        verdict.starts_with("MATCH") && verdict.contains("no batch was committed"),
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
async fn anyone_can_void_a_fraudulent_settlement() {
    let court = Court::new().await;
    let station = StationIndex(17);
    let (committee, seat) = court.assignment.seat_of(station).unwrap();
    let other = CommitteeIndex((committee.0 + 1) % 3);
    let measurement = |committee, k| Accepted {
        round: RoundNumber(1),
        station,
        committee,
        k: TaskNumber(k),
    };

    // Rewarded in another committee.
    let id = court.post(measurement(other, 3)).await;
    let verdict = court.run(&["verify", "settlement", &id.to_string(), "--format", "json"]);
    assert_eq!(verdict.status.code(), Some(1));
    let report = court.voids(id).await;
    assert!(
        report["fault"]
            .as_str()
            .unwrap()
            .contains(&format!("seat {seat}, which is not in committee {other}")),
        "{report}"
    );
    assert!(report["gas"].as_u64().unwrap() <= 250_000, "{report}");
    refused(
        &court.run(&["settlement", "challenge", &id.to_string()]),
        2,
        &["settlement 1 is void", "challenge window"],
    );

    // Rewarded for a task that the committee does not have.
    let id = court.post(measurement(committee, 9_999)).await;
    let report = court.voids(id).await;
    assert!(
        report["fault"].as_str().unwrap().contains("does not exist"),
        "{report}"
    );

    // Rewarded where it was drawn: also fraud, but the contract cannot verify it.
    let id = court.post(measurement(committee, 3)).await;
    let output = court.run(&["settlement", "challenge", &id.to_string()]);
    assert!(ended(output, 1).contains("nothing to challenge"));
    assert_eq!(court.status(id).await, Status::Pending);
    let verdict = court.run(&["verify", "settlement", &id.to_string(), "--format", "json"]);
    assert_eq!(verdict.status.code(), Some(1), "verifying still finds it");

    refused(
        &court.run(&["settlement", "challenge", "9"]),
        2,
        &["settlement 9 does not exist: 3 have been posted"],
    );
}
