//! Results of a round, compared with what the providers really did.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use alloy_primitives::B256;
use assize_evaluate::{Party, RoundEvaluation};
use assize_protocol::{AttoFil, ProviderId, RoundNumber, TaskList};
use assize_testkit::filecoin::{Advertised, Conduct, LocalFilecoin, Offer, PeerIdSource};
use assize_verify::{Evidence, Reading, read_rounds};
use comfy_table::{CellAlignment, Table, presets::NOTHING};
use eyre::OptionExt;
use serde::Serialize;

use super::environment::Environment;
use assize_cli::output::grouped;

/// One round.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RoundReport {
    pub round: RoundNumber,
    pub seed: B256,
    /// Stations in the roster.
    pub stations: u32,
    pub committees: u32,
    pub tasks_per_committee: u32,
    pub batches: usize,
    /// Measurements by label.
    pub labels: BTreeMap<String, u64>,
    /// Measurements with the label OK by verdict.
    pub verdicts: BTreeMap<String, u64>,
    /// Reward of a measurement.
    pub reward_each: AttoFil,
    pub providers: Vec<ProviderReport>,
}

/// One provider, in one round.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProviderReport {
    pub provider: String,
    /// What it does.
    pub conduct: String,
    pub measured: u64,
    /// Successful share of measurements, 0 to 1.
    pub rsr: f64,
    /// Share of its payloads that can be retrieved.
    pub truth: f64,
    /// Measurements by result.
    pub results: BTreeMap<String, u64>,
    /// Tasks whose committee reached a majority.
    pub decided: u64,
    /// Decided tasks with the expected result.
    pub right: u64,
    /// Decided tasks with another result: the result, and the expected one.
    pub wrong: BTreeSet<(String, String)>,
}

/// Recomputes a round whose commit window is over.
pub(super) async fn report(
    environment: &Environment,
    filecoin: &LocalFilecoin,
    number: RoundNumber,
) -> eyre::Result<RoundReport> {
    let network = &environment.network;
    let Reading { facts, own } = read_rounds(&network.rounds, &network.rewards, number, number).await?;
    let store = environment.store()?;
    let evidence = Evidence {
        chain: &facts,
        own: &own,
        elsewhere: &|_, _| None,
        store: &store,
        beacons: &environment.beacons,
        progress: &|_| {},
    };
    let (round, evaluation) = tokio::task::block_in_place(|| evidence.evaluate_round(number))?;
    let counts = |counts: Vec<(String, u64)>| counts.into_iter().filter(|(_, count)| *count > 0).collect();
    let labels = evaluation
        .labels
        .iter()
        .map(|(label, count)| (label.to_string(), count));
    let verdicts = evaluation
        .verdicts
        .iter()
        .map(|(verdict, count)| (verdict.to_string(), count));
    Ok(RoundReport {
        round: number,
        seed: round.draw.ok_or_eyre("the round was not revealed")?.seed.0,
        stations: round.roster.count,
        committees: evaluation.committees,
        tasks_per_committee: evaluation.tasks_per_committee,
        batches: evaluation.batches.len(),
        labels: counts(labels.collect()),
        verdicts: counts(verdicts.collect()),
        reward_each: evaluation.reward.each,
        providers: providers(&evaluation, filecoin, filecoin.tasks()),
    })
}

