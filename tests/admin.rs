//! Owner, guardian and treasury through the binary, and what every command that sends does on a chain without the contracts.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod common;

use std::collections::BTreeMap;
use std::process::Output;
use std::time::Duration;

use assize_chain::{Address, ChainClient, Draft, SettlementId, Status};
use assize_facts::FileKey;
use assize_keys::Signer;
use assize_protocol::{AttoFil, List};
use assize_testkit::anvil::{Anvil, CHAIN_ID};
use assize_testkit::world::{World, WorldPlan};
use common::site::Site;
use common::{answer, refused, words};
use serde_json::Value;

const OWNER: usize = 0;
const STRANGER: usize = 7;
const NOBODY: &str = "0x00000000000000000000000000000000000000aa";

/// Contracts with a settlement in its challenge window, and their deployment file.
struct Scene(Site);

impl Scene {
    async fn new() -> Self {
        let plan = WorldPlan {
            challenge_window: 86_400,
            ..WorldPlan::default()
        };
        Self(Site::new(World::start_with(plan).await.unwrap()))
    }

    fn run(&self, account: usize, arguments: &[&str]) -> Output {
        self.0.run(Some(account), arguments)
    }

    fn done(&self, account: usize, arguments: &[&str]) -> Value {
        answer(self.run(account, &[arguments, &["--format", "json"]].concat()))
    }
}

async fn client(anvil: &Anvil) -> ChainClient {
    ChainClient::connect_to(&anvil.url().parse().unwrap(), CHAIN_ID)
        .await
        .unwrap()
}

