//! `Rewards` in the protocol's types.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, Bytes, U256, address};
use alloy_sol_types::SolEvent;
use assize_facts::{FileKey, FileKind, Proposal, Settlement, SettlementId, Status};
use assize_protocol::{Allocation, AttoFil, NativeAddress, PayoutAddress, RoundNumber};

use crate::at::{At, pages};
use crate::contracts::rewards::{IRewards, Rewards as Abi};
use crate::rounds::stored_cid;
use crate::{ChainClient, ChainError, Court, Draft, Receipt, Result, Roles, SettlementMessage};

const NAME: &str = "Rewards";
/// The precompile that pays native addresses; the contract shows it in place of such an address.
const CALL_ACTOR: Address = address!("fe00000000000000000000000000000000000003");

/// One operator's claim against a settlement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its place in the rewards tree.
    pub index: u32,
    /// What is there.
    pub share: Share,
    /// From its leaf to the root.
    pub proof: Vec<B256>,
}

/// What a claim shows of an operator's allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The operator.
    pub operator: Address,
    /// Everything that it has ever earned.
    pub cumulative: AttoFil,
    /// Hash of the allocation's other fields.
    pub rest: B256,
}

impl From<&Allocation> for Share {
    fn from(allocation: &Allocation) -> Self {
        Self {
            operator: allocation.operator,
            cumulative: allocation.cumulative,
            rest: allocation.rest(),
        }
    }
}

/// Claims of operators in consecutive places, with one proof for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchClaim {
    /// The place of the first.
    pub start: u32,
    /// What is in each place.
    pub places: Vec<Claimed>,
    /// What does not follow from the places: on each level, from the leaves' upwards, the left one first.
    pub siblings: Vec<B256>,
}

/// A place of a [`BatchClaim`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The operator is to be paid.
    Paid(Share),
    /// It is not: its leaf is enough.
    Unpaid(B256),
}

impl Claimed {
    fn encode(&self) -> IRewards::Allocation {
        match self {
            Self::Paid(share) => share.encode(),
            Self::Unpaid(leaf) => IRewards::Allocation {
                operator: Address::ZERO,
                cumulative: U256::ZERO,
                rest: *leaf,
            },
        }
    }
}

impl Share {
    fn encode(&self) -> IRewards::Allocation {
        IRewards::Allocation {
            operator: self.operator,
            cumulative: self.cumulative.atto(),
            rest: self.rest,
        }
    }
}

/// What evaluators say of a file, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objections {
    /// The version of the evaluators' set that objects. What another set says counts no more.
    pub version: u64,
    /// The objectors' places in that set, ascending.
    pub seats: Vec<usize>,
    /// From when it may be dropped, Unix seconds; `None` while too few object.
    pub drops_from: Option<u64>,
    /// The guardian that kept it last, and until when, Unix seconds: it counts as long as that is the guardian.
    pub kept: Option<(Address, u64)>,
    /// Whether it was dropped.
    pub dropped: bool,
}

impl Objections {
    /// From when the file may be dropped, if the set of this version has announced it and it was not dropped.
    #[must_use]
    pub fn due_from(&self, version: u64) -> Option<u64> {
        self.drops_from
            .filter(|_| !self.dropped && self.version == version)
    }

    /// Whether nobody can object to the file at `now`, because this guardian keeps it.
    #[must_use]
    pub fn is_kept(&self, guardian: Address, now: u64) -> bool {
        self.kept
            .is_some_and(|(keeper, until)| keeper == guardian && now < until)
    }
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

/// The `Rewards` contract at an address.
#[derive(Clone, Debug)]
pub struct Rewards(At);

impl Rewards {
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

    /// The court that may void its settlements.
    pub async fn court(&self) -> Result<Court> {
        let address = self.0.call(&Abi::COURTCall {}).await?;
        Ok(Court::new(self.client().clone(), address, self.address()))
    }

    /// The newest valid settlement.
    pub async fn head(&self) -> Result<Option<SettlementId>> {
        let id = self.0.call(&Abi::headCall {}).await?;
        Ok((id > 0).then_some(SettlementId(id)))
    }

    /// Number of settlements ever posted; their ids are 1 to this.
    pub async fn settlement_count(&self) -> Result<u64> {
        self.0.call(&Abi::settlementCountCall {}).await
    }

