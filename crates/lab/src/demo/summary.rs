//! Collects the report from the results of all steps.

use alloy_primitives::Address;
use assize_drand::BeaconSource;
use assize_evaluate::RoundEvaluation;
use assize_protocol::TaskList;
use assize_testkit::network::Network;
use assize_verify::EvaluatedRange;
use eyre::OptionExt;

use super::environment::{Environment, Progress, peak_memory_mib};
use super::report::{
    BatchReport, BeaconReport, Contracts, Host, Money, Report, RoundReport, SettlementReport, Verification,
};
use super::schedule::Slot;
use super::settlement::Settled;
use super::tally;
use super::{Beacons, DemoArgs};

#[expect(clippy::too_many_arguments, reason = "the report covers all steps")]
pub(super) fn report(
    args: &DemoArgs,
    environment: &Environment,
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
        let beacon = beacons.beacon(round)?;
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
            .ok_or_eyre("a round of the demo was not planned")?;
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
                    count: batch.count,
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
            reward_each: evaluation.reward.each,
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
            beacon: environment.network.deployment.beacon,
            rounds: environment.network.deployment.rounds,
            rewards: environment.network.deployment.rewards,
        },
        rounds,
        providers: tally::providers(network, &evaluations),
        behaviours: tally::behaviours(network, &evaluations),
        settlement: SettlementReport {
            settlement: settled.id.0,
            cid: settled.cid.to_string(),
            root: settled.proposal.root,
            operators: settled.proposal.operators,
            cumulative_total: settled.proposal.cumulative_total,
            evaluators: 3,
            signatures_posted: settled.signatures,
            active_at: settled.active_at,
        },
        money,
        gas: environment.gas.clone(),
        verification,
        host: Host {
            state: args
                .keep
                .as_ref()
                .map(|directory| directory.display().to_string()),
            peak_memory_mib: peak_memory_mib(environment.anvil.pid()),
        },
        timing: progress.finish(),
    })
}
