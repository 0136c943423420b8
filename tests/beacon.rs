//! A devnet's drand chain: served, fetched, waited for, cached, and verified by the real contract.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test panics")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use assize_chain::{Beacon as BeaconContract, ChainClient, Rounds};
use assize_deployment::{BeaconParams, CourtParams, DeployParams, deploy};
use assize_drand::with_y;
use assize_keys::Signer;
use assize_protocol::{BeaconRound, Parameters};
use assize_testkit::anvil::{Anvil, CHAIN_ID};
use common::{assize, json_of, refused, run};
use serde_json::{Value, json};

/// `assize run beacon`, until dropped.
struct Server {
    child: Child,
    directory: tempfile::TempDir,
    ready: Value,
}

impl Server {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut child = assize()
            .args(["run", "beacon", "--period", "1s", "--key-file"])
            .arg(directory.path().join("key"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let ready = serde_json::from_str(&line).unwrap();
        Self {
            child,
            directory,
            ready,
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes the chain's info, which clients trust, to a file.
    fn info(&self) -> String {
        let path = self.file("info.json");
        fs::write(&path, self.ready["info"].to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_devnet_serves_its_own_beacons() {
    let server = Server::start();
    let (url, info) = (server.ready["url"].as_str().unwrap(), server.info());
    let mode = fs::metadata(server.file("key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "nobody else reads the key");
    let relay = ["--relay", url, "--drand-info", &info];
    let get = |arguments: &[&str]| run([&["beacon", "get"], arguments, &relay].concat());

    // Clients fetch beacons and verify them with the public key.
    let latest = json_of([&["beacon", "get", "latest", "--format", "json"][..], &relay].concat());
    let (round, signature) = (
        latest["round"].as_u64().unwrap(),
        latest["signature"].as_str().unwrap(),
    );
    let text = round.to_string();
    let verdict = json_of(
        format!("beacon verify --round {text} --signature {signature} --drand-info {info}").split(' '),
    );
    assert_eq!(verdict["valid"], true);
    let other = run(["beacon", "verify", "--round", &text, "--signature", signature]);
    assert_eq!(other.status.code(), Some(1), "quicknet did not sign it");

    // A future round is unavailable now, and available when it is due.
    let times = json_of(format!("beacon info --drand-info {info} --round {text}").split(' '));
    let soon = (round + 4).to_string();
    refused(
        &get(&[&(round + 1_000).to_string()]),
        2,
        &["is not published yet, it is due at Unix time"],
    );
    let waited = json_of(
        [
            &["beacon", "get", &soon, "--wait", "--format", "json"][..],
            &relay,
        ]
        .concat(),
    );
    assert_eq!(waited["round"], round + 4);
    let at = (times["time"].as_u64().unwrap() + 4).to_string();
    let then = json_of(format!("beacon info --drand-info {info} --at {at}").split(' '));
    assert_eq!(
        (&then["roundAt"], &then["roundAfter"]),
        (&json!(round + 4), &json!(round + 5))
    );

    // Cached beacons need no relay.
    let cache = server.file("cache");
    let cache = cache.to_str().unwrap();
    let cached = [
        "--beacon-cache",
        cache,
        "--drand-info",
        &info,
        "--format",
        "json",
        "--relay",
    ];
    let first = json_of([&["beacon", "get", &text][..], &cached, &[url]].concat());
    let again = json_of([&["beacon", "get", &text][..], &cached, &["http://127.0.0.1:9"]].concat());
    assert_eq!(first, again);

    refused(&get(&["0"]), 2, &["round 0 does not exist"]);
    refused(
        &get(&["soon"]),
        2,
        &["give the number of a drand round, or `latest`"],
    );
    let key = server.file("key");
    refused(
        &run(["beacon", "get", "1", "--drand-info", key.to_str().unwrap()]),
        2,
        &["does not describe a drand chain"],
    );
    let bad_key = server.file("info.json");
    refused(
        &run(["run", "beacon", "--key-file", bad_key.to_str().unwrap()]),
        2,
        &["beacon key", "accessible to other users"],
    );

    contract_verifies(&server, BeaconRound(round), signature).await;
}

/// The contract that checks quicknet checks the devnet, constructed with its key.
async fn contract_verifies(server: &Server, round: BeaconRound, signature: &str) {
    let anvil = Anvil::start().unwrap();
    let client = ChainClient::connect_to(&anvil.url().parse().unwrap(), CHAIN_ID)
        .await
        .unwrap();
    let owner = Signer::from_bytes(&anvil.dev_key(0)).unwrap();
    // As printed by the server.
    let beacon: BeaconParams = serde_json::from_value(server.ready["beacon"].clone()).unwrap();
    let params = DeployParams {
        chain_id: CHAIN_ID,
        beacon,
        owner: owner.address(),
        coordinator: owner.address(),
        publishers: vec![],
        guardian: owner.address(),
        treasury: owner.address(),
        evaluators: vec![owner.address()],
        threshold: 1,
        min_challenge_window: 60,
        challenge_window: 60,
        court: CourtParams::within(60),
        payment_gas: 60_000,
        parameters: Parameters::default(),
    };
    let deployment = tokio::time::timeout(Duration::from_secs(60), deploy(&client, &owner, &params))
        .await
        .unwrap()
        .unwrap();
    let contract = BeaconContract::of(&Rounds::new(client, deployment.rounds))
        .await
        .unwrap();
    let compressed = alloy_primitives::hex::decode(signature).unwrap();
    let bytes = with_y(&compressed).unwrap();
    let randomness = contract.verify(round, &bytes).await.unwrap();
    assert_eq!(randomness, assize_protocol::Randomness::of_signature(&compressed));
    let error = contract
        .verify(BeaconRound(round.0 + 1), &bytes)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("WrongSignature"), "{error}");
}
