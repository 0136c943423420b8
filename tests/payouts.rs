//! `assize run payout` as a process: killed at random with a node that fails in every way, as a daemon on a schedule, as a dry
//! run, and with invalid input.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a failed test panics, and its figures are wanted"
)]

mod common;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, hex};
use assize_chain::Draft;
use assize_protocol::AttoFil;
use assize_store::{LocalStore, Store};
use assize_testkit::fault::{Estimates, FaultNode, Faults};
use assize_testkit::world::{World, WorldPlan};
use common::processes::{Blocks, HASTE, Running, dice, get, run_for};
use common::site::Site;
use common::{answer, refused, words};
use serde_json::{Value, json};

/// Creation code of a contract that always reverts: runtime `5f5ffd`.
const REFUSES_MONEY: [u8; 11] = hex!("625f5ffd5f526003601df3");
/// In attoFIL.
const MILLIFIL: u128 = 1_000_000_000_000_000;
/// Index of the payer among anvil's accounts.
const PAYER: usize = 3;

/// A test world with an active settlement, and the payer's files.
struct Paying {
    site: Site,
    store: LocalStore,
    amounts: BTreeMap<Address, AttoFil>,
    refuser: Address,
}

impl Paying {
    /// Grants this many operators different amounts; one of them is a contract that rejects payments.
    async fn new(operators: u16) -> Self {
        let mut amounts: BTreeMap<Address, AttoFil> = (0..operators)
            .map(|n| (operator(n), AttoFil::new(MILLIFIL * (1 + u128::from(n % 200)))))
            .collect();
        let refused = AttoFil::new(77 * MILLIFIL);
        let budget = AttoFil::checked_sum(amounts.values().copied().chain([refused])).unwrap();
        let world = World::start_with(WorldPlan {
            budget,
            ..WorldPlan::default()
        })
        .await
        .unwrap();
        let refusing = Draft::create("refusing contract", REFUSES_MONEY.to_vec());
        let refuser = world.send(&refusing).await.unwrap().contract_address.unwrap();
        amounts.insert(refuser, refused);
        let site = Site::new(world);
        let store = LocalStore::open(site.path("store")).unwrap();
        Self {
            site,
            store,
            amounts,
            refuser,
        }
    }

    async fn settle(&self) {
        let world = &self.site.world;
        world.open_round().await.unwrap();
        let document = world.document(&self.amounts).await.unwrap();
        self.store.put(&document.to_bytes()).unwrap();
        world.post(&document, true).await.unwrap();
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.site.path(name)
    }

    /// `assize run payout` with the payer's key.
    fn payout(&self, arguments: &[&str]) -> Command {
        self.site
            .command(Some(PAYER), &[&["run", "payout"], arguments].concat())
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.payout(arguments).output().unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        answer(self.run(arguments))
    }

    fn policy(&self, text: &str) -> &'static str {
        fs::write(self.path("payout.toml"), text).unwrap();
        "payout.toml"
    }

    async fn balance(&self, operator: Address) -> AttoFil {
        self.site.world.rewards.client().balance(operator).await.unwrap()
    }

    async fn is_all_paid(&self) -> bool {
        let paid = self
            .amounts
            .iter()
            .filter(|(operator, _)| **operator != self.refuser);
        let expected = AttoFil::checked_sum(paid.map(|(_, amount)| *amount)).unwrap();
        // A node in the middle of a fork may not answer.
        let claimed = self.site.world.rewards.total_claimed().await;
        claimed.is_ok_and(|claimed| claimed == expected)
    }

    /// Checks that every operator was paid exactly what was granted.
    async fn expect_paid_once(&self) {
        for (operator, amount) in &self.amounts {
            let expected = if *operator == self.refuser {
                AttoFil::ZERO
            } else {
                *amount
            };
            assert_eq!(self.balance(*operator).await, expected, "{operator}");
            let claimed = self.site.world.rewards.claimed(*operator).await.unwrap();
            assert_eq!(claimed, expected, "{operator}");
        }
        assert!(self.is_all_paid().await);
    }
}

