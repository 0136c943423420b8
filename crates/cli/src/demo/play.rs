//! The play, act by act.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use alloy_primitives::{Address, U256};
use assize_chain::{
    BeaconParams, ChainClient, DeployParams, Draft, ListCommitment, Proposal, SettlementId, deploy,
};
use assize_drand::{Beacon, Bundle, Chain, Verified, with_y};
use assize_evaluate::RoundEvaluation;
use assize_measurement::{Domain, ndjson};
use assize_outbox::{Outbox, Policy};
use assize_payout::{Allocations, Limits, Scheduler, claim_one};
use assize_protocol::{Assignment, FileCid, Parameters, RoundNumber, TaskList};
use assize_publish::Publisher;
use assize_store::{LocalStore, Store};
use assize_testkit::anvil::{Anvil, CHAIN_ID};
use assize_testkit::fixtures;
use assize_testkit::network::{Network, NetworkPlan, RoundContext};
use assize_verify::EvaluatedRange;
use eyre::{OptionExt, WrapErr, ensure, eyre};
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use super::DemoArgs;
use super::actors::Actors;
use super::report::{
    BatchReport, BeaconReport, Claimed, Contracts, Host, Money, Report, RoundReport, SettlementReport,
    Verification,
};
use super::schedule::{self, Slot};
use super::stage::{Files, Progress, Stage, peak_memory_mib};
use super::tally;
use crate::commands::connect::{self, PATIENCE};
use crate::commands::evaluate::evaluate_next;
use crate::commands::settle::proposal_of;
use crate::output::{fil, grouped};

/// attoFIL put into the pool.
const DEPOSIT: u128 = 20_000_000_000_000_000_000;
/// attoFIL below which the scheduler does not bother.
const THRESHOLD: u128 = 6_000_000_000_000_000;
/// Seconds between posting a settlement and its activation.
const CHALLENGE_WINDOW: u64 = 86_400;
/// Measurements per batch; small, so that every round has several.
const BATCH: u32 = 10_000;
/// Claims per payout; small, so that there are several.
const PAYOUT_LIMITS: Limits = Limits {
    claims: 40,
    calldata: 60_000,
};
/// Creation code of a contract that reverts whatever it is sent.
const REFUSING_CONTRACT: &str = "0x625f5ffd5f526003601df3";

type Beacons = Verified<Bundle>;

/// Plays all of it.
pub(super) async fn play(args: &DemoArgs, directory: &Path) -> eyre::Result<Report> {
    let mut progress = Progress::start();
    let recorded = fixtures::beacons()?;
    let beacons = Verified::new(Chain::quicknet(), Bundle::new(recorded.iter().cloned())?);
    let tasks = fixtures::tasks()?;
    let parameters = Parameters::default();
    let drand_rounds: Vec<u64> = recorded.iter().map(|beacon| beacon.round).collect();
    let schedule = beacons.chain().schedule();
    let slots = schedule::plan(
        args.rounds.into(),
        &drand_rounds,
        schedule,
        parameters.beacon_delay,
    )?;
    let first = slots.first().ok_or_eyre("a demo has at least one round")?;

    let files = Files::new(directory);
    files.write("beacons.json", fixtures::BEACONS_JSON.as_bytes())?;
    let (mut stage, actors, network) = set_up(args, files, &tasks, first, &parameters).await?;
    progress.done(format!(
        "local chain and contracts; {} FIL deposited",
        fil(DEPOSIT)
    ));

    let mut rounds = Vec::new();
    for (number, slot) in (1..).zip(&slots) {
        play_round(
            &mut stage,
            &actors,
            &network,
            &beacons,
            &tasks,
            RoundNumber(number),
            slot,
            &mut progress,
        )
        .await?;
        rounds.push(RoundNumber(number));
    }

    let (evaluated, settlement) = settle(&mut stage, &actors, &beacons, &rounds, &mut progress).await?;
    let money = pay(
        &mut stage,
        &actors,
        &network,
        &evaluated,
        &settlement,
        &mut progress,
    )
    .await?;
    let verification = verify_in_a_fresh_process(&stage)?;
    progress.done(format!(
        "verified from chain, store and beacons alone: {}",
        verification.verdict
    ));
    if args.keep.is_some() {
        keep_chain(&stage)?;
    }
    report(
        args,
        &stage,
        &network,
        &tasks,
        &beacons,
        &slots,
        evaluated,
        settlement,
        money,
        verification,
        progress,
    )
}

