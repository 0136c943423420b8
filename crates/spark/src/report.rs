//! The figures of a round.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use assize_evaluate::columns::Id;
use assize_evaluate::{Decision, Verdict};
use serde::Serialize;

use crate::evaluation::Committee;
use crate::read::{Record, Success};
use crate::{Measurements, Round, Rules, SparkLabel};

/// Sum of all scores of a round. Scores are shares, not money.
pub const MAX_SCORE: u128 = 1_000_000_000_000_000;

/// The address to which Spark credited rounding remainders.
pub const DEAD: &str = "0x000000000000000000000000000000000000dEaD";

/// The output of `assize spark evaluate --format json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Number of all rows, valid or not.
    pub total: u64,
    /// Number of valid rows.
    pub valid: u64,
    /// Valid rows by `<tasking evaluation>/<consensus evaluation>`.
    pub outcomes: BTreeMap<String, u64>,
    /// Committees by their decision on the retrieval.
    pub decisions: BTreeMap<String, u64>,
    /// Tasks with at least one vote.
    pub committees: u64,
    /// Scores by address as written; their sum is [`MAX_SCORE`].
    #[serde(serialize_with = "as_text")]
    pub scores: BTreeMap<String, u128>,
    /// Retrieval success rates.
    pub rsr: Rsr,
}

/// Retrieval success rates over all votes, majority or not.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct Rsr {
    /// Overall.
    #[serde(flatten)]
    pub overall: SparkCounts,
    /// By provider.
    pub by_miner: BTreeMap<String, SparkCounts>,
    /// By client; a vote counts for every client of its task.
    pub by_client: BTreeMap<String, SparkCounts>,
    /// By allocator; a vote counts for every allocator of its task.
    pub by_allocator: BTreeMap<String, SparkCounts>,
    /// Tasks, counted per client: Spark's daily deals.
    pub deals: Deals,
}

/// Decisions of committees about deals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Deals {
    /// Deals with at least one vote.
    pub tested: u64,
    /// Deals with a majority for the indexer's result.
    pub index_majority_found: u64,
    /// Of these, those with an advertisement.
    pub indexed: u64,
    /// Of these, those advertised over HTTP.
    pub indexed_http: u64,
    /// Deals with a majority for the retrieval's result.
    pub retrieval_majority_found: u64,
    /// Of these, those whose payload was retrieved.
    pub retrievable: u64,
}

impl Deals {
    /// Counts one decision for this many clients.
    fn add(&mut self, decision: &Decision, clients: u64) {
        let indexer = decision.indexer.majority().map(String::as_str);
        let retrieval = decision.retrieval.majority().map(String::as_str);
        let if_so = |so: bool| if so { clients } else { 0 };
        self.tested += clients;
        self.index_majority_found += if_so(indexer.is_some());
        self.indexed += if_so(matches!(indexer, Some("OK" | "HTTP_NOT_ADVERTISED")));
        self.indexed_http += if_so(indexer == Some("OK"));
        self.retrieval_majority_found += if_so(retrieval.is_some());
        self.retrievable += if_so(retrieval == Some("OK"));
    }
}

/// Votes, and successes among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SparkCounts {
    /// Votes.
    pub total: u64,
    /// Those with result `OK`.
    pub successful: u64,
    /// Those over HTTP.
    pub successful_http: u64,
    /// Those of them whose HEAD request succeeded too.
    pub successful_http_head: u64,
}

impl SparkCounts {
    fn add(&mut self, success: Success) {
        let Success { ok, http, head, .. } = success;
        self.total += 1;
        self.successful += u64::from(ok);
        self.successful_http += u64::from(ok && http);
        self.successful_http_head += u64::from(ok && http && head);
    }
}

impl AddAssign for SparkCounts {
    fn add_assign(&mut self, other: Self) {
        self.total += other.total;
        self.successful += other.successful;
        self.successful_http += other.successful_http;
        self.successful_http_head += other.successful_http_head;
    }
}

/// Adds up a round.
pub(crate) struct Counter<'a> {
    round: &'a Round,
    measurements: &'a Measurements,
    /// By label and verdict; the last is "none".
    outcomes: [[u64; Verdict::ALL.len() + 1]; SparkLabel::ALL.len()],
    /// Majority results by participant's text.
    majority: Vec<u64>,
    decisions: BTreeMap<String, u64>,
    committees: u64,
    rsr: Rsr,
}

impl<'a> Counter<'a> {
    pub(crate) fn new(round: &'a Round, measurements: &'a Measurements) -> Self {
        Self {
            round,
            measurements,
            outcomes: Default::default(),
            majority: vec![0; measurements.strings.count()],
            decisions: BTreeMap::new(),
            committees: 0,
            rsr: Rsr::default(),
        }
    }

