//! The network's processes, started in the order in which they need each other.

use assize_service::Stop;
use assize_testkit::filecoin::{CURIO_PEER_IDS, LocalFilecoin};
use eyre::OptionExt;

use super::UpArgs;
use super::plan::MARGIN;
use super::process::Process;
use super::stage::{EVALUATORS, Stage, url};

/// Rounds of a settlement: each is settled and paid by itself, so that there is something to see.
const EVERY: &str = "1";
/// Pause between two looks at the chain, which makes a block a second.
const POLL: &str = "250ms";
/// Checkers of one operator.
const CHECKERS_PER_OPERATOR: u64 = 3;

/// All processes but the chain's.
pub(super) struct Processes {
    pub coordinator: Process,
    pub publisher: Process,
    pub evaluators: Vec<Process>,
    pub scheduler: Process,
    pub checkers: Vec<Process>,
    /// Where the coordinator is.
    pub api: String,
    /// Address of the key that signs receipts.
    pub ingest: String,
}

impl Processes {
    /// Starts them all. The coordinator opens the first round once all checkers are live.
    ///
    /// Told to end, it starts no more of them.
    pub(super) fn start(
        args: &UpArgs,
        stage: &Stage,
        filecoin: &LocalFilecoin,
        stop: &Stop,
    ) -> eyre::Result<Self> {
        let (coordinator, api, ingest) = coordinator(args, stage)?;
        let mut all = Self {
            coordinator,
            publisher: publisher(stage)?,
            evaluators: Vec::new(),
            scheduler: scheduler(stage)?,
            checkers: Vec::new(),
            api,
            ingest,
        };
        let mut peers = Vec::new();
        // The last one asks the others, and posts.
        for index in 0..EVALUATORS {
            let posts = index + 1 == EVALUATORS;
            let (evaluator, url) = evaluator(stage, index, &peers, posts)?;
            all.evaluators.push(evaluator);
            peers.push(url);
        }
        for index in 0..u64::from(args.checkers) {
            if stop.is_set() {
                break;
            }
            let checker = checker(stage, filecoin, &all.api, index)?;
            all.checkers.push(checker);
        }
        Ok(all)
    }

    /// An error if one of them has ended by itself.
    pub(super) fn expect_running(&mut self) -> eyre::Result<()> {
        self.everybody().try_for_each(Process::expect_running)
    }

    /// Tells everybody to end, and waits: first those that feed others.
    pub(super) fn end(&mut self) -> eyre::Result<()> {
        for process in self.everybody() {
            process.tell_to_end()?;
        }
        self.everybody().try_for_each(Process::wait)
    }

    /// Most memory that each kind has held, KiB.
    pub(super) fn peak_memory(&self) -> [(&'static str, u64); 5] {
        let most = |processes: &[Process]| processes.iter().filter_map(Process::peak_memory).max();
        let one = |process: &Process| process.peak_memory().unwrap_or_default();
        [
            ("coordinator", one(&self.coordinator)),
            ("publisher", one(&self.publisher)),
            ("evaluator", most(&self.evaluators).unwrap_or_default()),
            ("scheduler", one(&self.scheduler)),
            ("checker", most(&self.checkers).unwrap_or_default()),
        ]
    }

    fn everybody(&mut self) -> impl Iterator<Item = &mut Process> {
        let Self {
            coordinator,
            publisher,
            evaluators,
            scheduler,
            checkers,
            ..
        } = self;
        let services = [coordinator, publisher, scheduler];
        checkers.iter_mut().chain(services).chain(evaluators)
    }
}

fn coordinator(args: &UpArgs, stage: &Stage) -> eyre::Result<(Process, String, String)> {
    let key = stage.keys.secret("coordinator", 0);
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
    arguments.extend(stage.chain(stage.anvil.url()));
    arguments.extend(stage.drand());
    let (process, ready) = Process::start_ready(&stage.start("coordinator", Some(key)), arguments)?;
    let ingest = ready["ingest"]
        .as_str()
        .ok_or_eyre("a coordinator that names no ingest key")?;
    Ok((process, url(&ready)?, ingest.to_owned()))
}

fn publisher(stage: &Stage) -> eyre::Result<Process> {
    let key = stage.keys.secret("publisher", 0);
    let margin = format!("{MARGIN}s");
    let mut arguments = vec!["run", "publisher"];
    arguments.extend(["--margin", &margin, "--poll", POLL]);
    arguments.extend(stage.chain(stage.anvil.url()));
    Ok(Process::start_ready(&stage.start("publisher", Some(key)), arguments)?.0)
}

fn evaluator(stage: &Stage, index: u64, peers: &[String], posts: bool) -> eyre::Result<(Process, String)> {
    let key = stage.keys.secret("evaluator", index);
    let mut arguments = vec![
        "run",
        "evaluator",
        "--rounds-per-settlement",
        EVERY,
        "--delay",
        "0s",
        "--listen",
        "127.0.0.1:0",
    ];
    arguments.extend(["--poll", POLL]);
    if posts {
        arguments.extend(["--post"]);
        arguments.extend(peers.iter().flat_map(|peer| ["--peer", peer]));
    }
    let rates = format!("rates-{index}.json");
    if !posts {
        // Evaluators on machines of their own have data directories of their own.
        arguments.extend(["--rates", &rates]);
    }
    arguments.extend(stage.chain(stage.anvil.url()));
    arguments.extend(stage.drand());
    let start = stage.start(format!("evaluator-{index}"), Some(key));
    let (process, ready) = Process::start_ready(&start, arguments)?;
    Ok((process, url(&ready)?))
}

fn scheduler(stage: &Stage) -> eyre::Result<Process> {
    let key = stage.keys.secret("scheduler", 0);
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
    arguments.extend(stage.chain(stage.anvil.url()));
    Ok(Process::start_ready(&stage.start("scheduler", Some(key)), arguments)?.0)
}

/// A checker at an address of its own, 127.0.N.1, so that each is in a subnet of its own.
fn checker(stage: &Stage, filecoin: &LocalFilecoin, api: &str, index: u64) -> eyre::Result<Process> {
    let operator = stage
        .keys
        .address("operator", index / CHECKERS_PER_OPERATOR)?
        .to_string();
    let directory = format!("checkers/{index}");
    std::fs::create_dir_all(stage.directory.join(&directory))?;
    let bind = format!("127.{}.{}.1", 1 + index / 250, index % 250);
    let (rpc, indexer) = (filecoin.rpc_url(), filecoin.indexer_url());
    let mut arguments = vec!["run", "checker", "--coordinator", api, "--operator", &operator];
    arguments.extend(["--indexer", &indexer, "--bind", &bind]);
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
    arguments.extend(stage.drand());
    Process::start(&stage.start(format!("checker-{index}"), None), arguments)
}
