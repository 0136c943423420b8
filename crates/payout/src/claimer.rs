//! Claims what is due to operators.

use std::collections::BTreeMap;
use std::time::Duration;

use alloy_primitives::Address;
use assize_chain::{Payment, PaymentOutcome, Receipt, Rewards};
use assize_facts::{Settlement, SettlementId, Status};
use assize_keys::Signer;
use assize_outbox::{Finality, Policy};
use assize_protocol::{AttoFil, PayoutAddress};

use crate::claim::{claim_gas, claims, send_claims};
use crate::finality::until_final;
use crate::settlements::find_settlement;
use crate::{
    ClaimBatch, Distance, Documents, Due, Gas, GasCost, Limits, PayoutError, SettlementTimeline, Statement,
};

/// Maximum claims in one transaction.
const CLAIMS: usize = 100;

/// Sends claims for operators.
pub struct Claimer {
    /// The Rewards contract.
    pub rewards: Rewards,
    /// The key that pays for gas.
    pub signer: Signer,
    /// What settlements grant.
    pub documents: Documents,
    /// When a claim is final.
    pub policy: Policy,
    /// How long to wait until a claim is mined.
    pub patience: Duration,
    /// Whom to claim for.
    pub operators: Vec<Address>,
    /// Minimum amount to claim.
    pub min: AttoFil,
    /// The settlement to claim from; the newest active one if none is given.
    pub settlement: Option<SettlementId>,
    /// Operators whose recipient refused a payment, with recipient and amount; retried when either changes.
    pub refused: BTreeMap<Address, (PayoutAddress, AttoFil)>,
}

/// What can be claimed now, by transaction, and why the rest cannot be claimed.
#[derive(Debug)]
pub struct ClaimPlan {
    /// The settlements at this moment; the active one is the one to claim from.
    pub timeline: SettlementTimeline,
    /// The transactions, and what each costs.
    pub batches: Vec<(ClaimBatch, GasCost)>,
    /// Operators for whom nothing is claimed, with the reasons.
    pub unclaimed: Vec<(Statement, Unclaimed)>,
}

/// Why nothing is claimed for an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unclaimed {
    /// Nothing can be claimed.
    Nothing(NothingToClaim),
    /// It is less than is worth a claim.
    BelowMin {
        /// That amount.
        min: AttoFil,
    },
    /// The recipient refused this amount.
    Refused {
        /// The recipient.
        recipient: PayoutAddress,
    },
}

/// Why nothing can be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NothingToClaim {
    /// No settlement has been posted.
    NoSettlement,
    /// No settlement grants the operator anything.
    NeverEarned,
    /// What it earned is not active yet.
    InChallengeWindow,
    /// Everything is paid.
    AllPaid,
}

/// Mined claims.
#[derive(Debug, Clone)]
pub struct SentClaims {
    /// The settlement.
    pub settlement: SettlementId,
    /// Its block at first; a reorganisation may have moved it since.
    pub mined_in: u64,
    /// The receipt, the final one if it is.
    pub receipt: Receipt,
    /// Whether nothing can undo it.
    pub is_final: bool,
    /// Payments, each with its recipient.
    pub paid: Vec<(Payment, PayoutAddress)>,
    /// Payments that the recipient refused.
    pub refused: Vec<(Payment, PayoutAddress)>,
}

impl Claimer {
    /// Reads what is due now, and what claiming it costs.
    ///
    /// # Errors
    /// The settlement does not pay, or its document is unavailable; chain errors.
    pub async fn plan(&mut self) -> Result<ClaimPlan, PayoutError> {
        let mut timeline = SettlementTimeline::read(&self.rewards).await?;
        if let Some(id) = self.settlement {
            timeline.active = Some(expect_active(
                find_settlement(&self.rewards, id).await?,
                timeline.now,
            )?);
        }
        let (statements, _) = self
            .documents
            .statements(&self.rewards, &timeline, &self.operators)
            .await?;
        let (mut dues, mut unclaimed) = (Vec::new(), Vec::new());
        for statement in statements {
            match self.due(&timeline, &statement).await? {
                Ok(due) => dues.push(due),
                Err(why) => unclaimed.push((statement, why)),
            }
        }
        let mut batches = Vec::new();
        if let Some(settlement) = timeline.active.filter(|_| !dues.is_empty()) {
            let (rewards, sender) = (&self.rewards, self.signer.address());
            let allocations = self.documents.allocations(&settlement)?;
            let mut operators: Vec<Address> = dues.iter().map(|due| due.operator).collect();
            operators.sort_by_key(|operator| allocations.place(*operator));
            let gas = Gas::ask(rewards, settlement.id, allocations, &operators, sender).await?;
            let limits = Limits {
                payouts: CLAIMS,
                gas: rewards.client().head().await?.gas_limit / 4,
                ..Limits::default()
            };
            for (batch, charged) in claims(rewards, &settlement, allocations, &dues, &gas, limits)? {
                let cost = claim_gas(rewards, &batch, charged, sender).await?;
                batches.push((batch, cost));
            }
        }
        Ok(ClaimPlan {
            timeline,
            batches,
            unclaimed,
        })
    }

