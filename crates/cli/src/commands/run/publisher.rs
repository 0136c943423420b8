//! `assize run publisher`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use assize_ingest::{ImportReport, Ingest, import};
use assize_outbox::Outbox;
use assize_publish::{Closing, Publisher, PublisherDaemon, metrics};
use assize_service::{Clock, Status, Stop, counted};
use clap::{Args, value_parser};
use eyre::WrapErr;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::args::duration::seconds;
use crate::args::{ChainArgs, DatabaseArgs, FormatArgs, KeyArgs, QueueArgs, StoreArgs};
use crate::connect::{Network, store};
use crate::output::{self, Outcome};
use crate::preflight::{Duty, Preflight};
use crate::signer::signer;
use assize_service::{DataDir, open_file};

/// Batch measurements, store each batch and commit its root on chain.
#[derive(Debug, Args)]
pub(crate) struct PublisherArgs {
    /// Do one pass and exit; also publishes batches that are not full.
    #[arg(long)]
    once: bool,
    /// Only import the measurement files; sends nothing, needs no key.
    #[arg(long, conflicts_with = "once")]
    import_only: bool,
    /// Address of /healthz and /metrics.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "once")]
    metrics: Option<SocketAddr>,
    /// Measurement files (NDJSON) to import first; importing one twice adds nothing.
    measurements: Vec<PathBuf>,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    batches: BatchArgs,
    #[command(flatten)]
    queue: QueueArgs,
}

/// When batches are closed, and how long measurements are kept.
#[derive(Debug, Args)]
#[command(next_help_heading = "Tuning")]
pub(crate) struct BatchArgs {
    /// Measurements at which a batch is closed; more where the contract takes no more batches.
    #[arg(long, value_name = "COUNT", default_value_t = 100_000, value_parser = value_parser!(u32).range(1..=100_000))]
    batch: u32,
    /// Time before `publishUntil` of a round at which the rest is published [default: from `showFrom` on].
    #[arg(long, value_name = "DURATION", value_parser = seconds)]
    margin: Option<u64>,
    /// Time that published measurements stay in the database.
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = seconds)]
    keep: u64,
}

impl PublisherArgs {
    /// Whether it runs until it is stopped.
    pub(super) fn is_daemon(&self) -> bool {
        !self.once && !self.import_only
    }
}

pub(crate) async fn run(args: &PublisherArgs, data: &DataDir) -> eyre::Result<Outcome> {
    if args.import_only {
        for path in &args.measurements {
            open_file(path).wrap_err_with(|| format!("cannot read {}", path.display()))?;
        }
        data.create()?;
        let mut ingest = args.database.location(data).connect_ingest()?;
        let imported = import_all(&mut *ingest, &args.measurements)?;
        args.format.print(&imported.to_json(), || imported.to_text())?;
        return Ok(Outcome::Done);
    }
    let network = Network::connect_to_send(&args.chain, data).await?;
    let signer = signer(&args.key).await?;
    let mut preflight = Preflight::new(&network, data).await?;
    preflight.store(&args.store, data, true);
    preflight.readable(&args.measurements);
    let observed = preflight.bind(args.metrics).await;
    preflight.duty(Duty::Publisher, signer.address()).await?;
    preflight.funds(&signer).await?;
    preflight.finish()?;
    data.create()?;
    let mut ingest = args.database.location(data).connect_ingest()?;
    let store = store(&args.store, data)?;
    let outbox = Outbox::open(
        &data.publisher_queue(),
        network.client.clone(),
        signer,
        args.queue.policy(network.deployment.chain_id),
    )?;
    let imported = import_all(&mut *ingest, &args.measurements)?;
    let closing = Closing {
        limit: args.batches.batch,
        margin: args.batches.margin,
    };
    let pause = outbox.policy().poll;
    let mut publisher = Publisher::new(ingest, outbox, network.rounds.clone(), closing);
    if !args.once {
        let daemon = PublisherDaemon::new(publisher, store, args.batches.keep);
        return serve(daemon, data, pause, &imported, observed).await;
    }
    let published = publisher.publish_once(&*store).await?;
    let mut report = imported.to_json();
    report["committed"] = published.committed.iter().map(|batch| json!({"round": batch.round, "cid": batch.cid, "count": batch.count, "transaction": batch.transaction})).collect();
    report["late"] = published.late.into();
    report["waiting"] = published.waiting.into();
    args.format.print(&report, || {
        let mut text = format!(
            "{}, {} committed",
            imported.summary(),
            counted(published.committed.len() as u64, "batch")
        );
        for batch in &published.committed {
            text.push_str(&format!(
                "\n  round {}  {}  {}",
                batch.round,
                batch.cid,
                counted(batch.count.into(), "measurement")
            ));
        }
        if published.late > 0 {
            text.push_str(&format!(
                "\n  {} arrived after their round's time for batches: kept, not committed",
                published.late
            ));
        }
        if published.waiting > 0 {
            text.push_str(&format!(
                "\n  {} wait: for their round's beacon, or for a larger batch",
                published.waiting
            ));
        }
        text.push_str(&imported.bad_lines());
        text
    })?;
    Ok(Outcome::Done)
}

