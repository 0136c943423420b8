//! `assize-lab simulate`: the cost of cheating.

use std::path::PathBuf;

use assize_protocol::Parameters;
#[cfg(feature = "plots")]
use assize_simulate::Capture;
use assize_simulate::{Costs, Outcome as Played, Population, Scenario, Strategy, simulate};
#[cfg(feature = "plots")]
use assize_stats::{Line, draw_lines};
use clap::{Args, ValueEnum, value_parser};
use comfy_table::{CellAlignment, Table, presets::NOTHING};
use eyre::WrapErr;
use serde_json::json;

use assize_cli::FormatArgs;
use assize_cli::output::{self, Outcome, grouped};

/// Simulate adversaries: how likely they capture a committee, bend rates, and profit.
#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
pub(crate) struct SimulateArgs {
    /// Stations in the roster.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    stations: u32,
    /// Adversary's stations.
    #[arg(
        long,
        value_name = "SHARES",
        value_delimiter = ',',
        default_value = "0.1,0.2,0.3,0.35,0.4,0.45,0.5"
    )]
    share: Vec<f64>,
    /// Its subnets [default: as --share; a tenth of it for few-subnets].
    #[arg(long, value_name = "SHARE")]
    subnet_share: Option<f64>,
    /// lie-for-one, lie-at-random, split-votes, few-subnets, copy-votes.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        value_name = "STRATEGIES",
        hide_possible_values = true
    )]
    strategy: Vec<StrategyChoice>,
    /// Rounds to simulate for each share and strategy.
    #[arg(long, value_name = "ROUNDS", default_value_t = 200)]
    rounds: u32,
    /// Approximate tasks of each committee.
    #[arg(long, value_name = "TASKS", default_value_t = 4, value_parser = value_parser!(u32).range(1..))]
    tasks: u32,
    /// Largest committee.
    #[arg(long, value_name = "SIZE", default_value_t = Parameters::default().max_committee_size, value_parser = value_parser!(u16).range(1..))]
    max_size: u16,
    /// Probability that an honest station errs.
    #[arg(long, value_name = "P", default_value_t = 0.02)]
    noise: f64,
    /// Cost of a station in a round, in any unit.
    #[arg(long, value_name = "COST", default_value_t = Costs::default().station)]
    station_cost: f64,
    /// Cost of an address in its own subnet in a round.
    #[arg(long, value_name = "COST", default_value_t = Costs::default().subnet)]
    subnet_cost: f64,
    /// Cost of a retrieval.
    #[arg(long, value_name = "COST", default_value_t = Costs::default().retrieval)]
    retrieval_cost: f64,
    /// Seed of the simulation.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,
    /// Draw the probability of capture, exact and simulated.
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StrategyChoice {
    LieForOne,
    LieAtRandom,
    SplitVotes,
    FewSubnets,
    CopyVotes,
}

impl From<StrategyChoice> for Strategy {
    fn from(choice: StrategyChoice) -> Self {
        match choice {
            StrategyChoice::LieForOne => Self::LieForOne,
            StrategyChoice::LieAtRandom => Self::LieAtRandom,
            StrategyChoice::SplitVotes => Self::SplitVotes,
            StrategyChoice::FewSubnets => Self::FewSubnets,
            StrategyChoice::CopyVotes => Self::CopyVotes,
        }
    }
}

pub(crate) fn run(args: &SimulateArgs) -> eyre::Result<Outcome> {
    if args.plot.is_some() && !cfg!(feature = "plots") {
        return Err(output::without("--plot", "plots"));
    }
    let strategies: Vec<Strategy> = match args.strategy.is_empty() {
        true => Strategy::ALL.to_vec(),
        false => args.strategy.iter().map(|choice| (*choice).into()).collect(),
    };
    let costs = Costs {
        station: args.station_cost,
        subnet: args.subnet_cost,
        retrieval: args.retrieval_cost,
    };
    for (name, cost) in [
        ("station", costs.station),
        ("subnet", costs.subnet),
        ("retrieval", costs.retrieval),
    ] {
        eyre::ensure!(
            cost.is_finite() && cost >= 0.0,
            "--{name}-cost {cost}: give a cost of 0 or more"
        );
    }
    let mut played = Vec::new();
    for strategy in strategies {
        for share in &args.share {
            let scenario = scenario(args, strategy, *share);
            let outcome = simulate(&scenario, &costs)?;
            played.push((*share, outcome));
        }
    }
    if let Some(path) = &args.plot {
        let svg = plot(args, &played)?;
        std::fs::write(path, svg).wrap_err_with(|| format!("cannot write --plot {}", path.display()))?;
    }
    let outcomes: Vec<_> = played.iter().map(|(_, outcome)| outcome).collect();
    args.format.print(
        &json!({"seed": args.seed, "costs": costs, "outcomes": outcomes}),
        || as_text(&played),
    )?;
    Ok(Outcome::Done)
}

