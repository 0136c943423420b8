//! Owner, guardian and treasury through the binary, and what every command that sends does on a chain without the contracts.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use assize_chain::{Address, ChainClient, Draft, SettlementId, Status};
use assize_keys::Signer;
use assize_testkit::anvil::{Anvil, CHAIN_ID};
use assize_testkit::world::{World, WorldPlan};
use common::{assize, refused};
use serde_json::Value;

const OWNER: usize = 0;
const STRANGER: usize = 7;
const NOBODY: &str = "0x00000000000000000000000000000000000000aa";

/// Contracts with a settlement in its challenge window, and their deployment file.
struct Scene {
    world: World,
    directory: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        let plan = WorldPlan {
            challenge_window: 86_400,
            ..WorldPlan::default()
        };
        let world = World::start_with(plan).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let deployment = serde_json::to_vec(&world.deployment).unwrap();
        fs::write(directory.path().join("deployment.json"), deployment).unwrap();
        Self { world, directory }
    }

    fn run(&self, anvil: &Anvil, account: usize, arguments: &[&str]) -> Output {
        run(self.directory.path(), anvil, account, arguments)
    }

    fn done(&self, account: usize, arguments: &[&str]) -> Value {
        let output = self.run(
            &self.world.anvil,
            account,
            &[arguments, &["--format", "json"]].concat(),
        );
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn run(directory: &Path, anvil: &Anvil, account: usize, arguments: &[&str]) -> Output {
    assize()
        .current_dir(directory)
        .args(arguments)
        .env("ASSIZE_RPC_URL", anvil.url())
        .env("ASSIZE_PRIVATE_KEY", anvil.dev_key(account).to_string())
        .output()
        .unwrap()
}

async fn client(anvil: &Anvil) -> ChainClient {
    ChainClient::connect_to(&anvil.url().parse().unwrap(), CHAIN_ID)
        .await
        .unwrap()
}

/// Each command that sends value or acts in a role.
const SENDING: &[&[&str]] = &[
    &["deposit", "5"],
    &["round", "open", "--as-before"],
    &["round", "reveal"],
    &["settlement", "veto", "1", "--reason", "fraud", "--yes"],
    &["settlement", "challenge", "1"],
    &["admin", "set-coordinator", NOBODY, "--yes"],
    &["admin", "accept-ownership", "rounds", "--yes"],
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
        let output = scene.run(&fresh, OWNER, arguments);
        refused(&output, 2, &["there is no R", "contract at", "deployment file"]);
        assert_eq!(client.balance(sender).await.unwrap(), before, "{arguments:?}");
        assert_eq!(client.mined_nonce(sender).await.unwrap(), 0, "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_to_other_code() {
    let scene = Scene::new().await;
    let anvil = &scene.world.anvil;
    anvil.set_code(scene.world.rewards.address(), "0x600035").unwrap();
    let client = client(anvil).await;
    let sender = Signer::from_bytes(&anvil.dev_key(OWNER)).unwrap().address();
    let before = client.balance(sender).await.unwrap();
    let output = scene.run(anvil, OWNER, &["deposit", "5"]);
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
    let amounts = BTreeMap::from([(Address::repeat_byte(5), 7_u128)]);
    scene.world.settle(&amounts).await.unwrap();
    let anvil = &scene.world.anvil;
    let veto = [
        "settlement",
        "veto",
        "1",
        "--reason",
        "a provider that does not exist",
        "--yes",
    ];
    let output = scene.run(anvil, STRANGER, &veto);
    refused(&output, 2, &["only the guardian may do this", "--calldata"]);
    refused(
        &scene.run(anvil, OWNER, &["settlement", "veto", "1", "--reason", ""]),
        2,
        &["--reason"],
    );

    let vetoed = scene.done(OWNER, &veto);
    assert!(
        vetoed["effect"].as_str().unwrap().contains("settlement 1"),
        "{vetoed}"
    );
    let settlement = scene.world.rewards.settlement(SettlementId(1)).await.unwrap();
    assert_eq!(settlement.status, Status::Void);
    refused(&scene.run(anvil, OWNER, &veto), 2, &["settlement 1 is void"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn call_data_does_what_the_command_would() {
    let scene = Scene::new().await;
    let coordinator: Address = NOBODY.parse().unwrap();
    let printed = scene.done(STRANGER, &["admin", "set-coordinator", NOBODY, "--calldata"]);
    assert_ne!(scene.world.rounds.coordinator().await.unwrap(), coordinator);
    let owner = Signer::from_bytes(&scene.world.anvil.dev_key(OWNER)).unwrap();
    assert_eq!(printed["from"][0], format!("{:#x}", owner.address()));
    assert_eq!(
        (&printed["value"], &printed["chainId"]),
        (&"0".into(), &CHAIN_ID.into())
    );
    let to = printed["to"].as_str().unwrap().parse().unwrap();
    let data = alloy_primitives::hex::decode(printed["data"].as_str().unwrap()).unwrap();
    let draft = Draft::call("Rounds", to, data);
    let client = client(&scene.world.anvil).await;
    client
        .transact(&owner, &draft, Duration::from_secs(30))
        .await
        .unwrap();
    assert_eq!(scene.world.rounds.coordinator().await.unwrap(), coordinator);
}

#[tokio::test(flavor = "multi_thread")]
async fn owner_and_treasury_change_what_is_theirs() {
    let scene = Scene::new().await;
    let (rounds, rewards) = (&scene.world.rounds, &scene.world.rewards);
    let nobody: Address = NOBODY.parse().unwrap();
    scene.done(OWNER, &["admin", "allow-publisher", NOBODY, "--yes"]);
    assert!(rounds.is_publisher(nobody).await.unwrap());
    scene.done(OWNER, &["admin", "forbid-publisher", NOBODY, "--yes"]);
    assert!(!rounds.is_publisher(nobody).await.unwrap());

    let [first, second] =
        [Address::repeat_byte(1), Address::repeat_byte(2)].map(|address| address.to_string());
    scene.done(
        OWNER,
        &[
            "admin",
            "set-evaluators",
            &first,
            &second,
            "--threshold",
            "2",
            "--yes",
        ],
    );
    assert_eq!(
        rewards.next_evaluators().await.unwrap().unwrap().value.threshold,
        2
    );
    scene.done(OWNER, &["admin", "cancel-evaluators", "--yes"]);
    assert_eq!(rewards.next_evaluators().await.unwrap(), None);
    scene.done(OWNER, &["admin", "set-guardian", NOBODY, "--yes"]);
    assert_eq!(rewards.next_guardian().await.unwrap().unwrap().value, nobody);
    scene.done(OWNER, &["admin", "cancel-guardian", "--yes"]);
    scene.done(OWNER, &["admin", "set-challenge-window", "48h", "--yes"]);
    assert_eq!(rewards.challenge_window().await.unwrap(), 172_800);
    scene.done(OWNER, &["admin", "set-end", "2096-02-29T00:00:00Z", "--yes"]);
    assert_eq!(rewards.ends_at().await.unwrap(), Some(3_981_312_000));
    scene.done(OWNER, &["admin", "set-end", "never", "--yes"]);
    assert_eq!(rewards.ends_at().await.unwrap(), None);

    let next = Signer::from_bytes(&scene.world.anvil.dev_key(STRANGER))
        .unwrap()
        .address();
    for contract in ["rounds", "rewards"] {
        let output = scene.run(
            &scene.world.anvil,
            STRANGER,
            &["admin", "accept-ownership", contract, "--yes"],
        );
        refused(&output, 2, &["there is no pending owner"]);
        scene.done(
            OWNER,
            &[
                "admin",
                "transfer-ownership",
                contract,
                &next.to_string(),
                "--yes",
            ],
        );
        scene.done(STRANGER, &["admin", "accept-ownership", contract, "--yes"]);
    }
    assert_eq!(
        (rounds.owner().await.unwrap(), rewards.owner().await.unwrap()),
        (next, next)
    );
    let output = scene.run(
        &scene.world.anvil,
        OWNER,
        &["admin", "set-coordinator", NOBODY, "--yes"],
    );
    refused(&output, 2, &["only the owner of Rounds may do this"]);

    let output = scene.run(
        &scene.world.anvil,
        STRANGER,
        &["admin", "withdraw-surplus", "--yes"],
    );
    refused(&output, 2, &["the contract would reject it"]);
    scene.done(OWNER, &["admin", "set-treasury", NOBODY, "--yes"]);
    assert_eq!(rewards.treasury().await.unwrap(), nobody);
}
