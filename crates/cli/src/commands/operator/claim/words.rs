//! Claims in words and as JSON.

use assize_chain::Payment;
use assize_payout::{ClaimPlan, SentClaims, SettlementTimeline, Statement, Unclaimed};
use assize_protocol::{Address, AttoFil, PayoutAddress};
use assize_service::counted;
use serde_json::{Value, json};

use super::super::shared::{destination, nothing_to_claim};

/// The payments and their cost, as text.
pub(super) fn plan(plan: &ClaimPlan, sender: Address) -> String {
    let mut text = format!(
        "By settlement {}, whose document matches the root on chain:",
        plan.settlement().map_or(0, |id| id.0)
    );
    for due in plan.dues() {
        text.push_str(&format!(
            "\n  {}  for {}, to {}",
            due.amount,
            due.operator,
            destination(due.operator, &due.recipient)
        ));
    }
    let gas = plan.gas();
    text.push_str(&format!(
        "\nGas costs about {}, {} at most; the key {sender} pays it.",
        gas.expected, gas.at_most
    ));
    if let Some(share) = plan.gas_share() {
        text.push_str(&format!(
            "\nWarning: gas costs {share} % of the claim. Waiting until there is more to claim loses nothing."
        ));
    }
    text
}

pub(super) fn question(plan: &ClaimPlan) -> String {
    let mut dues = plan.dues();
    match (dues.next(), dues.count()) {
        (Some(due), 0) => format!("Claim {} for {} to {}?", due.amount, due.operator, due.recipient),
        (_, others) => format!(
            "Claim {} for {} operators in {}?",
            plan.amount(),
            others + 1,
            counted(plan.batches.len() as u64, "transaction")
        ),
    }
}

/// Why nothing is claimed for an operator.
pub(super) fn unclaimed(timeline: &SettlementTimeline, statement: &Statement, why: &Unclaimed) -> String {
    let (operator, amount) = (statement.operator, statement.claimable());
    match why {
        Unclaimed::Nothing(why) => nothing_to_claim(*why, timeline, statement),
        Unclaimed::BelowMin { min } => {
            format!("nothing claimed for {operator}: {amount} can be claimed, which is less than --min {min}")
        }
        Unclaimed::Refused { recipient } => {
            format!("nothing claimed for {operator}: {recipient} refused {amount}")
        }
    }
}

/// The same for all of them.
pub(super) fn all_unclaimed(plan: &ClaimPlan) -> Vec<String> {
    let of = |(statement, why): &(Statement, Unclaimed)| unclaimed(&plan.timeline, statement, why);
    plan.unclaimed.iter().map(of).collect()
}

pub(super) fn report(plan: &ClaimPlan, sent: &[SentClaims]) -> Value {
    let total = AttoFil::saturating_sum(sent.iter().map(SentClaims::total));
    let nothing = |(statement, why): &(Statement, Unclaimed)| {
        json!({
            "operator": statement.operator,
            "why": why.name(),
            "sentence": unclaimed(&plan.timeline, statement, why),
        })
    };
    json!({
        "settlement": plan.settlement(),
        "paid": total,
        "claims": sent.iter().map(sent_json).collect::<Vec<_>>(),
        "nothing": plan.unclaimed.iter().map(nothing).collect::<Vec<_>>(),
    })
}

pub(super) fn sent_json(sent: &SentClaims) -> Value {
    let one = |(payment, recipient): &(Payment, PayoutAddress)| {
        json!({
            "operator": payment.operator,
            "recipient": recipient.to_string(),
            "amount": payment.amount,
        })
    };
    json!({
        "settlement": sent.settlement,
        "transaction": sent.receipt.hash,
        "block": sent.receipt.block_number,
        "final": sent.is_final,
        "gasUsed": sent.receipt.gas_used,
        "gasCost": sent.receipt.fee(),
        "paid": sent.paid.iter().map(one).collect::<Vec<_>>(),
        "refused": sent.refused.iter().map(one).collect::<Vec<_>>(),
    })
}

pub(super) fn sent(sent: &SentClaims) -> String {
    let paid = sent.paid.iter().map(|(payment, recipient)| {
        format!(
            "paid {} of operator {} to {}",
            payment.amount,
            payment.operator,
            destination(payment.operator, recipient)
        )
    });
    let refused = sent.refused.iter().map(|(payment, recipient)| {
        format!(
            "{recipient} refused the {} of operator {}: the amount stays claimable. Claim for it alone, since a wallet may \
             need more gas than a batch gives it; or let the operator set another address with `assize operator payout-address set`",
            payment.amount,
            payment.operator
        )
    });
    let transaction = format!(
        "transaction {} in block {}{}; gas cost {}",
        sent.receipt.hash,
        sent.receipt.block_number,
        if sent.is_final { ", final" } else { "" },
        sent.receipt.fee()
    );
    let lines: Vec<_> = paid.chain(refused).chain([transaction]).collect();
    lines.join("\n")
}
