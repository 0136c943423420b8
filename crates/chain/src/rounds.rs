//! `Rounds` in the protocol's types: rounds and what is drawn here, what is committed to them in [`commitments`], the bytes of
//! stations' own reports in [`reports`], what the owner and the guardian set in [`settings`].

mod commitments;
mod reports;
mod settings;

use alloy_primitives::{Address, Bytes, U256};
use assize_facts::{ListCommitment, Round, Times};
use assize_protocol::{
    AttoFil, BeaconRound, CommitteeIndex, FileCid, Parameters, RoundNumber, Seat, Seed, StationIndex,
};

pub use self::commitments::{OwnSeal, SignedSeal};
pub use self::settings::Admission;
use crate::amount::{AmountTooLarge, to_u96};
use crate::at::At;
use crate::contracts::rounds::{IRounds, Rounds as Abi};
use crate::{ChainClient, ChainError, Draft, Result, Roles};

const NAME: &str = "Rounds";

/// The `Rounds` contract at an address.
#[derive(Clone, Debug)]
pub struct Rounds(At);

impl Rounds {
    /// The contract at `address`. Sends no request.
    #[must_use]
    pub fn new(client: ChainClient, address: Address) -> Self {
        Self(At {
            name: NAME,
            client,
            address,
        })
    }

    /// The contract's address.
    #[must_use]
    pub fn address(&self) -> Address {
        self.0.address
    }

    /// The contract's chain.
    #[must_use]
    pub fn client(&self) -> &ChainClient {
        &self.0.client
    }

    /// Who may do what.
    pub async fn roles(&self) -> Result<Roles> {
        let address = self.0.call(&Abi::ROLESCall {}).await?;
        Ok(Roles::new(self.client().clone(), address))
    }

    /// The newest round; null before the first.
    pub async fn latest_round(&self) -> Result<Option<RoundNumber>> {
        self.0.call(&Abi::latestRoundCall {}).await.map(number)
    }

    /// The round whose lists [`open_as_before`](Self::open_as_before) takes: the newest with a batch, or the one that the
    /// guardian chose.
    pub async fn lists_as_before(&self) -> Result<Option<RoundNumber>> {
        self.0.call(&Abi::listsAsBeforeCall {}).await.map(number)
    }

    /// Reads one round.
    ///
    /// # Errors
    /// [`ChainError::Reverted`] with `NoSuchRound` if it has not been opened.
    pub async fn round(&self, round: RoundNumber) -> Result<Round> {
        let stored = self.0.call(&Abi::getRoundCall { round: round.0 }).await?;
        let cid =
            |bytes: &Bytes, what: &str| stored_cid(NAME, bytes, || format!("the {what} of round {round}"));
        let inputs = &stored.inputs;
        Ok(Round {
            number: round,
            roster: ListCommitment {
                root: inputs.rosterRoot,
                count: inputs.rosterCount,
                cid: cid(&inputs.rosterCid, "roster")?,
            },
            tasks: ListCommitment {
                root: inputs.tasksRoot,
                count: inputs.taskCount,
                cid: cid(&inputs.tasksCid, "task list")?,
            },
            parameters: parameters_of(&stored.parameters),
            opened_at: stored.openedAt,
            times: times_of(&stored.times),
            beacon_round: BeaconRound(stored.beaconRound),
            dedupe_beacon_round: BeaconRound(stored.dedupeBeaconRound),
            seed: (!stored.seed.is_zero()).then_some(Seed(stored.seed)),
        })
    }

    /// Sum of the budgets of the revealed rounds from `first` to `last`.
    ///
    /// # Errors
    /// [`ChainError::Reverted`] with `NotOver` unless all of them are over.
    pub async fn budget_of(&self, first: RoundNumber, last: RoundNumber) -> Result<AttoFil> {
        let (first, last) = (first.0, last.0);
        self.0.amount(&Abi::budgetOfCall { first, last }).await
    }

    /// Number of committees of a round and of tasks per committee, as the contract derives them.
    pub async fn committee_count(&self, round: RoundNumber) -> Result<(u32, u32)> {
        let answer = self.0.call(&Abi::committeeCountCall { round: round.0 }).await?;
        Ok((
            index("committeeCount", answer.committees)?,
            index("committeeCount", answer.tasksPerCommittee)?,
        ))
    }

