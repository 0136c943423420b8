//! `assize run guardian`.

use std::net::SocketAddr;

use assize_evaluator::guardian::{Guardian, GuardianDaemon, Parts, Pass, Webhook, metrics};
use assize_outbox::Outbox;
use assize_service::{Audience, ConnectionLimits, DataDir, Status, Stop, counted, serve};
use assize_store::LocalStore;
use clap::Args;
use eyre::eyre;
use serde_json::{Value, json};

use crate::args::{BeaconArgs, ChainArgs, FormatArgs, KeyArgs, QueueArgs, StoreArgs};
use crate::connect::{Network, backed_store, beacons, store_directory};
use crate::output::{self, Outcome};
use crate::preflight::{Duty, Preflight};
use crate::signer::signer;

/// Recompute pending settlements, veto wrong and unreadable ones, answer the Court.
#[derive(Debug, Args)]
pub(crate) struct GuardianArgs {
    /// Only watch, without the guardian's key: alerts, no vetoes.
    #[arg(long)]
    watch: bool,
    /// Answer the Court about right settlements, with any key of its own.
    #[arg(long, requires = "watch")]
    answer: bool,
    /// URL that each new alert is posted to, as JSON.
    #[arg(long, env = "ASSIZE_WEBHOOK", hide_env_values = true, value_name = "URL")]
    webhook: Option<Webhook>,
    /// Do one pass and exit: 1 if one is wrong, 2 if one cannot be judged.
    #[arg(long)]
    once: bool,
    /// Address of /ipfs, where evaluators get the files that it keeps.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "once")]
    listen: Option<SocketAddr>,
    /// Address of /healthz and /metrics.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "once")]
    metrics: Option<SocketAddr>,
    /// Trustless IPFS gateway, or an evaluator, for files; repeatable.
    #[arg(long = "gateway", value_name = "URL")]
    gateways: Vec<String>,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    beacons: BeaconArgs,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    queue: QueueArgs,
}

impl GuardianArgs {
    /// Whether it runs until it is stopped.
    pub(super) fn is_daemon(&self) -> bool {
        !self.once
    }
}

pub(crate) async fn run(args: &GuardianArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let network = Network::connect_to_send(&args.chain, data).await?;
    let beacons = beacons(&args.beacons)?;
    let signer = match args.watch && !args.answer {
        true => None,
        false => Some(signer(&args.key).await?),
    };
    let mut preflight = Preflight::new(&network, data).await?;
    preflight.store(&args.store, data, true);
    let served = preflight.bind(args.listen).await;
    let observed = preflight.bind(args.metrics).await;
    preflight.drand(beacons.chain()).await?;
    if let Some(signer) = &signer {
        if !args.watch {
            preflight.duty(Duty::Guardian, signer.address()).await?;
            preflight.files(&args.store, &args.gateways, data);
        }
        preflight.funds(signer).await?;
    }
    preflight.gateways(&args.gateways)?;
    preflight.finish()?;
    data.create()?;
    let policy = args.queue.policy(network.deployment.chain_id);
    let outbox = match signer {
        Some(signer) => Some(Outbox::open(
            &data.guardian_queue(),
            network.client.clone(),
            signer,
            policy,
        )?),
        None => None,
    };
    let parts = Parts {
        rounds: network.rounds.clone(),
        rewards: network.rewards.clone(),
        court: network.court.clone(),
        store: backed_store(&args.store, &args.gateways, data)?,
        beacons,
        outbox,
        can_veto: !args.watch,
    };
    let mut guardian = Guardian::new(parts);
    if args.once {
        let mut pass = guardian.pass().await;
        if pass.found_wrong() && pass.failed.is_none() {
            // A veto needs a second recomputation.
            pass = guardian.pass().await;
        }
        args.format.print(&report(&pass), || as_text(&pass))?;
        if let (Some(error), false) = (pass.failed.take(), pass.found_wrong()) {
            return Err(error.into());
        }
        let not_judged = pass.not_judged();
        return match pass.found_wrong() {
            true => Ok(Outcome::CheckFailed),
            false if not_judged.is_empty() => Ok(Outcome::Done),
            false => Err(eyre!(
                "{} cannot be recomputed now: {}",
                counted(not_judged.len() as u64, "settlement"),
                not_judged
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(", ")
            )),
        };
    }
    let pause = policy.poll;
    let status = Status::new(metrics(), 600 + 10 * pause.as_secs());
    status.watch_disk(data.path());
    let stop = Stop::default();
    let mut ready = json!({"watch": args.watch, "answer": args.answer || !args.watch});
    if let (Some((listener, url)), Some(directory)) = (served, store_directory(&args.store, data)) {
        let router = assize_store::serve::router(LocalStore::open(&directory)?);
        let limits = ConnectionLimits::default();
        tokio::spawn(serve(listener, router, limits, Audience::Anyone, stop.clone()));
        ready["url"] = url.into();
    }
    if let Some((listener, url)) = observed {
        status.serve(listener, &stop);
        ready["metrics"] = url.into();
    }
    output::json(&ready)?;
    stop.set_on_signal();
    let mut daemon = GuardianDaemon::new(guardian, args.webhook.clone());
    assize_service::run(&mut daemon, pause, &status, &stop).await?;
    Ok(Outcome::Done)
}

fn report(pass: &Pass) -> Value {
    json!({
        "pending": pass.pending,
        "verified": pass.verified,
        "alerts": pass.alerts.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "vetoes": pass.vetoed,
        "answers": pass.answered,
        "kept": pass.kept,
    })
}

fn as_text(pass: &Pass) -> String {
    let mut text = match pass.pending {
        0 => "no settlement is pending".to_owned(),
        pending => format!("{} pending", counted(pending, "settlement")),
    };
    if let Some(verified) = pass.verified {
        text.push_str(&format!("; settlement {verified} was recomputed and is right"));
    }
    for alert in &pass.alerts {
        text.push_str(&format!("\n  {alert}"));
    }
    text
}
