//! `assize publish`.

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use assize_outbox::Outbox;
use assize_publish::{
    Closing, ImportReport, Ingest, Metrics, Publisher, PublisherDaemon, import, open_ingest,
};
use assize_service::{Clock, Status, Stop};
use clap::{Args, value_parser};
use eyre::WrapErr;
use serde_json::{Value, json};

use super::connect::{Network, store};
use super::key::signer;
use crate::args::{ChainArgs, KeyArgs, QueueArgs, StoreArgs};
use crate::output::{self, Outcome};

/// Batch measurements, store each batch and commit its CID on chain.
///
/// Runs until it is told to end (SIGTERM, SIGINT), or does one pass with --once. Can be killed at any moment and run
/// again: no batch is lost, none is committed twice.
#[derive(Debug, Args)]
pub(crate) struct PublishArgs {
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    store: StoreArgs,
    /// Table of measurements: a file (SQLite), or a database such as postgres://user:password@host/name.
    #[arg(
        long,
        env = "ASSIZE_INGEST",
        value_name = "FILE|URL",
        default_value = "ingest.sqlite",
        hide_env_values = true
    )]
    ingest: String,
    /// Database of the transaction queue: one for each key.
    #[arg(long, value_name = "FILE", default_value = "publisher.sqlite")]
    state: PathBuf,
    /// Do one pass and end; batches are closed however little is in them.
    #[arg(long)]
    once: bool,
    /// Only take the measurements in; needs no key, and no chain is asked.
    #[arg(long, conflicts_with = "once")]
    import_only: bool,
    /// Most measurements in a batch; so many close one at once.
    #[arg(long, default_value_t = 100_000, value_parser = value_parser!(u32).range(1..=100_000))]
    batch: u32,
    /// Seconds before a round's commit window ends at which the rest of its measurements is batched.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    margin: u64,
    /// Days for which the measurements of batches that are final are kept in the table.
    #[arg(long, value_name = "DAYS", default_value_t = 7)]
    keep: u64,
    /// Address for /healthz and /metrics; port 0 takes a free one. Only without --once.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "once")]
    listen: Option<SocketAddr>,
    /// Measurement files (NDJSON) to take in first; one that was taken in before adds nothing.
    measurements: Vec<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    queue: QueueArgs,
}

pub(crate) async fn run(args: &PublishArgs) -> eyre::Result<Outcome> {
    let mut ingest = open_ingest(&args.ingest)?;
    if args.import_only {
        let imported = import_all(&mut *ingest, &args.measurements)?;
        output::either(args.json, &imported.to_json(), || imported.to_text())?;
        return Ok(Outcome::Done);
    }
    let network = Network::connect(&args.chain).await?;
    let store = store(&args.store)?;
    let outbox = Outbox::open(
        &args.state,
        network.client.clone(),
        signer(&args.key).await?,
        args.queue.policy(network.deployment.chain_id),
    )?;
    let imported = import_all(&mut *ingest, &args.measurements)?;
    let closing = Closing {
        limit: args.batch,
        margin: args.margin,
    };
    let pause = outbox.policy().poll;
    let mut publisher = Publisher::new(ingest, outbox, network.rounds.clone(), closing);
    if !args.once {
        let daemon = PublisherDaemon::new(publisher, store, args.keep.saturating_mul(86_400));
        return serve(args, daemon, pause, &imported).await;
    }
    let published = publisher.publish_once(&*store).await?;
    let mut report = imported.to_json();
    report["committed"] = published.committed.iter().map(|batch| json!({"round": batch.round, "cid": batch.cid, "count": batch.count, "transaction": batch.transaction})).collect();
    report["late"] = published.late.into();
    report["waiting"] = published.waiting.into();
    output::either(args.json, &report, || {
        let mut text = format!(
            "{}, {} batches committed",
            imported.summary(),
            published.committed.len()
        );
        for batch in &published.committed {
            text.push_str(&format!(
                "\n  round {}  {}  {} measurements",
                batch.round, batch.cid, batch.count
            ));
        }
        if published.late > 0 {
            text.push_str(&format!(
                "\n  {} came after their round's commit window; kept, not committed",
                published.late
            ));
        }
        if published.waiting > 0 {
            text.push_str(&format!(
                "\n  {} wait for their round to be revealed",
                published.waiting
            ));
        }
        text.push_str(&imported.bad_lines());
        text
    })?;
    Ok(Outcome::Done)
}

/// Publishes until it is told to end. Says in one line of JSON when it has begun.
async fn serve(
    args: &PublishArgs,
    mut daemon: PublisherDaemon,
    pause: Duration,
    imported: &Imported,
) -> eyre::Result<Outcome> {
    let patience = 60 + 10 * pause.as_secs();
    let (status, stop) = (Status::new(Metrics::new(), patience), Stop::default());
    let mut ready = imported.to_json();
    if let Some(address) = args.listen {
        ready["url"] = status.listen(address, &stop).await?.into();
    }
    output::json(&ready)?;
    stop.set_on_signal();
    assize_service::run(&mut daemon, pause, &status, &stop).await?;
    Ok(Outcome::Done)
}

/// What became of each file.
struct Imported(Vec<(String, ImportReport)>);

fn import_all(ingest: &mut dyn Ingest, paths: &[PathBuf]) -> eyre::Result<Imported> {
    let now = Clock::system().now();
    let import_one = |path: &PathBuf| {
        let name = path.display().to_string();
        let file = File::open(path).wrap_err_with(|| format!("cannot read {name}"))?;
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
            0 => format!("{} measurements taken in", self.added()),
            rejected => format!("{} measurements taken in, {rejected} lines skipped", self.added()),
        }
    }

    /// The first bad lines, a line each.
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
