//! The result of a pass as text and JSON.

use assize_chain::{Payment, SettlementId};
use assize_payout::{Held, HoldReason, PayoutReport};
use assize_protocol::AttoFil;
use assize_service::{counted, date, plural};
use serde_json::{Value, json};

use crate::output::grouped;

pub(super) fn document(settlement: SettlementId, report: &PayoutReport) -> Value {
    let payment = |payment: &Payment| json!({"operator": payment.operator, "amount": payment.amount});
    json!({
        "settlement": settlement,
        "paid": report.paid.iter().map(payment).collect::<Vec<_>>(),
        "refused": report.refused.iter().map(payment).collect::<Vec<_>>(),
        "reverted": report.reverted,
        "held": report.held.iter().map(held).collect::<Vec<_>>(),
        "transactions": report.batches.iter().map(|batch| json!({
            "hash": batch.hash, "gasUsed": batch.gas_used, "fee": batch.fee,
        })).collect::<Vec<_>>(),
    })
}

pub(super) fn text(settlement: SettlementId, report: &PayoutReport) -> String {
    let total = AttoFil::saturating_sum(report.paid.iter().map(|payment| payment.amount));
    let fees = AttoFil::saturating_sum(report.batches.iter().map(|batch| batch.fee));
    let mut text = format!(
        "settlement {settlement}: {} {} paid {total} in {}, for {fees} of gas",
        grouped(report.paid.len() as u64),
        plural(report.paid.len() as u64, "operator"),
        counted(report.batches.len() as u64, "batch")
    );
    for payment in &report.refused {
        text.push_str(&format!(
            "\n  {} refused {}: the amount stays claimable; the operator can set a payout address",
            payment.operator, payment.amount
        ));
    }
    for reason in &report.reverted {
        text.push_str(&format!(
            "\n  a batch reverted ({reason}): one of its recipients uses too much gas; its operators were paid one by one"
        ));
    }
    text.push_str(&held_by_reason(&report.held));
    text
}

pub(super) fn held(held: &Held) -> Value {
    json!({
        "operator": held.payout.operator,
        "due": held.payout.due,
        "waitingSince": held.payout.waiting_since,
        "why": code(&held.why),
        "reason": reason(&held.why),
    })
}

/// Held payouts, one line for each reason.
pub(super) fn held_by_reason(held: &[Held]) -> String {
    let mut text = String::new();
    for kind in [
        "refusing",
        "belowFloor",
        "gasTooExpensive",
        "dailyCap",
        "overDailyCap",
        "denied",
    ] {
        let of_kind: Vec<&Held> = held.iter().filter(|held| code(&held.why) == kind).collect();
        let Some(first) = of_kind.first() else { continue };
        let total = AttoFil::saturating_sum(of_kind.iter().map(|held| held.payout.due));
        let why = match &first.why {
            HoldReason::BelowFloor { .. } => "are owed less than the floor".to_owned(),
            HoldReason::Denied { .. } => "are on the deny list".to_owned(),
            HoldReason::RejectingAddress { .. } => {
                "have payout addresses that refused the payment; retried later".to_owned()
            }
            other => reason(other),
        };
        text.push_str(&format!(
            "\n  held: {} {}, {total} in total: {why}",
            grouped(of_kind.len() as u64),
            plural(of_kind.len() as u64, "operator")
        ));
    }
    text
}

pub(super) fn code(why: &HoldReason) -> &'static str {
    match why {
        HoldReason::BelowFloor { .. } => "belowFloor",
        HoldReason::GasTooExpensive => "gasTooExpensive",
        HoldReason::DailyCap => "dailyCap",
        HoldReason::OverDailyCap => "overDailyCap",
        HoldReason::Denied { .. } => "denied",
        HoldReason::RejectingAddress { .. } => "refusing",
    }
}

pub(super) fn reason(why: &HoldReason) -> String {
    match why {
        HoldReason::BelowFloor { floor } => {
            format!("below its floor of {floor}, which decreases while it waits")
        }
        HoldReason::GasTooExpensive => "gas would take a larger share of it than the policy allows".into(),
        HoldReason::DailyCap => "the daily limit is reached".into(),
        HoldReason::OverDailyCap => "above the daily limit: raise dailyFil, or let the operator claim".into(),
        HoldReason::Denied { reason } => format!("denied: {reason}"),
        HoldReason::RejectingAddress { refusals, again_at } => format!(
            "its payout address refused the payment {refusals} times in a row; retried from {}, or when it changes",
            date(*again_at)
        ),
    }
}
