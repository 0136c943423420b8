//! The operators' commands: balance, claim, watch, payout address. Run by the binary against a real anvil with settlements,
//! including all failures.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test panics")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use alloy_primitives::{Address, U256};
use assize_measurement::car;
use assize_protocol::AttoFil;
use assize_testkit::world::{World, WorldPlan};
use common::site::Site;
use common::{ended, refused, words};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const MILLI: u128 = 1_000_000_000_000_000;
const DAY: u64 = 86_400;
/// Rejects payments.
const REFUSING: Address = Address::repeat_byte(0xee);

struct Stage {
    site: Site,
    runtime: Runtime,
    granted: BTreeMap<Address, AttoFil>,
}

impl Stage {
    /// A chain without a settlement, and a challenge window of a day.
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let world = runtime
            .block_on(World::start_with(WorldPlan {
                challenge_window: DAY,
                ..WorldPlan::default()
            }))
            .unwrap();
        world.anvil.set_code(REFUSING, "0x5f5ffd").unwrap();
        let site = Site::new(world);
        fs::create_dir(site.path("store")).unwrap();
        Self {
            site,
            runtime,
            granted: BTreeMap::new(),
        }
    }

    /// Grants more in a settlement that stays in its challenge window; returns the path of its document in the store.
    fn settle(&mut self, more: &[(Address, u128)]) -> PathBuf {
        for (operator, amount) in more {
            let sum = self.granted.entry(*operator).or_default();
            *sum = sum.checked_add(AttoFil::new(*amount)).unwrap();
        }
        let (_, content) = self
            .runtime
            .block_on(self.site.world.settle(&self.granted))
            .unwrap();
        let (cid, packed) = car::pack(&content);
        let path = self.file("store").join(format!("{cid}.car"));
        fs::write(&path, packed).unwrap();
        path
    }

    /// Moves the chain past the challenge window.
    fn pass(&self) {
        let now = self.site.world.anvil.timestamp().unwrap();
        self.site.world.anvil.mine_at(now + DAY + 1).unwrap();
    }

    fn file(&self, name: &str) -> PathBuf {
        self.site.path(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        self.site.command(Some(5), arguments)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn ends_with(&self, code: i32, arguments: &[&str]) -> String {
        ended(self.run(arguments), code)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.ends_with(0, arguments)).unwrap()
    }

    fn holds(&self, address: Address) -> U256 {
        let balance = self
            .site
            .world
            .anvil
            .rpc("eth_getBalance", json!([address, "latest"]))
            .unwrap();
        balance.as_str().unwrap().parse().unwrap()
    }
}

fn operator(index: u8) -> Address {
    Address::repeat_byte(index)
}

fn text(address: Address) -> String {
    address.to_string()
}

