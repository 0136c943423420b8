//! The network's processes, started in the order of their dependencies.

use assize_service::Stop;
use assize_testkit::filecoin::{CURIO_PEER_IDS, LocalFilecoin};
use eyre::OptionExt;

use super::UpArgs;
use super::environment::{EVALUATORS, Environment, url};
use super::process::Process;
use super::scenario::{AWAY, Scenario, refusing_proxy};

/// Rounds in a settlement: each round is settled and paid on its own, so that payments start early. An idle network has more.
const ROUNDS_PER_SETTLEMENT: u64 = 1;
/// Time between two polls of the chain, which makes a block a second.
const POLL: &str = "250ms";
/// Checkers of one operator.
const CHECKERS_PER_OPERATOR: u64 = 3;

/// All processes except the chain and the beacons.
pub(super) struct Processes {
    pub coordinator: Process,
    pub publisher: Process,
    pub evaluators: Vec<Process>,
    pub guardian: Process,
    pub scheduler: Process,
    pub checkers: Vec<Process>,
    /// URL of the coordinator.
    pub api: String,
    /// Address of the key that signs receipts.
    pub ingest: String,
}

impl Processes {
    /// Starts all processes. The coordinator opens the first round when all checkers are live.
    ///
    /// After `stop` is set, no more checkers are started.
    pub(super) fn start(
        args: &UpArgs,
        environment: &Environment,
        filecoin: &LocalFilecoin,
        stop: &Stop,
    ) -> eyre::Result<Self> {
        let (coordinator, api, ingest) = coordinator(args, environment)?;
        let publisher = publisher(args, environment)?;
        let (mut evaluators, mut peers) = (Vec::new(), Vec::new());
        // Each knows those before it, so the last collects all signatures and posts; the others have FIL to object.
        for index in 0..EVALUATORS {
            let (evaluator, url) = evaluator(environment, index, &peers)?;
            if environment.idling.is_some() && index < AWAY {
                evaluator.pause()?;
            }
            evaluators.push(evaluator);
            peers.push(url);
        }
        // The guardian asks its gateways at its start whether they answer, and waits for those that are down.
        let awake = match environment.idling {
            None => &peers[..],
            Some(_) => &peers[AWAY as usize..],
        };
        let mut processes = Self {
            coordinator,
            publisher,
            evaluators,
            guardian: guardian(environment, awake)?,
            scheduler: scheduler(environment)?,
            checkers: Vec::new(),
            api,
            ingest,
        };
        for index in 0..u64::from(args.checkers) {
            if stop.is_set() {
                break;
            }
            let plan = CheckerPlan {
                index,
                left_out: args.scenario == Some(Scenario::LeftOut) && index == 0,
                pays: args.scenario == Some(Scenario::Withheld),
                witnesses: &peers,
            };
            let checker = checker(environment, filecoin, &processes.api, &plan)?;
            processes.checkers.push(checker);
        }
        Ok(processes)
    }

    /// Returns an error if a process has exited.
    pub(super) fn expect_running(&mut self) -> eyre::Result<()> {
        self.all().try_for_each(Process::expect_running)
    }

    /// Terminates all processes and waits for them, checkers first.
    pub(super) fn end(&mut self) -> eyre::Result<()> {
        for process in self.all() {
            process.terminate()?;
        }
        self.all().try_for_each(Process::wait)
    }

