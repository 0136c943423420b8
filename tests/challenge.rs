//! Evaluators who collude: whoever sees it voids their settlement, on a real anvil with the real contracts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on panics"
)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use assize_chain::{
    ChainClient, Draft, ListCommitment, Proposal, Rewards, Rounds, SettlementId, Status, U256,
};
use assize_deployment::{BeaconParams, DeployParams, Deployment, deploy};
use assize_drand::with_y;
use assize_evaluate::{Accepted, SettlementDocument, settle};
use assize_keys::Signer;
use assize_protocol::{
    Assignment, BeaconRound, BeaconSchedule, CommitteeIndex, Parameters, Roster, RoundNumber, StationIndex,
    TaskList, TaskNumber,
};
use assize_store::{LocalStore, Store};
use assize_testkit::anvil::{Anvil, CHAIN_ID};
use assize_testkit::fixtures;
use assize_testkit::network::{Network, NetworkPlan};
use assize_verify::{Evidence, read_rounds};
use common::{assize, refused};
use serde_json::Value;

/// The recorded beacons of the round; it opens 32 seconds before the first is published.
const BEACON: BeaconRound = BeaconRound(17_133_822);
const DEDUPE: BeaconRound = BeaconRound(17_133_832);
const PATIENCE: Duration = Duration::from_secs(30);
/// Seconds: of the time for commits, and of the challenge window.
const MINUTE: u32 = 60;
const STRANGER: usize = 5;

struct World {
    directory: tempfile::TempDir,
    anvil: Anvil,
    deployment: Deployment,
    client: ChainClient,
    owner: Signer,
    evaluator: Signer,
    assignment: Assignment,
    /// A document of round 1 in which nobody earned anything.
    honest: SettlementDocument,
    roster: Roster,
}

impl World {
    /// A chain on which round 1, with three committees, is over.
    async fn new() -> Self {
        let schedule = BeaconSchedule::QUICKNET;
        let opened_at = schedule.time_of(BEACON).unwrap() - 32;
        let closes_at = schedule.time_of(DEDUPE).unwrap() - 1;
        let anvil = Anvil::start_at(opened_at - 100).unwrap();
        let client = ChainClient::connect_to(&anvil.url().parse().unwrap(), CHAIN_ID)
            .await
            .unwrap();
        let [owner, evaluator] = [0, 1].map(|index| Signer::from_bytes(&anvil.dev_key(index)).unwrap());
        let parameters = Parameters {
            round_duration: (closes_at - opened_at) as u32,
            commit_grace: MINUTE,
            ..Parameters::default()
        };
        let params = DeployParams {
            chain_id: CHAIN_ID,
            beacon: BeaconParams::quicknet(),
            owner: owner.address(),
            coordinator: owner.address(),
            publishers: vec![],
            guardian: owner.address(),
            treasury: owner.address(),
            evaluators: vec![evaluator.address()],
            threshold: 1,
            min_challenge_window: MINUTE.into(),
            challenge_window: MINUTE.into(),
            payment_gas: 60_000,
            parameters,
        };
        let deployment = deploy(&client, &owner, &params).await.unwrap();
        let rounds = Rounds::new(client.clone(), deployment.rounds);
        let rewards = Rewards::new(client.clone(), deployment.rewards);
        let send = async |draft: Draft| client.transact(&owner, &draft, PATIENCE).await.unwrap();
        send(rewards.deposit(U256::from(parameters.budget))).await;

        let directory = tempfile::tempdir().unwrap();
        let store = LocalStore::open(directory.path().join("store")).unwrap();
        let tasks = TaskList::new(fixtures::tasks().unwrap().entries()[..400].to_vec()).unwrap();
        let plan = NetworkPlan {
            seed: 1,
            stations: 250,
            refusing_operator: None,
        };
        let roster = Network::new(plan, &tasks).roster().unwrap();
        let list = |file: Vec<u8>, root, count| ListCommitment {
            root,
            count,
            cid: store.put(&file).unwrap(),
        };
        anvil.set_next_timestamp(opened_at).unwrap();
        send(rounds.open(
            &list(roster.to_ndjson(), roster.root(), roster.count()),
            &list(tasks.to_ndjson(), tasks.root(), tasks.count()),
        ))
        .await;
        let beacons = fixtures::beacons().unwrap();
        fs::write(
            directory.path().join("beacons.json"),
            serde_json::to_vec(&beacons).unwrap(),
        )
        .unwrap();
        let beacon = beacons.iter().find(|beacon| beacon.round == BEACON).unwrap();
        let signature = with_y(beacon.signature.as_slice().try_into().unwrap()).unwrap();
        anvil.set_next_timestamp(opened_at + 40).unwrap();
        send(rounds.reveal(RoundNumber(1), &signature)).await;
        anvil.mine_at(closes_at + u64::from(MINUTE) + 1).unwrap();

        let one = RoundNumber(1);
        let facts = read_rounds(&rounds, &rewards, one, one).await.unwrap();
        let evidence = Evidence {
            chain: &facts,
            store: &store,
            beacons: &assize_drand::Verified::new(
                assize_drand::Chain::quicknet(),
                assize_drand::RecordedBeacons::new(beacons).unwrap(),
            ),
            progress: &|_| {},
        };
        let evaluated = [evidence.evaluate_round(one).unwrap()];
        let honest = settle(facts.contracts, None, &evaluated).unwrap();
        let seed = facts.rounds[&one].round.seed.unwrap();
        let assignment = Assignment::new(seed, &parameters, roster.count(), tasks.count());
        assert_eq!(assignment.committee_count(), 3);
        fs::write(
            directory.path().join("deployment.json"),
            serde_json::to_vec(&deployment).unwrap(),
        )
        .unwrap();
        Self {
            directory,
            anvil,
            deployment,
            client,
            owner,
            evaluator,
            assignment,
            honest,
            roster,
        }
    }