#[test]
fn a_balance_shows_earned_paid_claimable_and_pending_amounts() {
    let mut stage = Stage::new();
    let (one, two, stranger) = (text(operator(1)), text(operator(2)), text(operator(9)));
    let says = |stage: &Stage, who: &str, words: &[&str]| {
        let said = stage.ends_with(0, &["operator", "balance", who]);
        for word in words {
            assert!(said.contains(word), "no `{word}` in: {said}");
        }
    };
    says(&stage, &one, &["no settlement has been posted yet"]);

    stage.settle(&[(operator(1), 300 * MILLI)]);
    let waits = [
        "Nothing to claim",
        "0.3 FIL are still in the challenge window",
        "becomes active at 20",
        "UTC, in 2",
        "voided",
    ];
    says(&stage, &one, &waits);
    stage.pass();
    let coming = stage.settle(&[(operator(1), 40 * MILLI), (operator(2), 60 * MILLI)]);
    says(&stage, &two, &["0.06 FIL are still", "settlement 2"]);
    says(
        &stage,
        &stranger,
        &[
            "it earned nothing up to settlement 1",
            "Settlement 2 becomes active",
        ],
    );

    let balance = stage.json(&["operator", "balance", &one, &two, "--format", "json"]);
    let first = &balance["balances"][0];
    let amounts = ["earned", "paid", "claimable"]
        .map(|name| first[name].as_str().unwrap().parse::<u128>().unwrap() / MILLI);
    assert_eq!(amounts, [340, 0, 300]);
    assert_eq!(first["pending"][0]["amount"], (40 * MILLI).to_string());
    assert_eq!(balance["balances"][1]["nothing"], "in-challenge-window");
    // The f410 address gives the same result.
    let f410 = assize_protocol::address::to_delegated(operator(1));
    says(
        &stage,
        &f410,
        &["0.3 FIL", "claim with", "goes to     its own address"],
    );

    // If a pending settlement is unavailable, the active one is still shown.
    let content = fs::read(&coming).unwrap();
    fs::remove_file(&coming).unwrap();
    says(
        &stage,
        &one,
        &[
            "claimable   0.3 FIL",
            "pending     unknown",
            "is not in the store",
        ],
    );
    fs::write(&coming, content).unwrap();

    // Paid, with nothing pending.
    stage.pass();
    stage.ends_with(0, &["operator", "claim", "--yes", "--operator", &one]);
    says(&stage, &one, &["everything it earned is paid, 0.34 FIL"]);
    assert_eq!(stage.holds(operator(1)), U256::from(340 * MILLI));

    // A vetoed settlement is reported.
    stage.settle(&[(operator(1), MILLI)]);
    let rewards = stage.site.world.rewards.clone();
    let veto = rewards.veto(assize_chain::SettlementId(3), "wrong");
    let sent = rewards
        .client()
        .transact(stage.site.world.owner(), &veto, Duration::from_secs(30));
    stage.runtime.block_on(sent).unwrap();
    says(&stage, &one, &["Settlement 3 is void and never pays"]);

    let file = stage.file("operators.txt");
    fs::write(&file, format!("{one}\nf410fnonsense\n")).unwrap();
    refused(
        &stage.run(&["operator", "balance", "--operators", file.to_str().unwrap()]),
        2,
        &["operators.txt:2", "malformed"],
    );
    refused(&stage.run(&["operator", "balance"]), 2, &["no operator given"]);
    refused(
        &stage.run(&["operator", "balance", "--operators", "/none"]),
        2,
        &["/none"],
    );
}

