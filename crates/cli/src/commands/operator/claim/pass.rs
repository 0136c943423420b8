//! One look at what is due, and the transactions that claim it.

use std::collections::BTreeMap;

use alloy_primitives::U256;
use assize_chain::{Payment, PaymentOutcome, Receipt, Settlement, SettlementId, Status};
use assize_keys::Signer;
use assize_outbox::{Finality, Policy};
use assize_payout::{
    ClaimBatch, Distance, Due, GasCost, Limits, SettlementTimeline, Statement, claim_gas, claims,
    send_claims, until_final,
};
use assize_protocol::{Address, AttoFil, PayoutAddress};
use eyre::bail;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::super::shared::{AllocationCache, Why, destination, fil, statements};
use crate::commands::settlement::existing_settlement;
use crate::connect::{Network, PATIENCE};
use crate::output;
use crate::output::time::moment;

/// Of one transaction: small enough for any chain's blocks, Filecoin's too.
const LIMITS: Limits = Limits {
    payouts: 100,
    calldata: 60_000,
};

/// Who claims, for whom, and from what.
pub(super) struct Claimer {
    pub(super) network: Network,
    pub(super) signer: Signer,
    pub(super) cache: AllocationCache,
    pub(super) policy: Policy,
    pub(super) operators: Vec<Address>,
    /// Least amount that is worth a claim, attoFIL.
    pub(super) min: u128,
    pub(super) settlement: Option<u64>,
    /// Whose recipient refused what; that is not tried again until one of both changes.
    pub(super) refused: BTreeMap<Address, (PayoutAddress, u128)>,
}

/// What can be claimed now, in transactions, and why the rest cannot.
pub(super) struct Plan {
    pub(super) settlement: Option<Settlement>,
    pub(super) batches: Vec<(ClaimBatch, GasCost)>,
    pub(super) nothing: Vec<Nothing>,
}

/// An operator for whom nothing is claimed.
pub(super) struct Nothing {
    operator: Address,
    why: &'static str,
    pub(super) sentence: String,
}

/// Claims that were mined.
pub(super) struct Sent {
    settlement: SettlementId,
    receipt: Receipt,
    is_final: bool,
    paid: Vec<(Payment, PayoutAddress)>,
    pub(super) refused: Vec<(Payment, PayoutAddress)>,
}

impl Claimer {
    /// What is due now, and what claiming it would cost.
    pub(super) async fn plan(&mut self) -> eyre::Result<Plan> {
        let rewards = self.network.rewards.clone();
        let mut timeline = SettlementTimeline::read(&rewards).await?;
        if let Some(id) = self.settlement {
            let settlement = existing_settlement(&rewards, id).await?;
            match settlement.status {
                Status::Active => {}
                Status::Pending => bail!(
                    "settlement {id} is in its challenge window: it becomes active at {}, unless it is vetoed",
                    moment(settlement.active_at, timeline.now)
                ),
                Status::Void => bail!(
                    "settlement {id} is void and never pays; a later settlement grants the same amounts again"
                ),
            }
            timeline.active = Some(settlement);
        }
        let (statements, _) = statements(&rewards, &timeline, &mut self.cache, &self.operators).await?;
        let mut plan = Plan {
            settlement: timeline.active,
            batches: Vec::new(),
            nothing: Vec::new(),
        };
        let mut dues = Vec::new();
        for statement in &statements {
            match Why::of(&timeline, statement) {
                Some(why) => plan.nothing.push(Nothing {
                    operator: statement.operator,
                    why: why.name(),
                    sentence: why.sentence(&timeline, statement),
                }),
                None => match self.due(statement).await? {
                    Ok(due) => dues.push(due),
                    Err(nothing) => plan.nothing.push(nothing),
                },
            }
        }
        let Some(settlement) = timeline.active.filter(|_| !dues.is_empty()) else {
            return Ok(plan);
        };
        let allocations = self.cache.get(&settlement)?;
        for batch in claims(&rewards, &settlement, allocations, &dues, LIMITS)? {
            let cost = claim_gas(&rewards, &batch, self.signer.address()).await?;
            plan.batches.push((batch, cost));
        }
        Ok(plan)
    }