    /// Peak memory of each kind of process, KiB.
    pub(super) fn peak_memory(&self) -> [(&'static str, u64); 6] {
        let max = |processes: &[Process]| processes.iter().filter_map(Process::peak_memory).max();
        let one = |process: &Process| process.peak_memory().unwrap_or_default();
        [
            ("coordinator", one(&self.coordinator)),
            ("publisher", one(&self.publisher)),
            ("evaluator", max(&self.evaluators).unwrap_or_default()),
            ("guardian", one(&self.guardian)),
            ("scheduler", one(&self.scheduler)),
            ("checker", max(&self.checkers).unwrap_or_default()),
        ]
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Process> {
        let Self {
            coordinator,
            publisher,
            evaluators,
            guardian,
            scheduler,
            checkers,
            ..
        } = self;
        let services = [coordinator, publisher, guardian, scheduler];
        checkers.iter_mut().chain(services).chain(evaluators)
    }
}

fn coordinator(args: &UpArgs, environment: &Environment) -> eyre::Result<(Process, String, String)> {
    let key = environment.keys.secret("coordinator", 0);
    let checkers = args.checkers.to_string();
    let mut arguments = vec![
        "run",
        "coordinator",
        "--listen",
        "127.0.0.1:0",
        "--tasks",
        "tasks.ndjson",
    ];
    arguments.extend([
        "--min-stations",
        &checkers,
        "--heartbeat-interval",
        "5s",
        "--poll",
        POLL,
    ]);
    arguments.extend(environment.chain(environment.anvil.url()));
    arguments.extend(environment.drand());
    let (process, ready) = Process::start_ready(&environment.command("coordinator", Some(key)), arguments)?;
    let ingest = ready["ingest"]
        .as_str()
        .ok_or_eyre("the coordinator reported no ingest key")?;
    Ok((process, url(&ready)?, ingest.to_owned()))
}

fn publisher(args: &UpArgs, environment: &Environment) -> eyre::Result<Process> {
    let key = environment.keys.secret("publisher", 0);
    let mut arguments = vec!["run", "publisher"];
    arguments.extend(["--poll", POLL]);
    if args.scenario == Some(Scenario::Withheld) {
        arguments.extend(["--store", "hidden"]);
    }
    arguments.extend(environment.chain(environment.anvil.url()));
    Ok(Process::start_ready(&environment.command("publisher", Some(key)), arguments)?.0)
}

fn evaluator(environment: &Environment, index: u64, peers: &[String]) -> eyre::Result<(Process, String)> {
    let key = environment.keys.secret("evaluator", index);
    let rounds = match environment.idling {
        None => ROUNDS_PER_SETTLEMENT,
        Some(idling) => idling.per_settlement,
    };
    let rounds = rounds.to_string();
    let mut arguments = vec![
        "run",
        "evaluator",
        "--rounds-per-settlement",
        &rounds,
        "--delay",
        "0s",
        "--listen",
        "127.0.0.1:0",
    ];
    arguments.extend(["--poll", POLL, "--post"]);
    arguments.extend(peers.iter().flat_map(|peer| ["--peer", peer]));
    // Each has a queue and a catalog of its own, and all have the network's store.
    let data = format!("evaluators/{index}");
    std::fs::create_dir_all(environment.directory.join(&data))?;
    arguments.extend(["--rpc-url", environment.anvil.url(), "--data", &data]);
    arguments.extend(["--deployment", "deployment.json", "--store", "store"]);
    arguments.extend(environment.drand());
    let start = environment.command(format!("evaluator-{index}"), Some(key));
    let (process, ready) = Process::start_ready(&start, arguments)?;
    Ok((process, url(&ready)?))
}

fn guardian(environment: &Environment, evaluators: &[String]) -> eyre::Result<Process> {
    let key = environment.keys.secret("guardian", 0);
    let mut arguments = vec!["run", "guardian", "--poll", POLL];
    arguments.extend(evaluators.iter().flat_map(|url| ["--gateway", url]));
    arguments.extend(environment.chain(environment.anvil.url()));
    arguments.extend(environment.drand());
    Ok(Process::start_ready(&environment.command("guardian", Some(key)), arguments)?.0)
}

fn scheduler(environment: &Environment) -> eyre::Result<Process> {
    let key = environment.keys.secret("scheduler", 0);
    let mut arguments = vec![
        "run",
        "payout",
        "--floor",
        "0",
        "--poll",
        POLL,
        "--metrics",
        "127.0.0.1:0",
    ];
    arguments.extend(environment.chain(environment.anvil.url()));
    Ok(Process::start_ready(&environment.command("scheduler", Some(key)), arguments)?.0)
}

/// What distinguishes a checker.
struct CheckerPlan<'a> {
    index: u64,
    /// The coordinator takes no measurements from it.
    left_out: bool,
    /// It has a key for its own reports anyway.
    pays: bool,
    /// The evaluators' URLs.
    witnesses: &'a [String],
}

/// A checker with its own address, 127.N.N.1, so that each is in its own subnet.
fn checker(
    environment: &Environment,
    filecoin: &LocalFilecoin,
    api: &str,
    plan: &CheckerPlan<'_>,
) -> eyre::Result<Process> {
    let &CheckerPlan {
        index,
        left_out,
        pays,
        witnesses,
    } = plan;
    let operator = environment
        .keys
        .address("operator", index / CHECKERS_PER_OPERATOR)?
        .to_string();
    let directory = format!("checkers/{index}");
    std::fs::create_dir_all(environment.directory.join(&directory))?;
    let bind = format!("127.{}.{}.1", 1 + index / 250, index % 250);
    let (rpc, indexer) = (filecoin.rpc_url(), filecoin.indexer_url());
    let api = match left_out {
        true => refusing_proxy(api)?,
        false => api.to_owned(),
    };
    let mut arguments = vec!["run", "checker", "--coordinator", &api, "--operator", &operator];
    arguments.extend(witnesses.iter().flat_map(|witness| ["--witness", witness]));
    arguments.extend(["--indexer", &indexer]);
    if !left_out {
        // The proxy is on this machine, and in a subnet of its own.
        arguments.extend(["--bind", &bind]);
    }
    let curio = CURIO_PEER_IDS.to_string();
    arguments.extend(["--allow-private", "--log", "json", "--peer-ids", &curio]);
    arguments.extend([
        "--rpc-url",
        &rpc,
        "--deployment",
        "deployment.json",
        "--data",
        &directory,
    ]);
    arguments.extend(environment.drand());
    let mut start = environment.command(format!("checker-{index}"), None);
    if left_out || pays {
        // Its key is funded only now: in most networks nobody needs one.
        environment.fund("inclusion", index)?;
        start.inclusion_key = Some(environment.keys.secret("inclusion", index));
    }
    Process::start(&start, arguments)
}
