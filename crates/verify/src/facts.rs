//! What the contracts say, read once.

use std::collections::BTreeMap;

use assize_chain::{Commitment, Rewards, Round, Rounds, Settlement, SettlementId};
use assize_evaluate::Contracts;
use assize_protocol::RoundNumber;
use serde::{Deserialize, Serialize};

use crate::VerifyError;

/// A round and its batches, as the contract has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainRound {
    /// The round.
    #[serde(flatten)]
    pub round: Round,
    /// Its batches, in commit order.
    pub commitments: Vec<Commitment>,
}

/// Everything that the contracts say about some rounds and settlements. All of a verification's reading from the chain
/// happens before it begins: what follows needs no node and gives the same answer every time.
///
/// In JSON (`facts.json` of a bundle) rounds and settlements are lists, ascending by number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Lists", into = "Lists")]
pub struct ChainFacts {
    /// Where the facts are from.
    pub contracts: Contracts,
    /// Time of the newest block, Unix seconds.
    pub now: u64,
    /// The rounds read.
    pub rounds: BTreeMap<RoundNumber, ChainRound>,
    /// The settlements read.
    pub settlements: BTreeMap<SettlementId, Settlement>,
}

impl ChainFacts {
    /// Reads the facts about a range of rounds.
    ///
    /// # Errors
    /// [`VerifyError::Chain`], [`VerifyError::NoSuchRound`].
    pub async fn of_rounds(
        rounds: &Rounds,
        rewards: &Rewards,
        first: RoundNumber,
        last: RoundNumber,
    ) -> Result<Self, VerifyError> {
        let mut facts = Self::none(rounds, rewards).await?;
        facts.read_rounds(rounds, first, last).await?;
        Ok(facts)
    }

    /// Reads the facts about a settlement: it, its parent, and the rounds that it covers.
    ///
    /// # Errors
    /// [`VerifyError::Chain`], [`VerifyError::NoSuchSettlement`].
    pub async fn of_settlement(
        rounds: &Rounds,
        rewards: &Rewards,
        id: SettlementId,
    ) -> Result<Self, VerifyError> {
        let count = rewards.settlement_count().await?;
        if id.0 == 0 || id.0 > count {
            return Err(VerifyError::NoSuchSettlement {
                settlement: id,
                count,
            });
        }
        let mut facts = Self::none(rounds, rewards).await?;
        let proposal = facts.read_settlement(rewards, id).await?.proposal;
        if let Some(parent) = proposal.parent {
            facts.read_settlement(rewards, parent).await?;
        }
        facts
            .read_rounds(rounds, proposal.first_round, proposal.last_round)
            .await?;
        Ok(facts)
    }

    /// Reads the facts about the settlement that would come next: the newest that is not void as its parent, and the
    /// rounds after it through `last`; by default through the newest whose commit window is over.
    ///
    /// Returns them with the parent and the range; the range is `None` if no round is ready.
    ///
    /// # Errors
    /// [`VerifyError::Chain`], [`VerifyError::NoSuchRound`].
    pub async fn of_next_settlement(
        rounds: &Rounds,
        rewards: &Rewards,
        last: Option<RoundNumber>,
    ) -> Result<(Self, Option<NextRange>), VerifyError> {
        let mut facts = Self::none(rounds, rewards).await?;
        let parent = rewards.head().await?;
        let covered = match parent {
            Some(id) => facts.read_settlement(rewards, id).await?.proposal.last_round.0,
            None => 0,
        };
        let first = RoundNumber(covered + 1);
        let last = match last {
            Some(last) => last,
            None => facts.newest_closed(rounds, first).await?,
        };
        if last < first {
            return Ok((facts, None));
        }
        facts.read_rounds(rounds, first, last).await?;
        Ok((facts, Some(NextRange { parent, first, last })))
    }

    async fn none(rounds: &Rounds, rewards: &Rewards) -> Result<Self, VerifyError> {
        let client = rounds.client();
        Ok(Self {
            contracts: Contracts {
                chain_id: client.chain_id(),
                rounds: rounds.address(),
                rewards: rewards.address(),
            },
            // Before anything else: what is read after a window's end is all that there will ever be in it.
            now: client.head().await?.timestamp,
            rounds: BTreeMap::new(),
            settlements: BTreeMap::new(),
        })
    }

    async fn read_settlement(
        &mut self,
        rewards: &Rewards,
        id: SettlementId,
    ) -> Result<Settlement, VerifyError> {
        let settlement = rewards.settlement(id).await?;
        self.settlements.insert(id, settlement);
        Ok(settlement)
    }

    async fn read_rounds(
        &mut self,
        rounds: &Rounds,
        first: RoundNumber,
        last: RoundNumber,
    ) -> Result<(), VerifyError> {
        let latest = rounds.latest_round().await?;
        for number in (first.0..=last.0).map(RoundNumber) {
            if number.0 == 0 || Some(number) > latest {
                return Err(VerifyError::NoSuchRound {
                    round: number,
                    latest,
                });
            }
            let round = rounds.round(number).await?;
            let commitments = rounds.commitments(number).await?;
            self.rounds.insert(number, ChainRound { round, commitments });
        }
        Ok(())
    }

    /// The newest round whose commit window is over; windows end in the order of rounds. Less than `first` if there is
    /// none from there on.
    async fn newest_closed(&self, rounds: &Rounds, first: RoundNumber) -> Result<RoundNumber, VerifyError> {
        let mut newest = rounds.latest_round().await?.unwrap_or_default();
        while newest >= first && rounds.round(newest).await?.commits_until >= self.now {
            newest.0 -= 1;
        }
        Ok(newest)
    }
}

/// The JSON form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lists {
    contracts: Contracts,
    now: u64,
    rounds: Vec<ChainRound>,
    settlements: Vec<Settlement>,
}

impl From<Lists> for ChainFacts {
    fn from(lists: Lists) -> Self {
        Self {
            contracts: lists.contracts,
            now: lists.now,
            rounds: lists
                .rounds
                .into_iter()
                .map(|round| (round.round.number, round))
                .collect(),
            settlements: lists
                .settlements
                .into_iter()
                .map(|settlement| (settlement.id, settlement))
                .collect(),
        }
    }
}

impl From<ChainFacts> for Lists {
    fn from(facts: ChainFacts) -> Self {
        Self {
            contracts: facts.contracts,
            now: facts.now,
            rounds: facts.rounds.into_values().collect(),
            settlements: facts.settlements.into_values().collect(),
        }
    }
}

/// What the next settlement covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextRange {
    /// The settlement that it continues.
    pub parent: Option<SettlementId>,
    /// First round.
    pub first: RoundNumber,
    /// Last round.
    pub last: RoundNumber,
}