#[test]
fn claims_are_paid_and_every_failure_is_explained() {
    let mut stage = Stage::new();
    let one = text(operator(1));
    let claim = ["operator", "claim", "--operator", &one, "--yes"];
    assert!(
        stage
            .ends_with(0, &claim)
            .contains("no settlement has been posted yet")
    );
    let mut grants: Vec<(Address, u128)> = (1..=120).map(|index| (operator(index), MILLI)).collect();
    grants.push((REFUSING, 50 * MILLI));
    let document = stage.settle(&grants);
    assert!(
        stage
            .ends_with(0, &claim)
            .contains("still in the challenge window")
    );
    refused(
        &stage.run(&["operator", "claim", "--operator", &one, "--settlement", "1"]),
        2,
        &["settlement 1 is in its challenge window", "UTC, in 2"],
    );
    refused(
        &stage.run(&["operator", "claim", "--operator", &one, "--settlement", "9"]),
        2,
        &["settlement 9 does not exist: give one from 1 to "],
    );
    stage.pass();

    // No terminal, no key, no FIL, a wrong chain, no document, a document with another root.
    let asks = &claim[..4];
    let unasked = stage.run(asks);
    refused(
        &unasked,
        2,
        &["Claim 0.001 FIL for 0x0101", "not a terminal", "--yes"],
    );
    let said = String::from_utf8_lossy(&unasked.stderr).into_owned();
    assert!(
        said.contains("Gas costs about") && said.contains("root on chain"),
        "{said}"
    );
    let mut keyless = stage.command(&claim);
    refused(
        &keyless.env_remove("ASSIZE_PRIVATE_KEY").output().unwrap(),
        2,
        &["ASSIZE_PRIVATE_KEY", "keystore"],
    );
    let mut poor = stage.command(&claim);
    let empty = format!("0x{}", "7".repeat(64));
    refused(
        &poor.env("ASSIZE_PRIVATE_KEY", empty).output().unwrap(),
        2,
        &["holds 0 FIL", "send it FIL"],
    );
    let other = stage.file("other.json");
    let mut deployment = serde_json::to_value(stage.site.world.deployment).unwrap();
    deployment["chainId"] = 314.into();
    fs::write(&other, deployment.to_string()).unwrap();
    let mut elsewhere = stage.command(&claim);
    refused(
        &elsewhere.env("ASSIZE_DEPLOYMENT", &other).output().unwrap(),
        2,
        &["chain 31337, not chain 314"],
    );
    let content = fs::read(&document).unwrap();
    fs::remove_file(&document).unwrap();
    let gateway = [&claim[..], &["--gateway", "http://127.0.0.1:9"]].concat();
    let cid = document.file_stem().unwrap().to_str().unwrap();
    refused(
        &stage.run(&gateway),
        2,
        &[
            "cannot load the document of settlement 1",
            cid,
            "not in the store",
            "http://127.0.0.1:9",
        ],
    );
    let mut tampered = content.clone();
    let amount = content
        .windows(14)
        .position(|window| window == b"\"cumulative\":\"")
        .unwrap()
        + 14;
    tampered[amount] = b'9';
    fs::write(&document, &tampered).unwrap();
    refused(&stage.run(&claim), 2, &["damaged", document.to_str().unwrap()]);
    fs::write(&document, &content).unwrap();
    refused(
        &stage.run(&["operator", "claim", "--operator", &text(REFUSING), "--yes"]),
        2,
        &["rejected the 0.05 FIL", "payout-address set"],
    );

    // One claim, then the rest of 120 in two transactions; a recipient that rejects does not affect the others.
    let report = stage.json(&[&claim[..], &["--format", "json"]].concat());
    assert_eq!(report["paid"], MILLI.to_string());
    assert_eq!(report["claims"][0]["paid"][0]["operator"], one.to_lowercase());
    assert_eq!(stage.holds(operator(1)), U256::from(MILLI));
    assert!(
        stage
            .ends_with(0, &claim)
            .contains("everything it earned is paid, 0.001 FIL")
    );
    let file = stage.file("operators.txt");
    let lines: Vec<String> = grants
        .iter()
        .map(|(operator, _)| format!("{operator} # one of mine"))
        .collect();
    fs::write(&file, lines.join("\n")).unwrap();
    let file = file.to_str().unwrap();
    let output = stage.run(&words(&format!(
        "operator claim --operators {file} --yes --format json"
    )));
    let report: Value = serde_json::from_str(&ended(output, 1)).unwrap();
    assert_eq!(report["claims"].as_array().unwrap().len(), 2);
    assert_eq!(report["paid"], (119 * MILLI).to_string());
    let refusals: Vec<&Value> = report["claims"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|claim| claim["refused"].as_array().unwrap())
        .collect();
    assert_eq!(refusals.len(), 1);
    assert_eq!(refusals[0]["operator"], text(REFUSING).to_lowercase());
    assert_eq!(report["nothing"][0]["why"], "all-paid");
    assert!((1..=120).all(|index| stage.holds(operator(index)) == U256::from(MILLI)));
    let few = stage.ends_with(
        0,
        &words(&format!("operator claim --operator {REFUSING} --min 1 --yes")),
    );
    assert!(
        few.contains("0.05 FIL can be claimed, which is less than --min 1 FIL"),
        "{few}"
    );
    refused(
        &stage.run(&["operator", "claim", "--yes"]),
        2,
        &["no operator given"],
    );
    refused(
        &stage.run(&["operator", "claim", "--operator", "0x12"]),
        2,
        &["--operator"],
    );
}