    /// One settlement.
    ///
    /// # Errors
    /// [`ChainError::Reverted`] with `NoSuchSettlement`.
    pub async fn settlement(&self, id: SettlementId) -> Result<Settlement> {
        let stored = self.0.call(&Abi::getSettlementCall { settlement: id.0 }).await?;
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
                operators: proposal.operators,
                cumulative_total: proposal.cumulativeTotal.into(),
                drops: proposal.drops,
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

    /// Number of files ever dropped.
    pub async fn drop_count(&self) -> Result<u32> {
        self.0.call(&Abi::dropCountCall {}).await
    }

    /// The files dropped, in that order.
    pub async fn drops(&self) -> Result<Vec<FileKey>> {
        let mut all = Vec::new();
        for (start, limit) in pages(self.drop_count().await?) {
            let files = self.0.call(&Abi::dropsCall { start, limit }).await?;
            for file in &files {
                all.push(decode_file(file, "drops")?);
            }
        }
        Ok(all)
    }

    /// The files to which enough evaluators objected, in that order, and what is said of each now: it may be dropped, kept, or
    /// objected to by an earlier set of evaluators.
    pub async fn objections(&self, settled: RoundNumber) -> Result<Vec<(FileKey, Objections)>> {
        const PAGE: u32 = 256;
        let mut files = Vec::new();
        loop {
            let call = Abi::objectionsCall {
                // As many as the contract counts in 32 bits.
                start: files.len() as u32,
                limit: PAGE,
            };
            let page = self.0.call(&call).await?;
            files.extend_from_slice(&page);
            if page.len() < PAGE as usize {
                break;
            }
        }
        let unsettled = files.iter().filter(|file| file.round > settled.0);
        let files: BTreeSet<_> = unsettled
            .map(|file| decode_file(file, "objections"))
            .collect::<Result<_>>()?;
        let calls: Vec<_> = files
            .iter()
            .map(|file| Abi::objectionsToCall {
                file: encode_file(file),
            })
            .collect();
        let said = self.0.call_many(&calls).await?;
        Ok(files.into_iter().zip(said.iter().map(decode_objection)).collect())
    }

    /// What evaluators say of a file.
    pub async fn objections_to(&self, file: FileKey) -> Result<Objections> {
        let file = encode_file(&file);
        let said = self.0.call(&Abi::objectionsToCall { file }).await?;
        Ok(decode_objection(&said))
    }

    /// What an operator has been paid.
    pub async fn claimed(&self, operator: Address) -> Result<AttoFil> {
        self.0.amount(&Abi::claimedCall { operator }).await
    }

    /// What each operator has been paid, in few requests.
    pub async fn claimed_by(&self, operators: &[Address]) -> Result<BTreeMap<Address, AttoFil>> {
        let calls: Vec<_> = operators
            .iter()
            .map(|&operator| Abi::claimedCall { operator })
            .collect();
        let amounts = self.0.call_many(&calls).await?;
        let amounts = amounts.into_iter().map(AttoFil::from);
        Ok(operators.iter().copied().zip(amounts).collect())
    }

    /// The payout address of an operator.
    pub async fn payout_address_of(&self, operator: Address) -> Result<PayoutAddress> {
        let address = self.0.call(&Abi::payoutAddressOfCall { operator }).await?;
        if address != CALL_ACTOR {
            return Ok(PayoutAddress::Evm(address));
        }
        native(&self.0.call(&Abi::nativePayoutAddressOfCall { operator }).await?)
    }

    /// The payout addresses of operators, in their order.
    pub async fn payout_addresses_of(&self, operators: &[Address]) -> Result<Vec<PayoutAddress>> {
        let calls: Vec<_> = operators
            .iter()
            .map(|&operator| Abi::payoutAddressOfCall { operator })
            .collect();
        let addresses = self.0.call_many(&calls).await?;
        let calls: Vec<_> = operators
            .iter()
            .zip(&addresses)
            .filter(|(_, address)| **address == CALL_ACTOR)
            .map(|(&operator, _)| Abi::nativePayoutAddressOfCall { operator })
            .collect();
        let mut natives = self.0.call_many(&calls).await?.into_iter();
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
        let own = receipt.logs.iter().filter(|log| log.address == self.address());
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
        self.0.amount(&Abi::totalDepositedCall {}).await
    }

    /// What was ever paid.
    pub async fn total_claimed(&self) -> Result<AttoFil> {
        self.0.amount(&Abi::totalClaimedCall {}).await
    }

    /// What was deposited but not allocated by active or pending settlements.
    pub async fn surplus(&self) -> Result<AttoFil> {
        self.0.amount(&Abi::surplusCall {}).await
    }

    /// The recipient of the surplus after the programme has ended.
    pub async fn treasury(&self) -> Result<Address> {
        self.0.call(&Abi::treasuryCall {}).await
    }

    /// When the programme ends or ended, Unix seconds; `None` if no end was announced.
    pub async fn ends_at(&self) -> Result<Option<u64>> {
        let at = self.0.call(&Abi::endsAtCall {}).await?;
        Ok((at > 0).then_some(at))
    }

    /// Gas for each payment of a batch.
    pub async fn payment_gas(&self) -> Result<U256> {
        self.0.call(&Abi::PAYMENT_GASCall {}).await
    }

    /// The contract's balance.
    pub async fn balance(&self) -> Result<AttoFil> {
        self.client().balance(self.address()).await
    }

    /// The EIP-712 digest that evaluators sign for a proposal as settlement `number`, computed by the contract for the current
    /// evaluator set.
    pub async fn digest_of(&self, number: SettlementId, proposal: &Proposal) -> Result<B256> {
        let proposal = encode(number, proposal);
        self.0.call(&Abi::digestOfCall { proposal }).await
    }

    /// The message that evaluators sign for a proposal as settlement `number`, for the current evaluator set.
    ///
    /// # Errors
    /// [`ChainError::OtherDigest`] if the contract expects another digest.
    pub async fn message_of(&self, number: SettlementId, proposal: &Proposal) -> Result<SettlementMessage> {
        let set = self.roles().await?.evaluator_set().await?;
        let (chain, address) = (self.client().chain_id(), self.address());
        let message = SettlementMessage::new(chain, address, set, number, proposal);
        let (ours, theirs) = (message.digest(), self.digest_of(number, proposal).await?);
        if ours != theirs {
            return Err(ChainError::OtherDigest {
                contract: NAME,
                address,
                theirs,
                ours,
            });
        }
        Ok(message)
    }

    /// Adds an amount to the pool. Anyone may call it.
    #[must_use]
    pub fn deposit(&self, amount: AttoFil) -> Draft {
        self.0.draft(&Abi::depositCall {}).with_value(amount)
    }

    /// Books what came without a call of the contract, such as by a wallet's plain transfer, as a deposit. Anyone may call it.
    #[must_use]
    pub fn sync(&self) -> Draft {
        self.0.draft(&Abi::syncCall {})
    }

    /// Posts a proposal as settlement `number`. Anyone may call it: the signatures decide. They are sorted as the contract
    /// requires.
    #[must_use]
    pub fn post(
        &self,
        number: SettlementId,
        proposal: &Proposal,
        signatures: &BTreeMap<Address, [u8; 65]>,
    ) -> Draft {
        let signatures = signatures
            .values()
            .map(|signature| Bytes::copy_from_slice(signature))
            .collect();
        self.0.draft(&Abi::postCall {
            proposal: encode(number, proposal),
            signatures,
        })
    }

    /// Voids a pending settlement and its descendants. Guardian only.
    #[must_use]
    pub fn veto(&self, settlement: SettlementId, reason: &str) -> Draft {
        self.0.draft(&Abi::vetoCall {
            settlement: settlement.0,
            reason: reason.into(),
        })
    }

    /// Objects to files that the sender could not get. Evaluators only.
    #[must_use]
    pub fn unreadable(&self, files: &[FileKey]) -> Draft {
        self.0.draft(&Abi::unreadableCall {
            files: files.iter().map(encode_file).collect(),
        })
    }

    /// Keeps a file that evaluators object to, or could. Guardian only.
    #[must_use]
    pub fn keep(&self, file: FileKey) -> Draft {
        self.0.draft(&Abi::keepCall {
            file: encode_file(&file),
        })
    }

    /// Drops files whose time has come. Anyone may call it.
    #[must_use]
    pub fn drop_files(&self, files: &[FileKey]) -> Draft {
        self.0.draft(&Abi::dropCall {
            files: files.iter().map(encode_file).collect(),
        })
    }

    /// Notes the settlements that became active, which cancels an end announced because there was none. Anyone may call it.
    #[must_use]
    pub fn note_active(&self) -> Draft {
        self.0.draft(&Abi::noteActiveCall {})
    }

    /// Pays one operator. Anyone may call it.
    #[must_use]
    pub fn claim(&self, settlement: SettlementId, claim: &Claim) -> Draft {
        self.0.draft(&Abi::claimCall {
            settlement: settlement.0,
            index: claim.index,
            allocation: claim.share.encode(),
            proof: claim.proof.clone(),
        })
    }

    /// Pays operators in consecutive places. An operator whose recipient rejects the payment is skipped and loses nothing.
    /// Anyone may call it.
    #[must_use]
    pub fn claim_many(&self, settlement: SettlementId, batch: &BatchClaim) -> Draft {
        self.0.draft(&Abi::claimManyCall {
            settlement: settlement.0,
            start: batch.start,
            allocations: batch.places.iter().map(Claimed::encode).collect(),
            siblings: batch.siblings.clone(),
        })
    }

    /// Sets the sender's payout address.
    #[must_use]
    pub fn set_payout_address(&self, recipient: &PayoutAddress) -> Draft {
        match recipient {
            PayoutAddress::Evm(recipient) => self.0.draft(&Abi::setPayoutAddressCall {
                recipient: *recipient,
            }),
            PayoutAddress::Native(recipient) => self.0.draft(&Abi::setNativePayoutAddressCall {
                recipient: Bytes::copy_from_slice(recipient.as_bytes()),
            }),
        }
    }

    /// Announces when the programme ends, Unix seconds; `None` for no end. Owner only.
    #[must_use]
    pub fn set_end(&self, at: Option<u64>) -> Draft {
        self.0.draft(&Abi::setEndCall {
            at: at.unwrap_or_default(),
        })
    }

    /// Cancels the end that the owner announced. Owner or guardian.
    #[must_use]
    pub fn cancel_end(&self) -> Draft {
        self.0.draft(&Abi::cancelEndCall {})
    }

    /// Announces the end of a programme in which no settlement has been posted for long. Anyone may call it.
    #[must_use]
    pub fn end_abandoned(&self) -> Draft {
        self.0.draft(&Abi::endAbandonedCall {})
    }

    /// After the end, sends the treasury what was never promised. Anyone may call it.
    #[must_use]
    pub fn withdraw_surplus(&self) -> Draft {
        self.0.draft(&Abi::withdrawSurplusCall {})
    }

    /// Hands the treasury's role to another address. Treasury only.
    #[must_use]
    pub fn set_treasury(&self, treasury: Address) -> Draft {
        self.0.draft(&Abi::setTreasuryCall {
            newTreasury: treasury,
        })
    }
}

fn encode(number: SettlementId, proposal: &Proposal) -> IRewards::Proposal {
    IRewards::Proposal {
        number: number.0,
        parent: proposal.parent.map_or(0, |id| id.0),
        firstRound: proposal.first_round.0,
        lastRound: proposal.last_round.0,
        root: proposal.root,
        operators: proposal.operators,
        cumulativeTotal: proposal.cumulative_total.atto(),
        drops: proposal.drops,
        cid: proposal.cid.to_bytes().into(),
    }
}

fn encode_file(file: &FileKey) -> IRewards::File {
    IRewards::File {
        round: file.round.0,
        kind: file.kind.into(),
        index: file.index,
    }
}

fn decode_file(file: &IRewards::File, method: &'static str) -> Result<FileKey> {
    Ok(FileKey {
        round: RoundNumber(file.round),
        kind: FileKind::try_from(file.kind).map_err(|error| ChainError::Answer {
            method,
            reason: error.to_string(),
        })?,
        index: file.index,
    })
}

fn decode_objection(said: &IRewards::Objection) -> Objections {
    Objections {
        version: said.evaluatorSet,
        seats: (0..32).filter(|seat| said.objectors >> seat & 1 == 1).collect(),
        drops_from: (said.dropsFrom != 0).then_some(said.dropsFrom),
        kept: (said.keeper != Address::ZERO).then_some((said.keeper, said.keptUntil)),
        dropped: said.dropped,
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