/// Starts the chain, funds the actors, deploys, deposits.
async fn set_up(
    args: &DemoArgs,
    files: Files,
    tasks: &TaskList,
    first: &Slot,
    parameters: &Parameters,
) -> eyre::Result<(Stage, Actors, Network)> {
    let anvil = Anvil::start_at(first.opened_at - 3_600)?;
    let client = ChainClient::connect_to(&anvil.url().parse()?, CHAIN_ID).await?;

    // The network needs the address of the contract that refuses money, the actors need an operator of the network.
    let plan = NetworkPlan {
        seed: args.seed,
        stations: args.stations,
        refusing_operator: None,
    };
    let mut network = Network::new(plan, tasks);
    let actors = Actors::new(args.seed, network.claiming_operator_key(), &anvil)?;
    let refusing = Draft::create(
        "refusing contract",
        REFUSING_CONTRACT.parse::<assize_chain::Bytes>()?,
    );
    let refusing = client
        .transact(&actors.owner, &refusing, PATIENCE)
        .await?
        .contract_address;
    network = Network::new(
        NetworkPlan {
            refusing_operator: refusing,
            ..plan
        },
        tasks,
    );

    let params = DeployParams {
        chain_id: CHAIN_ID,
        beacon: BeaconParams::quicknet(),
        owner: actors.owner.address(),
        coordinator: actors.coordinator.address(),
        publishers: vec![actors.publisher.address()],
        guardian: actors.guardian.address(),
        evaluators: actors
            .evaluators
            .iter()
            .map(|evaluator| evaluator.address())
            .collect(),
        threshold: 2,
        min_challenge_window: CHALLENGE_WINDOW,
        challenge_window: CHALLENGE_WINDOW,
        payment_gas: 60_000,
        parameters: Parameters {
            round_duration: first.duration,
            ..*parameters
        },
    };
    let deployment = deploy(&client, &actors.owner, &params).await?;
    files.write("deployment.json", &serde_json::to_vec_pretty(&deployment)?)?;
    let store = LocalStore::open(files.path("store"))?;
    let network_on_chain = connect::Network::new(client, deployment);
    let mut stage = Stage {
        anvil,
        network: network_on_chain,
        store,
        files,
        gas: BTreeMap::new(),
    };
    stage.record_gas("deploy, all contracts", deployment.gas_used.unwrap_or_default());
    let deposit = stage.network.rewards.deposit(U256::from(DEPOSIT));
    stage.transact("deposit", &actors.depositor, &deposit).await?;
    Ok((stage, actors, network))
}

/// Opens, reveals, measures, publishes.
#[expect(clippy::too_many_arguments, reason = "everybody takes part in a round")]
async fn play_round(
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
    let roster_commitment = ListCommitment {
        root: roster.root(),
        count: roster.count(),
        cid: stage.store.put(&roster_file)?,
    };
    let tasks_commitment = ListCommitment {
        root: tasks.root(),
        count: tasks.count(),
        cid: stage.store.put(&tasks_file)?,
    };
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
    let signature = with_y(compressed(&beacon(beacons, slot.beacon)?)?)?;
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
    let state = stage.files.path("publisher.sqlite");
    let mut publisher = Publisher::open(
        &state,
        stage.network.rounds.clone(),
        actors.publisher.clone(),
        Policy::local(),
        BATCH,
    )?;
    publisher.import("measurements.ndjson", &ingest)?;
    drop(ingest);
    let report = publisher.publish_once(&stage.store).await?;
    for batch in &report.committed {
        stage.record_gas("commit a batch", batch.gas_used);
    }
    Ok(report.committed.len())
}

/// What was settled.
struct Settled {
    id: SettlementId,
    cid: FileCid,
    proposal: Proposal,
    signatures: usize,
    active_at: u64,
}

/// Lets three evaluators recompute everything, posts the settlement with two signatures, and lets the window pass.
async fn settle(
    stage: &mut Stage,
    actors: &Actors,
    beacons: &Beacons,
    rounds: &[RoundNumber],
    progress: &mut Progress,
) -> eyre::Result<(EvaluatedRange, Settled)> {
    let last = *rounds.last().ok_or_eyre("no rounds")?;
    let over = stage.network.rounds.round(last).await?.commits_until;
    stage.anvil.mine_at(over + 1)?;

    let mut evaluated: Option<EvaluatedRange> = None;
    let mut signatures = BTreeMap::new();
    for evaluator in &actors.evaluators {
        let own = evaluate_next(&stage.network, &stage.store, beacons, Some(last)).await?;
        let document = own.document.to_bytes();
        if let Some(first) = &evaluated {
            ensure!(
                first.document.to_bytes() == document,
                "two evaluators came to different settlements"
            );
        }
        let proposal = proposal_of(&own.document);
        let digest = stage.network.rewards.digest_of(&proposal).await?;
        signatures.insert(evaluator.address(), evaluator.sign_digest(&digest)?);
        evaluated = Some(own);
    }
    let evaluated = evaluated.ok_or_eyre("no evaluators")?;
    progress.done(format!(
        "{} evaluators recomputed all rounds, and signed the same settlement",
        signatures.len()
    ));

    let document = evaluated.document.to_bytes();
    stage.files.write("settlement.json", &document)?;
    let cid = stage.store.put(&document)?;
    let proposal = proposal_of(&evaluated.document);
    signatures.pop_last();
    let post = stage.network.rewards.post(&proposal, &signatures);
    stage
        .transact("post a settlement", &actors.scheduler, &post)
        .await?;
    let id = stage
        .network
        .rewards
        .head()
        .await?
        .ok_or_eyre("posted, but there is no settlement")?;
    let active_at = stage.network.rewards.settlement(id).await?.active_at;
    stage.anvil.mine_at(active_at)?;
    progress.done(format!(
        "settlement {id} posted with {} signatures; the challenge window has passed",
        signatures.len()
    ));
    Ok((
        evaluated,
        Settled {
            id,
            cid,
            proposal,
            signatures: signatures.len(),
            active_at,
        },
    ))
}

