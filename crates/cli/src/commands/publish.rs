//! `assize publish`.

use std::path::PathBuf;

use assize_outbox::Policy;
use assize_publish::Publisher;
use clap::{Args, value_parser};
use eyre::WrapErr;
use serde_json::json;

use super::connect::{Network, signer, store};
use crate::args::{ChainArgs, KeyArgs, StoreArgs};
use crate::output::{self, Outcome};

/// Batch measurements, store each batch and commit its CID on chain.
///
/// Can be killed at any moment and run again: no batch is lost, none is committed twice.
#[derive(Debug, Args)]
pub(crate) struct PublishArgs {
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    store: StoreArgs,
    /// Do one pass and end.
    #[arg(long, required = true)]
    once: bool,
    /// Database of measurements and transactions.
    #[arg(long, value_name = "FILE", default_value = "publisher.sqlite")]
    state: PathBuf,
    /// Most measurements in a batch.
    #[arg(long, default_value_t = 100_000, value_parser = value_parser!(u32).range(1..=100_000))]
    batch: u32,
    /// Measurement files (NDJSON) to take in first; one that was taken in before adds nothing.
    measurements: Vec<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: &PublishArgs) -> eyre::Result<Outcome> {
    let network = Network::connect(&args.chain).await?;
    let signer = signer(&args.key)?;
    let store = store(&args.store)?;
    let mut publisher = Publisher::open(
        &args.state,
        network.rounds.clone(),
        signer,
        Policy::for_chain(network.deployment.chain_id),
        args.batch,
    )?;
    let mut imported = 0;
    let mut rejected = Vec::new();
    for path in &args.measurements {
        let name = path.display().to_string();
        let bytes = std::fs::read(path).wrap_err_with(|| format!("cannot read {name}"))?;
        let report = publisher.import(&name, &bytes)?;
        imported += report.added;
        rejected.extend(report.rejected.into_iter().map(|line| (name.clone(), line)));
    }
    let published = publisher.publish_once(&store).await?;
    let report = json!({
        "imported": imported,
        "rejected": rejected.iter().map(|(file, line)| json!({"file": file, "line": line.line, "field": line.field, "reason": line.reason})).collect::<Vec<_>>(),
        "committed": published.committed.iter().map(|batch| json!({"round": batch.round, "cid": batch.cid, "count": batch.count, "transaction": batch.transaction})).collect::<Vec<_>>(),
        "late": published.late,
        "waiting": published.waiting,
    });
    output::either(args.json, &report, || {
        let mut text = format!(
            "{imported} measurements taken in, {} batches committed",
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
        for (file, line) in rejected.iter().take(20) {
            text.push_str(&format!(
                "\n  {file} line {}: {} {}",
                line.line, line.field, line.reason
            ));
        }
        text
    })?;
    Ok(Outcome::Done)
}
