//! `Rewards` in the protocol's types.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, Bytes, U256, address};
use alloy_sol_types::{SolCall, SolEvent};
use assize_facts::{Proposal, Settlement, SettlementId, Status};
use assize_protocol::{AttoFil, NativeAddress, PayoutAddress, RosterEntry, RoundNumber, Seat};
use serde::{Deserialize, Serialize};

use crate::contracts::rewards::{IRewards, Rewards as Abi};
use crate::rounds::stored_cid;
use crate::{ChainClient, ChainError, Draft, Receipt, Result, SettlementMessage};

const NAME: &str = "Rewards";
/// The precompile that pays native addresses; the contract shows it in place of such an address.
const CALL_ACTOR: Address = address!("fe00000000000000000000000000000000000003");

/// The evaluators who may sign settlements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evaluators {
    /// Their addresses, ascending.
    pub set: Vec<Address>,
    /// Signatures needed.
    pub threshold: u64,
    /// Version of the set; signatures are bound to it.
    pub version: u64,
}

/// One operator's claim against a settlement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The operator.
    pub operator: Address,
    /// The operator's total in the settlement.
    pub cumulative: AttoFil,
    /// Merkle proof of both.
    pub proof: Vec<B256>,
}

/// Claims of many operators, with one proof for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchClaim {
    /// Operators and their totals in the settlement, in the order of the proof's leaves.
    pub allocations: Vec<(Address, AttoFil)>,
    /// Siblings that do not follow from the allocations.
    pub proof: Vec<B256>,
    /// For each hash of the proof: whether both of its children follow from the allocations.
    pub flags: Vec<bool>,
}

/// The result of one operator's claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payment {
    /// The operator.
    pub operator: Address,
    /// What was paid, or would have been paid.
    pub amount: AttoFil,
    /// Whether it was paid, and if not, why.
    pub outcome: PaymentOutcome,
}

/// The outcome of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PaymentOutcome {
    /// Paid.
    Paid,
    /// Everything was already paid.
    NothingToClaim,
    /// The root allocates more than the signed total.
    OverTotal,
    /// The recipient rejected the payment; the amount remains claimable.
    Refused,
}

/// A change announced by the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced<T> {
    /// The new value.
    pub value: T,
    /// When it takes effect, Unix seconds.
    pub effective_at: u64,
}

/// A rewarded measurement, with the proof that it is in the settlement's accepted tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The round.
    pub round: RoundNumber,
    /// Index of the station in the round's roster.
    pub station: U256,
    /// The committee that it was rewarded in.
    pub committee: U256,
    /// The task, by its number in the committee.
    pub k: U256,
    /// From its leaf to `acceptedRoot`.
    pub proof: Vec<B256>,
}

impl Proven {
    fn encode(&self) -> IRewards::Accepted {
        IRewards::Accepted {
            round: self.round.0,
            station: self.station,
            committee: self.committee,
            k: self.k,
        }
    }
}

/// A rewarded measurement whose station belongs to another committee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misplaced {
    /// The measurement.
    pub measurement: Proven,
    /// The station.
    pub entry: RosterEntry,
    /// Proof from the station's leaf to the round's roster root.
    pub roster_proof: Vec<B256>,
    /// The station's actual committee.
    pub seat: Seat,
}

/// The `Rewards` contract at an address.
#[derive(Clone, Debug)]
pub struct Rewards {
    client: ChainClient,
    address: Address,
}

impl Rewards {
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

    async fn amount(&self, call: &impl SolCall<Return = U256>) -> Result<AttoFil> {
        self.call(call).await.map(AttoFil::from)
    }

    /// The newest valid settlement.
    pub async fn head(&self) -> Result<Option<SettlementId>> {
        let id = self.call(&Abi::headCall {}).await?;
        Ok((id > 0).then_some(SettlementId(id)))
    }

    /// Number of settlements ever posted; their ids are 1 to this.
    pub async fn settlement_count(&self) -> Result<u64> {
        self.call(&Abi::settlementCountCall {}).await
    }

