//! One round of the demo.

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
use super::environment::{Environment, Progress};
use super::roles::Roles;
use super::schedule::Slot;
use assize_cli::output::grouped;

/// Measurements in a batch; small, so that every round has several batches.
const BATCH: u32 = 10_000;

/// Opens a round, reveals its beacon, and measures and publishes.
#[expect(clippy::too_many_arguments, reason = "a round needs all of them")]
pub(super) async fn run_round(
    environment: &mut Environment,
    roles: &Roles,
    network: &Network,
    beacons: &Beacons,
    tasks: &TaskList,
    number: RoundNumber,
    slot: &Slot,
    progress: &mut Progress,
) -> eyre::Result<()> {
    let parameters = environment.network.rounds.parameters().await?;
    if parameters.round_duration != slot.duration {
        let changed = Parameters {
            round_duration: slot.duration,
            ..parameters
        };
        // The chain's time is still that of the round before: the announcement takes effect before this one opens.
        environment
            .transact(
                "announce parameters",
                &roles.owner,
                &environment.network.rounds.set_parameters(&changed)?,
            )
            .await?;
    }

    let roster = network.roster()?;
    let roster_file = roster.to_ndjson();
    let tasks_file = tasks.to_ndjson();
    environment.files.write("roster.ndjson", &roster_file)?;
    environment.files.write("tasks.ndjson", &tasks_file)?;
    let roster_commitment = ListCommitment::of(&roster, environment.store.put(&roster_file)?);
    let tasks_commitment = ListCommitment::of(tasks, environment.store.put(&tasks_file)?);
    environment.anvil.set_next_timestamp(slot.opened_at)?;
    let open = environment
        .network
        .rounds
        .open(&roster_commitment, &tasks_commitment);
    environment
        .transact("open a round", &roles.coordinator, &open)
        .await?;
    let round = environment.network.rounds.round(number).await?;
    ensure!(
        (round.beacon_round, round.dedupe_beacon_round) == (slot.beacon, slot.dedupe_beacon),
        "round {number} needs the beacons {} and {}, but {} and {} were planned",
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
        .ok_or_eyre("the beacon's time is out of range")?;
    environment.anvil.set_next_timestamp(published_at + 1)?;
    let signature = with_y(&beacons.beacon(slot.beacon)?.signature)?;
    environment
        .transact(
            "reveal a beacon",
            &roles.coordinator,
            &environment.network.rounds.reveal(number, &signature),
        )
        .await?;
    let seed = environment
        .network
        .rounds
        .round(number)
        .await?
        .seed
        .ok_or_eyre("the revealed round has no seed")?;
    let assignment = Assignment::new(seed, &round.parameters, roster.count(), tasks.count());
    progress.done(format!(
        "round {number}: beacon verified by the contract; {} committees drawn, {} tasks each",
        assignment.committee_count(),
        assignment.tasks_per_committee()
    ));

    let domain = Domain {
        chain_id: CHAIN_ID,
        rounds: environment.network.deployment.rounds,
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

    let published = publish(environment, roles, ingest).await?;
    progress.done(format!(
        "round {number}: {published} batches stored and committed"
    ));
    Ok(())
}

/// Imports the measurements, and runs one pass of the publisher.
async fn publish(environment: &mut Environment, roles: &Roles, ingest: Vec<u8>) -> eyre::Result<usize> {
    let mut table = SqliteIngest::open(&environment.files.path("ingest.sqlite"))?;
    import(
        &mut table,
        "measurements.ndjson",
        Cursor::new(ingest),
        Clock::system().now(),
    )?;
    let outbox = Outbox::open(
        &environment.files.path("publisher.sqlite"),
        environment.network.client.clone(),
        roles.publisher.clone(),
        Policy::local(),
    )?;
    let closing = Closing {
        limit: BATCH,
        margin: Some(0),
    };
    let mut publisher = Publisher::new(
        Box::new(table),
        outbox,
        environment.network.rounds.clone(),
        closing,
    );
    let report = publisher.publish_once(&environment.store).await?;
    for batch in &report.committed {
        environment.record_gas("commit a batch", batch.gas_used);
    }
    Ok(report.committed.len())
}
