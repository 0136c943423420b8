//! The task list: the retrievals that a round may draw.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Display, Write};

use alloy_primitives::B256;
use serde::Deserialize;

use crate::list::{FieldError, FrozenList, List, ListEntry};
use crate::{ActorId, PayloadCid, ProviderId, TaskIndex, merkle};

/// A retrieval that may be drawn: a payload that a provider has promised to serve.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Task {
    /// The payload.
    pub cid: PayloadCid,
    /// The provider that stores it.
    pub provider: ProviderId,
    /// The clients of its deals. Not in the Merkle leaf: bound only by the CID of the file.
    pub clients: Vec<ActorId>,
    /// The allocators of those deals' data cap. Not in the Merkle leaf: bound only by the CID of the file.
    pub allocators: Vec<ActorId>,
}

/// The tasks of a round in index order; no payload of a provider occurs twice (`docs/protocol.md` §7).
///
/// A line of its file: `{"cid":"…","provider":"f0…","clients":["f0…"],"allocators":["f0…"]}`.
pub type TaskList = FrozenList<Task>;

impl TaskList {
    /// The task at an index.
    #[must_use]
    pub fn get(&self, index: TaskIndex) -> Option<&Task> {
        self.entries().get(index.0 as usize)
    }

    /// Index of a provider's payload; `None` if it is not in the list.
    #[must_use]
    pub fn index_of(&self, cid: PayloadCid, provider: ProviderId) -> Option<TaskIndex> {
        self.index_of_key(&(&cid, provider)).map(TaskIndex)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawTask {
    cid: String,
    provider: String,
    clients: Vec<String>,
    allocators: Vec<String>,
}

impl ListEntry for Task {
    const LIST: List = List::Tasks;
    type Raw = RawTask;
    type Key<'a> = (&'a PayloadCid, ProviderId);

    fn key(&self) -> (&PayloadCid, ProviderId) {
        (&self.cid, self.provider)
    }

    fn describe(&self) -> String {
        alloc::format!("payload {} of provider {}", self.cid, self.provider)
    }

    fn read(raw: RawTask) -> Result<Self, FieldError> {
        Ok(Self {
            cid: FieldError::parse("cid", &raw.cid)?,
            provider: FieldError::parse("provider", &raw.provider)?,
            clients: read_actors("clients", &raw.clients)?,
            allocators: read_actors("allocators", &raw.allocators)?,
        })
    }

    fn write(&self, line: &mut String) -> fmt::Result {
        let Self {
            cid,
            provider,
            clients,
            allocators,
        } = self;
        let (clients, allocators) = (Actors(clients), Actors(allocators));
        write!(
            line,
            r#"{{"cid":"{cid}","provider":"{provider}","clients":{clients},"allocators":{allocators}}}"#
        )
    }

    fn leaf(&self, index: u32) -> B256 {
        merkle::task_leaf(TaskIndex(index), &self.cid.to_bytes(), self.provider)
    }
}

fn read_actors(field: &'static str, texts: &[String]) -> Result<Vec<ActorId>, FieldError> {
    let mut actors = Vec::with_capacity(texts.len());
    for text in texts {
        let actor = FieldError::parse(field, text)?;
        // An actor listed twice would count twice in its own success rate.
        if actors.contains(&actor) {
            return Err(FieldError::new(
                field,
                format_args!("{actor} is listed twice: remove one"),
            ));
        }
        actors.push(actor);
    }
    Ok(actors)
}

/// A JSON array of actor ids.
struct Actors<'a>(&'a [ActorId]);

impl Display for Actors<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (place, actor) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(f, r#"{comma}"{actor}""#)?;
        }
        f.write_str("]")
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    const LINE: &str = r#"{"cid":"bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku","provider":"f01234","clients":["f05","f06"],"allocators":[]}"#;

    fn fault(line: &str) -> String {
        TaskList::parse(alloc::format!("{line}\n").as_bytes())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn the_file_form_reads_back() {
        let file = alloc::format!("{LINE}\n{}\n", LINE.replace("f01234", "f01235"));
        let list = TaskList::parse(file.as_bytes()).unwrap();
        assert_eq!(list.to_ndjson(), file.as_bytes());
        let task = list.get(TaskIndex(1)).unwrap();
        assert_eq!((task.provider, task.clients.len()), (ProviderId(1235), 2));
        assert_eq!(list.index_of(task.cid, task.provider), Some(TaskIndex(1)));
        assert_eq!(list.index_of(task.cid, ProviderId(1)), None);
    }

    #[test]
    fn a_payload_of_one_provider_listed_twice_is_rejected() {
        let message = fault(&alloc::format!("{LINE}\n{LINE}"));
        assert!(
            message.contains("line 2 of the task list repeats payload bafkrei"),
            "{message}"
        );
        assert!(message.contains("f01234 of line 1"), "{message}");
    }

    #[test]
    fn faults_name_line_and_field() {
        assert!(fault(&LINE.replace("bafk", "bafk!")).starts_with("line 1 of the task list, field `cid`"));
        assert!(
            fault(&LINE.replace("f01234", "1234")).starts_with("line 1 of the task list, field `provider`")
        );
        assert!(fault(&LINE.replace("f06", "f0x")).starts_with("line 1 of the task list, field `clients`"));
        assert!(fault(&LINE.replace("f06", "f05")).contains("`clients`: f05 is listed twice"));
        assert!(fault(&LINE.replace(r#","allocators":[]"#, "")).contains("missing field `allocators`"));
        assert!(
            TaskList::parse(LINE.as_bytes())
                .unwrap_err()
                .to_string()
                .contains("truncated")
        );
    }
}
