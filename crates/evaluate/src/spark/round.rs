//! What Spark's API told of a round.

use std::collections::HashMap;

use serde::{Deserialize, Deserializer};
use thiserror::Error;

/// Who was to retrieve what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// Of the round's drand beacon, as lower-case hex; none if it is still to be resolved from the start epoch.
    pub randomness: Option<String>,
    /// Spark's own number of the round.
    pub round_id: Option<String>,
    /// Filecoin epoch in which it began.
    pub start_epoch: Option<u64>,
    /// Most tasks of one station, and of one subnet.
    pub max_tasks_per_node: usize,
    /// In the round's order.
    pub tasks: Vec<RetrievalTask>,
}

/// One task. In the round's files: `{"cid":…,"minerId":…,"clients":[…],"allocators":[…]}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RetrievalTask {
    /// Payload CID; compared as it is written.
    pub cid: String,
    /// The provider, `f0…`.
    #[serde(rename = "minerId")]
    pub miner_id: String,
    /// Whose data it is.
    #[serde(default, deserialize_with = "parties")]
    pub clients: Vec<String>,
    /// Who granted the client its DataCap.
    #[serde(default, deserialize_with = "parties")]
    pub allocators: Vec<String>,
}

/// A round file that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RoundError {
    /// Not the JSON that is expected.
    #[error(
        "this is no round file: {0}; it reads {{\"randomness\":\"<hex>\",\"roundDetails\":{{\"roundId\",\"startEpoch\",\"maxTasksPerNode\",\"retrievalTasks\":[{{\"cid\",\"minerId\"}}]}}}}"
    )]
    Json(#[from] serde_json::Error),
    /// A start epoch that is no number.
    #[error("`startEpoch` is `{0}`, which is no epoch: give a whole number")]
    StartEpoch(String),
    /// Randomness that is no hex.
    #[error("`randomness` is `{0}`, which is no hexadecimal text: copy the beacon's")]
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

/// A whole number, in quotes or not.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Number(u64),
    Text(String),
}

impl Round {
    /// Reads a round file: `{"randomness":"<hex>","roundDetails":{roundId,startEpoch,maxTasksPerNode,retrievalTasks}}`.
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
            // As drand writes it: tasks are drawn by the text.
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

    /// Tasks that are listed more than once, with their places, counted from 1. Spark counted each place as a task of its own
    /// when it drew a station's tasks, so that such a station had fewer.
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

    /// Where a task stands first, by CID and provider.
    pub(super) fn task_indexes(&self) -> HashMap<(&str, &str), u32> {
        let mut indexes = HashMap::with_capacity(self.tasks.len());
        for (index, task) in (0..).zip(&self.tasks) {
            indexes.entry((&*task.cid, &*task.miner_id)).or_insert(index);
        }
        indexes
    }
}

/// A list in which nulls are nothing, as is a null in its place.
fn parties<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let list = Option::<Vec<Option<String>>>::deserialize(deserializer)?;
    let named = list.into_iter().flatten().flatten();
    Ok(named.filter(|name| !name.is_empty()).collect())
}
