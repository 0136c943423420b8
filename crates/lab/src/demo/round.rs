//! One round: opened, revealed, measured, published.

use std::io::Cursor;

use assize_chain::ListCommitment;
use assize_drand::{BeaconSource, with_y};
use assize_ingest::{SqliteIngest, import};
use assize_measurement::{Domain, ndjson};
use assize_outbox::{Outbox, Policy};
use assize_protocol::{Assignment, Parameters, RoundNumber, TaskList};
use assize_publish::{Closing, Publisher};
use assize_service::Clock;
use assize_store::Store;
use assize_testkit::anvil::CHAIN_ID;
use assize_testkit::network::{Network, RoundContext};
use eyre::{OptionExt, ensure};

use super::Beacons;
use super::actors::Actors;
use super::schedule::Slot;
use super::stage::{Progress, Stage};
use assize_cli::output::grouped;

/// Measurements per batch; small, so that every round has several.
const BATCH: u32 = 10_000;

/// Opens, reveals, measures, publishes.
#[expect(clippy::too_many_arguments, reason = "everybody takes part in a round")]
pub(super) async fn play_round(
    stage: &mut Stage,
    actors: &Actors,
    network: &Network,
    beacons: &Beacons,
    tasks: &TaskList,
    number: RoundNumber,
    slot: &Slot,
    progress: &mut Progress,
) -> eyre::Result<()> {
    let parameters = stage.network.rounds.parameters().await?;
    if parameters.round_duration != slot.duration {
        let changed = Parameters {
            round_duration: slot.duration,
            ..parameters
        };
        stage
            .transact(
                "set parameters",
                &actors.owner,
                &stage.network.rounds.set_parameters(&changed)?,
            )
            .await?;
    }

    let roster = network.roster()?;
    let roster_file = roster.to_ndjson();
    let tasks_file = tasks.to_ndjson();
    stage.files.write("roster.ndjson", &roster_file)?;
    stage.files.write("tasks.ndjson", &tasks_file)?;
    let roster_commitment = ListCommitment::of(&roster, stage.store.put(&roster_file)?);
    let tasks_commitment = ListCommitment::of(tasks, stage.store.put(&tasks_file)?);
    stage.anvil.set_next_timestamp(slot.opened_at)?;
    let open = stage.network.rounds.open(&roster_commitment, &tasks_commitment);
    stage.transact("open a round", &actors.coordinator, &open).await?;
    let round = stage.network.rounds.round(number).await?;
    ensure!(
        (round.beacon_round, round.dedupe_beacon_round) == (slot.beacon, slot.dedupe_beacon),
        "round {number} asks for the beacons {} and {}, but {} and {} were planned",
        round.beacon_round,
        round.dedupe_beacon_round,
        slot.beacon,
        slot.dedupe_beacon
    );
    progress.done(format!(
        "round {number}: opened with {} stations and {} tasks, before its beacon {} exists",
        roster.count(),
        grouped(tasks.count().into()),
        slot.beacon
    ));

    let published_at = beacons
        .chain()
        .schedule()
        .time_of(slot.beacon)
        .ok_or_eyre("a beacon before all time")?;
    stage.anvil.set_next_timestamp(published_at + 1)?;
    let signature = with_y(&beacons.beacon(slot.beacon)?.signature)?;
    stage
        .transact(
            "reveal a beacon",
            &actors.coordinator,
            &stage.network.rounds.reveal(number, &signature),
        )
        .await?;
    let seed = stage
        .network
        .rounds
        .round(number)
        .await?
        .seed
        .ok_or_eyre("revealed, but without a seed")?;
    let assignment = Assignment::new(seed, &round.parameters, roster.count(), tasks.count());
    progress.done(format!(
        "round {number}: beacon verified by the contract; {} committees drawn, {} tasks each",
        assignment.committee_count(),
        assignment.tasks_per_committee()
    ));

    let domain = Domain {
        chain_id: CHAIN_ID,
        rounds: stage.network.deployment.rounds,
    };
    let context = RoundContext {
        round: number,
        opened_at: slot.opened_at,
        assignment: &assignment,
        tasks,
        domain,
    };
    let measurements = network.measure(&context);
    let reported = measurements.len();
    let ingest = ndjson::to_ndjson(&measurements);
    drop(measurements);
    progress.done(format!(
        "round {number}: {} measurements signed",
        grouped(reported as u64)
    ));

    let published = publish(stage, actors, ingest).await?;
    progress.done(format!(
        "round {number}: {published} batches stored and committed"
    ));
    Ok(())
}

/// Hands the measurements to the publisher, and lets it do its work once.
async fn publish(stage: &mut Stage, actors: &Actors, ingest: Vec<u8>) -> eyre::Result<usize> {
    let mut table = SqliteIngest::open(&stage.files.path("ingest.sqlite"))?;
    import(
        &mut table,
        "measurements.ndjson",
        Cursor::new(ingest),
        Clock::system().now(),
    )?;
    let outbox = Outbox::open(
        &stage.files.path("publisher.sqlite"),
        stage.network.client.clone(),
        actors.publisher.clone(),
        Policy::local(),
    )?;
    let closing = Closing {
        limit: BATCH,
        margin: 0,
    };
    let mut publisher = Publisher::new(Box::new(table), outbox, stage.network.rounds.clone(), closing);
    let report = publisher.publish_once(&stage.store).await?;
    for batch in &report.committed {
        stage.record_gas("commit a batch", batch.gas_used);
    }
    Ok(report.committed.len())
}
