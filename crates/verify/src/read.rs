//! Reads the contracts' data.

use std::collections::BTreeMap;

use assize_chain::{Blocks, Rewards, Rounds};
use assize_drand::{BeaconSource, Verified};
use assize_facts::{ChainFacts, ChainRound, Contracts, FileKind, Settlement, SettlementId};
use assize_protocol::RoundNumber;
use assize_store::Source;

use crate::{Elsewhere, EvaluatedRange, Evidence, OwnReports, VerifyError};

type Result<T> = std::result::Result<T, VerifyError>;

/// What was read from the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The facts.
    pub facts: ChainFacts,
    /// The reports that stations committed themselves to the rounds.
    pub own: OwnReports,
}

/// Reads the facts about the rounds from `first` to `last`.
///
/// # Errors
/// [`VerifyError::Chain`], [`VerifyError::NoSuchRound`].
pub async fn read_rounds(
    rounds: &Rounds,
    rewards: &Rewards,
    first: RoundNumber,
    last: RoundNumber,
) -> Result<Reading> {
    let mut reader = Reader::new(rounds, rewards).await?;
    reader.rounds(first, last).await?;
    Ok(reader.reading)
}

/// Reads the facts about a settlement: the settlement itself, its parent, and its rounds.
///
/// # Errors
/// [`VerifyError::Chain`], [`VerifyError::NoSuchSettlement`].
pub async fn read_settlement(rounds: &Rounds, rewards: &Rewards, id: SettlementId) -> Result<Reading> {
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
    Ok(reader.reading)
}

/// Reads the facts about the settlement that would come next: the newest that is not void as its parent, and the rounds
/// after it through `last`; by default through the newest that is over.
///
/// Returns them with the parent and the range; the range is `None` if no round is ready.
///
/// # Errors
/// [`VerifyError::Chain`], [`VerifyError::NoSuchRound`].
pub async fn read_next_settlement(
    rounds: &Rounds,
    rewards: &Rewards,
    last: Option<RoundNumber>,
) -> Result<(Reading, Option<NextRange>)> {
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
        return Ok((reader.reading, None));
    }
    reader.rounds(first, last).await?;
    Ok((reader.reading, Some(NextRange { parent, first, last })))
}

/// Recomputes the rounds of the settlement that would come next, as [`read_next_settlement`] reads them. Blocks for as long as
/// relays and disks need.
///
/// # Errors
/// [`VerifyError::NothingToSettle`] if no round is ready, [`VerifyError::SettledAlready`] if `last` is settled, and whatever is missing or damaged.
pub async fn evaluate_next<B: BeaconSource + Sync>(
    rounds: &Rounds,
    rewards: &Rewards,
    store: &dyn Source,
    elsewhere: &Elsewhere<'_>,
    beacons: &Verified<B>,
    last: Option<RoundNumber>,
) -> Result<(ChainFacts, EvaluatedRange)> {
    let (reading, range) = read_next_settlement(rounds, rewards, last).await?;
    let range = range.ok_or_else(|| match last {
        Some(last) => VerifyError::SettledAlready {
            last,
            settled: newest_settled(&reading.facts),
        },
        None => VerifyError::NothingToSettle,
    })?;
    let evidence = Evidence {
        chain: &reading.facts,
        own: &reading.own,
        store,
        elsewhere,
        beacons,
        progress: &|_| {},
    };
    let evaluated = evidence.evaluate_range(range.first, range.last, range.parent)?;
    Ok((reading.facts, evaluated))
}

/// The newest round of the settlements that were read; 0 without any.
fn newest_settled(facts: &ChainFacts) -> RoundNumber {
    let settlements = facts.settlements.values();
    let newest = settlements.map(|settlement| settlement.proposal.last_round).max();
    newest.unwrap_or(RoundNumber(0))
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
    blocks: Blocks<'a>,
    reading: Reading,
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
            drops: rewards.drops().await?,
            rounds: BTreeMap::new(),
            settlements: BTreeMap::new(),
        };
        Ok(Self {
            rounds,
            rewards,
            blocks: Blocks::new(client),
            reading: Reading {
                facts,
                own: OwnReports::default(),
            },
        })
    }

    async fn settlement(&mut self, id: SettlementId) -> Result<Settlement> {
        let settlement = self.rewards.settlement(id).await?;
        self.reading.facts.settlements.insert(id, settlement);
        Ok(settlement)
    }

    async fn rounds(&mut self, first: RoundNumber, last: RoundNumber) -> Result<()> {
        let latest = self.rounds.latest_round().await?;
        // Before the others are read, which may take minutes. A range that is too long is named by its end, as whoever asked does.
        if let Some(round) = [last, first]
            .into_iter()
            .find(|round| round.0 == 0 || Some(*round) > latest)
        {
            return Err(VerifyError::NoSuchRound { round, latest });
        }
        for number in (first.0..=last.0).map(RoundNumber) {
            let round = self.rounds.round(number).await?;
            let commitments = self.rounds.commitments(number, FileKind::Lines).await?;
            let own = self.rounds.own_reports(number).await?;
            for report in self.rounds.reports_of(&mut self.blocks, &round, &own).await? {
                self.reading.own.insert(report);
            }
            let chain = ChainRound {
                round,
                commitments,
                own,
            };
            self.reading.facts.rounds.insert(number, chain);
        }
        Ok(())
    }

    /// The newest round that is over, with all before it. Less than `first` if none is over
    /// from `first` on.
    async fn newest_over(&self, first: RoundNumber) -> Result<RoundNumber> {
        let latest = self.rounds.latest_round().await?.unwrap_or_default();
        let mut newest = RoundNumber(first.0.saturating_sub(1));
        // Each round has its own step, so an earlier one may be over later.
        while newest < latest {
            let next = RoundNumber(newest.0 + 1);
            if !self
                .rounds
                .round(next)
                .await?
                .times
                .is_over(self.reading.facts.now)
            {
                break;
            }
            newest = next;
        }
        Ok(newest)
    }
}
