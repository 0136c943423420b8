//! Deployments with the binary and with forge: planned, broadcast, interrupted, compared with the source, handed over.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test panics")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use assize_testkit::anvil::Anvil;
use common::{assize, ended, refused};
use serde_json::{Value, json};

/// A chain, and a directory for files.
struct Site {
    anvil: Anvil,
    directory: tempfile::TempDir,
}

impl Site {
    fn new(anvil: Anvil) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { anvil, directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Runs a command with anvil's first account, in the directory.
    fn run(&self, arguments: &[&str]) -> Output {
        assize()
            .args(arguments)
            .current_dir(self.directory.path())
            .env("ASSIZE_RPC_URL", self.anvil.url())
            .env("ASSIZE_PRIVATE_KEY", self.anvil.dev_key(0).to_string())
            .output()
            .unwrap()
    }

    fn done(&self, arguments: &[&str]) -> String {
        ended(self.run(arguments), 0)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.done(arguments)).unwrap()
    }

    /// docs/params/<name>.json with changes.
    fn params(&self, name: &str, change: impl FnOnce(&mut Value)) -> String {
        let text = fs::read_to_string(root().join(format!("docs/params/{name}.json"))).unwrap();
        let mut params: Value = serde_json::from_str(&text).unwrap();
        change(&mut params);
        let path = self.path("params.json");
        fs::write(&path, serde_json::to_string_pretty(&params).unwrap()).unwrap();
        path.display().to_string()
    }

    /// Number of transactions that the first account has sent.
    fn sent(&self) -> u64 {
        let count = self
            .anvil
            .rpc("eth_getTransactionCount", json!([DEPLOYER, "latest"]));
        number(&count.unwrap())
    }

    /// A transaction from an impersonated account.
    fn impersonate(&self, from: &str, to: &str, data: &str) {
        self.anvil
            .rpc("anvil_setBalance", json!([from, "0xde0b6b3a7640000"]))
            .unwrap();
        self.anvil.rpc("anvil_impersonateAccount", json!([from])).unwrap();
        let transaction = json!({"from": from, "to": to, "data": data, "gas": "0x4c4b40"});
        let hash = self
            .anvil
            .rpc("eth_sendTransaction", json!([transaction]))
            .unwrap();
        // anvil responds before it has mined.
        let receipt = loop {
            let receipt = self
                .anvil
                .rpc("eth_getTransactionReceipt", json!([hash]))
                .unwrap();
            if !receipt.is_null() {
                break receipt;
            }
        };
        assert_eq!(receipt["status"], "0x1", "{receipt}");
    }