#[test]
fn high_gas_is_warned_of_and_a_terminal_is_asked() {
    let mut stage = Stage::new();
    stage.settle(&[(operator(1), MILLI / 100), (operator(2), MILLI)]);
    stage.pass();
    let one = text(operator(1));
    let output = stage.run(&["operator", "claim", "--operator", &one, "--yes"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("Warning: gas costs"));
    assert_eq!(output.status.code(), Some(0));

    // util-linux' script gives a terminal.
    let two = text(operator(2));
    let answer = |answer: &str| {
        let binary = env!("CARGO_BIN_EXE_assize");
        let command = stage.command(&[]);
        let mut script = Command::new("script");
        script.args([
            "-qec",
            &format!("{binary} operator claim --operator {two}"),
            "/dev/null",
        ]);
        for (name, value) in command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
        {
            script.env(name, value);
        }
        let child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.ok()?;
        std::io::Write::write_all(child.stdin.as_mut()?, answer.as_bytes()).ok()?;
        let output = child.wait_with_output().ok()?;
        Some((
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        ))
    };
    let Some((code, said)) = answer("n\n") else {
        return println!("SKIPPED: there is no script(1), which would give a terminal");
    };
    assert!(
        said.contains("[y/N]") && said.contains("nothing was claimed"),
        "{said}"
    );
    assert_eq!((code, stage.holds(operator(2))), (Some(1), U256::ZERO));
    let (code, said) = answer("y\n").unwrap();
    assert!(said.contains("paid 0.001 FIL"), "{said}");
    assert_eq!((code, stage.holds(operator(2))), (Some(0), U256::from(MILLI)));
}

/// A claim that waits until it is final, and its output.
fn waiting(stage: &Stage, who: &str, finality: &str) -> (Child, BufReader<std::process::ChildStderr>) {
    let mut child = stage
        .command(&words(&format!(
            "operator claim --operator {who} --yes --finality {finality}"
        )))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("waiting for finality") {
        line.clear();
        assert_ne!(said.read_line(&mut line).unwrap(), 0, "it ended before it waited");
    }
    (child, said)
}

#[test]
fn a_claim_waits_for_finality_and_notices_a_reorganisation() {
    let mut stage = Stage::new();
    stage.settle(&[(operator(1), MILLI), (operator(2), MILLI)]);
    stage.pass();
    let anvil = &stage.site.world.anvil;
    let before = anvil.rpc("evm_snapshot", json!([])).unwrap();
    let (child, mut said) = waiting(&stage, &text(operator(1)), "5");
    assert_eq!(anvil.rpc("evm_revert", json!([before])).unwrap(), true);
    let output = child.wait_with_output().unwrap();
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert_eq!(output.status.code(), Some(2), "{rest}");
    assert!(
        rest.contains("a reorganisation dropped transaction") && rest.contains("paid nobody"),
        "{rest}"
    );
    assert!(output.stdout.is_empty());

    let (mut child, _said) = waiting(&stage, &text(operator(1)), "5");
    anvil.mine(4).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none(), "four blocks are not five");
    anvil.mine(1).unwrap();
    let output = child.wait_with_output().unwrap();
    let paid = String::from_utf8(output.stdout).unwrap();
    assert!(
        paid.contains("paid 0.001 FIL") && paid.contains(", final; gas cost"),
        "{paid}"
    );
    assert_eq!(stage.holds(operator(1)), U256::from(MILLI));
}