    /// What to claim for one operator, or why not.
    async fn due(&self, statement: &Statement) -> eyre::Result<Result<Due, Nothing>> {
        let (operator, amount) = (statement.operator, statement.claimable());
        let not = |why, sentence| {
            Ok(Err(Nothing {
                operator,
                why,
                sentence,
            }))
        };
        if amount < self.min {
            let sentence = format!(
                "nothing claimed for {operator}: {} can be claimed, which is less than --min {}",
                fil(amount),
                fil(self.min)
            );
            return not("below-min", sentence);
        }
        let recipient = self.network.rewards.payout_address_of(operator).await?;
        if self.refused.get(&operator) == Some(&(recipient.clone(), amount)) {
            let sentence = format!(
                "nothing claimed for {operator}: {recipient} refused {}",
                fil(amount)
            );
            return not("refused", sentence);
        }
        Ok(Ok(Due {
            operator,
            amount,
            recipient,
        }))
    }

    /// Sends a batch and waits until nothing can undo it.
    pub(super) async fn send(&mut self, settlement: SettlementId, batch: &ClaimBatch) -> eyre::Result<Sent> {
        let rewards = &self.network.rewards;
        let mined = send_claims(rewards, batch, &self.signer, PATIENCE).await?;
        let waits = self.policy.finality != Finality::Blocks(0);
        let receipt = match waits {
            true => self.wait(mined).await?,
            false => mined,
        };
        let recipient_of = |payment: &Payment| {
            let due = batch.dues.iter().find(|due| due.operator == payment.operator);
            let recipient = due.map(|due| due.recipient.clone());
            recipient.unwrap_or(PayoutAddress::Evm(payment.operator))
        };
        let payments: Vec<_> = rewards
            .payments_in(&receipt)
            .into_iter()
            .filter(|payment| payment.outcome != PaymentOutcome::NothingToClaim)
            .map(|payment| (payment, recipient_of(&payment)))
            .collect();
        let (paid, refused): (Vec<_>, Vec<_>) = payments
            .into_iter()
            .partition(|(payment, _)| payment.outcome == PaymentOutcome::Paid);
        for (payment, recipient) in &refused {
            let what = (recipient.clone(), payment.amount.saturating_to());
            self.refused.insert(payment.operator, what);
        }
        Ok(Sent {
            settlement,
            receipt,
            is_final: waits,
            paid,
            refused,
        })
    }

    async fn wait(&self, mined: Receipt) -> eyre::Result<Receipt> {
        let (hash, block) = (mined.hash, mined.block_number);
        // Hidden where stderr is no terminal.
        let bar = ProgressBar::new_spinner();
        let mut told = None;
        let mut tell = |distance: Distance| {
            let text = match distance.missing {
                true => {
                    format!("a reorganisation dropped transaction {hash}; waiting for it to be mined again")
                }
                false => format!("transaction {hash} is mined; waiting for finality"),
            };
            if told != Some(distance.missing) {
                told = Some(distance.missing);
                bar.suspend(|| output::say(&text));
            }
            bar.set_message(format!(
                "{} confirmations, at most {} needed",
                distance.on_top, distance.enough
            ));
            bar.tick();
        };
        let receipt = until_final(&self.network.client, mined, &self.policy, &mut tell).await;
        bar.finish_and_clear();
        let receipt = receipt?;
        if receipt.block_number != block {
            output::say(format!(
                "a reorganisation has moved it from block {block} to {}",
                receipt.block_number
            ));
        }
        Ok(receipt)
    }
}

impl Plan {
    /// Whom it would pay.
    pub(super) fn dues(&self) -> impl Iterator<Item = &Due> {
        self.batches.iter().flat_map(|(batch, _)| &batch.dues)
    }

    /// Where the claims come from.
    pub(super) fn id(&self) -> SettlementId {
        self.settlement
            .as_ref()
            .map_or(SettlementId(0), |settlement| settlement.id)
    }

    fn amount(&self) -> U256 {
        self.dues().map(|due| U256::from(due.amount)).sum()
    }

    /// What all transactions together cost.
    pub(super) fn gas(&self) -> GasCost {
        let sum = |one: fn(&GasCost) -> U256| self.batches.iter().map(|(_, cost)| one(cost)).sum();
        GasCost {
            expected: sum(|cost| cost.expected),
            at_most: sum(|cost| cost.at_most),
        }
    }

    /// What would be paid and what that costs.
    pub(super) fn text(&self, sender: Address) -> String {
        let gas = self.gas();
        let mut text = format!(
            "By settlement {}, whose document matches the root on chain:",
            self.id()
        );
        for due in self.dues() {
            text.push_str(&format!(
                "\n  {}  for {}, to {}",
                fil(due.amount),
                due.operator,
                destination(due.operator, &due.recipient)
            ));
        }
        text.push_str(&format!(
            "\nGas costs about {}, {} at most; the key {sender} pays it.",
            AttoFil::from(gas.expected),
            AttoFil::from(gas.at_most)
        ));
        if let Some(share) = gas_share(gas.expected, self.amount()) {
            text.push_str(&format!(
                "\nWarning: gas costs {share} % of the claim. Waiting until there is more to claim loses nothing."
            ));
        }
        text
    }