    fn rewards(&self) -> Rewards {
        Rewards::new(self.client.clone(), self.deployment.rewards)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Posts a settlement, signed by the evaluator, that rewards just this measurement.
    async fn post(&self, accepted: Accepted) -> SettlementId {
        let operator = self.roster.entries()[0].operator;
        let mut document = SettlementDocument {
            allocations: BTreeMap::from([(operator, 7)]),
            cumulative_total: 7,
            accepted: vec![accepted],
            ..self.honest.clone()
        };
        document.root = document.reward_tree().root();
        document.accepted_root = document.accepted_tree().root();
        let store = LocalStore::open(self.path("store")).unwrap();
        let proposal = Proposal {
            parent: None,
            first_round: RoundNumber(1),
            last_round: RoundNumber(1),
            root: document.root,
            cumulative_total: U256::from(7),
            accepted_root: document.accepted_root,
            cid: store.put(&document.to_bytes()).unwrap(),
        };
        let rewards = self.rewards();
        let message = rewards.message_of(&proposal).await.unwrap();
        let signature = message.sign(&self.evaluator).await.unwrap();
        let post = rewards.post(
            &proposal,
            &BTreeMap::from([(self.evaluator.address(), signature)]),
        );
        self.client.transact(&self.owner, &post, PATIENCE).await.unwrap();
        rewards.head().await.unwrap().unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        assize()
            .args(arguments)
            .args(["--beacons", self.path("beacons.json").to_str().unwrap()])
            .env("ASSIZE_RPC_URL", self.anvil.url())
            .env("ASSIZE_DEPLOYMENT", self.path("deployment.json"))
            .env("ASSIZE_STORE", self.path("store"))
            .env(
                "ASSIZE_PRIVATE_KEY",
                alloy_primitives::hex::encode(self.anvil.dev_key(STRANGER)),
            )
            .output()
            .unwrap()
    }

    async fn status(&self, id: SettlementId) -> Status {
        self.rewards().settlement(id).await.unwrap().status
    }

    /// Challenges, which must void the settlement; the report.
    async fn voids(&self, id: SettlementId) -> Value {
        let id_text = id.to_string();
        let look = self.run(&[
            "settlement",
            "challenge",
            &id_text,
            "--dry-run",
            "--format",
            "json",
        ]);
        assert_eq!(
            look.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&look.stderr)
        );
        assert_eq!(self.status(id).await, Status::Pending);
        let output = self.run(&["settlement", "challenge", &id_text, "--format", "json"]);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert_eq!(self.status(id).await, Status::Void);
        assert_eq!(self.rewards().head().await.unwrap(), None);
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sees_fraud_voids_the_settlement() {
    let world = World::new().await;
    let station = StationIndex(17);
    let (committee, seat) = world.assignment.seat_of(station).unwrap();
    let other = CommitteeIndex((committee.0 + 1) % 3);
    let measurement = |committee, k| Accepted {
        round: RoundNumber(1),
        station,
        committee,
        k: TaskNumber(k),
    };

    // Rewarded in a committee in which it does not sit.
    let id = world.post(measurement(other, 3)).await;
    let verdict = world.run(&["verify", "settlement", &id.to_string(), "--format", "json"]);
    assert_eq!(verdict.status.code(), Some(1));
    let report = world.voids(id).await;
    assert!(
        report["fault"]
            .as_str()
            .unwrap()
            .contains(&format!("seat {seat}, which is not in committee {other}")),
        "{report}"
    );
    assert!(report["gas"].as_u64().unwrap() <= 250_000, "{report}");
    refused(
        &world.run(&["settlement", "challenge", &id.to_string()]),
        2,
        &["settlement 1 is void", "challenge window"],
    );

    // Rewarded for a task that the committee does not have.
    let id = world.post(measurement(committee, 9_999)).await;
    let report = world.voids(id).await;
    assert!(
        report["fault"].as_str().unwrap().contains("does not exist"),
        "{report}"
    );

    // Rewarded where it was drawn: false money all the same, but nothing that the contract can see.
    let id = world.post(measurement(committee, 3)).await;
    let output = world.run(&["settlement", "challenge", &id.to_string()]);
    assert_eq!(
        output.status.code(),
        Some(1),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("nothing to challenge")
    );
    assert_eq!(world.status(id).await, Status::Pending);
    let verdict = world.run(&["verify", "settlement", &id.to_string(), "--format", "json"]);
    assert_eq!(verdict.status.code(), Some(1), "verifying still finds it");

    refused(
        &world.run(&["settlement", "challenge", "9"]),
        2,
        &["settlement 9 does not exist: 3 have been posted"],
    );
}
