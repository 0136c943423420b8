//! A round as `Rounds` stores it, and everything that follows from it alone.

use assize_protocol::{
    Address, Assignment, B256, BeaconRound, BeaconSchedule, FileCid, Parameters, Randomness, RoundNumber,
    Seed, StationIndex,
};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{Contracts, ListCommitment, Mismatch, Times};

/// A round as the contract stores it (docs/protocol.md §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Round {
    /// Its number, from 1.
    pub number: RoundNumber,
    /// The roster: the stations that may be drawn.
    pub roster: ListCommitment,
    /// The task list: the tasks that may be drawn.
    pub tasks: ListCommitment,
    /// The parameters in force when it opened.
    #[serde(deserialize_with = "in_bounds")]
    pub parameters: Parameters,
    /// Unix time of opening, seconds.
    pub opened_at: u64,
    /// What happens when, after closing.
    pub times: Times,
    /// drand round that seeds the committees.
    pub beacon_round: BeaconRound,
    /// drand round that seeds the choice of one voter per subnet.
    pub dedupe_beacon_round: BeaconRound,
    /// `None` until the beacon is revealed.
    pub seed: Option<Seed>,
}

/// A batch of measurements as committed (docs/protocol.md §9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchCommitment {
    /// Who committed it.
    pub publisher: Address,
    /// Root of the tree over its lines: whoever has `count` lines with this root has the batch.
    pub root: B256,
    /// Number of its lines.
    pub count: u32,
    /// Where its file is to be found; nothing else depends on it.
    pub cid: FileCid,
    /// Unix time of the block, seconds.
    pub committed_at: u64,
}

/// A report that a station committed itself (docs/protocol.md §9.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnReport {
    /// The station's index in the roster.
    pub station: StationIndex,
    /// SHA-256 of the report, whose bytes are on the chain.
    pub report: B256,
}

/// Parameters that the contract accepts: their counts are at least 1, and `maxTasksPerCommittee` at most 256
/// (docs/protocol.md §12.1).
fn in_bounds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Parameters, D::Error> {
    let parameters = Parameters::deserialize(deserializer)?;
    let counts = [
        ("minCommitteeSize", parameters.min_committee_size.into()),
        ("maxCommitteeSize", parameters.max_committee_size.into()),
        ("quorum", parameters.quorum.into()),
        ("maxTasksPerCommittee", parameters.max_tasks_per_committee.into()),
        ("targetMeasurements", parameters.target_measurements),
    ];
    match counts.into_iter().find(|&(_, count)| count == 0) {
        Some((name, _)) => Err(D::Error::custom(format_args!(
            "`{name}` is 0, but must be at least 1"
        ))),
        None if parameters.max_tasks_per_committee > Parameters::MOST_TASKS_PER_COMMITTEE => {
            Err(D::Error::custom(format_args!(
                "`maxTasksPerCommittee` is {}, but must be at most {}",
                parameters.max_tasks_per_committee,
                Parameters::MOST_TASKS_PER_COMMITTEE
            )))
        }
        None => Ok(parameters),
    }
}

impl Round {
    /// Path of one of its fields, for a [`Mismatch`].
    pub(crate) fn path(&self, field: &str) -> String {
        format!("chain.rounds[{}].{field}", self.number)
    }

    /// Checks that timetable and beacon rounds follow from `opened_at`, the parameters and the schedule of the network's
    /// drand chain (docs/protocol.md §12, step 1).
    ///
    /// Both beacon rounds must be published after the times given in §3: only then was the round frozen before its draw
    /// could be known. A later round passes, since `FilecoinBeacon` uses the next one on its own grid (§2).
    ///
    /// # Errors
    /// The first field that does not follow, with the expected value.
    pub fn check_timetable(&self, schedule: BeaconSchedule) -> Result<(), Mismatch> {
        let times = Times::of_round(self.opened_at, &self.parameters);
        for (name, (ours, theirs)) in Times::NAMES
            .into_iter()
            .zip(times.values().into_iter().zip(self.times.values()))
        {
            Mismatch::check(|| self.path(&format!("times.{name}")), ours, theirs)?;
        }
        let frozen = self.opened_at.saturating_add(self.parameters.beacon_delay.into());
        for (field, beacon_round, moment) in [
            ("beaconRound", self.beacon_round, frozen),
            ("dedupeBeaconRound", self.dedupe_beacon_round, times.dedupe_from),
        ] {
            if schedule
                .time_of(beacon_round)
                .is_none_or(|published| published <= moment)
            {
                let earliest = schedule.round_after(moment);
                return Err(Mismatch {
                    path: self.path(field),
                    ours: format!("{earliest} or later, published after Unix time {moment}"),
                    theirs: beacon_round.to_string(),
                });
            }
        }
        Ok(())
    }

    /// Checks that the stored seed follows from a verified beacon (docs/protocol.md §3; §12, step 2).
    ///
    /// # Errors
    /// Both seeds, if they differ; `none` means not revealed.
    pub fn check_seed(&self, contracts: &Contracts, randomness: Randomness) -> Result<Seed, Mismatch> {
        let seed = contracts.seed(self.number, randomness);
        if self.seed == Some(seed) {
            return Ok(seed);
        }
        Err(Mismatch {
            path: self.path("seed"),
            ours: seed.to_string(),
            theirs: self
                .seed
                .map_or_else(|| "none".to_owned(), |stored| stored.to_string()),
        })
    }

    /// The committees and tasks that `seed` draws for it (docs/protocol.md §5).
    #[must_use]
    pub fn assignment(&self, seed: Seed) -> Assignment {
        Assignment::new(seed, &self.parameters, self.roster.count, self.tasks.count)
    }
}