    /// What to claim for one operator, or why nothing.
    async fn due(
        &self,
        timeline: &SettlementTimeline,
        statement: &Statement,
    ) -> Result<Result<Due, Unclaimed>, PayoutError> {
        if let Some(why) = NothingToClaim::of(timeline, statement) {
            return Ok(Err(Unclaimed::Nothing(why)));
        }
        let (operator, amount) = (statement.operator, statement.claimable());
        if amount < self.min {
            return Ok(Err(Unclaimed::BelowMin { min: self.min }));
        }
        let recipient = self.rewards.payout_address_of(operator).await?;
        if self.refused.get(&operator) == Some(&(recipient.clone(), amount)) {
            return Ok(Err(Unclaimed::Refused { recipient }));
        }
        Ok(Ok(Due {
            operator,
            amount,
            recipient,
        }))
    }

    /// Sends a batch and waits until nothing can undo it. Every observation meanwhile is reported to `tell`.
    ///
    /// # Errors
    /// Those of sending; [`PayoutError::Vanished`] and [`PayoutError::Undone`].
    pub async fn send(
        &mut self,
        settlement: SettlementId,
        batch: &ClaimBatch,
        tell: &mut (dyn FnMut(Distance) + Send),
    ) -> Result<SentClaims, PayoutError> {
        let client = self.rewards.client();
        let mined = send_claims(&self.rewards, batch, &self.signer, self.patience).await?;
        let (mined_in, is_final) = (mined.block_number, self.policy.finality != Finality::Blocks(0));
        let receipt = match is_final {
            true => until_final(client, mined, &self.policy, tell).await?,
            false => mined,
        };
        let recipient_of = |payment: &Payment| {
            let due = batch.dues.iter().find(|due| due.operator == payment.operator);
            due.map_or(PayoutAddress::Evm(payment.operator), |due| due.recipient.clone())
        };
        let (paid, refused): (Vec<_>, Vec<_>) = self
            .rewards
            .payments_in(&receipt)
            .into_iter()
            .filter(|payment| payment.outcome != PaymentOutcome::NothingToClaim)
            .map(|payment| (payment, recipient_of(&payment)))
            .partition(|(payment, _)| payment.outcome == PaymentOutcome::Paid);
        for (payment, recipient) in &refused {
            let what = (recipient.clone(), payment.amount);
            self.refused.insert(payment.operator, what);
        }
        Ok(SentClaims {
            settlement,
            mined_in,
            receipt,
            is_final,
            paid,
            refused,
        })
    }
}

fn expect_active(settlement: Settlement, now: u64) -> Result<Settlement, PayoutError> {
    match settlement.status {
        Status::Active => Ok(settlement),
        Status::Pending => Err(PayoutError::InChallengeWindow {
            settlement: settlement.id,
            active_at: settlement.active_at,
            now,
        }),
        Status::Void => Err(PayoutError::Void {
            settlement: settlement.id,
        }),
    }
}

impl ClaimPlan {
    /// The operators it pays.
    pub fn dues(&self) -> impl Iterator<Item = &Due> {
        self.batches.iter().flat_map(|(batch, _)| &batch.dues)
    }

    /// The settlement that the claims are from.
    #[must_use]
    pub fn settlement(&self) -> Option<SettlementId> {
        self.timeline.active.map(|settlement| settlement.id)
    }

    /// What it would pay.
    #[must_use]
    pub fn amount(&self) -> AttoFil {
        AttoFil::saturating_sum(self.dues().map(|due| due.amount))
    }

    /// Cost of all transactions.
    #[must_use]
    pub fn gas(&self) -> GasCost {
        let costs = || self.batches.iter().map(|(_, cost)| cost);
        GasCost {
            expected: AttoFil::saturating_sum(costs().map(|cost| cost.expected)),
            at_most: AttoFil::saturating_sum(costs().map(|cost| cost.at_most)),
        }
    }

    /// Gas as a percentage of the amount, if it is more than ten.
    #[must_use]
    pub fn gas_share(&self) -> Option<u64> {
        gas_share(self.gas().expected, self.amount())
    }
}

fn gas_share(gas: AttoFil, amount: AttoFil) -> Option<u64> {
    let is_much = gas.checked_mul(10)? > amount;
    gas.checked_mul(100)?.count_of(amount).filter(|_| is_much)
}

impl Unclaimed {
    /// Its name in reports.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Nothing(why) => why.name(),
            Self::BelowMin { .. } => "below-min",
            Self::Refused { .. } => "refused",
        }
    }
}

impl NothingToClaim {
    /// `None` if something can be claimed.
    #[must_use]
    pub fn of(timeline: &SettlementTimeline, statement: &Statement) -> Option<Self> {
        if !statement.claimable().is_zero() {
            return None;
        }
        Some(if !statement.awaited().is_zero() {
            Self::InChallengeWindow
        } else if !statement.granted.is_zero() || !statement.paid.is_zero() {
            Self::AllPaid
        } else if timeline.active.is_none() && timeline.pending.is_empty() {
            Self::NoSettlement
        } else {
            Self::NeverEarned
        })
    }

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoSettlement => "no-settlement",
            Self::NeverEarned => "never-earned",
            Self::InChallengeWindow => "in-challenge-window",
            Self::AllPaid => "all-paid",
        }
    }
}

impl SentClaims {
    /// What was paid.
    #[must_use]
    pub fn total(&self) -> AttoFil {
        AttoFil::saturating_sum(self.paid.iter().map(|(payment, _)| payment.amount))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gas_is_warned_of_above_a_tenth() {
        let share = |gas, amount| gas_share(AttoFil::new(gas), AttoFil::new(amount));
        assert_eq!(share(10, 100), None);
        assert_eq!(share(11, 100), Some(11));
        assert_eq!(share(500, 100), Some(500));
        assert_eq!(share(5, 0), None);
    }
}
