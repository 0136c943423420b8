//! `assize-lab up`: a network of processes on this machine, in real time.

mod checks;
mod environment;
mod network;
mod plan;
mod process;
mod report;
mod scenario;
mod screen;
mod watch;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use assize_protocol::{AttoFil, RoundNumber};
use assize_service::Stop;
use assize_testkit::filecoin::{LocalFilecoin, Plan};
use assize_verify::VerifyError;
use clap::{Args, value_parser};
use eyre::WrapErr;
use serde::Serialize;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use self::checks::Receipts;
use self::environment::Environment;
use self::network::Processes;
use self::report::RoundReport;
use self::scenario::{Idling, Mischief, Scenario};
use self::screen::Screen;
use crate::settings::{settings, to_toml};
use assize_cli::output::{self, Outcome};
use assize_cli::{FormatArgs, wait_for};

/// Time between two polls.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Run a network of processes on this machine, in real time.
#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// Checkers; each is a process with its own key and subnet.
    #[arg(long, default_value_t = 10, value_parser = value_parser!(u32).range(2..=500))]
    checkers: u32,
    /// Rounds to run [default: until Ctrl-C].
    #[arg(long, value_parser = value_parser!(u64).range(1..=1_000))]
    rounds: Option<u64>,
    /// Providers.
    #[arg(long, default_value_t = 20, value_parser = value_parser!(u32).range(1..=200))]
    providers: u32,
    /// Payloads of each provider.
    #[arg(long, default_value_t = 20, value_parser = value_parser!(u32).range(1..=1_000))]
    payloads: u32,
    /// Time from a round's opening to its closing, 60s to 1h.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = round_duration)]
    round: u32,
    /// Trouble: garbage, squatter, theft, left-out, outage, withheld or idle.
    #[arg(long, value_name = "NAME", value_enum, hide_possible_values = true)]
    scenario: Option<Scenario>,
    /// Seed of keys and providers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keep files, databases and logs in this empty or new directory.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    #[command(flatten)]
    format: FormatArgs,
}

/// The result of the run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    rounds: Vec<RoundReport>,
    receipts: Receipts,
    granted: AttoFil,
    paid: AttoFil,
    /// What came of the scenario, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    scenario: Option<String>,
    /// MATCH if a new process recomputed the last settlement.
    verdict: String,
    /// Peak memory of each kind of process, KiB.
    peak_memory: Vec<(&'static str, u64)>,
    seconds: u64,
}

impl Report {
    fn is_correct(&self) -> bool {
        let receipts = self.receipts.included == self.receipts.held;
        receipts && self.verdict == "MATCH" && self.rounds.iter().all(RoundReport::is_correct)
    }
}

fn round_duration(text: &str) -> Result<u32, String> {
    let seconds = assize_cli::positive_seconds(text)?;
    u32::try_from(seconds)
        .ok()
        .filter(|seconds| (60..=3_600).contains(seconds))
        .ok_or_else(|| "give 60s to 1h".into())
}

pub(crate) fn run(args: &UpArgs) -> eyre::Result<Outcome> {
    // Before a directory is created.
    Idling::of(args)?;
    let temporary;
    let directory = match &args.keep {
        Some(directory) => output::empty_directory(directory)?,
        None => {
            temporary = tempfile::tempdir().wrap_err("cannot create a temporary directory")?;
            temporary.path().to_owned()
        }
    };
    // The processes run in this directory.
    let directory = std::path::absolute(directory)?;
    wait_for(up(args, &directory))
}

