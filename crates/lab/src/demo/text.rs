//! The report as text.

use std::fmt::Write;
use std::path::Path;

use comfy_table::{CellAlignment, Table, presets::NOTHING};

use super::report::{Report, RoundReport};
use assize_cli::output::grouped;

/// Providers in the table; the JSON report has all of them.
const PROVIDERS_SHOWN: usize = 12;

pub(super) fn render(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_report(&mut text, report);
    text
}

fn write_report(out: &mut String, report: &Report) -> std::fmt::Result {
    heading(out, "Rounds")?;
    for round in &report.rounds {
        write_round(out, round)?;
    }
    heading(out, "Retrieval success rate, compared with the simulated truth")?;
    write_providers(out, report)?;
    heading(out, "Detected fraud")?;
    write_behaviours(out, report)?;
    heading(out, "Payments")?;
    write_money(out, report)?;
    heading(out, "Gas on the local chain (Filecoin's differs: docs/gas.md)")?;
    write_gas(out, report)?;
    heading(
        out,
        "Verification, in a separate process, from chain, store and beacons alone",
    )?;
    writeln!(
        out,
        "  {}  {} rounds, {} measurements, settlement root {}",
        report.verification.verdict,
        report.verification.rounds_recomputed,
        grouped(report.verification.measurements_recomputed),
        report.settlement.root
    )?;
    writeln!(out, "\n  {:.1} s in all{}", report.timing.total, memory(report))
}

fn heading(out: &mut String, title: &str) -> std::fmt::Result {
    writeln!(out, "\n── {title} ──\n")
}

fn memory(report: &Report) -> String {
    report
        .host
        .peak_memory_mib
        .map_or(String::new(), |mib| format!(", at most {mib} MiB"))
}

fn write_round(out: &mut String, round: &RoundReport) -> std::fmt::Result {
    let batches: Vec<String> = round
        .batches
        .iter()
        .map(|batch| format!("{} ({})", short(&batch.cid), grouped(batch.count.into())))
        .collect();
    let counts = |counts: &std::collections::BTreeMap<String, u64>| {
        let parts: Vec<String> = counts
            .iter()
            .map(|(name, count)| format!("{name} {}", grouped(*count)))
            .collect();
        parts.join(", ")
    };
    writeln!(out, "  round {}", round.round)?;
    writeln!(
        out,
        "    beacon      {}  {}…",
        round.beacon.round,
        &round.beacon.signature[..24]
    )?;
    writeln!(out, "    seed        {}", round.seed)?;
    writeln!(
        out,
        "    committees  {} with {} tasks each; one voter a subnet by beacon {}",
        round.committees, round.tasks_per_committee, round.dedupe_beacon.round
    )?;
    writeln!(out, "    batches     {}", batches.join(", "))?;
    writeln!(out, "    labels      {}", counts(&round.labels))?;
    writeln!(out, "    verdicts    {}", counts(&round.verdicts))
}

fn write_providers(out: &mut String, report: &Report) -> std::fmt::Result {
    let mut table = table(["provider", "measured", "RSR", "RSR http", "truth", ""], 5);
    for provider in report.providers.iter().take(PROVIDERS_SHOWN) {
        table.add_row([
            provider.provider.clone(),
            grouped(provider.measurements),
            percent(provider.rsr),
            percent(provider.rsr_http),
            percent(provider.hidden_truth),
            if provider.defended {
                "the ring claims it serves".into()
            } else {
                String::new()
            },
        ]);
    }
    writeln!(out, "{table}")?;
    if let Some(more) = report
        .providers
        .len()
        .checked_sub(PROVIDERS_SHOWN)
        .filter(|more| *more > 0)
    {
        writeln!(
            out,
            "  {more} more with --format json. The truth covers all payloads of a provider, RSR those that were drawn."
        )?;
    }
    Ok(())
}

