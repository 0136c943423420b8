//! The parameters of a round.

use serde::{Deserialize, Serialize};

use crate::AttoFil;

/// Parameters in force when a round opened; every round keeps its own copy (`docs/protocol.md` §3).
///
/// In JSON the keys are those of the contract's struct (`roundDuration`, …).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parameters {
    /// Seconds from opening to closing.
    pub round_duration: u32,
    /// Seconds from opening to the moment after which the round's beacon is published.
    pub beacon_delay: u32,
    /// Unit of the timetable after closing, seconds (`docs/protocol.md` §3.1).
    pub step: u32,
    /// With fewer stations, all verdicts are `COMMITTEE_TOO_SMALL`.
    pub min_committee_size: u16,
    /// Largest committee, in stations.
    pub max_committee_size: u16,
    /// Voters that a verdict needs.
    pub quorum: u16,
    /// Upper bound of tasks per committee; at most [`Self::MOST_TASKS_PER_COMMITTEE`].
    pub max_tasks_per_committee: u16,
    /// Target number of measurements per round.
    pub target_measurements: u32,
    /// Reward of one round.
    pub budget: AttoFil,
}

impl Parameters {
    /// What was accepted of a station's report is one word of bits (`docs/protocol.md` §8.2).
    pub const MOST_TASKS_PER_COMMITTEE: u16 = 256;
}

impl Default for Parameters {
    /// The defaults of `docs/protocol.md` §3; the budget is the FIL that Spark paid per round at the end of 2024.
    fn default() -> Self {
        Self {
            round_duration: 1_200,
            beacon_delay: 150,
            step: 60,
            min_committee_size: 40,
            max_committee_size: 100,
            quorum: 30,
            max_tasks_per_committee: 100,
            target_measurements: 250_000,
            budget: AttoFil::new(456_621_004_566_210_045),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::Parameters;

    #[test]
    fn json_keeps_every_attofil() {
        let json = serde_json::to_string(&Parameters::default()).unwrap();
        assert!(json.contains(r#""budget":"456621004566210045""#), "{json}");
        assert_eq!(
            serde_json::from_str::<Parameters>(&json).unwrap(),
            Parameters::default()
        );
    }

    #[test]
    fn a_budget_with_a_unit_is_rejected() {
        let json = serde_json::to_string(&Parameters::default()).unwrap();
        let error =
            serde_json::from_str::<Parameters>(&json.replace("456621004566210045", "1 FIL")).unwrap_err();
        assert!(error.to_string().contains("attoFIL"), "{error}");
    }
}