    /// Committee and seat of a station, as the contract derives them.
    pub async fn committee_of(
        &self,
        round: RoundNumber,
        station: StationIndex,
    ) -> Result<(CommitteeIndex, Seat)> {
        let call = Abi::committeeOfCall {
            round: round.0,
            station: U256::from(station.0),
        };
        let answer = self.0.call(&call).await?;
        Ok((
            CommitteeIndex(index("committeeOf", answer.committee)?),
            Seat(index("committeeOf", answer.seat)?),
        ))
    }

    /// Opens the next round. Coordinator only.
    #[must_use]
    pub fn open(&self, roster: &ListCommitment, tasks: &ListCommitment) -> Draft {
        let inputs = IRounds::Inputs {
            rosterRoot: roster.root,
            tasksRoot: tasks.root,
            rosterCount: roster.count,
            taskCount: tasks.count,
            rosterCid: roster.cid.to_bytes().into(),
            tasksCid: tasks.cid.to_bytes().into(),
        };
        self.0.draft(&Abi::openCall { inputs })
    }

    /// Opens the next round with the lists of [`lists_as_before`](Self::lists_as_before), when the coordinator is late or
    /// suspended. Anyone may call it.
    #[must_use]
    pub fn open_as_before(&self) -> Draft {
        self.0.draft(&Abi::openAsBeforeCall {})
    }

    /// Reveals a round's seed. Anyone may call it. `signature` is 48 compressed bytes, followed by the 48 bytes of y.
    #[must_use]
    pub fn reveal(&self, round: RoundNumber, signature: &[u8]) -> Draft {
        self.0.draft(&Abi::revealCall {
            round: round.0,
            signature: Bytes::copy_from_slice(signature),
        })
    }
}

/// Reads a CID stored in a contract.
pub(crate) fn stored_cid(
    contract: &'static str,
    bytes: &Bytes,
    what: impl FnOnce() -> String,
) -> Result<FileCid> {
    FileCid::from_bytes(bytes).map_err(|source| ChainError::StoredCid {
        contract,
        what: what(),
        source,
    })
}

/// The contracts' form of a round that may be missing.
fn number(number: u64) -> Option<RoundNumber> {
    (number > 0).then_some(RoundNumber(number))
}

fn index(method: &'static str, number: U256) -> Result<u32> {
    u32::try_from(number).map_err(|_| ChainError::Answer {
        method,
        reason: format!("{number} is not a 32-bit index"),
    })
}

fn times_of(stored: &IRounds::Times) -> Times {
    Times {
        closes_at: stored.closesAt,
        seals_until: stored.sealsUntil,
        own_seals_until: stored.ownSealsUntil,
        show_from: stored.showFrom,
        publish_until: stored.publishUntil,
        commits_until: stored.commitsUntil,
        dedupe_from: stored.dedupeFrom,
        objections_from: stored.objectionsFrom,
    }
}

fn parameters_of(stored: &IRounds::Parameters) -> Parameters {
    Parameters {
        round_duration: stored.roundDuration,
        beacon_delay: stored.beaconDelay,
        step: stored.step,
        min_committee_size: stored.minCommitteeSize,
        max_committee_size: stored.maxCommitteeSize,
        quorum: stored.quorum,
        max_tasks_per_committee: stored.maxTasksPerCommittee,
        target_measurements: stored.targetMeasurements,
        budget: AttoFil::new(stored.budget.to()),
    }
}

/// Parameters in the contract's types.
///
/// # Errors
/// [`AmountTooLarge`] if the contract cannot store the budget.
pub fn encode_parameters(parameters: &Parameters) -> Result<IRounds::Parameters, AmountTooLarge> {
    Ok(IRounds::Parameters {
        roundDuration: parameters.round_duration,
        beaconDelay: parameters.beacon_delay,
        step: parameters.step,
        minCommitteeSize: parameters.min_committee_size,
        maxCommitteeSize: parameters.max_committee_size,
        quorum: parameters.quorum,
        maxTasksPerCommittee: parameters.max_tasks_per_committee,
        targetMeasurements: parameters.target_measurements,
        budget: to_u96(parameters.budget)?,
    })
}