fn providers(
    evaluation: &RoundEvaluation,
    filecoin: &LocalFilecoin,
    tasks: &TaskList,
) -> Vec<ProviderReport> {
    let mut reports: BTreeMap<ProviderId, ProviderReport> = BTreeMap::new();
    for (party, figures) in &evaluation.figures {
        let Party::Provider(id) = party else { continue };
        let Some(offer) = filecoin.offers().get(id) else {
            continue;
        };
        let (good, all) = offer.retrievable();
        let report = ProviderReport {
            provider: id.to_string(),
            conduct: describe(offer),
            measured: figures.counts.total,
            rsr: figures.counts.rate().unwrap_or_default(),
            truth: good as f64 / all.max(1) as f64,
            results: figures.results.clone(),
            decided: 0,
            right: 0,
            wrong: BTreeSet::new(),
        };
        reports.insert(*id, report);
    }
    for decision in &evaluation.decisions {
        let Some(task) = tasks.get(decision.task) else {
            continue;
        };
        let (Some(expected), Some(report), Some(result)) = (
            filecoin.expected(task.provider, task.cid),
            reports.get_mut(&task.provider),
            decision.decision.retrieval.majority(),
        ) else {
            continue;
        };
        report.decided += 1;
        match expected.allows(result) {
            true => report.right += 1,
            false => drop(report.wrong.insert((result.clone(), expected.to_string()))),
        }
    }
    reports.into_values().collect()
}

/// Describes what a provider does.
fn describe(offer: &Offer) -> String {
    let plan = &offer.plan;
    let mut words = match &plan.conduct {
        Conduct::Honest if plan.kept < 1.0 => "honest, has lost payloads".to_owned(),
        Conduct::Honest => "honest".to_owned(),
        Conduct::Slow(after) => format!("honest, slow: {} ms", after.as_millis()),
        Conduct::Dead => "dead: refuses connections".to_owned(),
        Conduct::Lying => "lying: sends other bytes".to_owned(),
        Conduct::ExtraBlock => "sends an extra block".to_owned(),
        Conduct::RawOnly(status) => format!("raw blocks only, {status} for CARs"),
        Conduct::CarOnly => "CARs only".to_owned(),
        Conduct::Status(status) => format!("always {status}"),
        other => format!("{other:?}"),
    };
    match plan.advertised {
        Advertised::Http => {}
        Advertised::Both | Advertised::Apart => words.push_str("; Graphsync and HTTP advertised"),
        Advertised::Graphsync => words = "advertises only Graphsync".into(),
        Advertised::ByAnother => words = "advertised under another peer id".into(),
        Advertised::Nowhere => words = "not in the indexer".into(),
    }
    if plan.dead_address_first {
        words.push_str("; its first address is dead");
    }
    if plan.peer_id == PeerIdSource::Contract {
        words.push_str("; peer id in Curio's contract");
    }
    words
}

impl RoundReport {
    /// Whether all decided tasks have the expected result.
    pub(super) fn is_correct(&self) -> bool {
        self.providers
            .iter()
            .all(|provider| provider.right == provider.decided)
    }

    /// The report as text.
    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\n── Round {} ──\n", self.round)?;
        writeln!(out, "  seed        {}", self.seed)?;
        writeln!(
            out,
            "  committees  {} of {} checkers, {} tasks each; {} batches",
            self.committees, self.stations, self.tasks_per_committee, self.batches
        )?;
        writeln!(out, "  labels      {}", in_line(&self.labels))?;
        writeln!(
            out,
            "  verdicts    {}; {} FIL each",
            in_line(&self.verdicts),
            self.reward_each.short()
        )?;
        writeln!(out)?;
        let mut table = Table::new();
        table.load_style(NOTHING);
        table.set_header([
            "provider", "measured", "RSR", "truth", "right", "conduct", "results",
        ]);
        for provider in &self.providers {
            table.add_row([
                provider.provider.clone(),
                grouped(provider.measured),
                percent(provider.rsr),
                percent(provider.truth),
                format!("{}/{}", provider.right, provider.decided),
                provider.conduct.clone(),
                in_line(&provider.results),
            ]);
        }
        for column in 1..5 {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        writeln!(out, "{table}")?;
        for provider in &self.providers {
            for (result, expected) in &provider.wrong {
                writeln!(
                    out,
                    "  WRONG: {}: result {result}, expected {expected}",
                    provider.provider
                )?;
            }
        }
        Ok(())
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn in_line(counts: &BTreeMap<String, u64>) -> String {
    let parts: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("{name} {}", grouped(*count)))
        .collect();
    parts.join(", ")
}
