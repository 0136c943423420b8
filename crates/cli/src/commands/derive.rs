//! `assize derive`: what follows from a round's seed.

use assize_protocol::{Assignment, CommitteeIndex, Parameters, Seed, StationIndex};
use clap::{Args, Subcommand, value_parser};
use eyre::ensure;
use serde::Serialize;

use crate::args::FormatArgs;
use crate::output::{self, Outcome};

#[derive(Debug, Subcommand)]
pub enum DeriveCommand {
    Committees(CommitteesArgs),
    Tasks(TasksArgs),
    Shuffle(ShuffleArgs),
}

pub(super) fn run(command: &DeriveCommand) -> eyre::Result<Outcome> {
    match command {
        DeriveCommand::Committees(args) => committees(args),
        DeriveCommand::Tasks(args) => tasks(args),
        DeriveCommand::Shuffle(args) => shuffle(args),
    }
}

/// Draw the committees of a round, each by ascending seat.
#[derive(Debug, Args)]
pub struct CommitteesArgs {
    /// The round's seed, 32 bytes of hex.
    #[arg(long, value_name = "HEX32")]
    seed: Seed,
    /// Stations in the roster.
    #[arg(long, value_name = "N")]
    stations: u32,
    /// Largest committee.
    #[arg(long, value_name = "SIZE", default_value_t = Parameters::default().max_committee_size, value_parser = value_parser!(u16).range(1..))]
    max_size: u16,
    /// Draw only this committee.
    #[arg(long, value_name = "C", conflicts_with = "station")]
    committee: Option<u32>,
    /// Find only this station's committee and seat.
    #[arg(long, value_name = "I")]
    station: Option<u32>,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Serialize)]
struct Committees {
    committees: u32,
    members: Vec<Vec<StationIndex>>,
}

#[derive(Serialize)]
struct SeatOfStation {
    station: u32,
    committee: CommitteeIndex,
    seat: assize_protocol::Seat,
}

fn committees(args: &CommitteesArgs) -> eyre::Result<Outcome> {
    let parameters = Parameters {
        max_committee_size: args.max_size,
        ..Parameters::default()
    };
    // Committees do not depend on the task list, so one task is enough.
    let assignment = Assignment::new(args.seed, &parameters, args.stations, 1);
    if let Some(station) = args.station {
        let (committee, seat) = assignment.seat_of(StationIndex(station))?;
        let found = SeatOfStation {
            station,
            committee,
            seat,
        };
        args.format.print(&found, || {
            format!("station {station} has seat {seat} in committee {committee}")
        })?;
        return Ok(Outcome::Done);
    }
    let members = match args.committee {
        Some(committee) => vec![assignment.members(CommitteeIndex(committee))?],
        None => assignment.all_members(),
    };
    note_if_none(&assignment, args.stations, None);
    let drawn = Committees {
        committees: assignment.committee_count(),
        members,
    };
    args.format.print(&drawn, || {
        let first = args.committee.unwrap_or_default();
        let mut lines = vec![format!("{} committees", drawn.committees)];
        lines.extend(numbered("committee", first, &drawn.members));
        lines.join("\n")
    })?;
    Ok(Outcome::Done)
}

/// A line for each list.
fn numbered<T: ToString>(name: &str, first: u32, lists: &[Vec<T>]) -> Vec<String> {
    (first..)
        .zip(lists)
        .map(|(number, list)| format!("{name} {number}: {}", listed(list)))
        .collect()
}

fn listed<T: ToString>(list: &[T]) -> String {
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Warns about an empty draw: it is valid, but rarely expected.
fn note_if_none(assignment: &Assignment, stations: u32, tasks: Option<u32>) {
    if assignment.committee_count() == 0 {
        let tasks = tasks.map_or(String::new(), |tasks| format!(" or {tasks} tasks"));
        output::say(format!(
            "note: with {stations} stations{tasks} there are no committees"
        ));
    }
}

/// Draw the tasks of a round's committees.
#[derive(Debug, Args)]
pub struct TasksArgs {
    /// The round's seed, 32 bytes of hex.
    #[arg(long, value_name = "HEX32")]
    seed: Seed,
    /// Stations in the roster.
    #[arg(long, value_name = "N")]
    stations: u32,
    /// Tasks in the round's list.
    #[arg(long, value_name = "M")]
    tasks: u32,
    /// Largest committee.
    #[arg(long, value_name = "SIZE", default_value_t = Parameters::default().max_committee_size, value_parser = value_parser!(u16).range(1..))]
    max_size: u16,
    /// Target number of measurements in a round.
    #[arg(long, value_name = "COUNT", default_value_t = Parameters::default().target_measurements)]
    target_measurements: u32,
    /// Maximum tasks of a committee.
    #[arg(long, value_name = "COUNT", default_value_t = Parameters::default().max_tasks_per_committee, value_parser = value_parser!(u16).range(1..))]
    max_tasks: u16,
    /// Draw only this committee's tasks.
    #[arg(long, value_name = "C")]
    committee: Option<u32>,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tasks {
    tasks_per_committee: u32,
    tasks: Vec<Vec<assize_protocol::TaskIndex>>,
}

fn tasks(args: &TasksArgs) -> eyre::Result<Outcome> {
    let parameters = Parameters {
        max_committee_size: args.max_size,
        target_measurements: args.target_measurements,
        max_tasks_per_committee: args.max_tasks,
        ..Parameters::default()
    };
    let assignment = Assignment::new(args.seed, &parameters, args.stations, args.tasks);
    let tasks = match args.committee {
        Some(committee) => vec![assignment.tasks(CommitteeIndex(committee))?],
        None => assignment.all_tasks(),
    };
    note_if_none(&assignment, args.stations, Some(args.tasks));
    let drawn = Tasks {
        tasks_per_committee: assignment.tasks_per_committee(),
        tasks,
    };
    args.format.print(&drawn, || {
        let first = args.committee.unwrap_or_default();
        let mut lines = vec![format!("{} tasks for each committee", drawn.tasks_per_committee)];
        lines.extend(numbered("committee", first, &drawn.tasks));
        lines.join("\n")
    })?;
    Ok(Outcome::Done)
}

/// Shuffle 0..N as compute_shuffled_index of the Ethereum consensus specification does.
#[derive(Debug, Args)]
pub struct ShuffleArgs {
    /// Seed of the shuffle itself, 32 bytes of hex.
    #[arg(long, value_name = "HEX32")]
    seed: assize_protocol::ShuffleSeed,
    /// Number of indices.
    #[arg(long, value_name = "N")]
    count: u64,
    /// Rounds of swapping.
    #[arg(long, value_name = "ROUNDS", default_value_t = assize_protocol::SHUFFLE_ROUND_COUNT)]
    rounds: u8,
    #[command(flatten)]
    format: FormatArgs,
}

fn shuffle(args: &ShuffleArgs) -> eyre::Result<Outcome> {
    ensure!(
        args.count <= u64::from(u32::MAX),
        "--count {} is too large: the shuffle is defined for at most {} indices",
        args.count,
        u32::MAX
    );
    let shuffle = assize_protocol::Shuffle::with_rounds(args.seed, args.count as u32, args.rounds);
    let mapping = shuffle.mapping();
    args.format.print(&mapping, || listed(&mapping))?;
    Ok(Outcome::Done)
}