#[test]
fn a_watcher_claims_new_settlements_until_it_is_terminated() {
    let mut stage = Stage::new();
    let (one, refusing) = (text(operator(1)), text(REFUSING));
    let watch = "operator claim --watch --poll 1s --min 0.002 --yes --format json";
    let arguments = format!("{watch} --operator {one} --operator {refusing}");
    let arguments = words(&arguments);
    refused(
        &stage.run(&["operator", "claim", "--watch", "--operator", &one]),
        2,
        &["--yes"],
    );
    let mut child = stage
        .command(&arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next()["watching"].as_array().unwrap().len(), 2);

    // An amount below the minimum waits.
    stage.settle(&[(operator(1), MILLI)]);
    stage.pass();
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(stage.holds(operator(1)), U256::ZERO);
    stage.settle(&[(operator(1), 2 * MILLI), (REFUSING, 5 * MILLI)]);
    stage.pass();
    let paid = next();
    assert_eq!(paid["paid"][0]["amount"], (3 * MILLI).to_string(), "{paid}");
    // A recipient that rejected is not retried each time.
    assert_eq!(paid["refused"].as_array().unwrap().len(), 1, "{paid}");
    let blocks = || stage.site.world.anvil.rpc("eth_blockNumber", json!([])).unwrap();
    let before = blocks();
    std::thread::sleep(Duration::from_millis(2_500));
    assert_eq!(blocks(), before);

    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    let begun = Instant::now();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(
        said.contains("no settlement has been posted yet") && said.contains("less than --min"),
        "{said}"
    );
    assert!(said.contains("stopped; "), "{said}");
}

#[test]
fn a_payout_address_is_shown_set_and_reset() {
    let mut stage = Stage::new();
    let key = stage.site.world.anvil.dev_key(5);
    let owner = assize_keys::Signer::from_bytes(&key).unwrap().address();
    let me = text(owner);
    let show = |stage: &Stage| stage.ends_with(0, &["operator", "payout-address", "show", &me]);
    assert!(show(&stage).contains("go to its own address"));
    for native in ["f17uoq6tp427uzv7fztkbsnn64iwotfrristwpryy", "f01729"] {
        refused(
            &stage.run(&["operator", "payout-address", "set", native, "--yes"]),
            2,
            &[
                "NoFilecoinPrecompiles",
                "cannot pay f0, f1, f2 and f3",
                "0x or f410",
            ],
        );
    }
    let other = text(operator(6));
    refused(
        &stage.run(&["operator", "payout-address", "set", &other]),
        2,
        &["not a terminal", "--yes"],
    );
    refused(
        &stage.run(&words(
            "operator payout-address set 0x0000000000000000000000000000000000000000",
        )),
        2,
        &["zero address"],
    );

    let set = stage.ends_with(0, &["operator", "payout-address", "set", &other, "--yes"]);
    assert!(set.contains(&format!("go to {other} (f410")), "{set}");
    assert!(show(&stage).contains(&other));
    let again = stage.ends_with(0, &["operator", "payout-address", "set", &other, "--yes"]);
    assert!(again.contains("nothing to change"), "{again}");
    let output = stage.run(&[
        "operator",
        "payout-address",
        "set",
        &text(operator(7)),
        "--yes",
        "--format",
        "json",
    ]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("now go to") && said.contains(&other) && said.contains("will go to"),
        "{said}"
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["payoutAddress"], text(operator(7)));

    // Claims pay to it, whoever sends them.
    stage.settle(&[(owner, 7 * MILLI)]);
    stage.pass();
    let balance = stage.ends_with(0, &["operator", "balance", &me]);
    assert!(
        balance.contains("goes to     its payout address 0x0707"),
        "{balance}"
    );
    let mut other = stage.command(&["operator", "claim", "--operator", &me, "--yes"]);
    let other = other
        .env(
            "ASSIZE_PRIVATE_KEY",
            stage.site.world.anvil.dev_key(6).to_string(),
        )
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&other.stdout);
    assert!(said.contains("to its payout address 0x0707"), "{said}");
    assert_eq!(stage.holds(operator(7)), U256::from(7 * MILLI));

    let warned = stage.run(&["operator", "payout-address", "set", &text(REFUSING), "--yes"]);
    assert!(String::from_utf8_lossy(&warned.stderr).contains("rejects FIL now"));
    stage.ends_with(0, &["operator", "payout-address", "set", "reset", "--yes"]);
    assert!(show(&stage).contains("go to its own address"));
}
