//! Spark's daily document, for Assize's rounds.

use crate::{DagJson, Day, DayEntry, Rsr, dag_json_cid};

/// A day's success rates by provider, in the format that Spark published every day.
///
/// `{date, meta: {rounds: [{index, contractAddress, details, measurementBatches, sparkEvaluateVersion: {gitCommit}}]},
/// providerRetrievalResultStats: [{providerId, successful, total}]}`; `details` is a link to the round's task list, and
/// the batches are links, too. Rounds are sorted by number and providers by id, so equal input has an equal CID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DailyDocument(DagJson);

impl DailyDocument {
    /// The document of a day from its rates by provider. `version` names the program that evaluated.
    #[must_use]
    pub fn new(day: Day, entry: &DayEntry, providers: &[Rsr], version: &str) -> Self {
        let text = |text: String| DagJson::Text(text);
        let rounds = entry.rounds.iter().map(|(round, entry)| {
            let batches = entry.batches.iter().map(|cid| DagJson::Link(cid.to_string()));
            DagJson::Map(
                [
                    ("index", DagJson::Number(round.0)),
                    ("contractAddress", text(entry.contract.to_string())),
                    ("details", DagJson::Link(entry.tasks.to_string())),
                    ("measurementBatches", DagJson::List(batches.collect())),
                    (
                        "sparkEvaluateVersion",
                        DagJson::Map([("gitCommit", text(version.to_owned()))].into()),
                    ),
                ]
                .into(),
            )
        });
        let stats = providers.iter().map(|provider| {
            DagJson::Map(
                [
                    ("providerId", text(provider.id.clone())),
                    ("successful", DagJson::Number(provider.figures.counts.successful)),
                    ("total", DagJson::Number(provider.figures.counts.total)),
                ]
                .into(),
            )
        });
        Self(DagJson::Map(
            [
                ("date", text(day.to_string())),
                (
                    "meta",
                    DagJson::Map([("rounds", DagJson::List(rounds.collect()))].into()),
                ),
                ("providerRetrievalResultStats", DagJson::List(stats.collect())),
            ]
            .into(),
        ))
    }

    /// The block.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_bytes()
    }

    /// The block's CID.
    #[must_use]
    pub fn cid(&self) -> String {
        dag_json_cid(&self.to_bytes())
    }
}
