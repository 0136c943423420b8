//! `Rounds` in the protocol's types.

use alloy_primitives::{Address, Bytes, U256, aliases::U96};
use alloy_sol_types::SolCall;
use assize_facts::{BatchCommitment, ListCommitment, Round};
use assize_protocol::{
    AttoFil, BeaconRound, CommitteeIndex, FileCid, Parameters, RoundNumber, Seat, Seed, StationIndex,
};
use thiserror::Error;

use crate::contracts::rounds::{IRounds, Rounds as Abi};
use crate::{ChainClient, ChainError, Draft, Result};

const NAME: &str = "Rounds";

/// The `Rounds` contract at an address.
#[derive(Clone, Debug)]
pub struct Rounds {
    client: ChainClient,
    address: Address,
}

impl Rounds {
    /// The contract at `address`. Sends no request.
    #[must_use]
    pub fn new(client: ChainClient, address: Address) -> Self {
        Self { client, address }
    }

    /// The contract's address.
    #[must_use]
    pub fn address(&self) -> Address {
        self.address
    }

    /// The contract's chain.
    #[must_use]
    pub fn client(&self) -> &ChainClient {
        &self.client
    }

    async fn call<C: SolCall>(&self, call: &C) -> Result<C::Return> {
        self.client.call(NAME, self.address, call).await
    }

    /// The newest round; null before the first.
    pub async fn latest_round(&self) -> Result<Option<RoundNumber>> {
        let number = self.call(&Abi::latestRoundCall {}).await?;
        Ok((number > 0).then_some(RoundNumber(number)))
    }

    /// The owner, who sets parameters, coordinator and publishers.
    pub async fn owner(&self) -> Result<Address> {
        self.call(&Abi::ownerCall {}).await
    }

    /// The pending owner, who has been offered the ownership but has not accepted it.
    pub async fn pending_owner(&self) -> Result<Option<Address>> {
        let pending = self.call(&Abi::pendingOwnerCall {}).await?;
        Ok((!pending.is_zero()).then_some(pending))
    }

    /// The coordinator, who opens rounds.
    pub async fn coordinator(&self) -> Result<Address> {
        self.call(&Abi::coordinatorCall {}).await
    }

    /// Whether an address may commit batches.
    pub async fn is_publisher(&self, address: Address) -> Result<bool> {
        self.call(&Abi::isPublisherCall { publisher: address }).await
    }

    /// The parameters of the next round.
    pub async fn parameters(&self) -> Result<Parameters> {
        Ok(parameters_of(&self.call(&Abi::getParametersCall {}).await?))
    }

