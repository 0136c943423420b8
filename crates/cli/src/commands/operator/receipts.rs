//! `assize operator receipts`.

use std::path::{Path, PathBuf};

use alloy_primitives::{Address, B256};
use assize_measurement::Domain;
use assize_protocol::{FileCid, RoundNumber, TaskIndex};
use assize_verify::{ReceiptAudit, ReceiptClaim, ReceiptFault, ReceiptFinding, ReceiptFindings};
use assize_wire::KeptReceipt;
use clap::Args;
use eyre::{WrapErr, ensure};
use serde::Serialize;

use crate::args::{ChainArgs, FormatArgs, SourceArgs};
use crate::connect::Network;
use crate::evidence::source;
use crate::output::Outcome;
use crate::text_file::read_text;
use assize_service::{DataDir, counted, date_and_time};

/// Check that measurements with receipts were committed.
#[derive(Debug, Args)]
pub struct ReceiptsArgs {
    /// Files of receipts that a checker keeps.
    #[arg(required = true)]
    receipts: Vec<PathBuf>,
    /// Trusted ingest key, as the coordinator's `GET /network` shows it.
    #[arg(long, value_name = "ADDRESS")]
    ingest_address: Option<Address>,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    source: SourceArgs,
}

/// One receipt, and whether its measurement was committed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Checked {
    /// File that contains it.
    file: String,
    /// Position in the file, from 1.
    number: usize,
    verdict: &'static str,
    digest: B256,
    ingest: Address,
    /// Unix seconds.
    received_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    round: Option<RoundNumber>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<TaskIndex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    station: Option<Address>,
    /// The batch it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<FileCid>,
    /// Its line there, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    reason: String,
}

pub(crate) async fn run(args: &ReceiptsArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let mut kept = Vec::new();
    for path in &args.receipts {
        let receipts = read(path)?;
        let file = path.display().to_string();
        kept.extend(
            (1..)
                .zip(receipts)
                .map(|(number, receipt)| (file.clone(), number, receipt)),
        );
    }
    let network = Network::connect(&args.chain, data).await?;
    let domain = Domain {
        chain_id: network.deployment.chain_id,
        rounds: network.deployment.rounds,
    };
    let claims: Vec<_> = kept
        .iter()
        .map(|(_, _, kept)| ReceiptClaim::of(kept, &domain, args.ingest_address))
        .collect();
    let source = source(&args.source, data)?;
    let mut audit = ReceiptAudit::new(&network.rounds, domain);
    for claim in claims.iter().flatten() {
        audit.add(claim);
    }
    let drops = network.rewards.drops().await?;
    let findings = audit.read(&*source, &|_, _| None, &drops).await?;
    let checked: Vec<_> = kept
        .iter()
        .zip(&claims)
        .map(|((file, number, kept), claim)| describe(file, *number, kept, claim, &findings))
        .collect();
    args.format
        .print(&checked, || text(&checked, args.ingest_address))?;
    let holds = |checked: &Checked| !matches!(checked.verdict, "OMITTED" | "INVALID");
    Ok(match checked.iter().all(holds) {
        true => Outcome::Done,
        false => Outcome::CheckFailed,
    })
}

/// Reads a file of receipts, a sequence of JSON values.
fn read(path: &Path) -> eyre::Result<Vec<KeptReceipt>> {
    let name = path.display();
    let text = read_text("the receipts", path)?;
    let receipts: Result<Vec<_>, _> = serde_json::Deserializer::from_str(&text).into_iter().collect();
    let receipts: Vec<KeptReceipt> = receipts.wrap_err_with(|| {
        format!("{name} does not contain receipts: give the files that a checker keeps, with the fields `measurement` and `receipt`")
    })?;
    ensure!(!receipts.is_empty(), "{name} contains no receipt");
    Ok(receipts)
}

fn describe(
    file: &str,
    number: usize,
    kept: &KeptReceipt,
    claim: &Result<ReceiptClaim, ReceiptFault>,
    findings: &ReceiptFindings,
) -> Checked {
    let mut checked = Checked {
        file: file.to_owned(),
        number,
        verdict: "INVALID",
        digest: kept.receipt.digest,
        ingest: kept.receipt.ingest,
        received_at: kept.receipt.received_at,
        round: None,
        task: None,
        station: None,
        batch: None,
        line: None,
        reason: String::new(),
    };
    let claim = match claim {
        Ok(claim) => claim,
        Err(reason) => {
            checked.reason = reason.to_string();
            return checked;
        }
    };
    checked.round = Some(claim.round);
    checked.task = Some(claim.task);
    checked.station = Some(claim.station);
    let (verdict, reason) = match findings.of(claim) {
        ReceiptFinding::Included { batch, line } => {
            checked.batch = Some(batch);
            checked.line = Some(line);
            ("INCLUDED", format!("line {line} of batch {batch}"))
        }
        ReceiptFinding::Own { station, line } => {
            checked.line = Some(line);
            (
                "INCLUDED",
                format!(
                    "line {line} of the report that its station, {station} in the roster, committed itself"
                ),
            )
        }
        ReceiptFinding::Omitted { batches, until } => (
            "OMITTED",
            format!(
                "in none of the {} of its round, whose time for batches ended at {}",
                counted(batches as u64, "batch"),
                date_and_time(until)
            ),
        ),
        ReceiptFinding::TooEarly { batches, until } => (
            "TOO EARLY",
            format!(
                "in none of the {} so far; the time for batches of its round ends at {}",
                counted(batches as u64, "batch"),
                date_and_time(until)
            ),
        ),
        ReceiptFinding::TooLate { received_at, until } => (
            "TOO LATE",
            format!(
                "it came at {}, but its round took measurements until {}: the receipt proves nothing",
                date_and_time(received_at),
                date_and_time(until)
            ),
        ),
    };
    checked.verdict = verdict;
    checked.reason = reason;
    checked
}

fn text(checked: &[Checked], expected: Option<Address>) -> String {
    let mut text = String::new();
    for one in checked {
        let measurement = match (one.round, one.task, one.station) {
            (Some(round), Some(task), Some(station)) => {
                format!("round {round}, task {task}, station {station}")
            }
            _ => format!("{}, receipt {}", one.file, one.number),
        };
        text.push_str(&format!("{:<9}  {measurement}: {}\n", one.verdict, one.reason));
        if one.verdict == "OMITTED" {
            text.push_str(&format!(
                "           the ingest key {} had it at {}, digest {}\n",
                one.ingest,
                date_and_time(one.received_at),
                one.digest
            ));
        }
    }
    if checked.iter().any(|one| one.verdict == "OMITTED") {
        text.push_str(
            "OMITTED is proof against the ingest or its publishers: the receipt says that the ingest had the measurement, and no\n  \
             batch on chain has it. Nor has its station committed it itself, so it is not paid. Keep the receipts, and publish them:\n  \
             anyone can repeat this check. Send them to the network's guardian, who can suspend a publisher at once, and to its\n  \
             owner, who can admit another.\n",
        );
    }
    if expected.is_none() {
        text.push_str(
            "the ingest keys were not checked: name the one that you trust with --ingest-address\n",
        );
    }
    text.pop();
    text
}