    pub(crate) fn add_committee(&mut self, committee: &Committee<'_>) {
        self.committees += 1;
        let decision = committee.ruling.text(&self.measurements.strings);
        let task = &self.round.tasks[committee.task];
        self.rsr.deals.add(&decision, task.clients.len() as u64);
        *self.decisions.entry(decision.retrieval.to_string()).or_default() += 1;
        let mut counts = SparkCounts::default();
        for row in committee.members {
            let success = self.measurements.rows[*row as usize].success;
            // Under the later rules, the indexer's failures do not count against the provider.
            if !(success.indexer_down && self.measurements.rules == Rules::December2025) {
                counts.add(success);
            }
        }
        if counts.total == 0 {
            return;
        }
        self.rsr.overall += counts;
        let add = |parties: &mut BTreeMap<String, SparkCounts>, party: &String| {
            *parties.entry(party.clone()).or_default() += counts;
        };
        add(&mut self.rsr.by_miner, &task.miner_id);
        task.clients
            .iter()
            .for_each(|client| add(&mut self.rsr.by_client, client));
        task.allocators
            .iter()
            .for_each(|allocator| add(&mut self.rsr.by_allocator, allocator));
    }

    pub(crate) fn add_outcome(&mut self, row: &Record, label: SparkLabel, verdict: Option<Verdict>) {
        let verdict_index = verdict.map_or(Verdict::ALL.len(), |verdict| verdict as usize);
        self.outcomes[label as usize][verdict_index] += 1;
        if verdict == Some(Verdict::MajorityResult) {
            self.majority[row.participant.index()] += 1;
        }
    }

    pub(crate) fn finish(self) -> Report {
        let mut outcomes = BTreeMap::new();
        for (label, counts) in SparkLabel::ALL.iter().zip(self.outcomes) {
            let verdicts = Verdict::ALL
                .iter()
                .map(|verdict| verdict.as_str())
                .chain(["null"]);
            for (verdict, count) in verdicts.zip(counts).filter(|(_, count)| *count > 0) {
                outcomes.insert(format!("{label}/{verdict}"), count);
            }
        }
        let counts = (0..).map(Id).zip(self.majority).filter(|(_, count)| *count > 0);
        let counts = counts.map(|(id, count)| (self.measurements.strings.get(id).to_owned(), count));
        Report {
            total: self.measurements.total(),
            valid: self.measurements.valid(),
            outcomes,
            decisions: self.decisions,
            committees: self.committees,
            scores: scores(counts.collect()),
            rsr: self.rsr,
        }
    }
}

/// Each participant's part of [`MAX_SCORE`], rounded down; the rest is [`DEAD`]'s.
fn scores(counts: BTreeMap<String, u64>) -> BTreeMap<String, u128> {
    let total = counts.values().copied().map(u128::from).sum::<u128>();
    let mut scores: BTreeMap<_, _> = counts
        .into_iter()
        .map(|(participant, count)| (participant, u128::from(count) * MAX_SCORE / total))
        .collect();
    let rest = MAX_SCORE - scores.values().sum::<u128>();
    if rest > 0 {
        *scores.entry(DEAD.into()).or_default() += rest;
    }
    scores
}

fn as_text<S: serde::Serializer>(scores: &BTreeMap<String, u128>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(
        scores
            .iter()
            .map(|(participant, score)| (participant, score.to_string())),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn vectors_of_spark_pass() {
        let file: Value = serde_json::from_str(include_str!("../tests/fixtures/scores.json")).unwrap();
        assert_eq!(file["MAX_SCORE"], MAX_SCORE.to_string());
        let cases = file["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 8);
        for case in cases {
            let counts = case["counts"]
                .as_array()
                .unwrap()
                .iter()
                .map(|count| count.as_u64().unwrap());
            let names = (0..).map(|number| format!("0x{number}"));
            let mut scores = scores(names.zip(counts).collect());
            let dead = scores.remove(DEAD).unwrap_or_default();
            assert_eq!(case["dead"], dead.to_string(), "{case}");
            let scores: Vec<_> = scores.values().map(ToString::to_string).collect();
            assert_eq!(case["scores"], serde_json::json!(scores), "{case}");
        }
    }

    #[test]
    fn the_dead_address_keeps_its_own_score() {
        let scores = scores([(DEAD.to_owned(), 1), ("0x1".to_owned(), 1), ("0x2".to_owned(), 1)].into());
        assert_eq!(scores[DEAD], 333_333_333_333_334);
    }

    proptest! {
        #[test]
        fn scores_add_up(counts in proptest::collection::btree_map("0x[0-9a-f]{4}", 1_u64..1_000_000, 0..50)) {
            prop_assert_eq!(scores(counts).values().sum::<u128>(), MAX_SCORE);
        }
    }
}
