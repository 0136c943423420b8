//! `assize measurements`.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use assize_evaluate::Judged;
use assize_service::{DataDir, counted};
use assize_stats::{measurements_to_csv, measurements_to_ndjson, measurements_to_parquet};
use assize_verify::VerifyError;
use clap::{Args, ValueEnum};
use eyre::{WrapErr, ensure};

use super::verify::why_not_drawn;
use crate::args::EvidenceArgs;
use crate::evidence::{Inputs, advance};
use crate::output::{self, Outcome};

/// Recompute a round, and write every measurement with its label and verdict as a table.
#[derive(Debug, Args)]
pub struct MeasurementsArgs {
    /// Round [default: the latest, or the first of the bundle].
    #[arg(long, value_name = "N")]
    round: Option<u64>,
    /// Output format: ndjson, csv or parquet.
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value_t = Format::Ndjson,
        hide_possible_values = true
    )]
    format: Format,
    /// Write to a file instead of stdout.
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    evidence: EvidenceArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Ndjson,
    Csv,
    Parquet,
}

pub(crate) async fn run(args: &MeasurementsArgs, data: &DataDir) -> eyre::Result<Outcome> {
    ensure!(
        args.format != Format::Parquet || args.out.is_some() || !std::io::stdout().is_terminal(),
        "cannot print Parquet to a terminal: give --out FILE"
    );
    if let Some(file) = &args.out {
        output::expect_no_input("--out", file, args.evidence.files())?;
    }
    let (inputs, number) = Inputs::of_round(&args.evidence, data, args.round).await?;
    let bar = inputs.bar([number].into_iter());
    let judged = inputs.evidence(&|step| advance(&bar, step)).judged(number);
    bar.finish_and_clear();
    let (facts, evaluation, rows) = match judged {
        Ok(judged) => judged,
        Err(VerifyError::Mismatch(mismatch)) => {
            output::say(format!("MISMATCH  round {number}: {mismatch}"));
            return Ok(Outcome::CheckFailed);
        }
        Err(error) => return Err(inputs.explain(error)),
    };
    if facts.draw.is_none() {
        output::say(format!("{}, so it has no measurements", why_not_drawn(&facts)));
    }
    let table = encode(args.format, &rows)?;
    match &args.out {
        Some(file) => write(file, &table)?,
        None => std::io::stdout()
            .write_all(&table)
            .wrap_err("cannot write to stdout")?,
    }
    let invalid: u64 = evaluation.invalid.values().sum();
    if invalid > 0 {
        output::say(format!(
            "{} of round {number} {} no measurements, and not in the table",
            counted(invalid, "committed line"),
            if invalid == 1 { "is" } else { "are" }
        ));
    }
    if let Some(file) = &args.out {
        output::say(format!(
            "{} of round {number} in {}",
            counted(rows.len() as u64, "measurement"),
            file.display()
        ));
    }
    Ok(Outcome::Done)
}

fn encode(format: Format, rows: &[Judged]) -> eyre::Result<Vec<u8>> {
    Ok(match format {
        Format::Ndjson => measurements_to_ndjson(rows).into_bytes(),
        Format::Csv => measurements_to_csv(rows).into_bytes(),
        Format::Parquet => measurements_to_parquet(rows)?,
    })
}

fn write(file: &Path, table: &[u8]) -> eyre::Result<()> {
    std::fs::write(file, table).wrap_err_with(|| format!("cannot write {}", file.display()))
}
