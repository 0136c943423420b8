//! What a daemon says if it cannot do its work: before it touches a file, with exit code 2, the cause and the remedy.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use assize_testkit::fixtures;
use assize_testkit::world::{World, WorldPlan};
use common::processes::Running;
use common::refused;
use common::site::Site;

/// A daemon that starts although it must not is killed after this time.
const PATIENCE: Duration = Duration::from_secs(30);
/// An account of anvil without a role in the network.
const STRANGER: usize = 8;
/// A key whose address has no FIL.
const UNFUNDED: &str = "0x00000000000000000000000000000000000000000000000000000000000a551e";
const OPERATOR: &str = "0x00000000000000000000000000000000000000aa";

/// A daemon with what it needs to start.
struct Daemon {
    name: &'static str,
    account: Option<usize>,
    arguments: &'static [&'static str],
    /// Whether it verifies beacons.
    drand: bool,
    /// Its listeners.
    listeners: &'static [&'static str],
}

const DAEMONS: [Daemon; 5] = [
    Daemon {
        name: "coordinator",
        account: Some(0),
        arguments: &["--tasks", "tasks.ndjson", "--listen", "127.0.0.1:0"],
        drand: true,
        listeners: &["--listen", "--metrics"],
    },
    Daemon {
        name: "publisher",
        account: Some(World::PUBLISHER),
        arguments: &[],
        drand: false,
        listeners: &["--metrics"],
    },
    Daemon {
        name: "evaluator",
        account: Some(0),
        arguments: &["--post"],
        drand: true,
        listeners: &["--listen", "--metrics"],
    },
    Daemon {
        name: "payout",
        account: Some(5),
        arguments: &[],
        drand: false,
        listeners: &["--metrics"],
    },
    Daemon {
        name: "checker",
        account: None,
        arguments: &["--coordinator", "http://127.0.0.1:9", "--operator", OPERATOR],
        drand: true,
        listeners: &["--metrics"],
    },
];

struct Scene(Site);

impl Scene {
    async fn new() -> Self {
        let scene = Self(Site::new(World::start_with(WorldPlan::default()).await.unwrap()));
        let tasks = fixtures::tasks().unwrap().to_ndjson();
        fs::write(scene.0.path("tasks.ndjson"), tasks).unwrap();
        scene
    }

