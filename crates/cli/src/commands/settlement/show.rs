//! `assize settlement show`.

use assize_chain::{Demand, Settlement, SettlementId, Status};
use assize_service::{DataDir, counted, moment};
use clap::Args;
use eyre::ensure;
use serde_json::{Value, json};

use crate::args::{ChainArgs, FormatArgs};
use crate::connect::Network;
use crate::output::Outcome;

/// A settlement on chain, and what the Court is asked about it.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Its number [default: the newest that is not void].
    settlement: Option<u64>,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    chain: ChainArgs,
}

pub(super) async fn run(args: &ShowArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let network = Network::connect(&args.chain, data).await?;
    let count = network.rewards.settlement_count().await?;
    ensure!(count > 0, "no settlement has been posted yet");
    let id = match args.settlement {
        Some(number) => Some(SettlementId(number)),
        None => network.rewards.head().await?,
    };
    // All are void.
    let id = id.unwrap_or(SettlementId(count));
    ensure!(
        (1..=count).contains(&id.0),
        "settlement {id} does not exist: {count} have been posted, numbered from 1"
    );
    let settlement = network.rewards.settlement(id).await?;
    let demands = network.court.demands(&settlement).await?;
    let now = network.client.head().await?.timestamp;
    args.format.print(&report(&settlement, &demands)?, || {
        as_text(&settlement, &demands, now)
    })?;
    Ok(Outcome::Done)
}

fn report(settlement: &Settlement, demands: &[Demand]) -> eyre::Result<Value> {
    let mut report = serde_json::to_value(settlement)?;
    report["demands"] = demands
        .iter()
        .map(|demand| {
            json!({
                "place": demand.index,
                "demander": demand.demander,
                "bond": demand.bond,
                "dueAt": demand.due_at,
                "open": demand.open,
            })
        })
        .collect();
    Ok(report)
}

fn as_text(settlement: &Settlement, demands: &[Demand], now: u64) -> String {
    let Settlement {
        id,
        proposal,
        posted_at,
        active_at,
        status,
    } = settlement;
    let when = match status {
        Status::Pending => format!(", active from {}", moment(*active_at, now)),
        Status::Active => format!(", since {}", moment(*active_at, now)),
        Status::Void => String::new(),
    };
    let parent = match proposal.parent {
        Some(parent) => format!("settlement {parent}"),
        None => "none".into(),
    };
    let rows = [
        ("status", format!("{status}{when}")),
        ("posted", moment(*posted_at, now)),
        (
            "rounds",
            format!("{} to {}", proposal.first_round, proposal.last_round),
        ),
        ("parent", parent),
        ("total", proposal.cumulative_total.to_string()),
        ("operators", proposal.operators.to_string()),
        ("drops", proposal.drops.to_string()),
        ("root", proposal.root.to_string()),
        ("document", proposal.cid.to_string()),
        ("demands", counted(demands.len() as u64, "place")),
    ];
    let mut text = format!("settlement {id}");
    for (name, value) in rows {
        text.push_str(&format!("\n  {name:<9}  {value}"));
    }
    for demand in demands {
        let state = match demand.open {
            true => format!("due by {}", moment(demand.due_at, now)),
            false => "closed".into(),
        };
        text.push_str(&format!(
            "\n    place {}, {state}, bond {} of {}",
            demand.index, demand.bond, demand.demander
        ));
    }
    text
}
