//! The plan of a pass as a table, JSON and CSV.

use assize_payout::{Payout, Planned};
use assize_service::{counted, plural};
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use serde_json::{Value, json};

use super::report::{code, held, held_by_reason, reason};
use crate::output::grouped;

/// Maximum rows in each part of the table; JSON and CSV have all rows.
const SHOWN: usize = 50;

pub(super) fn document(planned: &Planned) -> Value {
    json!({
        "settlement": planned.settlement,
        "total": planned.plan.total(),
        "gasPerPayout": planned.gas_per_payout(),
        "gasPrice": planned.gas_price.to_string(),
        "gasCost": planned.cost(),
        "batches": planned.batches.iter().map(|batch| json!({
            "payouts": batch.payouts.len(),
            "amount": batch.total(),
            "gasCost": planned.cost_of(batch),
        })).collect::<Vec<_>>(),
        "due": planned.plan.payouts.iter().map(|payout| json!({
            "operator": payout.operator,
            "amount": payout.due,
            "waitingSince": payout.waiting_since,
        })).collect::<Vec<_>>(),
        "held": planned.plan.held.iter().map(held).collect::<Vec<_>>(),
        "settled": planned.plan.settled,
    })
}

pub(super) fn csv(planned: &Planned) -> Vec<u8> {
    let mut text = "operator,due_attofil,waiting_since,decision,reason\n".to_owned();
    let mut row = |payout: &Payout, decision: &str, reason: &str| {
        let Payout {
            operator,
            due,
            waiting_since,
            ..
        } = payout;
        // RFC 4180: only the reason may have commas or quotes.
        let reason = match reason.contains([',', '"', '\r', '\n']) {
            true => format!("\"{}\"", reason.replace('"', "\"\"")),
            false => reason.to_owned(),
        };
        text += &format!("{operator},{},{waiting_since},{decision},{reason}\n", due.atto());
    };
    for payout in &planned.plan.payouts {
        row(payout, "pay", "");
    }
    for held in &planned.plan.held {
        row(&held.payout, code(&held.why), &reason(&held.why));
    }
    text.into_bytes()
}

pub(super) fn table(planned: &Planned, now: u64) -> String {
    let mut text = format!(
        "settlement {}: {} {} would be paid {} in {}, for about {} of gas ({} units each); {} already paid",
        planned.settlement,
        grouped(planned.plan.payouts.len() as u64),
        plural(planned.plan.payouts.len() as u64, "operator"),
        planned.plan.total(),
        counted(planned.batches.len() as u64, "batch"),
        planned.cost(),
        grouped(planned.gas_per_payout()),
        grouped(planned.plan.settled as u64),
    );
    text.push_str(&held_by_reason(&planned.plan.held));
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_header(["operator", "due", "waiting", ""]);
    let mut row = |payout: &Payout, decision: String| {
        let days = now.saturating_sub(payout.waiting_since) / 86_400;
        table.add_row([
            payout.operator.to_string(),
            payout.due.to_string(),
            format!("{days} d"),
            decision,
        ]);
    };
    let (payouts, held) = (&planned.plan.payouts, &planned.plan.held);
    for payout in payouts.iter().take(SHOWN) {
        row(payout, "pay".into());
    }
    for held in held.iter().take(SHOWN) {
        row(&held.payout, reason(&held.why));
    }
    for column in [1, 2] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    if !payouts.is_empty() || !held.is_empty() {
        text.push_str(&format!("\n\n{table}"));
    }
    let hidden = payouts.len().saturating_sub(SHOWN) + held.len().saturating_sub(SHOWN);
    if hidden > 0 {
        let hidden = grouped(hidden as u64);
        text.push_str(&format!("\n  {hidden} more with --format csv or json"));
    }
    text
}