/// Each command that sends value or acts in a role.
const SENDING: &[&[&str]] = &[
    &["deposit", "5", "--yes"],
    &["round", "open", "--as-before", "--yes"],
    &["round", "reveal", "--yes"],
    &["settlement", "veto", "1", "--reason", "fraud", "--yes"],
    &["settlement", "challenge", "1", "--yes"],
    &["admin", "set-coordinator", NOBODY, "--yes"],
    &["admin", "accept-ownership", "--yes"],
    &["admin", "suspend-coordinator", "--yes"],
    &["settlement", "demand", "1", "0", "--yes"],
    &["admin", "withdraw-surplus", "--yes"],
    &["operator", "payout-address", "set", NOBODY, "--yes"],
    &["operator", "claim", "--operator", NOBODY],
    &["run", "publisher", "--once"],
    &["run", "payout", "--once"],
    &["run", "evaluator", "--once", "--post"],
];

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_to_a_chain_without_the_contracts() {
    let scene = Scene::new().await;
    let fresh = Anvil::start().unwrap();
    let client = client(&fresh).await;
    let sender = Signer::from_bytes(&fresh.dev_key(OWNER)).unwrap().address();
    let before = client.balance(sender).await.unwrap();
    for arguments in SENDING {
        let mut command = scene.0.command(Some(OWNER), arguments);
        let output = command.env("ASSIZE_RPC_URL", fresh.url()).output().unwrap();
        refused(&output, 2, &["there is no ", "contract at", "deployment file"]);
        assert_eq!(client.balance(sender).await.unwrap(), before, "{arguments:?}");
        assert_eq!(client.mined_nonce(sender).await.unwrap(), 0, "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_to_other_code() {
    let scene = Scene::new().await;
    let anvil = &scene.0.world.anvil;
    anvil
        .set_code(scene.0.world.rewards.address(), "0x600035")
        .unwrap();
    let client = client(anvil).await;
    let sender = Signer::from_bytes(&anvil.dev_key(OWNER)).unwrap().address();
    let before = client.balance(sender).await.unwrap();
    let output = scene.run(OWNER, &["deposit", "5", "--yes"]);
    refused(
        &output,
        2,
        &[
            "nothing was sent",
            "is not that of Rewards",
            "assize deploy check",
        ],
    );
    assert_eq!(client.balance(sender).await.unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guardian_vetoes_and_nobody_else_does() {
    let scene = Scene::new().await;
    let amounts = BTreeMap::from([(Address::repeat_byte(5), AttoFil::new(7))]);
    scene.0.world.settle(&amounts).await.unwrap();
    let veto = words("settlement veto 1 --yes --reason fraud");
    let output = scene.run(STRANGER, &veto);
    refused(&output, 2, &["only the guardian may do this", "--calldata"]);
    refused(
        &scene.run(OWNER, &["settlement", "veto", "1", "--reason", ""]),
        2,
        &["--reason"],
    );

    let vetoed = scene.done(OWNER, &veto);
    assert!(
        vetoed["effect"].as_str().unwrap().contains("settlement 1"),
        "{vetoed}"
    );
    let settlement = scene.0.world.rewards.settlement(SettlementId(1)).await.unwrap();
    assert_eq!(settlement.status, Status::Void);
    refused(&scene.run(OWNER, &veto), 2, &["settlement 1 is void"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_files_that_count_are_kept_or_dropped() {
    let scene = Scene::new().await;
    let world = &scene.0.world;
    let round = world.open_round().await.unwrap();
    let refuses = |line: &str, expected: &[&str]| {
        for deed in ["keep-file", "drop-file"] {
            let line = format!("admin {deed} {line} --yes");
            refused(&scene.run(OWNER, &words(&line)), 2, expected);
        }
    };
    refuses("99 roster", &["round 99 does not exist: 1 were opened"]);
    refuses("1 roster 3", &["round 1 has no index 3", "whose index is 0"]);
    refuses("1 batch 0", &["round 1 has no index 0", "it has 0 batches"]);
    let keep = words("admin keep-file 1 roster --yes");
    let kept = scene.done(OWNER, &keep);
    assert!(
        kept["effect"]
            .as_str()
            .unwrap()
            .contains("nobody can object to it until"),
        "{kept}"
    );
    let said = world
        .rewards
        .objections_to(FileKey::list(round, List::Roster))
        .await;
    let (_, until) = said.unwrap().kept.unwrap();
    assert!(until > world.anvil.timestamp().unwrap());
    refused(
        &scene.run(OWNER, &keep),
        2,
        &["the roster of round 1 is kept already, until"],
    );
    world.finish(round).await.unwrap();
    world
        .settle(&BTreeMap::from([(Address::repeat_byte(5), AttoFil::new(7))]))
        .await
        .unwrap();
    let settled = world.rewards.head().await.unwrap().unwrap();
    let last = world
        .rewards
        .settlement(settled)
        .await
        .unwrap()
        .proposal
        .last_round;
    refuses(&format!("{last} roster"), &["is settled"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn call_data_does_what_the_command_would() {
    let scene = Scene::new().await;
    let coordinator: Address = NOBODY.parse().unwrap();
    // What anybody may do is tried as well.
    let early = scene.run(STRANGER, &["admin", "end-abandoned", "--calldata"]);
    refused(&early, 2, &["would reject this call of anybody", "NotAbandoned"]);
    let printed = scene.done(STRANGER, &["admin", "set-coordinator", NOBODY, "--calldata"]);
    let announced = async || scene.0.world.rounds.next_coordinator().await.unwrap();
    assert_eq!(announced().await, None);
    let owner = Signer::from_bytes(&scene.0.world.anvil.dev_key(OWNER)).unwrap();
    assert_eq!(printed["from"][0], format!("{:#x}", owner.address()));
    assert_eq!(
        (&printed["value"], &printed["chainId"]),
        (&"0".into(), &CHAIN_ID.into())
    );
    let to = printed["to"].as_str().unwrap().parse().unwrap();
    let data = alloy_primitives::hex::decode(printed["data"].as_str().unwrap()).unwrap();
    let draft = Draft::call("Rounds", to, data);
    let client = client(&scene.0.world.anvil).await;
    client
        .transact(&owner, &draft, Duration::from_secs(30))
        .await
        .unwrap();
    assert_eq!(announced().await.unwrap().value, coordinator);
}

#[tokio::test(flavor = "multi_thread")]
async fn owner_and_treasury_change_what_is_theirs() {
    let scene = Scene::new().await;
    let (rounds, roles, rewards) = (
        &scene.0.world.rounds,
        &scene.0.world.roles,
        &scene.0.world.rewards,
    );
    let nobody: Address = NOBODY.parse().unwrap();
    scene.done(OWNER, &["admin", "allow-publisher", NOBODY, "--yes"]);
    let admission = rounds.admission_of(nobody).await.unwrap().unwrap();
    assert!(admission.from > scene.0.world.anvil.timestamp().unwrap());
    scene.done(OWNER, &["admin", "cancel-publisher", NOBODY, "--yes"]);
    assert_eq!(rounds.admission_of(nobody).await.unwrap(), None);
    let publisher = scene.0.world.publisher.address();
    let of_publisher = |deed: &str| {
        let line = format!("admin {deed} {publisher} --yes");
        scene.done(OWNER, &words(&line))
    };
    of_publisher("forbid-publisher");
    let admission = rounds.admission_of(publisher).await.unwrap().unwrap();
    assert!(admission.until.is_some());
    of_publisher("cancel-publisher");
    scene.done(OWNER, &["admin", "set-coordinator", NOBODY, "--yes"]);
    scene.done(OWNER, &["admin", "cancel-coordinator", "--yes"]);
    assert_eq!(rounds.next_coordinator().await.unwrap(), None);

    let [first, second] =
        [Address::repeat_byte(1), Address::repeat_byte(2)].map(|address| address.to_string());
    let evaluators = format!("admin set-evaluators {first} {second} --threshold 2 --yes");
    scene.done(OWNER, &words(&evaluators));
    assert_eq!(roles.next_evaluators().await.unwrap().unwrap().value.threshold, 2);
    scene.done(OWNER, &["admin", "cancel-evaluators", "--yes"]);
    assert_eq!(roles.next_evaluators().await.unwrap(), None);
    scene.done(OWNER, &["admin", "set-guardian", NOBODY, "--yes"]);
    assert_eq!(roles.next_guardian().await.unwrap().unwrap().value, nobody);
    scene.done(OWNER, &["admin", "cancel-guardian", "--yes"]);
    scene.done(OWNER, &["admin", "set-challenge-window", "48h", "--yes"]);
    assert_eq!(roles.challenge_window().await.unwrap(), 172_800);
    scene.done(OWNER, &["admin", "set-challenge-window", "24h", "--yes"]);
    assert!(roles.next_challenge_window().await.unwrap().is_some());
    scene.done(OWNER, &["admin", "cancel-challenge-window", "--yes"]);
    assert_eq!(roles.next_challenge_window().await.unwrap(), None);
    scene.done(OWNER, &["admin", "set-end", "2096-02-29T00:00:00Z", "--yes"]);
    assert_eq!(rewards.ends_at().await.unwrap(), Some(3_981_312_000));
    scene.done(OWNER, &["admin", "cancel-end", "--yes"]);
    assert_eq!(rewards.ends_at().await.unwrap(), None);

    let next = Signer::from_bytes(&scene.0.world.anvil.dev_key(STRANGER))
        .unwrap()
        .address();
    let output = scene.run(STRANGER, &["admin", "accept-ownership", "--yes"]);
    refused(&output, 2, &["there is no pending owner"]);
    let transfer = format!("admin transfer-ownership {next} --yes");
    scene.done(OWNER, &words(&transfer));
    scene.done(STRANGER, &["admin", "accept-ownership", "--yes"]);
    assert_eq!(roles.owner().await.unwrap(), next);
    let output = scene.run(OWNER, &["admin", "set-coordinator", NOBODY, "--yes"]);
    refused(&output, 2, &["only the owner may do this"]);

    let output = scene.run(STRANGER, &["admin", "withdraw-surplus", "--yes"]);
    refused(&output, 2, &["the contract would reject it"]);
    scene.done(OWNER, &["admin", "set-treasury", NOBODY, "--yes"]);
    assert_eq!(rewards.treasury().await.unwrap(), nobody);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guardian_suspends_at_once() {
    let scene = Scene::new().await;
    let rounds = &scene.0.world.rounds;
    let round = scene.0.world.open_round().await.unwrap();
    let publisher = scene.0.world.publisher.address();
    let suspend = format!("admin suspend-publisher {publisher} --yes");
    let output = scene.run(STRANGER, &words(&suspend));
    refused(&output, 2, &["only the guardian may do this"]);
    scene.done(OWNER, &words(&suspend));
    assert!(!rounds.is_publisher(publisher).await.unwrap());

    let suspend = format!("admin suspend-coordinator --lists-of {round}");
    let printed = scene.done(STRANGER, &words(&format!("{suspend} --calldata")));
    assert_eq!(printed["contract"], "Rounds");
    assert!(rounds.coordinator().await.unwrap().is_some());
    scene.done(OWNER, &words(&format!("{suspend} --yes")));
    assert_eq!(rounds.coordinator().await.unwrap(), None);
    assert_eq!(rounds.lists_as_before().await.unwrap(), Some(round));
    let output = scene.run(OWNER, &words(&format!("{suspend} --yes")));
    refused(&output, 2, &["NothingChanged"]);

    // Now anyone opens rounds, and says --yes like everybody who is not at a terminal.
    let closes = rounds.round(round).await.unwrap().times.closes_at;
    scene.0.world.anvil.mine_at(closes).unwrap();
    let open = ["round", "open", "--as-before"];
    let lacks_yes = ["stdin is not a terminal; pass --yes", "Send this transaction?"];
    refused(&scene.run(STRANGER, &open), 2, &lacks_yes);
    assert_eq!(rounds.latest_round().await.unwrap(), Some(round));
    scene.done(STRANGER, &[&open[..], &["--yes"]].concat());
    assert_ne!(rounds.latest_round().await.unwrap(), Some(round));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demanded_place_is_shown_or_voids_the_settlement() {
    let scene = Scene::new().await;
    let world = &scene.0.world;
    let amounts = BTreeMap::from([(Address::repeat_byte(5), AttoFil::new(7))]);
    let (first, document) = world.settle(&amounts).await.unwrap();
    let store = assize_store::LocalStore::open(scene.0.path("store")).unwrap();
    assize_store::Store::put(&store, &document).unwrap();
    let nothing = scene.run(STRANGER, &words("settlement answer 1 --yes"));
    assert_eq!(nothing.status.code(), Some(0), "{nothing:?}");
    scene.done(STRANGER, &words("settlement demand 1 0 --yes"));
    scene.done(OWNER, &words("settlement answer 1 --yes"));
    assert!(!world.court.demand_of(first, 0).await.unwrap().unwrap().open);
    let owner = world.owner().address();
    assert!(!world.court.owed(owner).await.unwrap().is_zero());
    scene.done(
        STRANGER,
        &words(&format!("settlement withdraw-bond {owner} --yes")),
    );
    assert!(world.court.owed(owner).await.unwrap().is_zero());
    let again = scene.run(STRANGER, &words("settlement demand 1 0 --yes"));
    refused(&again, 2, &["DemandedBefore"]);
    let honest = scene.run(STRANGER, &words("settlement lapse 1 0 --yes"));
    refused(&honest, 2, &["no open demand for place 0", "settlement show 1"]);

    let amounts = BTreeMap::from([(Address::repeat_byte(5), AttoFil::new(8))]);
    let (second, _) = world.settle(&amounts).await.unwrap();
    scene.done(STRANGER, &words("settlement demand 2 0 --yes"));
    let due = world.court.demand_of(second, 0).await.unwrap().unwrap().due_at;
    world.anvil.mine_at(due + 1).unwrap();
    scene.done(STRANGER, &words("settlement lapse 2 0 --yes"));
    let settlement = world.rewards.settlement(second).await.unwrap();
    assert_eq!(settlement.status, Status::Void);
}
