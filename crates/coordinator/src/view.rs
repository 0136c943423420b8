//! The state of the chain, and what is due.

use alloy_primitives::Address;
use assize_chain::{Announced, ChainError, Rounds};
use assize_facts::Round;
use assize_protocol::RoundNumber;

/// The chain's state at the beginning of a pass.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// Time of the newest block, Unix seconds.
    pub now: u64,
    /// The newest round.
    pub latest: Option<RoundNumber>,
    /// Rounds that may still be revealed, and one or two before them; newest first.
    pub recent: Vec<Round>,
    /// Whether our key opens rounds.
    pub office: Office,
}

/// Whether a key opens rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Office {
    /// It is the coordinator's.
    Held,
    /// It is not.
    Lost {
        /// The coordinator; `None` if the guardian suspended it, and no other one has taken office.
        coordinator: Option<Address>,
        /// The announced coordinator.
        next: Option<Announced<Address>>,
    },
}

impl Office {
    async fn of(key: Address, rounds: &Rounds) -> Result<Self, ChainError> {
        Ok(match rounds.coordinator().await? {
            Some(coordinator) if coordinator == key => Self::Held,
            coordinator => Self::Lost {
                coordinator,
                next: rounds.next_coordinator().await?,
            },
        })
    }
}

/// Whether the next round can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// Not before this time, Unix seconds.
    From(u64),
    /// Now.
    Due {
        /// Its number.
        round: RoundNumber,
        /// Seconds since it could have been opened; 0 for the first.
        late: u64,
        /// Seconds after which lateness is an alert: half a round. After a whole round, anyone may open it.
        patience: u64,
    },
}

impl View {
    /// Reads the chain, for who has `key`. Each round keeps its own parameters, so an older one may stay open for reveals longer than a
    /// newer one: reading stops after two in a row are over.
    pub(crate) async fn of(rounds: &Rounds, key: Address) -> Result<Self, ChainError> {
        let now = rounds.client().head().await?.timestamp;
        let latest = rounds.latest_round().await?;
        let mut recent = Vec::new();
        let mut over = 0;
        let mut number = latest.map_or(0, |latest| latest.0);
        while number > 0 && over < 2 {
            let round = rounds.round(RoundNumber(number)).await?;
            over = match round.times.accepts_reveal(now) {
                true => 0,
                false => over + 1,
            };
            recent.push(round);
            number -= 1;
        }
        Ok(Self {
            now,
            latest,
            recent,
            office: Office::of(key, rounds).await?,
        })
    }

    pub(crate) fn opening(&self) -> Opening {
        let Some(newest) = self.recent.first() else {
            return Opening::Due {
                round: RoundNumber(1),
                late: 0,
                patience: u64::MAX,
            };
        };
        match self.now.checked_sub(newest.times.closes_at) {
            None => Opening::From(newest.times.closes_at),
            Some(late) => Opening::Due {
                round: RoundNumber(newest.number.0.saturating_add(1)),
                late,
                patience: u64::from(newest.parameters.round_duration) / 2,
            },
        }
    }

    /// A recent round.
    pub(crate) fn round(&self, number: RoundNumber) -> Option<&Round> {
        self.recent.iter().find(|round| round.number == number)
    }

    /// Rounds that are not revealed and still can be; newest first.
    pub(crate) fn unrevealed(&self) -> impl Iterator<Item = &Round> {
        let now = self.now;
        self.recent
            .iter()
            .filter(move |round| round.seed.is_none() && round.times.accepts_reveal(now))
    }

    /// Seconds between the time when the newest round could have been opened and its opening.
    pub(crate) fn opening_lag(&self) -> Option<u64> {
        match &self.recent[..] {
            [newest, before, ..] => Some(newest.opened_at.saturating_sub(before.times.closes_at)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;
    use assize_facts::{ListCommitment, Times};
    use assize_measurement::unixfs::file_cid;
    use assize_protocol::{BeaconRound, Parameters, Seed};

    use super::*;

    fn round(number: u64, opened_at: u64, revealed: bool) -> Round {
        let list = ListCommitment {
            root: B256::repeat_byte(1),
            count: 1,
            cid: file_cid(b"list"),
        };
        let parameters = Parameters {
            round_duration: 100,
            step: 10,
            ..Parameters::default()
        };
        Round {
            number: RoundNumber(number),
            roster: list,
            tasks: list,
            parameters,
            opened_at,
            times: Times::of_round(opened_at, &parameters),
            beacon_round: BeaconRound(1),
            dedupe_beacon_round: BeaconRound(2),
            seed: revealed.then_some(Seed(B256::repeat_byte(1))),
        }
    }

    fn view(now: u64, recent: Vec<Round>) -> View {
        View {
            now,
            latest: recent.first().map(|round| round.number),
            recent,
            office: Office::Held,
        }
    }

    #[test]
    fn the_next_round_is_due_when_the_newest_has_closed() {
        let due = |round, late| Opening::Due {
            round: RoundNumber(round),
            late,
            patience: 50,
        };
        let at = |now| view(now, vec![round(3, 1_000, true)]).opening();
        assert_eq!(at(1_099), Opening::From(1_100));
        assert_eq!(at(1_100), due(4, 0));
        assert_eq!(at(1_151), due(4, 51));
    }

    #[test]
    fn the_first_round_is_due_and_never_late() {
        let Opening::Due {
            round,
            late,
            patience,
        } = view(5, vec![]).opening()
        else {
            panic!("not due");
        };
        assert_eq!((round, late, patience), (RoundNumber(1), 0, u64::MAX));
    }

    #[test]
    fn a_round_can_be_revealed_until_its_time_for_own_reports_ends() {
        // With a step of 10, 270 seconds after closing: three closed rounds beside the newest one.
        let rounds = vec![
            round(4, 1_200, false),
            round(3, 1_100, false),
            round(2, 1_000, false),
            round(1, 900, false),
        ];
        let unrevealed = |now| {
            let view = view(now, rounds.clone());
            view.unrevealed().map(|round| round.number.0).collect::<Vec<_>>()
        };
        assert_eq!(unrevealed(1_270), [4, 3, 2, 1]);
        assert_eq!(unrevealed(1_271), [4, 3, 2]);
        assert_eq!(unrevealed(1_570), [4]);
        assert_eq!(unrevealed(1_571), [0_u64; 0]);
    }

    #[test]
    fn the_lag_of_an_opening_is_counted_from_the_previous_close() {
        assert_eq!(view(0, vec![round(1, 900, true)]).opening_lag(), None);
        let rounds = vec![round(2, 1_007, true), round(1, 900, true)];
        assert_eq!(view(0, rounds).opening_lag(), Some(7));
    }
}