    /// One settlement.
    ///
    /// # Errors
    /// [`ChainError::Reverted`] with `NoSuchSettlement`.
    pub async fn settlement(&self, id: SettlementId) -> Result<Settlement> {
        let stored = self.call(&Abi::getSettlementCall { settlement: id.0 }).await?;
        let proposal = stored.proposal;
        let nonsense = |reason: String| ChainError::Answer {
            method: "getSettlement",
            reason,
        };
        Ok(Settlement {
            id,
            proposal: Proposal {
                parent: (proposal.parent > 0).then_some(SettlementId(proposal.parent)),
                first_round: RoundNumber(proposal.firstRound),
                last_round: RoundNumber(proposal.lastRound),
                root: proposal.root,
                cumulative_total: proposal.cumulativeTotal.into(),
                accepted_root: proposal.acceptedRoot,
                cid: stored_cid(NAME, &proposal.cid, || format!("settlement {id}"))?,
            },
            posted_at: stored.postedAt,
            active_at: stored.activeAt,
            // The order of `IRewards.Status`, whose first value means that the settlement does not exist.
            status: match stored.status {
                1 => Status::Pending,
                2 => Status::Active,
                3 => Status::Void,
                other => return Err(nonsense(format!("settlement {id} has status {other}"))),
            },
        })
    }

    /// The newest active settlement: the head, or its nearest ancestor whose challenge window is over.
    pub async fn newest_active(&self) -> Result<Option<Settlement>> {
        let mut next = self.head().await?;
        while let Some(id) = next {
            let settlement = self.settlement(id).await?;
            if settlement.status == Status::Active {
                return Ok(Some(settlement));
            }
            next = settlement.proposal.parent;
        }
        Ok(None)
    }

    /// What an operator has been paid.
    pub async fn claimed(&self, operator: Address) -> Result<AttoFil> {
        self.amount(&Abi::claimedCall { operator }).await
    }

    /// What each operator has been paid, in few requests.
    pub async fn claimed_by(&self, operators: &[Address]) -> Result<BTreeMap<Address, AttoFil>> {
        let calls: Vec<_> = operators
            .iter()
            .map(|&operator| Abi::claimedCall { operator })
            .collect();
        let amounts = self.client.call_many(NAME, self.address, &calls).await?;
        let amounts = amounts.into_iter().map(AttoFil::from);
        Ok(operators.iter().copied().zip(amounts).collect())
    }

    /// The payout address of an operator.
    pub async fn payout_address_of(&self, operator: Address) -> Result<PayoutAddress> {
        let address = self.call(&Abi::payoutAddressOfCall { operator }).await?;
        if address != CALL_ACTOR {
            return Ok(PayoutAddress::Evm(address));
        }
        native(&self.call(&Abi::nativePayoutAddressOfCall { operator }).await?)
    }

    /// The payout addresses of operators, in their order.
    pub async fn payout_addresses_of(&self, operators: &[Address]) -> Result<Vec<PayoutAddress>> {
        let calls: Vec<_> = operators
            .iter()
            .map(|&operator| Abi::payoutAddressOfCall { operator })
            .collect();
        let addresses = self.client.call_many(NAME, self.address, &calls).await?;
        let calls: Vec<_> = operators
            .iter()
            .zip(&addresses)
            .filter(|(_, address)| **address == CALL_ACTOR)
            .map(|(&operator, _)| Abi::nativePayoutAddressOfCall { operator })
            .collect();
        let mut natives = self
            .client
            .call_many(NAME, self.address, &calls)
            .await?
            .into_iter();
        addresses
            .into_iter()
            .map(|address| match address {
                CALL_ACTOR => native(&natives.next().unwrap_or_default()),
                address => Ok(PayoutAddress::Evm(address)),
            })
            .collect()
    }