/// Publishes until it is stopped. Prints a line of JSON when it is ready.
async fn serve(
    mut daemon: PublisherDaemon,
    data: &DataDir,
    pause: Duration,
    imported: &Imported,
    observed: Option<(TcpListener, String)>,
) -> eyre::Result<Outcome> {
    let patience = 60 + 10 * pause.as_secs();
    let (status, stop) = (Status::new(metrics(), patience), Stop::default());
    status.watch_disk(data.path());
    let mut ready = imported.to_json();
    if let Some((listener, url)) = observed {
        status.serve(listener, &stop);
        ready["metrics"] = url.into();
    }
    output::json(&ready)?;
    stop.set_on_signal();
    assize_service::run(&mut daemon, pause, &status, &stop).await?;
    Ok(Outcome::Done)
}

/// The result for each file.
struct Imported(Vec<(String, ImportReport)>);

fn import_all(ingest: &mut dyn Ingest, paths: &[PathBuf]) -> eyre::Result<Imported> {
    let now = Clock::system().now();
    let import_one = |path: &PathBuf| {
        let name = path.display().to_string();
        let file = open_file(path).wrap_err_with(|| format!("cannot read {name}"))?;
        let report = import(ingest, &name, file, now)?;
        eyre::Ok((name, report))
    };
    Ok(Imported(paths.iter().map(import_one).collect::<Result<_, _>>()?))
}

impl Imported {
    fn added(&self) -> u64 {
        self.0.iter().map(|(_, report)| report.added).sum()
    }

    fn rejected(&self) -> u64 {
        self.0.iter().map(|(_, report)| report.rejected).sum()
    }

    fn to_json(&self) -> Value {
        let rejected = self.0.iter().flat_map(|(file, report)| {
            report.first_rejected.iter().map(
                move |line| json!({"file": file, "line": line.line, "field": line.field, "reason": line.reason}),
            )
        });
        json!({
            "imported": self.added(),
            "rejectedCount": self.rejected(),
            "rejected": rejected.collect::<Vec<_>>(),
        })
    }

    fn summary(&self) -> String {
        match self.rejected() {
            0 => format!("{} imported", counted(self.added(), "measurement")),
            rejected => format!(
                "{} imported, {} skipped",
                counted(self.added(), "measurement"),
                counted(rejected, "line")
            ),
        }
    }

    /// The first rejected lines.
    fn bad_lines(&self) -> String {
        const SHOWN: usize = 20;
        let lines = self.0.iter().flat_map(|(file, report)| {
            report
                .first_rejected
                .iter()
                .map(move |line| format!("\n  {file} line {}: {} {}", line.line, line.field, line.reason))
        });
        let mut text: String = lines.take(SHOWN).collect();
        if self.rejected() > SHOWN as u64 {
            text.push_str(&format!("\n  and {} more", self.rejected() - SHOWN as u64));
        }
        text
    }

    fn to_text(&self) -> String {
        format!("{}{}", self.summary(), self.bad_lines())
    }
}
