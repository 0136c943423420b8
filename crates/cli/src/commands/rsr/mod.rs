//! `assize rsr`: success rates over time.

mod build;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use assize_evaluate::Ttfb;
use assize_stats::{By, DailyDocument, Dataset, Day, Query, Rsr, to_csv, to_parquet};
use clap::{Args, Subcommand, ValueEnum};
use comfy_table::{CellAlignment, Table, presets::NOTHING};
use eyre::{WrapErr, ensure, eyre};
use serde_json::{Value, json};

use super::wait_for;
use crate::args::SourceArgs;
use crate::evidence::source;
use crate::output::{self, Outcome, grouped};
use assize_service::DataDir;

/// Show retrieval success rates by provider, client or allocator.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct RsrArgs {
    #[command(subcommand)]
    command: Option<RsrCommand>,
    /// Catalog written by evaluators [default: DATA/rates.json].
    #[arg(long, value_name = "FILE")]
    rates: Option<PathBuf>,
    /// Group by network, provider, client or allocator.
    #[arg(
        long,
        value_enum,
        value_name = "PARTY",
        default_value_t = ByChoice::Network,
        hide_possible_values = true
    )]
    by: ByChoice,
    /// First day, such as 2026-11-20 [default: the first in the catalog].
    #[arg(long, value_name = "DAY")]
    from: Option<Day>,
    /// Last day, included [default: the last in the catalog].
    #[arg(long, value_name = "DAY")]
    to: Option<Day>,
    /// One row for each day.
    #[arg(long)]
    per_day: bool,
    /// Output format.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Table)]
    format: Format,
    /// Write to a file instead of stdout.
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Draw the network's rate by day and the distribution of the providers' rates.
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// Write the days' Parquet files to this directory, by table and day.
    #[arg(long, value_name = "DIR")]
    export: Option<PathBuf>,
    /// Write one day's rates as Spark's daily DAG-JSON document; prints its CID.
    #[arg(long, value_name = "FILE")]
    dag_json: Option<PathBuf>,
    #[command(flatten)]
    source: SourceArgs,
}

