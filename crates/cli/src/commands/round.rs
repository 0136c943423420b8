//! `assize round`.

use std::path::{Path, PathBuf};

use assize_chain::{BatchCommitment, Draft, FileKind, ListCommitment, OwnReport, Round};
use assize_drand::{BeaconSource, with_y};
use assize_protocol::{FrozenList, ListEntry, RosterEntry, RoundNumber, Task};
use assize_store::Store;
use clap::{Args, Subcommand};
use eyre::{Context, bail, eyre};
use serde::Serialize;
use serde_json::json;

use crate::args::{BeaconArgs, ChainArgs, FormatArgs, KeyArgs, StoreArgs};
use crate::connect::{Network, PATIENCE, beacons, store};
use crate::output::Outcome;
use crate::send::ConfirmArgs;
use crate::signer::signer;
use crate::text_file::read_bytes;
use assize_service::{DataDir, counted, date_and_time};

#[derive(Debug, Subcommand)]
pub enum RoundCommand {
    Show(ShowArgs),
    Open(OpenArgs),
    Reveal(RevealArgs),
}

/// Show a round's state on chain.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Round [default: the latest].
    round: Option<u64>,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    chain: ChainArgs,
}

/// Open the next round: store roster and task list, commit their roots.
#[derive(Debug, Args)]
pub struct OpenArgs {
    /// Roster (NDJSON).
    #[arg(long, value_name = "FILE", required_unless_present = "as_before")]
    roster: Option<PathBuf>,
    /// Task list (NDJSON).
    #[arg(long, value_name = "FILE", required_unless_present = "as_before")]
    tasks: Option<PathBuf>,
    /// Open with the previous lists; anyone may, a round's time after the last one.
    #[arg(long, conflicts_with_all = ["roster", "tasks"])]
    as_before: bool,
    #[command(flatten)]
    confirm: ConfirmArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    key: KeyArgs,
}

/// Reveal a round's beacon, which draws its committees; anyone may.
#[derive(Debug, Args)]
pub struct RevealArgs {
    /// Round [default: the latest].
    round: Option<u64>,
    #[command(flatten)]
    confirm: ConfirmArgs,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    beacons: BeaconArgs,
    #[command(flatten)]
    key: KeyArgs,
}

