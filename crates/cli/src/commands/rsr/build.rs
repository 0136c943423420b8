//! `assize rsr build`.

use std::path::PathBuf;

use assize_facts::ChainRound;
use assize_protocol::RoundNumber;
use assize_stats::{Dataset, add_rounds};
use assize_verify::read_rounds;
use clap::Args;
use eyre::{WrapErr, ensure};
use serde_json::json;

use crate::args::{FormatArgs, OnlineArgs};
use crate::connect::{Network, local_store, open_store};
use crate::evidence::Inputs;
use crate::output::{self, Outcome};
use assize_service::{DataDir, counted, plural};

/// Recompute settled rounds from the chain, and write their rates into a catalog.
#[derive(Debug, Args)]
pub(super) struct BuildArgs {
    /// First round [default: 1].
    #[arg(long, value_name = "ROUND", default_value_t = 1, hide_default_value = true)]
    from_round: u64,
    /// Last round [default: the last settled one].
    #[arg(long, value_name = "ROUND")]
    to_round: Option<u64>,
    /// Catalog to add to [default: DATA/rates.json].
    #[arg(long, value_name = "FILE")]
    rates: Option<PathBuf>,
    /// Store for the catalog's tables [default: DATA/store].
    #[arg(long, value_name = "STORE")]
    tables: Option<String>,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    online: OnlineArgs,
}

pub(super) async fn run(args: &BuildArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let network = Network::connect(&args.online.chain, data).await?;
    let settled = match network.rewards.head().await? {
        Some(head) => network.rewards.settlement(head).await?.proposal.last_round,
        None => RoundNumber(0),
    };
    let last = args.to_round.unwrap_or(settled.0);
    ensure!(
        last <= settled.0,
        "round {last} is not settled; the last settled round is {settled}"
    );
    ensure!(
        (1..=last).contains(&args.from_round),
        "no round from {} to {last} is settled yet",
        args.from_round
    );
    let catalog = args.rates.clone().unwrap_or_else(|| data.rates());
    let known = Dataset::read(&catalog)?.unwrap_or_default().catalog;
    let contract = network.deployment.rounds;
    let is_known = |number: RoundNumber| {
        known.days.values().any(|day| {
            let entry = day.rounds.get(&number);
            entry.is_some_and(|entry| entry.contract == contract)
        })
    };
    let (mut added, mut measurements) = (Vec::new(), 0);
    // One round at a time, so that an interrupted run goes on where it was.
    for number in (args.from_round..=last)
        .map(RoundNumber)
        .filter(|number| !is_known(*number))
    {
        let inputs = Inputs::online(&args.online, data, async |network| {
            Ok(read_rounds(&network.rounds, &network.rewards, number, number).await?)
        })
        .await?;
        let is_drawn = |round: &ChainRound| round.round.seed.is_some();
        if !inputs.facts.rounds.get(&number).is_some_and(is_drawn) {
            continue;
        }
        let evaluated = tokio::task::block_in_place(|| inputs.evidence(&|_| {}).evaluate_round(number))
            .wrap_err_with(|| {
                format!(
                    "round {number}: the {} rounds before it are in {}",
                    added.len(),
                    catalog.display()
                )
            })?;
        // Only when there is something to write.
        data.create()?;
        let tables = match &args.tables {
            Some(place) => open_store(place)?,
            None => local_store(&data.store())?,
        };
        measurements += evaluated.1.labels.total();
        add_rounds(&catalog, &*tables, &inputs.facts, &[evaluated])?;
        added.push(number);
    }
    let report =
        json!({"catalog": catalog, "added": added, "measurements": measurements, "settledRound": settled});
    args.format.print(&report, || {
        format!(
            "{}: {} added, {} {} recomputed; show them with `assize rsr`",
            catalog.display(),
            counted(added.len() as u64, "round"),
            output::grouped(measurements),
            plural(measurements, "measurement")
        )
    })?;
    Ok(Outcome::Done)
}