#[derive(Debug, Subcommand)]
enum RsrCommand {
    Build(build::BuildArgs),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ByChoice {
    Network,
    Provider,
    Client,
    Allocator,
}

impl From<ByChoice> for By {
    fn from(by: ByChoice) -> Self {
        match by {
            ByChoice::Network => Self::Network,
            ByChoice::Provider => Self::Provider,
            ByChoice::Client => Self::Client,
            ByChoice::Allocator => Self::Allocator,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Json,
    Csv,
    Parquet,
}

pub(crate) fn run(args: &RsrArgs, data: &DataDir) -> eyre::Result<Outcome> {
    if let Some(RsrCommand::Build(args)) = &args.command {
        return wait_for(build::run(args, data));
    }
    if args.plot.is_some() && !cfg!(feature = "plots") {
        return Err(output::without("--plot", "plots"));
    }
    let catalog = args.rates.clone().unwrap_or_else(|| data.rates());
    let dataset = Dataset::read(&catalog)?.ok_or_else(|| {
        eyre!(
            "the catalog {} does not exist; `assize rsr build --rates {0}` makes one from settled rounds",
            catalog.display()
        )
    })?;
    let days = &dataset.catalog.days;
    let (Some(first), Some(last)) = (days.keys().next(), days.keys().next_back()) else {
        return Err(eyre!("the catalog {} is empty", catalog.display()));
    };
    let (from, to) = (args.from.unwrap_or(*first), args.to.unwrap_or(*last));
    ensure!(from <= to, "--from {from} is after --to {to}");
    dataset.days(from, to)?;
    let outputs = [
        ("out", &args.out),
        ("plot", &args.plot),
        ("dag-json", &args.dag_json),
    ];
    for (name, path) in outputs {
        if let Some(path) = path.as_ref().filter(|path| output::is_same_file(path, &catalog)) {
            return Err(eyre!(
                "--{name} {} is the catalog: give another file",
                path.display()
            ));
        }
    }
    ensure!(
        !matches!(args.format, Format::Parquet) || args.out.is_some() || !std::io::stdout().is_terminal(),
        "cannot print Parquet to a terminal: give --out FILE"
    );
    let source = &*source(&args.source, data)?;
    let ask = |by: By, per_day: bool| {
        Query {
            by,
            from,
            to,
            per_day,
        }
        .run(&dataset, source)
    };

    if let Some(directory) = &args.export {
        let is_empty = directory
            .read_dir()
            .map_or(true, |mut entries| entries.next().is_none());
        ensure!(
            is_empty,
            "--export {} is not empty: readers would mix it with other days; name another directory",
            directory.display()
        );
        dataset
            .export(source, directory, from, to)
            .wrap_err_with(|| format!("cannot write --export {}", directory.display()))?;
    }
    if let Some(path) = &args.plot {
        let svg = draw(&ask(By::Network, true)?, &ask(By::Provider, false)?)?;
        write(path, svg.as_bytes())?;
    }
    if let Some(path) = &args.dag_json {
        ensure!(
            from == to,
            "--dag-json needs one day: give the same --from and --to, not {from} and {to}"
        );
        let (day, entry) = dataset.days(from, to)?[0];
        let document = DailyDocument::new(day, entry, &ask(By::Provider, false)?, env!("CARGO_PKG_VERSION"));
        write(path, &document.to_bytes())?;
        output::say(format!("{} of {day} is {}", path.display(), document.cid()));
    }
    let by = By::from(args.by);
    let rows = ask(by, args.per_day)?;
    if rows.is_empty() {
        output::say(format!("no task from {from} to {to} has a {}", by.as_str()));
    }
    let answer = match args.format {
        Format::Table => (table(&rows, args.per_day) + "\n").into_bytes(),
        Format::Json => {
            (serde_json::to_string_pretty(&rows.iter().map(as_json).collect::<Vec<_>>())? + "\n").into_bytes()
        }
        Format::Csv => to_csv(&rows).into_bytes(),
        Format::Parquet => to_parquet(&rows)?,
    };
    match &args.out {
        Some(path) => write(path, &answer)?,
        None => output::bytes(&answer)?,
    }
    Ok(Outcome::Done)
}

#[cfg(feature = "plots")]
use assize_stats::draw_rsr as draw;

#[cfg(not(feature = "plots"))]
fn draw(_network_by_day: &[Rsr], _providers: &[Rsr]) -> eyre::Result<String> {
    Err(output::without("--plot", "plots"))
}

fn write(path: &Path, bytes: &[u8]) -> eyre::Result<()> {
    std::fs::write(path, bytes).wrap_err_with(|| format!("cannot write {}", path.display()))
}

fn as_json(row: &Rsr) -> Value {
    let figures = &row.figures;
    let ttfb = |ttfb: &Ttfb| {
        json!({
            "measurements": ttfb.total(),
            "p50": ttfb.percentile(50), "p90": ttfb.percentile(90), "p99": ttfb.percentile(99),
        })
    };
    json!({
        "id": row.id,
        "day": row.day,
        "total": figures.counts.total,
        "successful": figures.counts.successful,
        "successfulHttp": figures.counts.successful_http,
        "rsr": figures.counts.rate(),
        "rsrHttp": figures.counts.rate_http(),
        "verdicts": figures.counts.verdicts,
        "results": figures.results,
        "ttfbHttpMs": ttfb(&figures.ttfb_http),
        "ttfbGraphsyncMs": ttfb(&figures.ttfb_graphsync),
    })
}

fn table(rows: &[Rsr], per_day: bool) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    let mut header = vec!["id"];
    header.extend(per_day.then_some("day"));
    header.extend([
        "votes",
        "RSR",
        "RSR http",
        "majority",
        "minority",
        "none",
        "too small",
        "TTFB http p50 / p90",
        "most frequent failure",
    ]);
    let numbers = header.len() - 1;
    table.set_header(header);
    for Rsr { id, day, figures } in rows {
        let percent =
            |rate: Option<f64>| rate.map_or("-".to_owned(), |rate| format!("{:.2} %", rate * 100.0));
        let verdicts = figures.counts.verdicts;
        let of_total = |count: u64| {
            percent((figures.counts.total > 0).then(|| count as f64 / figures.counts.total as f64))
        };
        let ttfb = match (figures.ttfb_http.percentile(50), figures.ttfb_http.percentile(90)) {
            (Some(half), Some(most)) => format!("{half} / {most} ms"),
            _ => "-".to_owned(),
        };
        let failures = figures.results.iter().filter(|(code, _)| *code != "OK");
        let worst = failures.max_by_key(|(code, count)| (**count, std::cmp::Reverse(*code)));
        let mut cells = vec![id.clone()];
        cells.extend(day.filter(|_| per_day).map(|day| day.to_string()));
        cells.extend([
            grouped(figures.counts.total),
            percent(figures.counts.rate()),
            percent(figures.counts.rate_http()),
            of_total(verdicts.majority_result),
            of_total(verdicts.minority_result),
            of_total(verdicts.majority_not_found),
            of_total(verdicts.committee_too_small),
            ttfb,
            worst.map_or("-".to_owned(), |(code, count)| {
                format!("{code} {}", of_total(*count))
            }),
        ]);
        table.add_row(cells);
    }
    for column in 1..numbers {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}