/// One operator claims by itself; the scheduler pays the rest.
async fn pay(
    stage: &mut Stage,
    actors: &Actors,
    network: &Network,
    evaluated: &EvaluatedRange,
    settled: &Settled,
    progress: &mut Progress,
) -> eyre::Result<Money> {
    let rewards = stage.network.rewards.clone();
    let settlement = rewards.settlement(settled.id).await?;
    let allocations = Allocations::new(evaluated.document.allocations.clone());
    let operator = actors.operator.address();
    let by_hand = claim_one(
        &rewards,
        &settlement,
        &allocations,
        operator,
        &actors.operator,
        PATIENCE,
    )
    .await?;
    stage.record_gas("claim by hand", by_hand.receipt.gas_used);
    progress.done(format!(
        "operator {operator} claimed {} FIL by itself",
        fil(by_hand.amount)
    ));

    let mut outbox = Outbox::open(
        &stage.files.path("scheduler.sqlite"),
        stage.network.client.clone(),
        actors.scheduler.clone(),
        Policy::local(),
    )?;
    let scheduler = Scheduler {
        rewards: &rewards,
        threshold: THRESHOLD,
        limits: PAYOUT_LIMITS,
    };
    let paid = scheduler.run_once(&mut outbox, &settlement, &allocations).await?;
    for batch in &paid.batches {
        stage.record_gas("pay a batch of operators", batch.gas_used);
    }
    progress.done(format!(
        "{} operators paid in {} batches; {} refused the money",
        paid.paid.len(),
        paid.batches.len(),
        paid.refused.len()
    ));
    let refusing: Vec<Address> = paid.refused.iter().map(|refused| refused.operator).collect();
    ensure!(
        network
            .stations()
            .iter()
            .any(|station| refusing.contains(&station.operator)),
        "the contract that refuses money was not among those to be paid; try another --seed"
    );

    let deposited = rewards.total_deposited().await?;
    let claimed = rewards.total_claimed().await?;
    let left = rewards.balance().await?;
    ensure!(
        deposited == claimed + left,
        "FIL in {deposited} is not FIL paid {claimed} + FIL left {left}"
    );
    Ok(Money {
        deposited: deposited.to_string(),
        granted: settled.proposal.cumulative_total.to_string(),
        paid: claimed.to_string(),
        left: left.to_string(),
        threshold: THRESHOLD.to_string(),
        operators_paid: paid.paid.len(),
        operators_below_threshold: paid.below_threshold.len(),
        claimed_by_hand: Claimed {
            operator,
            amount: by_hand.amount.to_string(),
        },
        refused: paid
            .refused
            .iter()
            .map(|refused| Claimed {
                operator: refused.operator,
                amount: refused.amount.to_string(),
            })
            .collect(),
    })
}

/// Runs `assize verify settlement` as a stranger would.
fn verify_in_a_fresh_process(stage: &Stage) -> eyre::Result<Verification> {
    let binary = std::env::current_exe().wrap_err("this program's own file cannot be found")?;
    let output = Command::new(binary)
        .args([
            "verify",
            "settlement",
            "1",
            "--json",
            "--rpc-url",
            stage.anvil.url(),
        ])
        .arg("--deployment")
        .arg(stage.files.path("deployment.json"))
        .arg("--store")
        .arg(stage.files.path("store"))
        .arg("--beacons")
        .arg(stage.files.path("beacons.json"))
        .output()
        .wrap_err("the verifier does not start")?;
    let verdict: Value = serde_json::from_slice(&output.stdout)
        .wrap_err_with(|| eyre!("the verifier said: {}", String::from_utf8_lossy(&output.stderr)))?;
    Ok(Verification {
        verdict: verdict["verdict"].as_str().unwrap_or("no verdict").to_owned(),
        rounds_recomputed: verdict["rounds"].as_u64().unwrap_or_default() as usize,
        measurements_recomputed: verdict["measurements"].as_u64().unwrap_or_default(),
    })
}