fn scenario(args: &SimulateArgs, strategy: Strategy, share: f64) -> Scenario {
    let usual = match strategy {
        Strategy::FewSubnets => share / 10.0,
        _ => share,
    };
    Scenario {
        stations: args.stations,
        share,
        subnet_share: args.subnet_share.unwrap_or(usual),
        strategy,
        rounds: args.rounds,
        noise: args.noise,
        parameters: Parameters {
            max_committee_size: args.max_size,
            target_measurements: args.tasks.saturating_mul(args.stations),
            ..Parameters::default()
        },
        seed: args.seed,
    }
}

/// Maximum width of a bar.
const BAR: f64 = 24.0;

fn as_text(played: &[(f64, Played)]) -> String {
    let mut text = String::new();
    for rows in played.chunk_by(|(_, a), (_, b)| a.strategy == b.strategy) {
        let mut table = Table::new();
        table.load_style(NOTHING).set_header([
            "stations",
            "subnets",
            "committees captured",
            "exact",
            "",
            "false",
            "undecided",
            "RSR honest",
            "reported",
            "rewards",
            "costs",
            "reward per cost",
        ]);
        for (_, outcome) in rows {
            let Population {
                stations,
                hostile,
                hostile_subnets,
            } = outcome.population;
            let honest = stations - hostile;
            let percent = |share: f64| format!("{:.1} %", share * 100.0);
            let of_tasks = |count: u64| percent(count as f64 / outcome.tasks.max(1) as f64);
            table.add_row([
                percent(f64::from(hostile) / f64::from(stations)),
                percent(f64::from(hostile_subnets) / f64::from(hostile_subnets + honest).max(1.0)),
                format!("{} of {}", grouped(outcome.captured), grouped(outcome.committees)),
                probability(outcome.exact.of_subnets),
                "█".repeat((outcome.exact.of_subnets * BAR).round() as usize),
                of_tasks(outcome.falsified),
                of_tasks(outcome.undecided),
                percent(outcome.honest_rsr),
                percent(outcome.reported_rsr),
                percent(outcome.rewards),
                percent(outcome.costs),
                outcome
                    .advantage
                    .map_or("-".to_owned(), |advantage| format!("{advantage:.2}")),
            ]);
        }
        for column in [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11] {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        if let Some((_, first)) = rows.first() {
            text += &format!("{}\n{}\n\n", first.strategy, table.trim_fmt());
        }
    }
    text + "exact: probability that the adversary has more than half of a committee's votes. false, undecided: share of all tasks.\n\
            RSR: of the favourite provider if the adversary has one, else of all. reward per cost: relative to an honest station's;\n\
            above 1, cheating pays."
}

/// A probability with few digits, also if it is very small.
fn probability(p: f64) -> String {
    match p {
        p if p >= 0.001 => format!("{:.2} %", p * 100.0),
        p if p >= 1e-300 => format!("{p:.1e}"),
        _ => "0".to_owned(),
    }
}

#[cfg(not(feature = "plots"))]
fn plot(_args: &SimulateArgs, _played: &[(f64, Played)]) -> eyre::Result<String> {
    Err(output::without("--plot", "plots"))
}

/// Plots the decimal logarithm of the probability over the adversary's share of stations.
#[cfg(feature = "plots")]
fn plot(args: &SimulateArgs, played: &[(f64, Played)]) -> eyre::Result<String> {
    const MINIMUM: f64 = 1e-12;
    let mut lines = Vec::new();
    let all = scenario(args, Strategy::LieForOne, 0.0);
    for (name, size) in [("exact, committees of 40", 40), ("exact, committees of 100", 100)] {
        let points = (1..60).filter_map(|percent| {
            let share = f64::from(percent) / 100.0;
            let scenario = Scenario {
                share,
                subnet_share: share,
                ..all
            };
            let capture = Capture::exact(&scenario.population().ok()?, size);
            (capture.of_stations > MINIMUM).then(|| (share * 100.0, capture.of_stations.log10()))
        });
        lines.push(Line {
            name: name.to_owned(),
            points: points.collect(),
        });
    }
    for rows in played.chunk_by(|(_, a), (_, b)| a.strategy == b.strategy) {
        let points = rows.iter().filter(|(_, outcome)| outcome.captured > 0);
        let points: Vec<_> = points
            .map(|(share, outcome)| (share * 100.0, outcome.simulated.log10()))
            .collect();
        // The draw depends on subnets, not on the strategy: equal curves are drawn once.
        let is_drawn = lines.iter().any(|line| line.points == points);
        if let (Some((_, first)), false) = (rows.first(), points.is_empty() || is_drawn) {
            lines.push(Line {
                name: format!("simulated, {}", first.strategy),
                points,
            });
        }
    }
    let title = format!(
        "Probability that a committee is captured, {} stations",
        grouped(args.stations.into())
    );
    Ok(draw_lines(
        &title,
        (
            "adversary's share of stations, percent",
            "log10 of the probability",
        ),
        &lines,
    )?)
}
