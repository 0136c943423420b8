//! DAG-JSON: JSON with a unique encoding of each value, and with links (IPLD DAG-JSON specification).

use std::collections::BTreeMap;

use cid::Cid;
use cid::multihash::Multihash;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Multicodec of DAG-JSON.
const DAG_JSON: u64 = 0x0129;
/// Multicodec of SHA-256.
const SHA2_256: u64 = 0x12;

/// The subset that documents need. Maps are written in ascending order of keys, without white space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DagJson {
    /// An integer.
    Number(u64),
    /// Text.
    Text(String),
    /// A link: `{"/":"bafy…"}`.
    Link(String),
    /// A list.
    List(Vec<DagJson>),
    /// A map.
    Map(BTreeMap<&'static str, DagJson>),
}

impl DagJson {
    /// The unique encoding.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.value().to_string().into_bytes()
    }

    /// As JSON. `serde_json` already writes text and numbers as DAG-JSON requires.
    fn value(&self) -> Value {
        match self {
            Self::Number(number) => (*number).into(),
            Self::Text(text) => text.as_str().into(),
            Self::Link(cid) => Value::Object([("/".to_owned(), cid.as_str().into())].into_iter().collect()),
            Self::List(list) => list.iter().map(Self::value).collect(),
            // Sorted explicitly, since the JSON library may keep the order of insertion.
            Self::Map(map) => Value::Object(
                map.iter()
                    .map(|(key, value)| ((*key).to_owned(), value.value()))
                    .collect(),
            ),
        }
    }
}

/// The CID of a DAG-JSON block: version 1, sha2-256, base32 (`baguqeera…`).
#[must_use]
pub fn dag_json_cid(block: &[u8]) -> String {
    let digest = Sha256::digest(block);
    // 32 bytes always fit.
    Multihash::<64>::wrap(SHA2_256, &digest)
        .map_or_else(|_| String::new(), |hash| Cid::new_v1(DAG_JSON, hash).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparks_vectors_pass() {
        let file: Value = serde_json::from_str(include_str!("../tests/fixtures/dag_json_cid.json")).unwrap();
        let cases = file["cases"].as_array().unwrap();
        let values = [
            DagJson::Map([("beep", DagJson::Text("boop".into()))].into()),
            DagJson::Text("hi".into()),
        ];
        assert_eq!(cases.len(), values.len());
        for (case, value) in cases.iter().zip(values) {
            assert_eq!(value.value(), case["json"]);
            assert_eq!(dag_json_cid(&value.to_bytes()), case["cid"].as_str().unwrap());
        }
    }

    #[test]
    fn maps_are_sorted_and_links_are_maps() {
        let map = DagJson::Map(
            [
                ("b", DagJson::Number(1)),
                ("a", DagJson::List(vec![DagJson::Link("bafy".into())])),
            ]
            .into(),
        );
        assert_eq!(
            String::from_utf8(map.to_bytes()).unwrap(),
            r#"{"a":[{"/":"bafy"}],"b":1}"#
        );
    }
}
