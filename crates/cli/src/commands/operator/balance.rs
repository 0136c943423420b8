//! `assize operator balance`.

use std::collections::BTreeMap;

use assize_chain::SettlementId;
use assize_payout::{Documents, NothingToClaim, PayoutError, Pending, SettlementTimeline, Statement};
use assize_protocol::address::{parse_operator, to_delegated};
use assize_protocol::{Address, PayoutAddress};
use clap::Args;
use serde_json::{Value, json};

use super::shared::{in_full, next_activation, nothing_to_claim, voided};
use crate::args::operators::OperatorsFile;
use crate::args::{ChainArgs, FormatArgs, SourceArgs};
use crate::connect::Network;
use crate::evidence::source;
use crate::output::Outcome;
use assize_service::{DataDir, moment};

/// Show what operators earned, were paid, can claim now, and have pending.
#[derive(Debug, Args)]
pub struct BalanceArgs {
    /// 0x or f410 addresses of operators.
    #[arg(value_name = "ADDRESS", value_parser = parse_operator)]
    addresses: Vec<Address>,
    #[command(flatten)]
    file: OperatorsFile,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    source: SourceArgs,
}

pub(crate) async fn run(args: &BalanceArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let operators = args.file.with(&args.addresses)?;
    let network = Network::connect(&args.chain, data).await?;
    let mut documents = Documents::new(source(&args.source, data)?);
    let timeline = SettlementTimeline::read(&network.rewards).await?;
    let (statements, unknown) = documents
        .statements(&network.rewards, &timeline, &operators)
        .await?;
    let unknown: BTreeMap<_, _> = unknown.iter().map(|(id, error)| (*id, causes(error))).collect();
    let operators: Vec<_> = statements.iter().map(|statement| statement.operator).collect();
    let recipients = network.rewards.payout_addresses_of(&operators).await?;
    let balances: Vec<_> = statements
        .into_iter()
        .zip(recipients)
        .map(|(statement, recipient)| Balance { statement, recipient })
        .collect();
    let report = json!({
        "time": timeline.now,
        "activeSettlement": timeline.active.as_ref().map(|settlement| settlement.id),
        "pendingSettlements": timeline.pending.iter().map(|settlement| json!({
            "settlement": settlement.id,
            "activeAt": settlement.active_at,
            "unknown": unknown.get(&settlement.id),
        })).collect::<Vec<_>>(),
        "voidedSettlement": timeline.voided.as_ref().map(|settlement| settlement.id),
        "balances": balances.iter().map(|balance| balance.json(&timeline)).collect::<Vec<_>>(),
    });
    args.format.print(&report, || {
        let shown = balances.iter().map(|balance| balance.text(&timeline, &unknown));
        shown.collect::<Vec<_>>().join("\n\n")
    })?;
    Ok(Outcome::Done)
}

struct Balance {
    statement: Statement,
    recipient: PayoutAddress,
}

impl Balance {
    fn json(&self, timeline: &SettlementTimeline) -> Value {
        let statement = &self.statement;
        let why = NothingToClaim::of(timeline, statement);
        let pending = |pending: &Pending| {
            json!({
                "settlement": pending.settlement,
                "activeAt": pending.active_at,
                "amount": pending.amount,
            })
        };
        json!({
            "operator": statement.operator,
            "earned": statement.earned(),
            "paid": statement.paid,
            "claimable": statement.claimable(),
            "pending": statement.pending.iter().map(pending).collect::<Vec<_>>(),
            "payoutAddress": match &self.recipient {
                PayoutAddress::Evm(address) => address.to_string(),
                PayoutAddress::Native(address) => address.to_string(),
            },
            "nothing": why.map(NothingToClaim::name),
            "sentence": why.map(|why| nothing_to_claim(why, timeline, statement)),
        })
    }

    fn text(&self, timeline: &SettlementTimeline, unknown: &BTreeMap<SettlementId, String>) -> String {
        let statement = &self.statement;
        let operator = statement.operator;
        let mut rows = vec![
            ("earned", statement.earned().to_string(), String::new()),
            ("paid", statement.paid.to_string(), String::new()),
        ];
        let active = timeline.active.as_ref().map(|settlement| {
            format!(
                "settlement {}, active since {}",
                settlement.id,
                moment(settlement.active_at, timeline.now)
            )
        });
        rows.push((
            "claimable",
            statement.claimable().to_string(),
            active.unwrap_or_default(),
        ));
        for pending in &statement.pending {
            let (amount, note) = match pending.amount {
                Some(amount) => (amount.to_string(), String::new()),
                None => (
                    "unknown".into(),
                    unknown
                        .get(&pending.settlement)
                        .map_or_else(String::new, |why| format!("; {why}")),
                ),
            };
            let when = format!(
                "settlement {}, active from {}, unless voided{note}",
                pending.settlement,
                moment(pending.active_at, timeline.now)
            );
            rows.push(("pending", amount, when));
        }
        let width = rows
            .iter()
            .map(|(_, amount, _)| amount.len())
            .max()
            .unwrap_or_default();
        let mut text = format!("{operator} ({})", to_delegated(operator));
        for (name, amount, note) in &rows {
            text.push_str(format!("\n  {name:<10}  {amount:<width$}  {note}").trim_end());
        }
        let goes_to = match self.recipient == PayoutAddress::Evm(operator) {
            true => "its own address".into(),
            false => format!("its payout address {}", in_full(&self.recipient)),
        };
        text.push_str(&format!("\n  {:<10}  {goes_to}", "goes to"));
        match NothingToClaim::of(timeline, statement) {
            Some(why) => {
                let sentence = nothing_to_claim(why, timeline, statement);
                text.push_str(&format!("\n  {}.", capital(&sentence)));
            }
            None => {
                text.push_str(&format!(
                    "\n  {:<10}  assize operator claim --operator {operator}",
                    "claim with"
                ));
                if let Some(sentence) = next_activation(timeline).or_else(|| voided(timeline)) {
                    text.push_str(&format!("\n  {sentence}."));
                }
            }
        }
        text
    }
}

/// Why a document is unavailable.
fn causes(error: &PayoutError) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

/// Capitalizes the first letter.
fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
