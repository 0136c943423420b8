//! Counts over all rounds, by provider and by class of station.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use assize_evaluate::{RoundEvaluation, SuccessCounts, Verdict};
use assize_protocol::{AttoFil, ProviderId};
use assize_testkit::network::{Behaviour, Network};

use super::report::{BehaviourReport, ProviderReport};

/// The label or verdict that detects a class's fraud (docs/protocol.md §10).
fn caught_by(behaviour: Behaviour) -> Option<&'static str> {
    Some(match behaviour {
        Behaviour::Honest => return None,
        Behaviour::Liar | Behaviour::Ring => "MINORITY_RESULT",
        Behaviour::Crowd => "DUP_SUBNET",
        Behaviour::Forger => "BAD_SIGNATURE",
        Behaviour::Stray => "TASK_WRONG_COMMITTEE",
        Behaviour::Repeater => "DUPLICATE",
        Behaviour::Inventor => "TASK_NOT_IN_ROUND",
        Behaviour::Outsider => "NOT_IN_ROSTER",
    })
}

/// The results of each class.
pub(super) fn behaviours(network: &Network, rounds: &[&RoundEvaluation]) -> Vec<BehaviourReport> {
    let stations = || network.stations().iter().chain([network.outsider()]);
    let behaviour_of: BTreeMap<Address, Behaviour> = stations()
        .map(|station| (station.address, station.behaviour))
        .collect();
    let mut outcomes = BTreeMap::<Behaviour, BTreeMap<String, u64>>::new();
    let mut earned = BTreeMap::<Behaviour, AttoFil>::new();
    for round in rounds {
        for outcome in &round.outcomes {
            let Some(behaviour) = behaviour_of.get(&outcome.station) else {
                continue;
            };
            *outcomes
                .entry(*behaviour)
                .or_default()
                .entry(outcome.as_str().to_owned())
                .or_default() += 1;
            if outcome.verdict == Some(Verdict::MajorityResult) {
                let sum = earned.entry(*behaviour).or_default();
                // At most the budgets.
                *sum = sum.saturating_add(round.reward.each);
            }
        }
    }
    Behaviour::ALL
        .into_iter()
        .map(|behaviour| {
            let outcomes = outcomes.remove(&behaviour).unwrap_or_default();
            let count = stations()
                .filter(|station| station.behaviour == behaviour)
                .count() as u32;
            let measurements: u64 = outcomes.values().sum();
            let of = |name: &str| outcomes.get(name).copied().unwrap_or_default();
            let earned = earned.get(&behaviour).copied().unwrap_or_default();
            BehaviourReport {
                behaviour,
                stations: count,
                measurements,
                caught_by: caught_by(behaviour),
                caught: caught_by(behaviour).map_or(0, of),
                rewarded: share(of("MAJORITY_RESULT"), measurements),
                earned_per_station: earned.div_floor(count.into()).unwrap_or_default(),
                outcomes,
            }
        })
        .collect()
}

/// RSR of each measured provider, by descending number of measurements.
pub(super) fn providers(network: &Network, rounds: &[&RoundEvaluation]) -> Vec<ProviderReport> {
    let mut totals = BTreeMap::<ProviderId, SuccessCounts>::new();
    for (provider, rsr) in rounds.iter().flat_map(|round| round.rates().providers) {
        let total = totals.entry(provider).or_default();
        total.total += rsr.total;
        total.successful += rsr.successful;
        total.successful_http += rsr.successful_http;
    }
    let mut reports: Vec<_> = totals
        .into_iter()
        .map(|(provider, rsr)| ProviderReport {
            provider: provider.to_string(),
            measurements: rsr.total,
            successful: rsr.successful,
            rsr: share(rsr.successful, rsr.total),
            rsr_http: share(rsr.successful_http, rsr.total),
            hidden_truth: rounded(
                network
                    .providers()
                    .get(&provider)
                    .map_or(0.0, |known| known.retrievability),
            ),
            defended: provider == network.defended(),
        })
        .collect();
    reports.sort_by_key(|report| std::cmp::Reverse(report.measurements));
    reports
}

/// A share with six decimals, so that the report is the same on every machine.
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        rounded(part as f64 / whole as f64)
    }
}

fn rounded(share: f64) -> f64 {
    (share * 1e6).round() / 1e6
}