    /// Reads one round.
    ///
    /// # Errors
    /// [`ChainError::Reverted`] with `NoSuchRound` if it has not been opened.
    pub async fn round(&self, round: RoundNumber) -> Result<Round> {
        let stored = self.call(&Abi::getRoundCall { round: round.0 }).await?;
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
            closes_at: stored.closesAt,
            commits_until: stored.commitsUntil,
            beacon_round: BeaconRound(stored.beaconRound),
            dedupe_beacon_round: BeaconRound(stored.dedupeBeaconRound),
            seed: (!stored.seed.is_zero()).then_some(Seed(stored.seed)),
        })
    }

    /// All commitments of a round, in commit order.
    pub async fn commitments(&self, round: RoundNumber) -> Result<Vec<BatchCommitment>> {
        const PAGE: u32 = 100;
        let count = self.call(&Abi::commitmentCountCall { round: round.0 }).await?;
        let mut all = Vec::new();
        for start in (0..count).step_by(PAGE as usize) {
            let page = self
                .call(&Abi::commitmentsCall {
                    round: round.0,
                    start,
                    limit: PAGE,
                })
                .await?;
            for stored in page {
                let index = all.len();
                all.push(BatchCommitment {
                    cid: stored_cid(NAME, &stored.cid, || {
                        format!("commitment {index} of round {round}")
                    })?,
                    count: stored.count,
                    committed_at: stored.committedAt,
                });
            }
        }
        Ok(all)
    }

    /// The round that a batch was committed to, if any.
    pub async fn committed_in(&self, cid: &FileCid) -> Result<Option<RoundNumber>> {
        let round = self
            .call(&Abi::committedInCall {
                cid: cid.to_bytes().into(),
            })
            .await?;
        Ok((round > 0).then_some(RoundNumber(round)))
    }

    /// Number of committees of a round and of tasks per committee, as the contract derives them.
    pub async fn committee_count(&self, round: RoundNumber) -> Result<(u32, u32)> {
        let answer = self.call(&Abi::committeeCountCall { round: round.0 }).await?;
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
        let answer = self
            .call(&Abi::committeeOfCall {
                round: round.0,
                station: U256::from(station.0),
            })
            .await?;
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
        self.draft(&Abi::openCall { inputs })
    }

    /// Opens the next round with the previous round's lists when the coordinator is late. Anyone may call it.
    #[must_use]
    pub fn open_as_before(&self) -> Draft {
        self.draft(&Abi::openAsBeforeCall {})
    }

    /// Reveals a round's seed. Anyone may call it. `signature` is 48 compressed bytes, followed by the 48 bytes of y.
    #[must_use]
    pub fn reveal(&self, round: RoundNumber, signature: &[u8]) -> Draft {
        self.draft(&Abi::revealCall {
            round: round.0,
            signature: Bytes::copy_from_slice(signature),
        })
    }

    /// Commits a batch. Publishers only.
    #[must_use]
    pub fn commit(&self, round: RoundNumber, cid: &FileCid, count: u32) -> Draft {
        self.draft(&Abi::commitCall {
            round: round.0,
            cid: cid.to_bytes().into(),
            count,
        })
    }

    /// Sets the parameters of future rounds. Owner only.
    ///
    /// # Errors
    /// [`BudgetTooLarge`].
    pub fn set_parameters(&self, parameters: &Parameters) -> Result<Draft> {
        Ok(self.draft(&Abi::setParametersCall {
            newParameters: encode_parameters(parameters)?,
        }))
    }

    /// Allows or forbids `publisher` to commit batches. Owner only.
    #[must_use]
    pub fn set_publisher(&self, publisher: Address, allowed: bool) -> Draft {
        self.draft(&Abi::setPublisherCall { publisher, allowed })
    }

    /// Appoints the coordinator. Owner only.
    #[must_use]
    pub fn set_coordinator(&self, coordinator: Address) -> Draft {
        self.draft(&Abi::setCoordinatorCall {
            newCoordinator: coordinator,
        })
    }

    /// Offers the ownership to another address, which must accept it. Owner only.
    #[must_use]
    pub fn transfer_ownership(&self, owner: Address) -> Draft {
        self.draft(&Abi::transferOwnershipCall { newOwner: owner })
    }

    /// Accepts the ownership that was offered. The offered owner only.
    #[must_use]
    pub fn accept_ownership(&self) -> Draft {
        self.draft(&Abi::acceptOwnershipCall {})
    }

    fn draft(&self, call: &impl SolCall) -> Draft {
        Draft::call(NAME, self.address, call.abi_encode())
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

fn index(method: &'static str, number: U256) -> Result<u32> {
    u32::try_from(number).map_err(|_| ChainError::Answer {
        method,
        reason: format!("{number} is not a 32-bit index"),
    })
}

fn parameters_of(stored: &IRounds::Parameters) -> Parameters {
    Parameters {
        round_duration: stored.roundDuration,
        beacon_delay: stored.beaconDelay,
        commit_grace: stored.commitGrace,
        min_committee_size: stored.minCommitteeSize,
        max_committee_size: stored.maxCommitteeSize,
        quorum: stored.quorum,
        max_tasks_per_committee: stored.maxTasksPerCommittee,
        target_measurements: stored.targetMeasurements,
        budget: AttoFil::new(stored.budget.to()),
    }
}

/// A round's budget that the contract cannot store.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0} do not fit into the contract's 96 bits of attoFIL; use a smaller budget")]
pub struct BudgetTooLarge(pub AttoFil);

/// Parameters in the contract's types.
///
/// # Errors
/// [`BudgetTooLarge`].
pub fn encode_parameters(parameters: &Parameters) -> Result<IRounds::Parameters, BudgetTooLarge> {
    let budget = parameters.budget;
    Ok(IRounds::Parameters {
        roundDuration: parameters.round_duration,
        beaconDelay: parameters.beacon_delay,
        commitGrace: parameters.commit_grace,
        minCommitteeSize: parameters.min_committee_size,
        maxCommitteeSize: parameters.max_committee_size,
        quorum: parameters.quorum,
        maxTasksPerCommittee: parameters.max_tasks_per_committee,
        targetMeasurements: parameters.target_measurements,
        budget: U96::checked_from_limbs_slice(budget.atto().as_limbs()).ok_or(BudgetTooLarge(budget))?,
    })
}