/// Leaves the chain in a form that anvil can load.
fn keep_chain(stage: &Stage) -> eyre::Result<()> {
    let dump = stage.anvil.rpc("anvil_dumpState", json!([]))?;
    let hex = dump.as_str().ok_or_eyre("anvil dumped no state")?;
    stage.files.write("chain.json", &unpacked_state(hex)?)?;
    Ok(())
}

/// `anvil_dumpState` gives gzipped JSON in hex; `anvil --load-state` takes the JSON.
fn unpacked_state(hex: &str) -> eyre::Result<Vec<u8>> {
    let gzipped = alloy_primitives::hex::decode(hex).wrap_err("anvil's state is not hex")?;
    let mut json = Vec::new();
    GzDecoder::new(&gzipped[..])
        .read_to_end(&mut json)
        .wrap_err("anvil's state is not gzipped")?;
    Ok(json)
}

fn beacon(beacons: &Beacons, round: u64) -> eyre::Result<Beacon> {
    use assize_drand::BeaconSource;
    Ok(beacons.beacon(round)?)
}

fn compressed(beacon: &Beacon) -> eyre::Result<&[u8; 48]> {
    beacon
        .signature
        .as_slice()
        .try_into()
        .map_err(|_| eyre!("beacon {} is not of quicknet", beacon.round))
}

#[expect(clippy::too_many_arguments, reason = "the report is of everything")]
fn report(
    args: &DemoArgs,
    stage: &Stage,
    network: &Network,
    tasks: &TaskList,
    beacons: &Beacons,
    slots: &[Slot],
    evaluated: EvaluatedRange,
    settled: Settled,
    money: Money,
    verification: Verification,
    progress: Progress,
) -> eyre::Result<Report> {
    let beacon_report = |round| -> eyre::Result<BeaconReport> {
        let beacon = beacon(beacons, round)?;
        Ok(BeaconReport {
            round,
            signature: alloy_primitives::hex::encode(&beacon.signature),
            randomness: beacon.randomness().0,
        })
    };
    let mut rounds = Vec::new();
    let mut evaluations: Vec<&RoundEvaluation> = Vec::new();
    for (facts, evaluation) in &evaluated.rounds {
        evaluations.push(evaluation);
        let draw = facts.draw.ok_or_eyre("a round of the demo was not revealed")?;
        let slot = slots
            .get(rounds.len())
            .ok_or_eyre("a round that was not planned")?;
        rounds.push(RoundReport {
            round: facts.round.0,
            opened_at: slot.opened_at,
            closes_at: slot.opened_at + u64::from(slot.duration),
            beacon: beacon_report(facts.beacon_round)?,
            dedupe_beacon: beacon_report(facts.dedupe_beacon_round)?,
            seed: draw.seed.0,
            committees: evaluation.committees,
            tasks_per_committee: evaluation.tasks_per_committee,
            batches: evaluation
                .batches
                .iter()
                .map(|batch| BatchReport {
                    cid: batch.cid.to_string(),
                    count: batch.declared,
                })
                .collect(),
            measurements: evaluation.labels.total(),
            labels: evaluation
                .labels
                .iter()
                .map(|(label, count)| (label.to_string(), count))
                .collect(),
            verdicts: evaluation
                .verdicts
                .iter()
                .map(|(verdict, count)| (verdict.to_string(), count))
                .collect(),
            reward_each: evaluation.reward.each.to_string(),
        });
    }
    let operators: std::collections::BTreeSet<Address> = network
        .stations()
        .iter()
        .map(|station| station.operator)
        .collect();
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        seed: args.seed,
        stations: args.stations,
        operators: operators.len(),
        tasks: tasks.count(),
        contracts: Contracts {
            beacon: stage.network.deployment.beacon,
            rounds: stage.network.deployment.rounds,
            rewards: stage.network.deployment.rewards,
        },
        rounds,
        providers: tally::providers(network, &evaluations),
        behaviours: tally::behaviours(network, &evaluations),
        settlement: SettlementReport {
            settlement: settled.id.0,
            cid: settled.cid.to_string(),
            root: settled.proposal.root,
            accepted_root: settled.proposal.accepted_root,
            cumulative_total: settled.proposal.cumulative_total.to_string(),
            evaluators: 3,
            signatures_posted: settled.signatures,
            active_at: settled.active_at,
        },
        money,
        gas: stage.gas.clone(),
        verification,
        host: Host {
            state: args
                .keep
                .as_ref()
                .map(|directory| directory.display().to_string()),
            peak_memory_mib: peak_memory_mib(stage.anvil.pid()),
        },
        timing: progress.finish(),
    })
}
