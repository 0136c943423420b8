//! Files that every reader must refuse: `docs/vectors/v2/*-invalid.json` (`docs/protocol.md` §6.1, §13).

use alloy_primitives::Bytes;
use serde::Deserialize;

/// A valid file, and invalid ones derived from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidFiles {
    /// Which file: "roster", "tasks", "settlement", "facts", "beacons", "drand" or "manifest".
    pub kind: String,
    /// The bytes of the valid file.
    pub good: Vec<u8>,
    /// What is wrong with each invalid file, and its bytes.
    pub invalid: Vec<(String, Vec<u8>)>,
}

#[derive(Deserialize)]
struct File {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    kind: String,
    good: String,
    invalid: Vec<Damage>,
}

/// `remove` bytes from byte `at` on are replaced by `insert`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Damage {
    family: String,
    reason: String,
    at: usize,
    remove: usize,
    insert: Option<String>,
    insert_hex: Option<Bytes>,
}

/// All of them, one entry a kind.
///
/// # Errors
/// That of the JSON parser, if a file of vectors is damaged.
pub fn invalid_files() -> serde_json::Result<Vec<InvalidFiles>> {
    let files = [
        include_str!("../../../docs/vectors/v2/roster-invalid.json"),
        include_str!("../../../docs/vectors/v2/tasks-invalid.json"),
        include_str!("../../../docs/vectors/v2/documents-invalid.json"),
    ];
    let mut all = Vec::new();
    for file in files {
        let File { cases } = serde_json::from_str(file)?;
        all.extend(cases.into_iter().map(InvalidFiles::from));
    }
    Ok(all)
}

impl From<Case> for InvalidFiles {
    fn from(case: Case) -> Self {
        let Case { kind, good, invalid } = case;
        let good = good.into_bytes();
        let damaged = |damage: Damage| {
            let text = damage.insert.unwrap_or_default().into_bytes();
            let insert = damage.insert_hex.map_or(text, |bytes| bytes.to_vec());
            let (before, rest) = good.split_at(damage.at);
            let bytes = [before, &insert, &rest[damage.remove..]].concat();
            (format!("{}: {}", damage.family, damage.reason), bytes)
        };
        let invalid = invalid.into_iter().map(damaged).collect();
        Self { kind, good, invalid }
    }
}