fn operator(n: u16) -> Address {
    let mut bytes = [0xa5; 20];
    bytes[..2].copy_from_slice(&n.to_be_bytes());
    Address::from(bytes)
}

const SMALL_BATCHES: &str = "floor = \"0\"\nmaxGasShare = 1.0\n[batch]\npayouts = 3";

const LARGE_BATCHES: &str = "floor = \"0\"\nmaxGasShare = 1.0\n[batch]\npayouts = 40";

#[tokio::test(flavor = "multi_thread")]
async fn every_operator_is_paid_once_despite_fifty_kills() {
    const KILLS: u32 = 50;
    let (seed, mut random) = dice("payouts");
    let paying = Paying::new(450).await;
    paying.settle().await;
    let policy = paying.policy(SMALL_BATCHES);
    paying.site.world.anvil.mine(10).unwrap();
    let head = paying.site.world.rewards.client().head().await.unwrap().number;
    let faults = Faults {
        fork_floor: head,
        estimates: Estimates::Lotus,
        ..Faults::everything(seed)
    };
    let node = Arc::new(FaultNode::start(paying.site.world.anvil.url(), faults.clone()).unwrap());
    let blocks = Blocks::every(Duration::from_millis(40), &node);
    let spawn = || {
        let log = File::options()
            .create(true)
            .append(true)
            .open(paying.path("log"))
            .unwrap();
        let mut command = paying.payout(&["--once", "--policy", policy, "--verbose"]);
        command.args(words(HASTE)).env("ASSIZE_RPC_URL", node.url());
        command.stdout(Stdio::null()).stderr(log);
        Running(command.spawn().unwrap())
    };

    let mut kills = 0;
    while kills < KILLS {
        assert!(
            !paying.is_all_paid().await,
            "paid after {kills} kills already: give it more to do"
        );
        let pause = Duration::from_millis(random.u64(30..900));
        match run_for(spawn(), pause) {
            None => kills += 1,
            Some(code) => assert_eq!(code, Some(2), "it ends by itself only where the node fails"),
        }
    }
    // From here on the process is not killed, but the node, now another one, still fails. Larger batches end it sooner.
    node.set(Faults {
        estimates: Estimates::Forest,
        ..faults
    });
    paying.policy(LARGE_BATCHES);
    let waited = Instant::now();
    while !paying.is_all_paid().await {
        let log = || fs::read_to_string(paying.path("log")).unwrap();
        assert!(
            waited.elapsed() < Duration::from_secs(300),
            "stands still; {}",
            log()
        );
        run_for(spawn(), Duration::from_secs(120));
    }
    let seen = node.counts();
    drop(blocks);
    paying.expect_paid_once().await;
    assert!(seen.len() >= 5, "{seen:?}");
    eprintln!(
        "payouts: {kills} kills, then {:.1} s; {seen:?}",
        waited.elapsed().as_secs_f64()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_pays_every_settlement_and_raises_alerts() {
    let mut paying = Paying::new(40).await;
    paying.settle().await;
    let policy = paying.policy("floor = \"0\"\nmaxGasShare = 1.0\n[alerts]\nrefusals = 1\npoolDays = 1.0");
    let mut command = paying.payout(&["--policy", policy, "--metrics", "127.0.0.1:0", "--poll", "50ms"]);
    command.stderr(File::create(paying.path("log")).unwrap());
    let (daemon, ready) = Running::start(&mut command);
    assert_eq!(ready["schedule"], "every settlement");
    let url = ready["metrics"].as_str().unwrap().to_owned();

    let wait_until_paid = async |paying: &Paying| {
        let begun = Instant::now();
        while !paying.is_all_paid().await {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "{}",
                get(format!("{url}/metrics"))
            );
            thread::sleep(Duration::from_millis(100));
        }
        paying.expect_paid_once().await;
    };
    wait_until_paid(&paying).await;
    for amount in paying.amounts.values_mut() {
        *amount = amount.checked_add(AttoFil::new(MILLIFIL)).unwrap();
    }
    paying.settle().await;
    wait_until_paid(&paying).await;

    // One rejects the payment, and the pool is empty.
    let begun = Instant::now();
    let metrics = loop {
        let metrics = get(format!("{url}/metrics"));
        if metrics.contains("assize_payout_active_settlement 2.0") && metrics.contains("payments_total 80.0")
        {
            break metrics;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{metrics}");
        thread::sleep(Duration::from_millis(100));
    };
    for line in [
        "assize_payout_alert{kind=\"operator_stuck\"} 1.0",
        "assize_payout_alert{kind=\"pool_low\"} 1.0",
        "assize_payout_alert{kind=\"parked\"} 0.0",
        "assize_payout_waiting_operators 1.0",
        "assize_payout_pool_surplus_fil 0.0",
    ] {
        assert!(
            metrics.lines().any(|there| there == line),
            "no `{line}` in\n{metrics}"
        );
    }
    assert_eq!(get(format!("{url}/healthz")), "ok\n");
    daemon.end();
    let log = fs::read_to_string(paying.path("log")).unwrap();
    let refuser = paying.refuser.to_string();
    for words in ["the pool has", "should set another one", refuser.as_str()] {
        assert!(log.contains(words), "no `{words}` in {log}");
    }
    assert_eq!(
        log.matches("the pool has").count(),
        1,
        "an alert is logged once: {log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_payments_and_reasons() {
    let paying = Paying::new(30).await;
    paying.settle().await;
    let denied = operator(29);
    fs::write(
        paying.path("deny.txt"),
        format!("# list of 2026-11\n{denied} court order, 7 \"x\"\n"),
    )
    .unwrap();
    let policy =
        paying.policy("floor = \"0.01\"\nfloorGoneAfterDays = 0\nmaxGasShare = 1.0\ndailyFil = \"0.15\"\ndeny = \"deny.txt\"");
    let plan = paying.json(&["--dry-run", "--format", "json", "--policy", policy]);
    let held = plan["held"].as_array().unwrap();
    let why = |kind: &str| held.iter().filter(|held| held["why"] == kind).count();
    // 1 to 9 thousandths are below the floor; the daily limit of 0.15 FIL is enough for some of the others.
    assert_eq!((why("belowFloor"), why("denied")), (9, 1), "{plan}");
    assert!(why("dailyCap") > 0, "{plan}");
    let due = plan["due"].as_array().unwrap();
    assert_eq!(due.len() + held.len(), 31);
    let sum: u128 = due
        .iter()
        .map(|due| due["amount"].as_str().unwrap().parse::<u128>().unwrap())
        .sum();
    assert_eq!(plan["total"], sum.to_string());
    assert!(sum <= 150 * MILLIFIL && plan["gasCost"].as_str().unwrap().parse::<u128>().unwrap() > 0);

    let csv = paying.run(&["--dry-run", "--format", "csv", "--policy", policy]);
    let csv = String::from_utf8(csv.stdout).unwrap();
    assert_eq!(csv.lines().count(), 32);
    assert!(csv.contains(&format!("{denied},{},", 30 * MILLIFIL)), "{csv}");
    assert!(csv.contains("\"denied: court order, 7 \"\"x\"\"\""), "{csv}");
    // Those to pay, then those held, each in the order of the tree; the formats agree.
    let in_json = |rows: &[Value]| -> Vec<String> {
        let operators = rows
            .iter()
            .map(|row| row["operator"].as_str().unwrap().to_lowercase());
        operators.collect()
    };
    let (paid, waiting) = (in_json(due), in_json(held));
    assert!(paid.is_sorted() && waiting.is_sorted(), "{plan}");
    let rows = csv.lines().skip(1);
    let in_csv: Vec<String> = rows.map(|row| row[..42].to_lowercase()).collect();
    assert_eq!(in_csv, [paid, waiting].concat());
    let table = paying.run(&["--dry-run", "--policy", policy]);
    let table = String::from_utf8(table.stdout).unwrap();
    for words in [
        "would be paid",
        "are owed less than the floor",
        "the daily limit is reached",
        "court order",
    ] {
        assert!(table.contains(words), "no `{words}` in {table}");
    }
    // Nothing was sent, and no file was created.
    let payer = paying.site.world.anvil.dev_key(PAYER);
    let payer = assize_keys::Signer::from_bytes(&payer).unwrap().address();
    assert_eq!(
        paying
            .site
            .world
            .rewards
            .client()
            .mined_nonce(payer)
            .await
            .unwrap(),
        0
    );
    assert!(!paying.path("payouts.sqlite").exists() && !paying.path("scheduler.sqlite").exists());

    // The plan is paid, and the daily limit applies over several runs.
    let paid = paying.json(&["--once", "--format", "json", "--policy", policy]);
    assert_eq!(paid["paid"].as_array().unwrap().len(), due.len(), "{paid}");
    let again = paying.json(&["--once", "--format", "json", "--policy", policy]);
    let more: u128 = again["paid"]
        .as_array()
        .unwrap()
        .iter()
        .map(|paid| paid["amount"].as_str().unwrap().parse::<u128>().unwrap())
        .sum();
    assert!(sum + more <= 150 * MILLIFIL, "{again}");
    assert_eq!(paying.balance(denied).await, AttoFil::ZERO);
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_input_is_rejected_with_the_remedy() {
    let paying = Paying::new(3).await;
    let early = paying.run(&["--once"]);
    refused(&early, 2, &["no settlement has been posted yet"]);
    paying.settle().await;

    let policy = paying.policy("flor = \"1\"");
    refused(
        &paying.run(&["--once", "--policy", policy]),
        2,
        &["payout.toml", "flor"],
    );
    let policy = paying.policy("deny = \"deny.txt\"");
    fs::write(paying.path("deny.txt"), "0x12 nobody\n").unwrap();
    refused(
        &paying.run(&["--once", "--policy", policy]),
        2,
        &["deny.txt line 1", "0x12"],
    );
    refused(
        &paying.run(&["--schedule", "now and then"]),
        2,
        &["--schedule", "every settlement"],
    );
    refused(
        &paying.run(&["--settlement", "1"]),
        2,
        &["--settlement 1", "--once"],
    );
    refused(&paying.run(&["--once", "--settlement", "9"]), 2, &["9"]);
    let broke = paying
        .payout(&["--once", "--store", "store", "--data", "poor"])
        .env("ASSIZE_PRIVATE_KEY", format!("0x{}", "7".repeat(64)))
        .output()
        .unwrap();
    refused(&broke, 2, &["FIL"]);

    // Another network's deployment, and a history of another contract.
    let mut deployment: Value =
        serde_json::from_slice(&fs::read(paying.path("deployment.json")).unwrap()).unwrap();
    deployment["chainId"] = json!(314);
    fs::write(paying.path("other.json"), deployment.to_string()).unwrap();
    let wrong = paying.run(&["--once", "--deployment", "other.json"]);
    refused(&wrong, 2, &["31337", "314"]);

    // Another document than the settlement's.
    damage(&paying.path("store"));
    refused(&paying.run(&["--once"]), 2, &["settlement 1"]);
    fs::remove_dir_all(paying.path("store")).unwrap();
    refused(&paying.run(&["--once"]), 2, &["settlement 1", "store"]);
}

/// Changes the last byte of every file.
fn damage(directory: &Path) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            damage(&path);
            continue;
        }
        let mut content = fs::read(&path).unwrap();
        if let Some(last) = content.last_mut() {
            *last ^= 1;
        }
        fs::write(&path, content).unwrap();
    }
}
