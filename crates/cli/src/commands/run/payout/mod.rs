//! `assize payout`.

mod preview;
mod report;

use std::net::SocketAddr;
use std::path::PathBuf;

use alloy_primitives::{Address, U256};
use assize_chain::{Fil, Settlement};
use assize_outbox::{Outbox, Policy};
use assize_payout::{
    AllocationSource, Allocations, DenyList, History, Metrics, PayoutDaemon, PayoutError, PayoutPolicy,
    Planner, Schedule, Scheduler,
};
use assize_service::{Clock, Status, Stop};
use assize_store::Store;
use clap::{Args, ValueEnum};
use eyre::ensure;
use serde_json::json;

use super::connect::{Network, store};
use super::key::signer;
use super::settle::{allocations, which_settlement};
use crate::args::{ChainArgs, KeyArgs, QueueArgs, StoreArgs};
use crate::output::{self, Outcome};

/// Pay operators what active settlements owe them, in batches.
///
/// Runs until it is told to end (SIGTERM, SIGINT) and pays when the schedule says so, or does one pass with --once. Can be
/// killed at any moment and run again: nobody is paid twice, since what was paid is what the chain says.
#[derive(Debug, Args)]
pub(crate) struct PayoutArgs {
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    store: StoreArgs,
    /// Do one pass and end.
    #[arg(long)]
    once: bool,
    /// Only say who would be paid, how much and at what cost; needs no key.
    #[arg(long, conflicts_with = "listen")]
    dry_run: bool,
    /// How --dry-run says it.
    #[arg(long, value_enum, requires = "dry_run", conflicts_with = "json")]
    format: Option<Format>,
    /// Settlement; the newest active one if not given. Only with --once or --dry-run.
    #[arg(long)]
    settlement: Option<u64>,
    /// What may be paid and when (TOML); docs/params/payout.toml has all that can be said, with the defaults.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Least payout to an operator that has just begun to wait; the policy's if not given.
    #[arg(long, value_name = "FIL")]
    floor: Option<Fil>,
    /// When to pay: `every settlement`, or a cron pattern in UTC; the policy's if not given.
    #[arg(long, value_name = "PATTERN", conflicts_with_all = ["once", "dry_run"])]
    schedule: Option<Schedule>,
    /// Database of the transaction queue: one for each key.
    #[arg(long, value_name = "FILE", default_value = "scheduler.sqlite")]
    state: PathBuf,
    /// Database of who waits since when, and of what was paid.
    #[arg(long, value_name = "FILE", default_value = "payouts.sqlite")]
    history: PathBuf,
    /// Address for /healthz and /metrics; port 0 takes a free one. Only without --once.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "once")]
    listen: Option<SocketAddr>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    queue: QueueArgs,
}

/// Forms of a preview.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Csv,
}

pub(crate) async fn run(args: &PayoutArgs) -> eyre::Result<Outcome> {
    let (policy, denied) = policy(args)?;
    let daily_gas = policy.daily_gas_fil;
    let network = Network::connect(&args.chain).await?;
    let planner = Planner {
        rewards: network.rewards.clone(),
        policy,
        denied,
    };
    if args.dry_run {
        return preview(args, &network, &planner).await;
    }
    ensure!(
        args.once || args.settlement.is_none(),
        "--settlement {} goes with --once or --dry-run; without them, each newest active settlement is paid from",
        args.settlement.unwrap_or_default()
    );
    let mut queue = args.queue.policy(network.deployment.chain_id);
    queue.caps.daily = queue.caps.daily.min(U256::from(daily_gas));
    let outbox = Outbox::open(
        &args.state,
        network.client.clone(),
        signer(&args.key).await?,
        queue,
    )?;
    let history = History::open(&args.history, &owner_of(&network))?;
    let scheduler = Scheduler::new(planner, history, outbox);
    match args.once {
        true => once(args, &network, scheduler).await,
        false => serve(args, network, scheduler, &queue).await,
    }
}

fn policy(args: &PayoutArgs) -> eyre::Result<(PayoutPolicy, DenyList)> {
    let (mut policy, denied) = match &args.policy {
        Some(path) => PayoutPolicy::read(path)?,
        None => Default::default(),
    };
    if let Some(Fil(floor)) = args.floor {
        policy.floor = floor.saturating_to();
    }
    if let Some(schedule) = &args.schedule {
        policy.schedule = schedule.clone();
    }
    Ok((policy, denied))
}

/// Whose history it is.
fn owner_of(network: &Network) -> String {
    format!(
        "{} on chain {}",
        network.deployment.rewards, network.deployment.chain_id
    )
}

async fn preview(args: &PayoutArgs, network: &Network, planner: &Planner) -> eyre::Result<Outcome> {
    let settlement = which_settlement(network, args.settlement).await?;
    let allocations = allocations(&settlement, &*store(&args.store)?)?;
    // Looking leaves no trace.
    let history = match args.history.exists() {
        true => History::open(&args.history, &owner_of(network))?,
        false => History::in_memory()?,
    };
    let now = Clock::system().now();
    let planned = planner
        .plan(&settlement, &allocations, &history, Address::ZERO, now)
        .await?;
    let format = match args.json {
        true => Format::Json,
        false => args.format.unwrap_or(Format::Table),
    };
    match format {
        Format::Table => output::line(preview::table(&planned, now))?,
        Format::Json => output::json_pretty(&preview::document(&planned))?,
        Format::Csv => output::bytes(&preview::csv(&planned)?)?,
    }
    Ok(Outcome::Done)
}

async fn once(args: &PayoutArgs, network: &Network, mut scheduler: Scheduler) -> eyre::Result<Outcome> {
    let settlement = which_settlement(network, args.settlement).await?;
    let allocations = allocations(&settlement, &*store(&args.store)?)?;
    let paid = scheduler.run_once(&settlement, &allocations).await?;
    output::either(args.json, &report::document(settlement.id, &paid), || {
        report::text(settlement.id, &paid)
    })?;
    Ok(Outcome::Done)
}

/// Reads what settlements grant from the store.
struct Documents(Box<dyn Store>);

impl AllocationSource for Documents {
    fn allocations(&self, settlement: &Settlement) -> Result<Allocations, PayoutError> {
        allocations(settlement, &*self.0).map_err(|error| PayoutError::Document {
            settlement: settlement.id,
            reason: format!("{error:#}"),
        })
    }
}

/// Pays until it is told to end. Says in one line of JSON when it has begun.
async fn serve(
    args: &PayoutArgs,
    network: Network,
    scheduler: Scheduler,
    queue: &Policy,
) -> eyre::Result<Outcome> {
    let patience = 60 + 10 * queue.poll.as_secs();
    let (status, stop) = (Status::new(Metrics::new(), patience), Stop::default());
    let mut ready = json!({"schedule": scheduler.planner().policy.schedule.to_string()});
    let mut daemon = PayoutDaemon::new(scheduler, network.rounds, Documents(store(&args.store)?));
    if let Some(address) = args.listen {
        ready["url"] = status.listen(address, &stop).await?.into();
    }
    output::json(&ready)?;
    stop.set_on_signal();
    assize_service::run(&mut daemon, queue.poll, &status, &stop).await?;
    Ok(Outcome::Done)
}