fn write_behaviours(out: &mut String, report: &Report) -> std::fmt::Result {
    let mut table = table(
        [
            "stations",
            "",
            "measured",
            "caught by",
            "caught",
            "rewarded",
            "FIL per station",
        ],
        7,
    );
    for class in &report.behaviours {
        table.add_row([
            format!("{:?}", class.behaviour).to_lowercase(),
            class.stations.to_string(),
            grouped(class.measurements),
            class.caught_by.unwrap_or("–").to_owned(),
            if class.caught_by.is_some() {
                grouped(class.caught)
            } else {
                "–".into()
            },
            percent(class.rewarded),
            class.earned_per_station.short(),
        ]);
    }
    writeln!(out, "{table}")
}

/// With all digits, so that the sums add up.
fn write_money(out: &mut String, report: &Report) -> std::fmt::Result {
    let money = &report.money;
    writeln!(
        out,
        "  deposited {} = paid {} + left {}   (settlement {} grants {})",
        money.deposited, money.paid, money.left, report.settlement.settlement, money.granted
    )?;
    writeln!(
        out,
        "  {} operators paid in batches, {} below the floor of {}; {} claimed {} itself",
        money.operators_paid,
        money.operators_below_floor,
        money.floor,
        money.claimed_by_hand.operator,
        money.claimed_by_hand.amount
    )?;
    for refused in &money.refused {
        writeln!(
            out,
            "  {} is a contract that rejects payments: it keeps {}, and no other operator was affected",
            refused.operator, refused.amount
        )?;
    }
    Ok(())
}

fn write_gas(out: &mut String, report: &Report) -> std::fmt::Result {
    let mut table = table(["step", "transactions", "min", "max"], 1);
    for (step, gas) in &report.gas {
        table.add_row([
            (*step).to_owned(),
            gas.transactions.to_string(),
            grouped(gas.min),
            grouped(gas.max),
        ]);
    }
    for column in 1..4 {
        right(&mut table, column);
    }
    writeln!(out, "{table}")
}

/// A table whose columns 1 to `numbers` are right-aligned.
fn table<const N: usize>(header: [&str; N], numbers: usize) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header);
    for column in 1..numbers {
        right(&mut table, column);
    }
    table
}

fn right(table: &mut Table, column: usize) {
    if let Some(column) = table.column_mut(column) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

fn short(cid: &str) -> String {
    format!("{}…{}", &cid[..8], &cid[cid.len() - 6..])
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Commands to try next. `program` is this one, which has the commands of `assize` too.
pub(super) fn what_next(kept: Option<&Path>, program: &Path) -> String {
    let program = program.display();
    let Some(kept) = kept else {
        return format!(
            "\n  Nothing was kept. Try next:\n\
             \x20   alias assize-lab={program} assize={program}\n\
             \x20   assize-lab demo --keep demo-state       keeps chain, store, roster, batches and settlement\n\
             \x20   assize-lab demo --stations 600 --seed 7\n\
             \x20   assize derive committees --seed <a seed above> --stations 300 --station 17\n"
        );
    };
    let kept = kept.display();
    format!(
        "\n  Kept in {kept}: chain.json (load it with `npx anvil --hardfork prague --chain-id 31337 --load-state {kept}/chain.json`),\n\
         \x20 deployment.json, beacons.json, roster.ndjson, tasks.ndjson, settlement.json, rates.json, store/ (CARs by CID).\n\
         \x20 Try next, with that anvil running:\n\
         \x20   alias assize={program}\n\
         \x20   export ASSIZE_RPC_URL=http://127.0.0.1:8545 ASSIZE_DATA={kept}\n\
         \x20   assize round show 1\n\
         \x20   assize rsr --by provider\n\
         \x20   assize verify settlement 1 --beacons {kept}/beacons.json\n\
         \x20   assize bundle round 1 --beacons {kept}/beacons.json -o round-1.car\n\
         \x20   drop round-1.car on docs/pages/verifier/index.html, or: python3 scripts/verify_round.py round-1.car\n\
         \x20   flip one byte of a file in {kept}/store and verify again\n"
    )
}