async fn up(args: &UpArgs, directory: &Path) -> eyre::Result<Outcome> {
    let begun = Instant::now();
    // From here on, a signal first terminates the processes, then this program.
    let stop = Stop::default();
    stop_on_signal(&stop)?;
    let mut environment = Environment::start(args, directory).await?;
    let mut plan = Plan::mixed(args.seed, args.providers, args.payloads);
    plan.upstream = Some(environment.anvil.url().to_owned());
    let filecoin = LocalFilecoin::start(&plan)?;
    std::fs::write(directory.join("tasks.ndjson"), filecoin.tasks().to_ndjson())?;
    let mut processes = Processes::start(args, &environment, &filecoin, &stop)?;
    let config = std::path::absolute(directory)?.join("network.toml");
    std::fs::write(&config, configuration(&environment, &filecoin, &processes.api)?)?;
    output::say(format!(
        "{} checkers, {} providers with {} payloads, coordinator at {}, files in {}\n  other commands reach this network with \
         --config {}",
        args.checkers,
        args.providers,
        filecoin.tasks().count(),
        processes.api,
        directory.display(),
        config.display()
    ));
    let mut mischief = args.scenario.map(Mischief::of);
    if let Some(scenario) = args.scenario {
        output::say(format!("{scenario}"));
    }
    let mut screen = Screen::open(args.format.is_json());
    let mut rounds = Vec::new();
    let watched = watch_rounds(
        args,
        &mut environment,
        &filecoin,
        &mut processes,
        mischief.as_mut(),
        &mut screen,
        &mut rounds,
    );
    let finished = tokio::select! {
        watched = watched => watched.map(|()| true)?,
        () = stop.asked() => false,
    };
    screen.close();
    if !finished {
        output::say("stopping");
        processes.end()?;
        if args.format.is_json() {
            output::json_pretty(&json!({"rounds": rounds}))?;
        }
        return Ok(Outcome::Done);
    }
    let state = watch::state(&environment, &processes.api, args.checkers).await?;
    let scenario = match &mischief {
        Some(mischief) => Some(mischief.outcome(&environment).await?),
        None => None,
    };
    let verdict = checks::verify(&environment, &state)?;
    let first = environment.first_round().0;
    let reported = first..=first + rounds.len() as u64 - 1;
    let receipts = checks::check_receipts(&environment, &processes.ingest, reported)?;
    let peak_memory = processes.peak_memory().to_vec();
    processes.end()?;
    let report = Report {
        rounds,
        receipts,
        granted: state.granted,
        paid: state.paid,
        scenario,
        verdict,
        peak_memory,
        seconds: begun.elapsed().as_secs(),
    };
    args.format.print(&report, || summary(&report))?;
    Ok(match report.is_correct() {
        true => Outcome::Done,
        false => Outcome::CheckFailed,
    })
}

/// What other programs need to use the network: a configuration file for `assize`.
fn configuration(environment: &Environment, filecoin: &LocalFilecoin, api: &str) -> eyre::Result<String> {
    let directory = std::path::absolute(&environment.directory)?;
    let mut settings = settings(&directory, &environment.relay, filecoin);
    settings.push(("store", json!(directory.join("store").display().to_string())));
    settings.push(("coordinator", json!(api)));
    Ok(to_toml(&settings))
}

/// Stops on SIGTERM, SIGINT, and SIGHUP (a closed terminal), so that no process outlives this one.
pub(crate) fn stop_on_signal(stop: &Stop) -> eyre::Result<()> {
    let mut hung_up = signal(SignalKind::hangup())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let stop = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = hung_up.recv() => {}
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
        stop.set();
    });
    Ok(())
}

/// Reports each round when it is over; returns when the last is paid.
async fn watch_rounds(
    args: &UpArgs,
    environment: &mut Environment,
    filecoin: &LocalFilecoin,
    processes: &mut Processes,
    mut mischief: Option<&mut Mischief>,
    screen: &mut Screen,
    reports: &mut Vec<RoundReport>,
) -> eyre::Result<()> {
    let first = environment.first_round().0;
    let last = args.rounds.map(|rounds| RoundNumber(first + rounds - 1));
    loop {
        environment.drand.expect_running()?;
        processes.expect_running()?;
        let state = watch::state(environment, &processes.api, args.checkers).await?;
        screen.show(&state);
        if let Some(mischief) = &mut mischief {
            mischief.step(environment, processes, &state).await?;
        }
        let next = RoundNumber(first + reports.len() as u64);
        let wanted = last.is_none_or(|last| next <= last);
        if wanted && watch::is_over(environment, next, &state).await? {
            let report = match report::report(environment, filecoin, next).await {
                // A scenario's: until it is dropped, nobody can recompute the round.
                Err(error) if is_unreadable(&error) => {
                    tokio::time::sleep(POLL_INTERVAL).await;
                    continue;
                }
                report => report?,
            };
            if !args.format.is_json() {
                screen.print(&report.render())?;
            }
            reports.push(report);
        }
        let reported = RoundNumber(first + reports.len() as u64 - 1);
        if last.is_some_and(|last| reported == last && watch::is_paid(&state, last)) {
            return Ok(());
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

fn is_unreadable(error: &eyre::Report) -> bool {
    error
        .downcast_ref::<VerifyError>()
        .is_some_and(VerifyError::is_unreadable)
}

fn summary(report: &Report) -> String {
    let Receipts {
        held,
        included,
        omitted,
        invalid,
    } = report.receipts;
    let memory = report.peak_memory.iter();
    let memory: Vec<_> = memory
        .map(|(name, kib)| format!("{name} {} MiB", kib / 1024))
        .collect();
    format!(
        "\n── Verification, in new processes ──

  settlement  {}, recomputed from chain, store and beacons
  receipts    {} held by checkers: {} included, {omitted} omitted, {invalid} invalid
  paid        {} FIL{}

  {} rounds in {} s; peak memory: {}",
        report.verdict,
        output::grouped(held),
        output::grouped(included),
        report.paid.short(),
        report
            .scenario
            .as_ref()
            .map_or_else(String::new, |outcome| format!("\n  scenario    {outcome}")),
        report.rounds.len(),
        report.seconds,
        memory.join(", ")
    )
}
