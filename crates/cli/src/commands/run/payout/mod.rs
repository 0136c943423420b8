//! `assize run payout`.

mod preview;
mod report;

use std::net::SocketAddr;
use std::path::PathBuf;

use alloy_primitives::Address;
use assize_chain::SettlementId;
use assize_outbox::{Outbox, Policy};
use assize_payout::{
    DenyList, Documents, History, PayoutDaemon, PayoutPolicy, Planner, Schedule, Scheduler, metrics,
    settlement_to_pay,
};
use assize_protocol::AttoFil;
use assize_service::{Clock, Status, Stop};
use clap::Args;
use eyre::ensure;
use serde_json::json;
use tokio::net::TcpListener;

use crate::args::format::{RowsFormat, RowsFormatArgs};
use crate::args::{ChainArgs, KeyArgs, QueueArgs, StoreArgs};
use crate::connect::{Network, backed_store, existing_store};
use crate::output::{self, Outcome};
use crate::preflight::Preflight;
use crate::signer::signer;
use assize_service::DataDir;

/// Pay operators what active settlements owe them, in batches, on a schedule.
#[derive(Debug, Args)]
pub(crate) struct PayoutArgs {
    /// Do one pass and exit.
    #[arg(long)]
    once: bool,
    /// Show who would be paid, how much and at what cost; needs no key.
    #[arg(long, conflicts_with = "metrics")]
    dry_run: bool,
    /// Settlement, with --once or --dry-run [default: the newest active one].
    #[arg(long, value_name = "ID")]
    settlement: Option<u64>,
    /// Payout policy (TOML), see docs/params/payout.toml.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Minimum payout to who has just begun to wait [default: the policy's].
    #[arg(long, value_name = "FIL")]
    floor: Option<AttoFil>,
    /// `every settlement` or a cron pattern in UTC [default: the policy's].
    #[arg(long, value_name = "PATTERN", conflicts_with_all = ["once", "dry_run"])]
    schedule: Option<Schedule>,
    /// Address of /healthz and /metrics.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "once")]
    metrics: Option<SocketAddr>,
    /// Trustless IPFS gateway, for what the store lacks; repeatable.
    #[arg(long = "gateway", value_name = "URL")]
    gateways: Vec<String>,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    format: RowsFormatArgs,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    queue: QueueArgs,
}

impl PayoutArgs {
    /// Whether it runs until it is stopped.
    pub(super) fn is_daemon(&self) -> bool {
        !self.once && !self.dry_run
    }
}

pub(crate) async fn run(args: &PayoutArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let (policy, denied) = policy(args)?;
    let daily_gas = policy.daily_gas_fil;
    let network = Network::connect_to_send(&args.chain, data).await?;
    let planner = Planner {
        rewards: network.rewards.clone(),
        policy,
        denied,
    };
    if args.dry_run {
        return preview(args, data, &network, &planner).await;
    }
    ensure!(
        args.once || args.settlement.is_none(),
        "--settlement {} needs --once or --dry-run: the service always pays from the newest active settlement",
        args.settlement.unwrap_or_default()
    );
    ensure!(
        args.format.format != RowsFormat::Csv,
        "--format csv needs --dry-run: other results are not rows"
    );
    let signer = signer(&args.key).await?;
    let mut preflight = Preflight::new(&network, data).await?;
    preflight.store(&args.store, data, false);
    let observed = preflight.bind(args.metrics).await;
    preflight.funds(&signer).await?;
    preflight.gateways(&args.gateways)?;
    preflight.finish()?;
    data.create()?;
    let mut queue = args.queue.policy(network.deployment.chain_id);
    queue.caps.daily = queue.caps.daily.min(daily_gas);
    let outbox = Outbox::open(&data.payout_queue(), network.client.clone(), signer, queue)?;
    let history = History::open(&data.payout_history(), &owner_of(&network))?;
    let scheduler = Scheduler::new(planner, history, outbox);
    match args.once {
        true => once(args, data, &network, scheduler).await,
        false => serve(args, data, network, scheduler, &queue, observed).await,
    }
}

fn policy(args: &PayoutArgs) -> eyre::Result<(PayoutPolicy, DenyList)> {
    let (mut policy, denied) = match &args.policy {
        Some(path) => PayoutPolicy::read(path)?,
        None => Default::default(),
    };
    policy.floor = args.floor.unwrap_or(policy.floor);
    if let Some(schedule) = &args.schedule {
        policy.schedule = schedule.clone();
    }
    Ok((policy, denied))
}

/// Identifies the contract that a history belongs to.
fn owner_of(network: &Network) -> String {
    format!(
        "{} on chain {}",
        network.deployment.rewards, network.deployment.chain_id
    )
}

async fn preview(
    args: &PayoutArgs,
    data: &DataDir,
    network: &Network,
    planner: &Planner,
) -> eyre::Result<Outcome> {
    let settlement = settlement_to_pay(&network.rewards, args.settlement.map(SettlementId)).await?;
    let mut documents = Documents::new(existing_store(&args.store, &args.gateways, data)?);
    let allocations = documents.allocations(&settlement)?;
    // A dry run writes nothing.
    let history = match data.payout_history().exists() {
        true => History::open(&data.payout_history(), &owner_of(network))?,
        false => History::in_memory()?,
    };
    let now = Clock::system().now();
    let planned = planner
        .plan(&settlement, allocations, &history, Address::ZERO, now)
        .await?;
    match args.format.format {
        RowsFormat::Table => output::line(preview::table(&planned, now))?,
        RowsFormat::Json => output::json_pretty(&preview::document(&planned))?,
        RowsFormat::Csv => output::bytes(&preview::csv(&planned))?,
    }
    Ok(Outcome::Done)
}

async fn once(
    args: &PayoutArgs,
    data: &DataDir,
    network: &Network,
    mut scheduler: Scheduler,
) -> eyre::Result<Outcome> {
    let settlement = settlement_to_pay(&network.rewards, args.settlement.map(SettlementId)).await?;
    let mut documents = Documents::new(backed_store(&args.store, &args.gateways, data)?);
    let allocations = documents.allocations(&settlement)?;
    let paid = scheduler.run_once(&settlement, allocations).await?;
    match args.format.format {
        RowsFormat::Json => output::json_pretty(&report::document(settlement.id, &paid))?,
        _ => output::line(report::text(settlement.id, &paid))?,
    }
    Ok(Outcome::Done)
}

/// Pays until it is stopped. Prints a line of JSON when it is ready.
async fn serve(
    args: &PayoutArgs,
    data: &DataDir,
    network: Network,
    scheduler: Scheduler,
    queue: &Policy,
    observed: Option<(TcpListener, String)>,
) -> eyre::Result<Outcome> {
    let patience = 60 + 10 * queue.poll.as_secs();
    let (status, stop) = (Status::new(metrics(), patience), Stop::default());
    status.watch_disk(data.path());
    let mut ready = json!({"schedule": scheduler.planner().policy.schedule.to_string()});
    let mut daemon = PayoutDaemon::new(
        scheduler,
        network.rounds,
        Documents::new(backed_store(&args.store, &args.gateways, data)?),
    );
    if let Some((listener, url)) = observed {
        status.serve(listener, &stop);
        ready["metrics"] = url.into();
    }
    output::json(&ready)?;
    stop.set_on_signal();
    assize_service::run(&mut daemon, queue.poll, &status, &stop).await?;
    Ok(Outcome::Done)
}
