//! `assize spark`: rounds of Spark, the predecessor, by its rules.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use assize_service::{date_and_time, open_file};
use assize_spark::{
    Chunks, Evaluation, Labels, Measurements, Parser, ReadError, Report, Round, Rules, SparkCounts,
    epoch_start, evaluate,
};
use clap::{Args, Subcommand, ValueEnum};
use eyre::{OptionExt, WrapErr, ensure, eyre};
use tempfile::NamedTempFile;

use crate::args::{BeaconArgs, FormatArgs};
use crate::connect::beacons;
use crate::output::{self, Outcome, grouped};
use crate::text_file::read_text;

/// Rejected rows that are listed.
const LISTED: usize = 10;

#[derive(Debug, Subcommand)]
pub enum SparkCommand {
    Evaluate(EvaluateArgs),
}

/// Evaluate a round of Spark: labels, majorities, scores, retrieval success rates.
#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
pub struct EvaluateArgs {
    /// Round: randomness and roundDetails, as Spark published them.
    #[arg(long, value_name = "ROUND.json")]
    round: PathBuf,
    /// Batches in commit order: NDJSON, or one line with an array.
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    measurements: Vec<PathBuf>,
    /// Votes that a committee needs to decide.
    #[arg(long, value_name = "SIZE", default_value_t = 30, help_heading = "Tuning")]
    required_committee_size: usize,
    /// Write the labels of all rows; null for rejected rows.
    #[arg(long, value_name = "OUT.ndjson")]
    labels: Option<PathBuf>,
    /// Rules for validity and rates: 2025-02 or 2025-12.
    #[arg(
        long,
        value_enum,
        value_name = "MONTH",
        default_value_t = RuleSet::February2025,
        hide_possible_values = true
    )]
    rules: RuleSet,
    /// Take the randomness from drand, by the round's startEpoch.
    #[arg(long)]
    randomness_from_drand: bool,
    /// Parser of rows, fast or reference; the result is the same.
    #[arg(
        long,
        value_enum,
        value_name = "PARSER",
        default_value_t = ParserChoice::Fast,
        hide_possible_values = true,
        help_heading = "Tuning"
    )]
    parser: ParserChoice,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    beacons: BeaconArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RuleSet {
    #[value(name = "2025-02")]
    February2025,
    #[value(name = "2025-12")]
    December2025,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ParserChoice {
    Fast,
    Reference,
}

pub(crate) fn run(command: &SparkCommand) -> eyre::Result<Outcome> {
    match command {
        SparkCommand::Evaluate(args) => evaluate_round(args),
    }
}

fn evaluate_round(args: &EvaluateArgs) -> eyre::Result<Outcome> {
    let path = &args.round;
    let file = read_text("--round", path)?;
    let round = Round::parse(file.as_bytes()).wrap_err_with(|| format!("--round {}", path.display()))?;
    for (task, first, again) in round.duplicates() {
        output::say(format!(
            "warning: --round {}: task {again} ({}, {}) repeats task {first}; as in Spark, it takes two places when \
             stations' tasks are drawn",
            path.display(),
            task.cid,
            task.miner_id
        ));
    }
    let Some(randomness) = randomness(args, &round)? else {
        return Ok(Outcome::CheckFailed);
    };
    // Checked first, since a mistyped path would cost the whole run.
    let labels = args
        .labels
        .as_deref()
        .map(|path| create(args, path))
        .transpose()?;
    let measurements = read(args, &round)?;
    list_rejected(args, &measurements);
    let Evaluation { report, labels: rows } =
        evaluate(&round, &randomness, &measurements, args.required_committee_size);
    if let (Some(file), Some(path)) = (labels, &args.labels) {
        write_labels(file, &rows, path)
            .wrap_err_with(|| format!("cannot write --labels {}", path.display()))?;
    }
    match args.format.is_json() {
        true => output::json(&report)?,
        false => output::line(text_of(&report))?,
    }
    Ok(Outcome::Done)
}

/// The round's randomness; `None` if the file and drand differ.
fn randomness(args: &EvaluateArgs, round: &Round) -> eyre::Result<Option<String>> {
    let path = args.round.display();
    if !args.randomness_from_drand {
        ensure!(
            args.beacons.beacons.is_none(),
            "--beacons needs --randomness-from-drand"
        );
        let randomness = round.randomness.clone();
        return Ok(Some(randomness.ok_or_else(|| {
            eyre!("--round {path} has no `randomness`: add it, or take it from drand with --randomness-from-drand")
        })?));
    }
    let epoch = round
        .start_epoch
        .ok_or_else(|| eyre!("--round {path} has no `startEpoch`, which gives the drand round"))?;
    let beacons = beacons(&args.beacons)?;
    let start = epoch_start(epoch).ok_or_eyre("`startEpoch` is too large")?;
    let drand_round = beacons.chain().schedule().round_at(start).ok_or_else(|| {
        eyre!(
            "--round {path} began at {}, before this drand chain",
            date_and_time(start)
        )
    })?;
    let found = format!("{:x}", beacons.randomness(drand_round)?.0);
    match &round.randomness {
        Some(stated) if !stated.eq_ignore_ascii_case(&found) => {
            output::say(format!(
                "error: --round {path} has the randomness {stated}, but drand round {drand_round} of its startEpoch {epoch} has \
                 {found}"
            ));
            Ok(None)
        }
        _ => Ok(Some(found)),
    }
}

fn read(args: &EvaluateArgs, round: &Round) -> eyre::Result<Measurements> {
    let rules = match args.rules {
        RuleSet::February2025 => Rules::February2025,
        RuleSet::December2025 => Rules::December2025,
    };
    let parser = match args.parser {
        ParserChoice::Fast => Parser::Fast,
        ParserChoice::Reference => Parser::Reference,
    };
    let chunks = Chunks::new(args.measurements.iter().map(|path| open_file(path)));
    Measurements::read(round, rules, parser, chunks).map_err(|error| match error {
        ReadError::File { file, error } => eyre!(error).wrap_err(format!(
            "cannot read --measurements {}",
            args.measurements[file].display()
        )),
        other => other.into(),
    })
}

fn list_rejected(args: &EvaluateArgs, measurements: &Measurements) {
    let rejected = measurements.total() - measurements.valid();
    if rejected == 0 {
        return;
    }
    for row in measurements.first_rejected().iter().take(LISTED) {
        let file = args.measurements[row.file].display();
        output::say(format!("{file}:{}: {}: {}", row.number, row.field, row.reason));
    }
    if rejected > LISTED as u64 {
        output::say(format!("… {} more", grouped(rejected - LISTED as u64)));
    }
    let by_field: Vec<_> = measurements
        .rejected()
        .iter()
        .map(|(field, count)| format!("{field} {}", grouped(*count)))
        .collect();
    output::say(format!(
        "{} of {} rows rejected ({})",
        grouped(rejected),
        grouped(measurements.total()),
        by_field.join(", ")
    ));
}

/// Writes labels to a temporary file, which replaces the given one when it is complete.
fn create(args: &EvaluateArgs, path: &Path) -> eyre::Result<BufWriter<NamedTempFile>> {
    for input in [&args.round].into_iter().chain(&args.measurements) {
        ensure!(
            !output::is_same_file(input, path),
            "--labels {} is also the input {}: give another file",
            path.display(),
            input.display()
        );
    }
    let file =
        assize_service::beside(path).wrap_err_with(|| format!("cannot write --labels {}", path.display()))?;
    Ok(BufWriter::with_capacity(1 << 20, file))
}

fn write_labels(mut file: BufWriter<NamedTempFile>, rows: &[Labels], path: &Path) -> eyre::Result<()> {
    for labels in rows {
        serde_json::to_writer(&mut file, labels)?;
        file.write_all(b"\n")?;
    }
    Ok(assize_service::replace(file.into_inner()?, path)?)
}

fn text_of(report: &Report) -> String {
    let table = |title: &str, counts: &std::collections::BTreeMap<String, u64>| {
        let mut counts: Vec<_> = counts.iter().collect();
        counts.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), *name));
        let rows = counts
            .iter()
            .map(|(name, count)| format!("\n  {:>13}  {name}", grouped(**count)));
        format!("\n{title}{}", rows.collect::<String>())
    };
    let SparkCounts {
        total,
        successful,
        successful_http,
        ..
    } = report.rsr.overall;
    let rate = |part: u64| match total {
        0 => "-".to_owned(),
        _ => format!("{:.2} %", part as f64 * 100.0 / total as f64),
    };
    format!(
        "{} rows, {} count; {} committees; {} participants with a score{}{}\nretrieval success rate {} (HTTP {}), {} votes, \
         {} providers, {} clients, {} allocators",
        grouped(report.total),
        grouped(report.valid),
        grouped(report.committees),
        grouped(report.scores.len() as u64),
        table("outcomes", &report.outcomes),
        table("committees' decisions", &report.decisions),
        rate(successful),
        rate(successful_http),
        grouped(total),
        grouped(report.rsr.by_miner.len() as u64),
        grouped(report.rsr.by_client.len() as u64),
        grouped(report.rsr.by_allocator.len() as u64),
    )
}