pub(crate) async fn run(command: &RoundCommand, data: &DataDir) -> eyre::Result<Outcome> {
    match command {
        RoundCommand::Show(args) => show(args, data).await,
        RoundCommand::Open(args) => open(args, data).await,
        RoundCommand::Reveal(args) => reveal(args, data).await,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    #[serde(flatten)]
    round: Round,
    committees: u32,
    tasks_per_committee: u32,
    commitments: Vec<BatchCommitment>,
    own: Vec<OwnReport>,
}

async fn show(args: &ShowArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let network = Network::connect(&args.chain, data).await?;
    let number = network.round_or_latest(args.round).await?;
    let round = network.rounds.round(number).await?;
    let (committees, tasks_per_committee) = network.rounds.committee_count(number).await?;
    let commitments = network.rounds.commitments(number, FileKind::Lines).await?;
    let own = network.rounds.own_reports(number).await?;
    let shown = Shown {
        round,
        committees,
        tasks_per_committee,
        commitments,
        own,
    };
    args.format.print(&shown, || {
        let seed = round
            .seed
            .map_or("not revealed".to_owned(), |seed| seed.to_string());
        let batches: u64 = shown
            .commitments
            .iter()
            .map(|commitment| u64::from(commitment.count))
            .sum();
        format!(
            "round {number}\n  opened        {}\n  closes        {}\n  batches until {}\n  over after    {}\n  roster {}, {}\n  tasks {}, {}\n  beacon {} seed {seed}\n  {} with {} each\n  {}, {}, {}",
            date_and_time(round.opened_at),
            date_and_time(round.times.closes_at),
            date_and_time(round.times.publish_until),
            date_and_time(round.times.dedupe_from),
            counted(round.roster.count.into(), "station"),
            round.roster.cid,
            round.tasks.count,
            round.tasks.cid,
            round.beacon_round,
            counted(committees.into(), "committee"),
            counted(tasks_per_committee.into(), "task"),
            counted(shown.commitments.len() as u64, "batch"),
            counted(batches, "measurement"),
            counted(shown.own.len() as u64, "own report"),
        )
    })?;
    Ok(Outcome::Done)
}

async fn open(args: &OpenArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let network = Network::connect_to_send(&args.chain, data).await?;
    let signer = signer(&args.key).await?;
    let (draft, effect) = match (&args.roster, &args.tasks) {
        (Some(roster), Some(tasks)) => {
            let store = store(&args.store, data)?;
            let roster = store_list::<RosterEntry>(roster, &*store)?;
            let tasks = store_list::<Task>(tasks, &*store)?;
            let effect = format!(
                "the next round opens with {} and {}",
                counted(roster.count.into(), "station"),
                counted(tasks.count.into(), "task")
            );
            (network.rounds.open(&roster, &tasks), effect)
        }
        _ => (
            network.rounds.open_as_before(),
            "the next round opens with the lists of the round before".to_owned(),
        ),
    };
    if !args.confirm.confirm(&network, &signer, &draft, &effect).await? {
        return Ok(Outcome::CheckFailed);
    }
    let receipt = network.client.transact(&signer, &draft, PATIENCE).await?;
    let number = network.round_or_latest(None).await?;
    let round = network.rounds.round(number).await?;
    let report = json!({"transaction": receipt.hash, "round": round});
    args.format.print(&report, || {
        format!(
            "round {number} is open until {}; its beacon is drand round {}",
            date_and_time(round.times.closes_at),
            round.beacon_round
        )
    })?;
    Ok(Outcome::Done)
}

async fn reveal(args: &RevealArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let network = Network::connect_to_send(&args.chain, data).await?;
    let signer = signer(&args.key).await?;
    let beacons = beacons(&args.beacons)?;
    network.expect_drand(beacons.chain()).await?;
    let number = network.round_or_latest(args.round).await?;
    let draft = reveal_call(&network, &beacons, number).await?;
    let effect = format!("the beacon of round {number} is revealed, which draws its committees");
    if !args.confirm.confirm(&network, &signer, &draft, &effect).await? {
        return Ok(Outcome::CheckFailed);
    }
    let transaction = network.client.transact(&signer, &draft, PATIENCE).await?.hash;
    let seed = network.rounds.round(number).await?.seed;
    let seed =
        seed.ok_or_else(|| eyre!("round {number} has no seed after its reveal: was the chain reorganised?"))?;
    let report = json!({"round": number, "seed": seed.0, "transaction": transaction});
    args.format
        .print(&report, || format!("round {number} has the seed {}", seed.0))?;
    Ok(Outcome::Done)
}

/// Fetches a round's beacon and verifies it; the call that shows it to the contract.
async fn reveal_call(
    network: &Network,
    beacons: &(dyn BeaconSource + Sync),
    number: RoundNumber,
) -> eyre::Result<Draft> {
    let round = network.rounds.round(number).await?;
    if let Some(seed) = round.seed {
        bail!("round {number} is already revealed: its seed is {seed}");
    }
    let beacon = beacons.beacon(round.beacon_round)?;
    let signature = with_y(&beacon.signature)
        .wrap_err_with(|| format!("the beacon of round {number} is not of quicknet"))?;
    Ok(network.rounds.reveal(number, &signature))
}

/// Stores a list of a file; what a round freezes of it.
fn store_list<E: ListEntry>(path: &Path, store: &dyn Store) -> eyre::Result<ListCommitment> {
    let path_name = path.display();
    let file = read_bytes("", path)?;
    let list = FrozenList::<E>::parse(&file)
        .wrap_err_with(|| format!("the {} {path_name} is malformed", E::LIST))?;
    Ok(ListCommitment::of(&list, store.put(&list.to_ndjson())?))
}