    pub(super) fn question(&self) -> String {
        let mut dues = self.dues();
        match (dues.next(), dues.count()) {
            (Some(due), 0) => format!(
                "Claim {} for {} to {}?",
                fil(due.amount),
                due.operator,
                due.recipient
            ),
            (_, others) => format!(
                "Claim {} for {} operators in {} transactions?",
                AttoFil::from(self.amount()),
                others + 1,
                self.batches.len()
            ),
        }
    }

    /// Why there is nothing to claim.
    pub(super) fn nothing_text(&self) -> String {
        let sentences = self.nothing.iter().map(|nothing| nothing.sentence.clone());
        sentences.collect::<Vec<_>>().join("\n")
    }

    pub(super) fn report(&self, sent: &[Sent]) -> Value {
        let total: U256 = sent.iter().map(Sent::total).sum();
        let nothing = |nothing: &Nothing| json!({"operator": nothing.operator, "why": nothing.why, "sentence": nothing.sentence});
        json!({
            "settlement": self.settlement.as_ref().map(|settlement| settlement.id),
            "paid": total.to_string(),
            "claims": sent.iter().map(Sent::json).collect::<Vec<_>>(),
            "nothing": self.nothing.iter().map(nothing).collect::<Vec<_>>(),
        })
    }
}

/// Per cent of the amount that gas takes, if that is more than ten.
fn gas_share(gas: U256, amount: U256) -> Option<U256> {
    let many = gas.saturating_mul(U256::from(10)) > amount && !amount.is_zero();
    many.then(|| gas.saturating_mul(U256::from(100)) / amount)
}

impl Sent {
    fn total(&self) -> U256 {
        self.paid.iter().map(|(payment, _)| payment.amount).sum()
    }

    pub(super) fn json(&self) -> Value {
        let one = |(payment, recipient): &(Payment, PayoutAddress)| {
            json!({
                "operator": payment.operator,
                "recipient": recipient.to_string(),
                "amount": payment.amount.to_string(),
            })
        };
        let gas = U256::from(self.receipt.gas_used) * U256::from(self.receipt.effective_gas_price);
        json!({
            "settlement": self.settlement,
            "transaction": self.receipt.hash,
            "block": self.receipt.block_number,
            "final": self.is_final,
            "gasUsed": self.receipt.gas_used,
            "gasCost": gas.to_string(),
            "paid": self.paid.iter().map(one).collect::<Vec<_>>(),
            "refused": self.refused.iter().map(one).collect::<Vec<_>>(),
        })
    }

    pub(super) fn text(&self) -> String {
        let mut lines: Vec<String> = self
            .paid
            .iter()
            .map(|(payment, recipient)| {
                format!(
                    "paid {} of operator {} to {}",
                    AttoFil::from(payment.amount),
                    payment.operator,
                    destination(payment.operator, recipient)
                )
            })
            .collect();
        lines.extend(self.refused.iter().map(|(payment, recipient)| {
            format!(
                "{recipient} refused the {} of operator {}: the amount stays claimable. Claim for it alone, since a wallet may \
                 need more gas than a batch gives it; or let the operator set another address with `assize operator payout-address set`",
                AttoFil::from(payment.amount),
                payment.operator
            )
        }));
        let gas = U256::from(self.receipt.gas_used) * U256::from(self.receipt.effective_gas_price);
        lines.push(format!(
            "transaction {} in block {}{}; gas cost {}",
            self.receipt.hash,
            self.receipt.block_number,
            if self.is_final { ", final" } else { "" },
            AttoFil::from(gas)
        ));
        lines.join("\n")
    }
}

pub(super) fn text_of(sent: &[Sent]) -> String {
    sent.iter().map(Sent::text).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gas_is_warned_of_above_a_tenth() {
        let share = |gas: u64, amount: u64| gas_share(U256::from(gas), U256::from(amount));
        assert_eq!(share(10, 100), None);
        assert_eq!(share(11, 100), Some(U256::from(11)));
        assert_eq!(share(500, 100), Some(U256::from(500)));
        assert_eq!(share(5, 0), None);
    }
}