    /// The results of the claims in a mined transaction, in order, from its events.
    #[must_use]
    pub fn payments_in(&self, receipt: &Receipt) -> Vec<Payment> {
        let own = receipt.logs.iter().filter(|log| log.address == self.address);
        own.filter_map(|log| {
            let (topics, data) = (log.topics.iter().copied(), &log.data);
            if let Ok(paid) = Abi::Claimed::decode_raw_log(topics.clone(), data) {
                return Some(Payment {
                    operator: paid.operator,
                    amount: paid.amount.into(),
                    outcome: PaymentOutcome::Paid,
                });
            }
            let skipped = Abi::ClaimSkipped::decode_raw_log(topics, data).ok()?;
            Some(Payment {
                operator: skipped.operator,
                amount: skipped.amount.into(),
                // The order of `IRewards.Skipped`.
                outcome: match skipped.reason {
                    0 => PaymentOutcome::NothingToClaim,
                    1 => PaymentOutcome::OverTotal,
                    _ => PaymentOutcome::Refused,
                },
            })
        })
        .collect()
    }

    /// What was ever deposited.
    pub async fn total_deposited(&self) -> Result<AttoFil> {
        self.amount(&Abi::totalDepositedCall {}).await
    }

    /// What was ever paid.
    pub async fn total_claimed(&self) -> Result<AttoFil> {
        self.amount(&Abi::totalClaimedCall {}).await
    }

    /// What was deposited but not allocated by active or pending settlements.
    pub async fn surplus(&self) -> Result<AttoFil> {
        self.amount(&Abi::surplusCall {}).await
    }

    /// The recipient of the surplus after the programme has ended.
    pub async fn treasury(&self) -> Result<Address> {
        self.call(&Abi::treasuryCall {}).await
    }

    /// When the programme ends or ended, Unix seconds; `None` if no end was announced.
    pub async fn ends_at(&self) -> Result<Option<u64>> {
        let at = self.call(&Abi::endsAtCall {}).await?;
        Ok((at > 0).then_some(at))
    }

    /// The owner, who announces changes and has no access to funds.
    pub async fn owner(&self) -> Result<Address> {
        self.call(&Abi::ownerCall {}).await
    }

    /// The pending owner, who has been offered the ownership but has not accepted it.
    pub async fn pending_owner(&self) -> Result<Option<Address>> {
        let pending = self.call(&Abi::pendingOwnerCall {}).await?;
        Ok((!pending.is_zero()).then_some(pending))
    }

    /// The guardian, who may veto.
    pub async fn guardian(&self) -> Result<Address> {
        self.call(&Abi::guardianCall {}).await
    }

    /// The announced guardian.
    pub async fn next_guardian(&self) -> Result<Option<Announced<Address>>> {
        let next = self.call(&Abi::nextGuardianCall {}).await?;
        Ok((next.effectiveAt > 0).then_some(Announced {
            value: next.newGuardian,
            effective_at: next.effectiveAt,
        }))
    }

    /// Seconds between posting a settlement and its activation.
    pub async fn challenge_window(&self) -> Result<u64> {
        self.call(&Abi::challengeWindowCall {}).await
    }

    /// The announced shorter challenge window, seconds.
    pub async fn next_challenge_window(&self) -> Result<Option<Announced<u64>>> {
        let next = self.call(&Abi::nextChallengeWindowCall {}).await?;
        Ok((next.effectiveAt > 0).then_some(Announced {
            value: next.window,
            effective_at: next.effectiveAt,
        }))
    }

    /// The minimum challenge window that the owner can set, seconds.
    pub async fn min_challenge_window(&self) -> Result<u64> {
        self.call(&Abi::MIN_CHALLENGE_WINDOWCall {}).await
    }

    /// Gas for each payment of a batch.
    pub async fn payment_gas(&self) -> Result<U256> {
        self.call(&Abi::PAYMENT_GASCall {}).await
    }

    /// The contract's balance.
    pub async fn balance(&self) -> Result<AttoFil> {
        self.client.balance(self.address).await
    }

    /// The current evaluators.
    pub async fn evaluators(&self) -> Result<Evaluators> {
        let answer = self.call(&Abi::evaluatorsCall {}).await?;
        evaluators("evaluators", answer.set, answer.threshold, answer.version)
    }

    /// The announced evaluators.
    pub async fn next_evaluators(&self) -> Result<Option<Announced<Evaluators>>> {
        let next = self.call(&Abi::nextEvaluatorsCall {}).await?;
        if next.effectiveAt == 0 {
            return Ok(None);
        }
        let value = evaluators("nextEvaluators", next.set, next.threshold, next.version)?;
        Ok(Some(Announced {
            value,
            effective_at: next.effectiveAt,
        }))
    }

