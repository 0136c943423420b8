//! `assize committees`, `assize tasks`: what a round's seed decides.

use assize_protocol::{Assignment, CommitteeIndex, Parameters, Seed, StationIndex};
use clap::{Args, value_parser};
use eyre::{Context, ensure};
use serde::Serialize;

use crate::output::{self, Outcome};

/// Draw the committees of a round.
///
/// Prints JSON: {"committees":C,"members":[[station,…],…]}, each committee by ascending seat.
#[derive(Debug, Args)]
pub(crate) struct CommitteesArgs {
    /// The round's seed, 32 bytes of hex.
    #[arg(long, value_name = "HEX32")]
    seed: Seed,
    /// Stations in the roster.
    #[arg(long, value_name = "N")]
    stations: u32,
    /// Largest committee.
    #[arg(long, value_name = "SIZE", default_value_t = Parameters::default().max_committee_size, value_parser = value_parser!(u16).range(1..))]
    max_size: u16,
    /// Draw this committee alone.
    #[arg(long, value_name = "C", conflicts_with = "station")]
    committee: Option<u32>,
    /// Find this station's committee and seat alone: {"station":I,"committee":c,"seat":p} with shuffled(p) = I.
    #[arg(long, value_name = "I")]
    station: Option<u32>,
    /// JSON is the only form; accepted for uniformity.
    #[arg(long)]
    json: bool,
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

pub(crate) fn committees(args: &CommitteesArgs) -> eyre::Result<Outcome> {
    let parameters = Parameters {
        max_committee_size: args.max_size,
        ..Parameters::default()
    };
    // Committees do not depend on the task list; one task stands for any.
    let assignment = Assignment::new(args.seed, &parameters, args.stations, 1);
    if let Some(station) = args.station {
        let (committee, seat) = assignment.seat_of(StationIndex(station)).wrap_err_with(|| {
            format!(
                "--station {station} is not in a roster of {} stations",
                args.stations
            )
        })?;
        output::json(&SeatOfStation {
            station,
            committee,
            seat,
        })?;
        return Ok(Outcome::Done);
    }
    let members = match args.committee {
        Some(committee) => vec![assignment.members(CommitteeIndex(committee)).wrap_err_with(|| {
            format!(
                "--committee {committee}: {} stations form {} committees",
                args.stations,
                assignment.committee_count()
            )
        })?],
        None => assignment.all_members(),
    };
    note_if_none(&assignment, args.stations, None);
    output::json(&Committees {
        committees: assignment.committee_count(),
        members,
    })?;
    Ok(Outcome::Done)
}

/// Nothing to draw is a valid outcome, and seldom what was meant.
fn note_if_none(assignment: &Assignment, stations: u32, tasks: Option<u32>) {
    if assignment.committee_count() == 0 {
        let tasks = tasks.map_or(String::new(), |tasks| format!(" or {tasks} tasks"));
        output::say(format!(
            "note: with {stations} stations{tasks} there are no committees"
        ));
    }
}

/// Draw the tasks of a round's committees.
///
/// Prints JSON: {"tasksPerCommittee":T,"tasks":[[task,…],…]}, one list a committee.
#[derive(Debug, Args)]
pub(crate) struct TasksArgs {
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
    /// Measurements that the network aims at per round.
    #[arg(long, value_name = "COUNT", default_value_t = Parameters::default().target_measurements)]
    target_measurements: u32,
    /// Upper bound of tasks per committee.
    #[arg(long, value_name = "COUNT", default_value_t = Parameters::default().max_tasks_per_committee, value_parser = value_parser!(u16).range(1..))]
    max_tasks: u16,
    /// Draw this committee's tasks alone.
    #[arg(long, value_name = "C")]
    committee: Option<u32>,
    /// JSON is the only form; accepted for uniformity.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tasks {
    tasks_per_committee: u32,
    tasks: Vec<Vec<assize_protocol::TaskIndex>>,
}

pub(crate) fn tasks(args: &TasksArgs) -> eyre::Result<Outcome> {
    let parameters = Parameters {
        max_committee_size: args.max_size,
        target_measurements: args.target_measurements,
        max_tasks_per_committee: args.max_tasks,
        ..Parameters::default()
    };
    let assignment = Assignment::new(args.seed, &parameters, args.stations, args.tasks);
    let tasks = match args.committee {
        Some(committee) => vec![assignment.tasks(CommitteeIndex(committee)).wrap_err_with(|| {
            format!(
                "--committee {committee}: {} stations form {} committees",
                args.stations,
                assignment.committee_count()
            )
        })?],
        None => assignment.all_tasks(),
    };
    note_if_none(&assignment, args.stations, Some(args.tasks));
    output::json(&Tasks {
        tasks_per_committee: assignment.tasks_per_committee(),
        tasks,
    })?;
    Ok(Outcome::Done)
}

/// The whole shuffle of 0..count under one seed.
///
/// Prints a JSON array whose element i is compute_shuffled_index(i, count, seed) of the Ethereum consensus
/// specification. The seed is used as it is, not derived from.
#[derive(Debug, Args)]
pub(crate) struct ShuffleArgs {
    /// Seed of the shuffle itself, 32 bytes of hex.
    #[arg(long, value_name = "HEX32")]
    seed: assize_protocol::ShuffleSeed,
    /// How many indices.
    #[arg(long, value_name = "N")]
    count: u64,
    /// Rounds of swapping.
    #[arg(long, default_value_t = assize_protocol::SHUFFLE_ROUND_COUNT)]
    rounds: u8,
    /// JSON is the only form; accepted for uniformity.
    #[arg(long)]
    json: bool,
}

pub(crate) fn shuffle(args: &ShuffleArgs) -> eyre::Result<Outcome> {
    ensure!(
        args.count <= u64::from(u32::MAX),
        "--count {} is too large: the shuffle is defined for at most {} indices",
        args.count,
        u32::MAX
    );
    let shuffle = assize_protocol::Shuffle::with_rounds(args.seed, args.count as u32, args.rounds);
    output::json(&shuffle.mapping())?;
    Ok(Outcome::Done)
}
