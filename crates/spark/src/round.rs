//! A round as described by Spark's API.

use std::collections::HashMap;

use serde::{Deserialize, Deserializer};
use thiserror::Error;

/// The tasks of a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// Randomness of the round's drand beacon, as lower-case hex; `None` if it must be looked up by the start epoch.
    pub randomness: Option<String>,
    /// Spark's number of the round.
    pub round_id: Option<String>,
    /// Filecoin epoch of its start.
    pub start_epoch: Option<u64>,
    /// Maximum number of tasks per station, and per subnet.
    pub max_tasks_per_node: usize,
    /// In the round's order.
    pub tasks: Vec<RetrievalTask>,
}

/// One task. In the round's files: `{"cid":…,"minerId":…,"clients":[…],"allocators":[…]}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RetrievalTask {
    /// Payload CID, compared as text.
    pub cid: String,
    /// The provider, `f0…`.
    #[serde(rename = "minerId")]
    pub miner_id: String,
    /// The clients.
    #[serde(default, deserialize_with = "parties")]
    pub clients: Vec<String>,
    /// The allocators that granted DataCap to the clients.
    #[serde(default, deserialize_with = "parties")]
    pub allocators: Vec<String>,
}

/// A malformed round file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RoundError {
    /// Malformed JSON.
    #[error(
        "not a round file: {0}; expected {{\"randomness\":\"<hex>\",\"roundDetails\":{{\"roundId\",\"startEpoch\",\"maxTasksPerNode\",\"retrievalTasks\":[{{\"cid\",\"minerId\"}}]}}}}"
    )]
    Json(#[from] serde_json::Error),
    /// A start epoch that is not a number.
    #[error("`startEpoch` `{0}` is not a valid epoch; give a whole number")]
    StartEpoch(String),
    /// Randomness that is not hexadecimal.
    #[error("`randomness` `{0}` is not hexadecimal; copy the beacon's")]
    Randomness(String),
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    randomness: Option<String>,
    #[serde(rename = "roundDetails")]
    details: Details,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    #[serde(default)]
    round_id: Option<Number>,
    #[serde(default)]
    start_epoch: Option<Number>,
    max_tasks_per_node: usize,
    retrieval_tasks: Vec<RetrievalTask>,
}

/// An integer, quoted or not.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Number(u64),
    Text(String),
}

impl Round {
    /// Parses a round file:
    /// `{"randomness":"<hex>","roundDetails":{roundId,startEpoch,maxTasksPerNode,retrievalTasks}}`.
    ///
    /// # Errors
    /// [`RoundError`] says what is wrong with it.
    pub fn parse(file: &[u8]) -> Result<Self, RoundError> {
        let File { randomness, details } = serde_json::from_slice(file)?;
        if let Some(text) = &randomness
            && (text.is_empty() || !text.bytes().all(|digit| digit.is_ascii_hexdigit()))
        {
            return Err(RoundError::Randomness(text.clone()));
        }
        let start_epoch = match details.start_epoch {
            None => None,
            Some(Number::Number(epoch)) => Some(epoch),
            Some(Number::Text(text)) => Some(text.parse().map_err(|_| RoundError::StartEpoch(text))?),
        };
        Ok(Self {
            // As drand writes it, because the draw depends on the text.
            randomness: randomness.map(|text| text.to_ascii_lowercase()),
            round_id: details.round_id.map(|number| match number {
                Number::Number(number) => number.to_string(),
                Number::Text(text) => text,
            }),
            start_epoch,
            max_tasks_per_node: details.max_tasks_per_node,
            tasks: details.retrieval_tasks,
        })
    }

    /// Tasks that are listed more than once, with their positions from 1. Spark counted each position as a separate
    /// task in the draw, so that such a station had fewer tasks.
    #[must_use]
    pub fn duplicates(&self) -> Vec<(&RetrievalTask, usize, usize)> {
        let mut places = HashMap::new();
        let mut duplicates = Vec::new();
        for (place, task) in (1..).zip(&self.tasks) {
            let first = *places.entry((&task.cid, &task.miner_id)).or_insert(place);
            if first != place {
                duplicates.push((task, first, place));
            }
        }
        duplicates
    }

    /// The first position of each task, by CID and provider.
    pub(crate) fn task_indexes(&self) -> HashMap<(&str, &str), u32> {
        let mut indexes = HashMap::with_capacity(self.tasks.len());
        for (index, task) in (0..).zip(&self.tasks) {
            indexes.entry((&*task.cid, &*task.miner_id)).or_insert(index);
        }
        indexes
    }
}

/// A list in which nulls are dropped; null is the empty list.
fn parties<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let list = Option::<Vec<Option<String>>>::deserialize(deserializer)?;
    let named = list.into_iter().flatten().flatten();
    Ok(named.filter(|name| !name.is_empty()).collect())
}

/// Unix time at which an epoch of Filecoin begins, in seconds; none if it is too large.
#[must_use]
pub fn epoch_start(epoch: u64) -> Option<u64> {
    /// The first: 2020-08-24T22:00:00Z.
    const GENESIS: u64 = 1_598_306_400;
    const SECONDS: u64 = 30;
    epoch.checked_mul(SECONDS)?.checked_add(GENESIS)
}
