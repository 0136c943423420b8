//! Reads the contracts' data.

use std::collections::BTreeMap;

use assize_chain::{Rewards, Rounds};
use assize_drand::{BeaconSource, Verified};
use assize_facts::{ChainFacts, ChainRound, Contracts, Settlement, SettlementId};
use assize_protocol::RoundNumber;
use assize_store::Source;

use crate::{EvaluatedRange, Evidence, VerifyError};

type Result<T> = std::result::Result<T, VerifyError>;

/// Reads the facts about the rounds from `first` to `last`.
///
/// # Errors
/// [`VerifyError::Chain`], [`VerifyError::NoSuchRound`].
pub async fn read_rounds(
    rounds: &Rounds,
    rewards: &Rewards,
    first: RoundNumber,
    last: RoundNumber,
) -> Result<ChainFacts> {
    let mut reader = Reader::new(rounds, rewards).await?;
    reader.rounds(first, last).await?;
    Ok(reader.facts)
}

/// Reads the facts about a settlement: the settlement itself, its parent, and its rounds.
///
/// # Errors
/// [`VerifyError::Chain`], [`VerifyError::NoSuchSettlement`].
pub async fn read_settlement(rounds: &Rounds, rewards: &Rewards, id: SettlementId) -> Result<ChainFacts> {
    let count = rewards.settlement_count().await?;
    if id.0 == 0 || id.0 > count {
        return Err(VerifyError::NoSuchSettlement {
            settlement: id,
            count,
        });
    }
    let mut reader = Reader::new(rounds, rewards).await?;
    let proposal = reader.settlement(id).await?.proposal;
    if let Some(parent) = proposal.parent {
        reader.settlement(parent).await?;
    }
    reader.rounds(proposal.first_round, proposal.last_round).await?;
    Ok(reader.facts)
}

/// Reads the facts about the settlement that would come next: the newest that is not void as its parent, and the rounds
/// after it through `last`; by default through the newest whose commit window is over.
///
/// Returns them with the parent and the range; the range is `None` if no round is ready.
///
/// # Errors
/// [`VerifyError::Chain`], [`VerifyError::NoSuchRound`].
pub async fn read_next_settlement(
    rounds: &Rounds,
    rewards: &Rewards,
    last: Option<RoundNumber>,
) -> Result<(ChainFacts, Option<NextRange>)> {
    let mut reader = Reader::new(rounds, rewards).await?;
    let parent = rewards.head().await?;
    let covered = match parent {
        Some(id) => reader.settlement(id).await?.proposal.last_round.0,
        None => 0,
    };
    let first = RoundNumber(covered + 1);
    let last = match last {
        Some(last) => last,
        None => reader.newest_over(first).await?,
    };
    if last < first {
        return Ok((reader.facts, None));
    }
    reader.rounds(first, last).await?;
    Ok((reader.facts, Some(NextRange { parent, first, last })))
}

/// Recomputes the rounds of the settlement that would come next, as [`read_next_settlement`] reads them. Blocks for as long as
/// relays and disks need.
///
/// # Errors
/// [`VerifyError::NothingToSettle`] if no round is ready, and whatever is missing or damaged.
pub async fn evaluate_next<B: BeaconSource + Sync>(
    rounds: &Rounds,
    rewards: &Rewards,
    store: &dyn Source,
    beacons: &Verified<B>,
    last: Option<RoundNumber>,
) -> Result<(ChainFacts, EvaluatedRange)> {
    let (chain, range) = read_next_settlement(rounds, rewards, last).await?;
    let range = range.ok_or(VerifyError::NothingToSettle)?;
    let evidence = Evidence {
        chain: &chain,
        store,
        beacons,
        progress: &|_| {},
    };
    let evaluated = evidence.evaluate_range(range.first, range.last, range.parent)?;
    Ok((chain, evaluated))
}

/// The range of the next settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextRange {
    /// Its parent.
    pub parent: Option<SettlementId>,
    /// First round.
    pub first: RoundNumber,
    /// Last round.
    pub last: RoundNumber,
}

/// The contracts, and the data read from them.
struct Reader<'a> {
    rounds: &'a Rounds,
    rewards: &'a Rewards,
    facts: ChainFacts,
}

impl<'a> Reader<'a> {
    async fn new(rounds: &'a Rounds, rewards: &'a Rewards) -> Result<Self> {
        let client = rounds.client();
        let facts = ChainFacts {
            contracts: Contracts {
                chain_id: client.chain_id(),
                rounds: rounds.address(),
                rewards: rewards.address(),
            },
            // Read first: data read after the end of a window is complete.
            now: client.head().await?.timestamp,
            rounds: BTreeMap::new(),
            settlements: BTreeMap::new(),
        };
        Ok(Self {
            rounds,
            rewards,
            facts,
        })
    }

    async fn settlement(&mut self, id: SettlementId) -> Result<Settlement> {
        let settlement = self.rewards.settlement(id).await?;
        self.facts.settlements.insert(id, settlement);
        Ok(settlement)
    }

    async fn rounds(&mut self, first: RoundNumber, last: RoundNumber) -> Result<()> {
        let latest = self.rounds.latest_round().await?;
        for number in (first.0..=last.0).map(RoundNumber) {
            if number.0 == 0 || Some(number) > latest {
                return Err(VerifyError::NoSuchRound {
                    round: number,
                    latest,
                });
            }
            let round = self.rounds.round(number).await?;
            let commitments = self.rounds.commitments(number).await?;
            self.facts
                .rounds
                .insert(number, ChainRound { round, commitments });
        }
        Ok(())
    }

    /// The newest round whose commit window is over; windows end in the order of rounds. Less than `first` if none is over
    /// from `first` on.
    async fn newest_over(&self, first: RoundNumber) -> Result<RoundNumber> {
        let mut newest = self.rounds.latest_round().await?.unwrap_or_default();
        while newest >= first && !self.rounds.round(newest).await?.is_over(self.facts.now) {
            newest.0 -= 1;
        }
        Ok(newest)
    }
}