    /// Starts the daemon with additional arguments, and waits until it ends. Without `--drand-info`, if `quicknet`.
    fn run(
        &self,
        daemon: &Daemon,
        account: Option<usize>,
        more: &[&str],
        key: Option<&str>,
        quicknet: bool,
    ) -> Output {
        let replaced = |argument: &str| more.contains(&argument);
        let mut arguments = vec!["run", daemon.name];
        let mut own = daemon.arguments.iter();
        while let Some(argument) = own.next() {
            if replaced(argument) {
                own.next();
            } else {
                arguments.push(argument);
            }
        }
        if daemon.drand && !quicknet {
            arguments.extend(["--drand-info", "drand.json"]);
        }
        arguments.extend(more);
        let mut command = self.0.command(account, &arguments);
        command.env("ASSIZE_DATA", "data");
        if let Some(key) = key {
            command.env("ASSIZE_PRIVATE_KEY", key);
        }
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if begun.elapsed() > PATIENCE {
                child.kill().unwrap();
                let mut log = String::new();
                child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
                panic!("{} started with {more:?}: {log}", daemon.name);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        child.wait_with_output().unwrap()
    }

    fn files(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(self.0.directory.path()).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_cannot_work_says_why_and_touches_nothing() {
    let scene = Scene::new().await;
    let before = scene.files();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for daemon in &DAEMONS {
        let Daemon {
            name,
            account,
            drand,
            listeners,
            ..
        } = *daemon;
        let fails = |output: Output, words: &[&str]| {
            refused(&output, 2, words);
            assert_eq!(scene.files(), before, "{name}, {words:?}");
        };

        // A key without the role, and one that cannot pay for gas either: both are said at once.
        let role: Option<&[&str]> = match name {
            "coordinator" => Some(&[
                "but the network's coordinator is",
                "assize admin set-coordinator 0x",
            ]),
            "publisher" => Some(&["may not commit batches", "assize admin allow-publisher 0x"]),
            "evaluator" => Some(&[
                "is not one of the network's evaluators",
                "assize admin set-evaluators",
            ]),
            _ => None,
        };
        if let Some(words) = role {
            fails(scene.run(daemon, Some(STRANGER), &[], None, false), words);
            let words = [words, &["nothing was changed:\n", "holds 0 FIL"]].concat();
            fails(scene.run(daemon, account, &[], Some(UNFUNDED), false), &words);
        } else if name == "payout" {
            fails(
                scene.run(daemon, account, &[], Some(UNFUNDED), false),
                &["holds 0 FIL"],
            );
        }

        // Another drand chain than that of the contracts.
        if drand {
            let words = [
                "the network's contracts verify beacons of",
                "(quicknet)",
                "--drand-info FILE",
            ];
            fails(scene.run(daemon, account, &[], None, true), &words);
        }

        // A port that is taken.
        for listener in listeners {
            let words = [taken.as_str(), "give another"];
            fails(
                scene.run(daemon, account, &[listener, &taken], None, false),
                &words,
            );
        }

        // A data directory that cannot be written to: a file is in the way, which stops root as well.
        let words = ["cannot write to the data directory", "--data"];
        let output = scene.run(daemon, account, &["--data", "drand.json/data"], None, false);
        fails(output, &words);

        // The same of the store.
        if name != "checker" {
            let words = ["cannot write to the store drand.json/store", "--store"];
            let output = scene.run(daemon, account, &["--store", "drand.json/store"], None, false);
            fails(output, &words);
        }
        // Files that are missing or hold something else.
        let faults: &[(&[&str], &str)] = match name {
            "coordinator" => &[
                (&["--subnet-secret", "drand.json"], "subnet secret"),
                (&["--ingest-key", "drand.json"], "ingest key"),
            ],
            "publisher" => &[
                (&["missing.ndjson"], "cannot read missing.ndjson"),
                (&["--import-only", "missing.ndjson"], "cannot read missing.ndjson"),
            ],
            _ => &[],
        };
        for (arguments, words) in faults {
            fails(scene.run(daemon, account, arguments, None, false), &[words]);
        }
    }
    let output = scene.0.run(None, &["run", "beacon", "--listen", &taken]);
    refused(&output, 2, &[&taken, "give another"]);
    assert_eq!(scene.files(), before);

    // A task list that is missing, empty, or broken.
    let [coordinator, ..] = &DAEMONS;
    let mut with = before.clone();
    for (file, content, words) in [
        ("missing.ndjson", None, "cannot read the task list missing.ndjson"),
        ("empty.ndjson", Some(""), "the task list empty.ndjson is empty"),
        ("broken.ndjson", Some("{}\n"), "broken.ndjson: line 1"),
    ] {
        if let Some(content) = content {
            fs::write(scene.0.path(file), content).unwrap();
            with.insert(file.to_owned());
        }
        let output = scene.run(coordinator, Some(0), &["--tasks", file], None, false);
        refused(&output, 2, &[words, "nothing was changed"]);
        assert_eq!(scene.files(), with);
    }
}

/// A mistyped store must not look like an empty one.
#[tokio::test(flavor = "multi_thread")]
async fn who_only_reads_a_store_does_not_create_it() {
    let scene = Scene::new().await;
    let before = scene.files();
    for arguments in [
        &["run", "gateway", "--listen", "127.0.0.1:0", "--store", "sotre"][..],
        &[
            "verify",
            "round",
            "1",
            "--store",
            "sotre",
            "--drand-info",
            "drand.json",
        ],
        &[
            "settlement",
            "evaluate",
            "--store",
            "sotre",
            "--out",
            "document.json",
            "--drand-info",
            "drand.json",
        ],
    ] {
        let output = scene.0.run(None, arguments);
        refused(&output, 2, &["sotre is not a store"]);
        assert_eq!(scene.files(), before);
    }
}

/// Supervisors do not restart after exit code 2, so what may pass by itself is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_or_a_database_that_is_not_there_yet_is_waited_for() {
    let scene = Scene::new().await;
    let nobody = "127.0.0.1:9";
    let database = format!("postgres://assize@{nobody}/assize");
    for (name, account, more) in [
        (
            "publisher",
            World::PUBLISHER,
            &["--rpc-url", &format!("http://{nobody}")][..],
        ),
        ("publisher", World::PUBLISHER, &["--database", &database]),
        (
            "coordinator",
            0,
            &[
                "--tasks",
                "tasks.ndjson",
                "--listen",
                "127.0.0.1:0",
                "--drand-info",
                "drand.json",
                "--database",
                &database,
            ],
        ),
    ] {
        let arguments = [&["run", name, "--data", "data"][..], more].concat();
        let mut command = scene.0.command(Some(account), &arguments);
        let mut daemon = Running(command.stderr(Stdio::piped()).spawn().unwrap());
        let log = BufReader::new(daemon.0.stderr.take().unwrap());
        let waits = log
            .lines()
            .any(|line| line.unwrap().contains("cannot start yet; retrying"));
        assert!(waits, "{arguments:?}");
        assert!(daemon.0.try_wait().unwrap().is_none(), "{arguments:?}");
    }
}