    /// The EIP-712 digest that evaluators sign, computed by the contract for the current evaluator set.
    pub async fn digest_of(&self, proposal: &Proposal) -> Result<B256> {
        self.call(&Abi::digestOfCall {
            proposal: encode(proposal),
        })
        .await
    }

    /// The message that evaluators sign for a proposal, for the current evaluator set.
    ///
    /// # Errors
    /// [`ChainError::OtherDigest`] if the contract expects another digest.
    pub async fn message_of(&self, proposal: &Proposal) -> Result<SettlementMessage> {
        let set = self.evaluators().await?.version;
        let message = SettlementMessage::new(self.client.chain_id(), self.address, set, proposal);
        let (ours, theirs) = (message.digest(), self.digest_of(proposal).await?);
        if ours != theirs {
            return Err(ChainError::OtherDigest {
                contract: NAME,
                address: self.address,
                theirs,
                ours,
            });
        }
        Ok(message)
    }

    /// Adds an amount to the pool. Anyone may call it.
    #[must_use]
    pub fn deposit(&self, amount: AttoFil) -> Draft {
        self.draft(&Abi::depositCall {}).with_value(amount)
    }

    /// Posts a settlement. Anyone may call it: the signatures decide. They are sorted as the contract requires.
    #[must_use]
    pub fn post(&self, proposal: &Proposal, signatures: &BTreeMap<Address, [u8; 65]>) -> Draft {
        let signatures = signatures
            .values()
            .map(|signature| Bytes::copy_from_slice(signature))
            .collect();
        self.draft(&Abi::postCall {
            proposal: encode(proposal),
            signatures,
        })
    }

    /// Voids a pending settlement and its descendants. Guardian only.
    #[must_use]
    pub fn veto(&self, settlement: SettlementId, reason: &str) -> Draft {
        self.draft(&Abi::vetoCall {
            settlement: settlement.0,
            reason: reason.into(),
        })
    }

    /// Voids a pending settlement and its descendants by proving that it rewards a station for a task of another
    /// committee. Anyone may call it.
    #[must_use]
    pub fn challenge_membership(&self, settlement: SettlementId, misplaced: &Misplaced) -> Draft {
        let Misplaced {
            measurement,
            entry,
            roster_proof,
            seat,
        } = misplaced;
        self.draft(&Abi::challengeMembershipCall {
            settlement: settlement.0,
            accepted: measurement.encode(),
            acceptedProof: measurement.proof.clone(),
            entry: IRewards::RosterEntry {
                index: measurement.station,
                station: entry.station,
                operator: entry.operator,
                subnet: entry.subnet,
            },
            rosterProof: roster_proof.clone(),
            seat: U256::from(seat.0),
        })
    }

    /// Like [`Self::challenge_membership`], by proving that it rewards a measurement that cannot exist.
    #[must_use]
    pub fn challenge_existence(&self, settlement: SettlementId, measurement: &Proven) -> Draft {
        self.draft(&Abi::challengeExistenceCall {
            settlement: settlement.0,
            accepted: measurement.encode(),
            acceptedProof: measurement.proof.clone(),
        })
    }

    /// Pays one operator. Anyone may call it.
    #[must_use]
    pub fn claim(&self, settlement: SettlementId, claim: &Claim) -> Draft {
        self.draft(&Abi::claimCall {
            settlement: settlement.0,
            operator: claim.operator,
            cumulative: claim.cumulative.atto(),
            proof: claim.proof.clone(),
        })
    }

    /// Pays many operators. An operator whose recipient rejects the payment is skipped and loses nothing. Anyone may
    /// call it.
    #[must_use]
    pub fn claim_many(&self, settlement: SettlementId, batch: &BatchClaim) -> Draft {
        let allocation = |&(operator, amount): &(Address, AttoFil)| IRewards::Allocation {
            operator,
            cumulative: amount.atto(),
        };
        self.draft(&Abi::claimManyCall {
            settlement: settlement.0,
            allocations: batch.allocations.iter().map(allocation).collect(),
            proof: batch.proof.clone(),
            proofFlags: batch.flags.clone(),
        })
    }