    /// `assize deploy check`: exit code and what differs.
    fn check(&self, deployment: &str, more: &[&str]) -> (i32, Vec<Value>) {
        let arguments = [
            &["deploy", "check", "--format", "json", "--deployment", deployment],
            more,
        ]
        .concat();
        let output = self.run(&arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{stderr}"));
        let findings = report["findings"].as_array().unwrap();
        let differing = findings.iter().filter(|finding| finding["verdict"] == "differs");
        (output.status.code().unwrap(), differing.cloned().collect())
    }
}

const DEPLOYER: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const STRANGER: &str = "0x00000000000000000000000000000000005a4e01";

/// Selectors.
const SET_EVALUATORS: &str = "0x86946c9d";
const SET_COORDINATOR: &str = "0x8ea98117";
const TRANSFER_OWNERSHIP: &str = "0xf2fde38b";

fn address(byte: u8) -> String {
    format!("0x{}", format!("{byte:02x}").repeat(20))
}

/// Replaces the placeholders in docs/params by addresses; the owner's consists of 21s.
fn own_addresses(params: &mut Value) {
    let roles = ["owner", "coordinator", "guardian", "treasury"];
    for (byte, role) in (0x21..).zip(roles) {
        params[role] = address(byte).into();
    }
    params["evaluators"] = json!([address(0x33), address(0x31), address(0x32)]);
    params["publishers"] = json!([address(0x41)]);
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn number(hex: &Value) -> u64 {
    u64::from_str_radix(hex.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

fn subjects(differing: &[Value]) -> Vec<&str> {
    differing
        .iter()
        .map(|finding| finding["subject"].as_str().unwrap())
        .collect()
}

fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, serde_json::to_vec_pretty(&value).unwrap()).unwrap();
}

#[test]
fn a_dry_run_sends_nothing_and_a_deployment_matches_its_file() {
    let site = Site::new(Anvil::start().unwrap());
    let params = site.params("anvil", |_| {});

    let shown = site.done(&["deploy", "plan", "--params", &params]);
    let words = [
        "Plan for devnet-31337",
        "minChallengeWindow",
        "never touches money",
        "2 of 3 together sign settlements",
        "create Court",
        "create Roles",
        "create DrandBeacon",
        "FIL for a unit: at most 0.",
        "`guardian`: it equals the owner",
        "`evaluators`: 0x0000000000000000000000000000000000000005 is a placeholder",
    ];
    for word in words {
        assert!(shown.contains(word), "no `{word}` in {shown}");
    }
    let plan = site.json(&["deploy", "plan", "--params", &params, "--format", "json"]);
    assert_eq!(plan["plan"]["creations"][4]["name"], "Rewards");
    assert!(plan["plan"]["creations"][4]["gas"].is_u64(), "{plan}");
    // Without a key, the plan is for the owner.
    let without_key = assize()
        .args([
            "deploy",
            "plan",
            "--params",
            &params,
            "--rpc-url",
            site.anvil.url(),
        ])
        .output()
        .unwrap();
    assert!(without_key.status.success(), "{without_key:?}");
    assert_eq!(site.sent(), 0);
    assert!(!site.path("deployment.json").exists());

    let deployed = site.done(&["deploy", "apply", "--yes", "--params", &params]);
    assert!(deployed.contains("deployment.json"), "{deployed}");
    assert_eq!(site.sent(), 5);
    let file = site.text("deployment.json");
    let record: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(record["chainId"], 31_337);
    assert_eq!(record["contracts"]["rewards"]["constructor"][1]["name"], "rounds");
    let rounds = &record["contracts"]["rewards"]["constructor"][1]["value"];
    assert_eq!(
        rounds.as_str().unwrap().to_lowercase(),
        record["rounds"].as_str().unwrap()
    );
    assert!(!site.path("deployment.json.unfinished").exists());
    assert_eq!(site.check(&file, &[]), (0, vec![]));
    let text = site.done(&["deploy", "check", "--deployment", &file]);
    assert!(
        text.contains("ok       Rewards code: the code of Rewards in the source"),
        "{text}"
    );
    assert!(text.contains("nothing differs"), "{text}");

    // The other commands read the same file; a second deployment does not overwrite it.
    let deposit = ["deposit", "1", "--yes", "--format", "json", "--deployment", &file];
    assert_eq!(site.json(&deposit)["value"], "1000000000000000000");
    // Without a confirmation, nothing is sent.
    let unanswered = ["deploy", "apply", "--params", &params, "--out", "unsent.json"];
    refused(&site.run(&unanswered), 2, &["not a terminal", "--yes"]);
    let again = ["deploy", "apply", "--yes", "--params", &params];
    refused(&site.run(&again), 2, &["another deployment", "--out", "--force"]);
    let elsewhere = format!("deploy apply --yes --params {params} --out other.json --format json");
    let elsewhere = common::words(&elsewhere);
    let other = site.json(&elsewhere);
    assert_ne!(other["rounds"], record["rounds"]);
    site.done(&[&again[..], &["--force"]].concat());
    assert_eq!(site.check(&file, &[]), (0, vec![]));

    // A file with addresses only: the source is compared, the rest is unknown until the parameters are given.
    edit(Path::new(&file), |file| {
        let keep = [
            "chainId", "court", "roles", "beacon", "rounds", "rewards", "block",
        ];
        file.as_object_mut()
            .unwrap()
            .retain(|field, _| keep.contains(&field.as_str()));
    });
    let text = site.done(&["deploy", "check", "--deployment", &file]);
    assert!(text.contains("ok       Rewards code"), "{text}");
    assert!(
        text.contains("unknown  Rewards code hash: the file has none"),
        "{text}"
    );
    assert!(text.contains(&format!("unknown  guardian: {DEPLOYER}")), "{text}");
    let approve = ["deploy", "approve", "--deployment", &file];
    refused(&site.run(&approve), 2, &["no parameters", "--params"]);
    site.done(&[&approve[..], &["--params", &params]].concat());
    let record: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert!(record["contracts"]["rounds"]["codeHash"].is_string(), "{record}");
    let text = site.done(&["deploy", "check", "--deployment", &file, "--quiet"]);
    assert!(
        text.contains("unknown  Rounds creation: the file names no transaction"),
        "{text}"
    );
    assert!(!text.contains("guardian"), "{text}");
}

#[test]
fn a_check_names_the_differences() {
    let site = Site::new(Anvil::start().unwrap());
    let params = site.params("anvil", |_| {});
    site.done(&["deploy", "apply", "--yes", "--params", &params, "--out", "d.json"]);
    let file = site.path("d.json");
    let good = fs::read(&file).unwrap();
    let record: Value = serde_json::from_slice(&good).unwrap();
    let address_of = |part: &str| record[part].as_str().unwrap();
    let (roles, rounds, rewards) = (address_of("roles"), address_of("rounds"), address_of("rewards"));
    let name = file.display().to_string();

    // A file that was tampered with.
    edit(&file, |file| {
        file["contracts"]["rounds"]["codeHash"] = format!("0x{}", "12".repeat(32)).into();
        file["params"]["paymentGas"] = 70_000.into();
    });
    let (code, differing) = site.check(&name, &[]);
    assert_eq!(code, 1);
    let expected = [
        "Rounds code hash",
        "Rewards immutables",
        "Rewards constructor arguments",
        "Rewards creation",
        "paymentGas",
    ];
    assert_eq!(subjects(&differing), expected);
    assert_eq!(
        (&differing[4]["expected"], &differing[4]["found"]),
        (&json!("70000"), &json!("60000"))
    );
    // Rounds and Rewards exchanged.
    fs::write(&file, &good).unwrap();
    edit(&file, |file| {
        (file["rounds"], file["rewards"]) = (rewards.into(), rounds.into())
    });
    let (code, differing) = site.check(&name, &[]);
    assert_eq!(code, 1);
    assert!(subjects(&differing).contains(&"Rounds code"), "{differing:?}");
    fs::write(&file, &good).unwrap();

    // Roles that have changed since: 2 of [0x07, 0x08] and a coordinator are announced, an ownership offered.
    let word = |number: u64| format!("{number:064x}");
    let evaluators = [64, 2, 2, 7, 8].map(word).concat();
    site.impersonate(DEPLOYER, roles, &format!("{SET_EVALUATORS}{evaluators}"));
    let stranger = format!("{:0>64}", &STRANGER[2..]);
    site.impersonate(DEPLOYER, roles, &format!("{TRANSFER_OWNERSHIP}{stranger}"));
    site.impersonate(DEPLOYER, rounds, &format!("{SET_COORDINATOR}{stranger}"));
    let output = site.run(&["deploy", "check", "--deployment", &name]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    for words in [
        "DIFFERS  announced evaluators: expected none, found 2 of 0x0000000000000000000000000000000000000007",
        "DIFFERS  pending owner: expected none, found 0x00000000000000000000000000000000005a4e01",
        "DIFFERS  announced coordinator: expected none, found 0x00000000000000000000000000000000005a4e01 from ",
        "3 of",
    ] {
        assert!(text.contains(words), "no `{words}` in {text}");
    }
    // After the window, they are in force.
    let now = site.anvil.timestamp().unwrap();
    site.anvil.mine_at(now + 86_401).unwrap();
    let (_, differing) = site.check(&name, &[]);
    assert_eq!(
        subjects(&differing),
        ["pending owner", "coordinator", "evaluators"]
    );
    // `deploy approve` accepts the changes.
    let approved = site.done(&["deploy", "approve", "--deployment", &name]);
    assert!(approved.contains("3 changes approved"), "{approved}");
    assert_eq!(site.check(&name, &[]), (0, vec![]));
    // The deployed parameters are kept for comparison.
    assert_eq!(site.check(&name, &["--params", &params]).0, 0);

    // Other code is never approved.
    let code = site.anvil.rpc("eth_getCode", json!([rounds, "latest"])).unwrap();
    let code = code.as_str().unwrap();
    let middle = code.len() / 2;
    let other = if &code[middle..=middle] == "0" { "1" } else { "0" };
    let patched = format!("{}{other}{}", &code[..middle], &code[middle + 1..]);
    site.anvil.set_code(rounds.parse().unwrap(), &patched).unwrap();
    let (code, differing) = site.check(&name, &[]);
    assert_eq!(code, 1);
    assert_eq!(subjects(&differing)[..2], ["Rounds code", "Rounds code hash"]);
    let approve = site.run(&["deploy", "approve", "--deployment", &name]);
    refused(&approve, 2, &["nothing approved", "Rounds code"]);

    // Another chain, no contract, no node, no file.
    let elsewhere = Site::new(Anvil::start_as(314).unwrap());
    let check = ["deploy", "check", "--deployment", &name];
    refused(&elsewhere.run(&check), 2, &["serves chain 314, not chain 31337"]);
    let empty = Site::new(Anvil::start().unwrap());
    refused(&empty.run(&check), 2, &["there is no Court contract at"]);
    let nobody = [&check[..], &["--rpc-url", "http://127.0.0.1:9"]].concat();
    refused(&site.run(&nobody), 2, &["http://127.0.0.1:9", "running"]);
    refused(
        &site.run(&["deploy", "check", "--deployment", "none.json"]),
        2,
        &["none.json", "assize deploy"],
    );
}

#[test]
fn dangerous_parameters_are_rejected_on_mainnet() {
    let site = Site::new(Anvil::start_as(314).unwrap());
    let params = site.params("mainnet", |params| {
        params["challengeWindow"] = 3_600.into();
        params["minChallengeWindow"] = 60.into();
        params["court"] = json!({"answerWindow": 30, "slack": 15, "demandWindow": 15, "leastBond": "1"});
        params["parameters"]["step"] = 29.into();
        params["evaluators"] = json!([params["owner"]]);
        params["threshold"] = 1.into();
        params["guardian"] = params["owner"].clone();
        params["parameters"]["budget"] = "0".into();
    });
    let words = [
        "problems with the parameters",
        "`minChallengeWindow`: 1m is less than a day",
        "`challengeWindow`: 1h is less than a day",
        "`evaluators`: a single evaluator",
        "`threshold`: one signature",
        "`owner`: it is also an evaluator",
        "`guardian`: it equals the owner",
        "`parameters.budget`: it is zero",
        "`parameters.step`: 29 s is less than an epoch",
        "`court.answerWindow`: 30s is less than a day",
        "`treasury`: 0x0000000000000000000000000000000000000003 is a placeholder",
    ];
    refused(
        &site.run(&["deploy", "apply", "--yes", "--params", &params]),
        2,
        &words,
    );
    // The dry run rejects the same, and shows the rest.
    let dry = site.run(&["deploy", "plan", "--params", &params]);
    let stderr = String::from_utf8_lossy(&dry.stderr);
    assert_eq!(dry.status.code(), Some(2));
    assert!(words.iter().all(|word| stderr.contains(word)), "{stderr}");
    assert!(String::from_utf8_lossy(&dry.stdout).contains("create FilecoinBeacon"));
    let quicknet = fs::read_to_string(root().join("docs/params/anvil.json")).unwrap();
    let quicknet: Value = serde_json::from_str(&quicknet).unwrap();
    let drand = site.params("mainnet", |params| params["beacon"] = quicknet["beacon"].clone());
    refused(
        &site.run(&["deploy", "apply", "--yes", "--params", &drand]),
        2,
        &["`beacon.kind`", "1.15 G gas"],
    );
    assert_eq!(site.sent(), 0);

    // The committed file with other addresses. The owner is not the deployer.
    let params = site.params("mainnet", own_addresses);
    let output = site.run(&["deploy", "apply", "--yes", "--params", &params]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("is a single key, not a contract"), "{stderr}");
    let file = site.text("deployment.json");
    assert_eq!(site.check(&file, &[]), (0, vec![]));
}

#[test]
fn an_interrupted_deployment_is_resumed() {
    let site = Site::new(Anvil::start().unwrap());
    let params = site.params("anvil", |_| {});
    let deploy = ["deploy", "apply", "--yes", "--params", &params, "--out", "d.json"];
    let resume = [&deploy[..], &["--resume"]].concat();
    refused(&site.run(&resume), 2, &["nothing to resume", "d.json.unfinished"]);

    // The node stops mining: the first transaction is sent, and the process is killed while it waits.
    site.anvil.rpc("evm_setAutomine", json!([false])).unwrap();
    let mut child = assize()
        .args(deploy)
        .current_dir(site.directory.path())
        .env("ASSIZE_RPC_URL", site.anvil.url())
        .env("ASSIZE_PRIVATE_KEY", site.anvil.dev_key(0).to_string())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let pending = || {
        let count = site
            .anvil
            .rpc("eth_getTransactionCount", json!([DEPLOYER, "pending"]));
        number(&count.unwrap())
    };
    while pending() == 0 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let journal: Value = serde_json::from_slice(&fs::read(site.path("d.json.unfinished")).unwrap()).unwrap();
    assert_eq!(journal["steps"].as_array().unwrap().len(), 1);
    assert!(!site.path("d.json").exists());

    site.anvil.rpc("evm_setAutomine", json!([true])).unwrap();
    site.anvil.mine(1).unwrap();
    // Rejects an accidental second deployment, and a resumed one with other input.
    refused(&site.run(&deploy), 2, &["interrupted", "--resume", "--force"]);
    let others = site.params("anvil", |params| params["challengeWindow"] = 90_000.into());
    refused(&site.run(&resume), 2, &["with other parameters", "--resume"]);
    assert_eq!(site.params("anvil", |_| {}), others);
    let record = site.json(&[&resume[..], &["--format", "json"]].concat());
    // Five transactions in total, and the first is the one that was sent before.
    assert_eq!(site.sent(), 5);
    assert_eq!(
        record["contracts"]["court"]["transaction"],
        journal["steps"][0]["transaction"]
    );
    assert!(!site.path("d.json.unfinished").exists());
    assert_eq!(site.check("d.json", &[]), (0, vec![]));
}

/// forge deploys from the same file, and hands over to a timelock; one test, because compiling is slow.
#[test]
fn forge_deploys_the_same_and_hands_over_to_a_timelock() {
    let site = Site::new(Anvil::start().unwrap());
    // forge writes only below the repository.
    let deployments = root().join("deployments");
    fs::create_dir_all(&deployments).unwrap();
    let own = tempfile::Builder::new()
        .prefix(".test-")
        .tempdir_in(&deployments)
        .unwrap();
    let relative = own.path().strip_prefix(root()).unwrap().join("d.json");
    let file = own.path().join("d.json").display().to_string();

    let deploy = |broadcast: bool| {
        let mut forge = forge(&site, "Deploy", broadcast);
        forge
            .env("ASSIZE_PARAMS", "docs/params/anvil.json")
            .env("ASSIZE_OUT", &relative);
        forge.output().unwrap()
    };
    ended(deploy(false), 0);
    assert_eq!((site.sent(), Path::new(&file).exists()), (0, false));
    ended(deploy(true), 0);
    assert_eq!(site.check(&file, &[]), (0, vec![]));
    let params = root().join("docs/params/anvil.json").display().to_string();
    assert_eq!(site.check(&file, &["--params", &params]), (0, vec![]));
    let again = deploy(true);
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("belongs to another deployment"));

    // Parameters that it must reject.
    let deploy_with = |site: &Site, file: &str, params: &Value, out: &str| {
        let path = own.path().join(file);
        fs::write(&path, serde_json::to_vec_pretty(params).unwrap()).unwrap();
        let below_root = |name: &str| own.path().strip_prefix(root()).unwrap().join(name);
        let output = forge(site, "Deploy", true)
            .env("ASSIZE_PARAMS", below_root(file))
            .env("ASSIZE_OUT", below_root(out))
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let mut compressed: Value = serde_json::from_slice(&fs::read(&params).unwrap()).unwrap();
    compressed["beacon"]["publicKey"] = format!("0x{}", "83".repeat(96)).into();
    let (_, stderr) = deploy_with(&site, "compressed.json", &compressed, "none.json");
    assert!(
        stderr.contains("use the 256 bytes of EIP-2537's form"),
        "{stderr}"
    );
    let mainnet = Site::new(Anvil::start_as(314).unwrap());
    let placeholders = fs::read(root().join("docs/params/mainnet.json")).unwrap();
    let mut filecoin: Value = serde_json::from_slice(&placeholders).unwrap();
    filecoin["threshold"] = 1.into();
    let (_, stderr) = deploy_with(&mainnet, "mainnet.json", &filecoin, "none.json");
    for words in [
        "rejected on chain 314",
        "threshold lets one",
        "owner is a placeholder",
    ] {
        assert!(stderr.contains(words), "{stderr}");
    }
    let (_, stderr) = deploy_with(&site, "mainnet.json", &filecoin, "none.json");
    assert!(
        stderr.contains("the parameters are for chain 314, but"),
        "{stderr}"
    );
    assert_eq!(mainnet.sent(), 0);
    own_addresses(&mut filecoin);
    filecoin["threshold"] = 2.into();
    let (done, stderr) = deploy_with(&mainnet, "mainnet.json", &filecoin, "filecoin.json");
    assert!(done, "{stderr}");
    let (_, differing) = mainnet.check(&own.path().join("filecoin.json").display().to_string(), &[]);
    assert_eq!(subjects(&differing), [""; 0]);

    // An account acts as the Safe.
    let delay = 2 * 86_400;
    let handover = forge(&site, "Handover", true)
        .env("ASSIZE_DEPLOYMENT", &relative)
        .env("ASSIZE_SAFE", STRANGER)
        .env("ASSIZE_TIMELOCK_DELAY", delay.to_string())
        .output()
        .unwrap();
    ended(handover, 0);
    let calls = fs::read(format!("{file}.handover.json")).unwrap();
    let calls: Value = serde_json::from_slice(&calls).unwrap();
    let timelock = calls["timelock"].as_str().unwrap();
    let (_, differing) = site.check(&file, &[]);
    assert_eq!(subjects(&differing), ["pending owner"]);

    site.impersonate(STRANGER, timelock, calls["schedule"].as_str().unwrap());
    let now = site.anvil.timestamp().unwrap();
    site.anvil.mine_at(now + delay + 1).unwrap();
    site.impersonate(STRANGER, timelock, calls["execute"].as_str().unwrap());
    let (code, differing) = site.check(&file, &[]);
    assert_eq!((code, subjects(&differing)), (1, vec!["owner"]));
    assert_eq!(differing[0]["found"], timelock);
    let approved = site.done(&["deploy", "approve", "--deployment", &file]);
    assert!(
        approved.contains(&format!("owner: {timelock}, before {DEPLOYER}")),
        "{approved}"
    );
    assert_eq!(site.check(&file, &[]), (0, vec![]));
}

/// `forge script` with anvil's first account.
fn forge(site: &Site, script: &str, broadcast: bool) -> Command {
    let modules = root().join("node_modules/@foundry-rs");
    let binary = fs::read_dir(&modules)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("bin/forge"))
        .find(|path| path.is_file() && !path.to_string_lossy().contains("@foundry-rs/forge/"))
        .expect("forge is not there: run `make test` or `npm install`");
    let mut command = Command::new(binary);
    command
        .current_dir(root())
        .env(
            "FOUNDRY_SOLC",
            root().canonicalize().unwrap().join("scripts/solc.mjs"),
        )
        // A separate build directory, because other builds may run at the same time.
        .env("FOUNDRY_OUT", concat!(env!("CARGO_TARGET_TMPDIR"), "/forge/out"))
        .env(
            "FOUNDRY_CACHE_PATH",
            concat!(env!("CARGO_TARGET_TMPDIR"), "/forge/cache"),
        )
        .env("FOUNDRY_BROADCAST", site.path("broadcast"))
        .arg("script")
        .arg(format!("contracts/script/{script}.s.sol"))
        .args(["--rpc-url", site.anvil.url(), "--slow", "--private-key"])
        .arg(site.anvil.dev_key(0).to_string());
    if broadcast {
        command.arg("--broadcast");
    }
    command
}
