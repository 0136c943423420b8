//! Figures of one round.

use std::collections::BTreeMap;

use assize_facts::{Draw, Drops, ListCommitment, Round};
use assize_protocol::{AttoFil, BeaconRound, List, Parameters, RoundNumber};
use serde::{Deserialize, Serialize};

use crate::{BatchCounts, LabelCounts, OwnCounts, RoundEvaluation, VerdictCounts, json};

/// The frozen inputs of a round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoundFacts {
    /// Its number.
    pub round: RoundNumber,
    /// Its own parameters.
    pub parameters: Parameters,
    /// The roster.
    #[serde(with = "json::list")]
    pub roster: ListCommitment,
    /// The task list.
    #[serde(with = "json::list")]
    pub tasks: ListCommitment,
    /// drand round of its beacon.
    pub beacon_round: BeaconRound,
    /// drand round of the beacon after its end.
    pub dedupe_beacon_round: BeaconRound,
    /// `None` if the beacon was not revealed in time, or if a list was dropped: such a round pays nothing.
    pub draw: Option<Draw>,
    /// Which lists were dropped, the roster first.
    pub dropped_lists: Vec<List>,
}

impl RoundFacts {
    /// Of a round as the chain has it, and what its beacons drew; `None` if it was not revealed, or if a list was dropped.
    #[must_use]
    pub fn new(round: &Round, drops: &Drops, draw: Option<Draw>) -> Self {
        Self {
            round: round.number,
            parameters: round.parameters,
            roster: round.roster,
            tasks: round.tasks,
            beacon_round: round.beacon_round,
            dedupe_beacon_round: round.dedupe_beacon_round,
            draw,
            dropped_lists: drops.lists(round.number),
        }
    }
}

/// A round as a settlement document has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoundFigures {
    /// The frozen inputs.
    #[serde(flatten)]
    pub facts: RoundFacts,
    /// Number of committees.
    pub committees: u32,
    /// Tasks per committee.
    pub tasks_per_committee: u32,
    /// Batches in commit order.
    pub commitments: Vec<BatchCounts>,
    /// Reports that stations committed themselves, in commit order.
    pub own: Vec<OwnCounts>,
    /// Number of malformed lines, by the invalid field.
    pub invalid: BTreeMap<String, u64>,
    /// Valid measurements by label.
    pub labels: LabelCounts,
    /// OK measurements by verdict.
    pub verdicts: VerdictCounts,
    /// Number of committee decisions on retrievals, by result.
    pub decisions: BTreeMap<String, u64>,
    /// Rewarded measurements (E).
    pub rewarded: u64,
    /// Reward of each.
    pub reward_each: AttoFil,
    /// Sum of the rewards.
    pub distributed: AttoFil,
    /// Part of the budget that stays in the pool.
    pub remainder: AttoFil,
}

impl RoundFigures {
    /// The figures of an evaluated round. Without a draw, the evaluation is [`RoundEvaluation::not_drawn`].
    pub(super) fn new(facts: RoundFacts, evaluation: &RoundEvaluation) -> Self {
        let mut decisions = BTreeMap::new();
        for decided in &evaluation.decisions {
            *decisions
                .entry(decided.decision.retrieval.to_string())
                .or_default() += 1;
        }
        Self {
            facts,
            committees: evaluation.committees,
            tasks_per_committee: evaluation.tasks_per_committee,
            commitments: evaluation.batches.clone(),
            own: evaluation.own.clone(),
            invalid: evaluation.invalid.clone(),
            labels: evaluation.labels,
            verdicts: evaluation.verdicts,
            decisions,
            rewarded: evaluation.rewarded(),
            reward_each: evaluation.reward.each,
            distributed: evaluation.reward.distributed,
            remainder: evaluation.reward.remainder,
        }
    }
}