    /// Sets the sender's payout address.
    #[must_use]
    pub fn set_payout_address(&self, recipient: &PayoutAddress) -> Draft {
        match recipient {
            PayoutAddress::Evm(recipient) => self.draft(&Abi::setPayoutAddressCall {
                recipient: *recipient,
            }),
            PayoutAddress::Native(recipient) => self.draft(&Abi::setNativePayoutAddressCall {
                recipient: Bytes::copy_from_slice(recipient.as_bytes()),
            }),
        }
    }

    /// Announces new evaluators, one challenge window ahead. Owner only.
    #[must_use]
    pub fn set_evaluators(&self, set: &BTreeSet<Address>, threshold: u64) -> Draft {
        self.draft(&Abi::setEvaluatorsCall {
            newEvaluators: set.iter().copied().collect(),
            threshold: U256::from(threshold),
        })
    }

    /// Cancels announced evaluators. Owner or guardian.
    #[must_use]
    pub fn cancel_evaluators(&self) -> Draft {
        self.draft(&Abi::cancelEvaluatorsCall {})
    }

    /// Announces a new guardian, one challenge window ahead. Owner only.
    #[must_use]
    pub fn set_guardian(&self, guardian: Address) -> Draft {
        self.draft(&Abi::setGuardianCall {
            newGuardian: guardian,
        })
    }

    /// Cancels an announced guardian. Owner or guardian.
    #[must_use]
    pub fn cancel_guardian(&self) -> Draft {
        self.draft(&Abi::cancelGuardianCall {})
    }

    /// Sets the challenge window of settlements to come, seconds: a longer one at once, a shorter one after the present
    /// window. Owner only.
    #[must_use]
    pub fn set_challenge_window(&self, seconds: u64) -> Draft {
        self.draft(&Abi::setChallengeWindowCall { window: seconds })
    }

    /// Announces when the programme ends, Unix seconds; `None` cancels the end. Owner only.
    #[must_use]
    pub fn set_end(&self, at: Option<u64>) -> Draft {
        self.draft(&Abi::setEndCall {
            at: at.unwrap_or_default(),
        })
    }

    /// Announces the end of a programme in which no settlement has been posted for long. Anyone may call it.
    #[must_use]
    pub fn end_abandoned(&self) -> Draft {
        self.draft(&Abi::endAbandonedCall {})
    }

    /// After the end, sends the treasury what was never promised. Anyone may call it.
    #[must_use]
    pub fn withdraw_surplus(&self) -> Draft {
        self.draft(&Abi::withdrawSurplusCall {})
    }

    /// Hands the treasury's role to another address. Treasury only.
    #[must_use]
    pub fn set_treasury(&self, treasury: Address) -> Draft {
        self.draft(&Abi::setTreasuryCall {
            newTreasury: treasury,
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

fn evaluators(method: &'static str, set: Vec<Address>, threshold: U256, version: u64) -> Result<Evaluators> {
    let threshold = u64::try_from(threshold).map_err(|_| ChainError::Answer {
        method,
        reason: "the threshold is out of range".into(),
    })?;
    Ok(Evaluators {
        set,
        threshold,
        version,
    })
}

fn encode(proposal: &Proposal) -> IRewards::Proposal {
    IRewards::Proposal {
        parent: proposal.parent.map_or(0, |id| id.0),
        firstRound: proposal.first_round.0,
        lastRound: proposal.last_round.0,
        root: proposal.root,
        cumulativeTotal: proposal.cumulative_total.atto(),
        acceptedRoot: proposal.accepted_root,
        cid: proposal.cid.to_bytes().into(),
    }
}
fn native(bytes: &Bytes) -> Result<PayoutAddress> {
    NativeAddress::from_bytes(bytes)
        .map(PayoutAddress::Native)
        .ok_or_else(|| ChainError::Answer {
            method: "nativePayoutAddressOf",
            reason: format!("{bytes} is not an f1, f2 or f3 address"),
        })
}
