//! Finds the first difference.

use std::fmt;

use assize_evaluate::SettlementDocument;
use assize_facts::Mismatch;
use assize_protocol::{AttoFil, B256};
use serde::Serialize;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// Represents an entry that only one side has.
const NOTHING: &str = "nothing";

/// The first difference between two documents, in document order.
pub(crate) fn first_difference(
    ours: &SettlementDocument,
    theirs: &SettlementDocument,
) -> Result<Option<Mismatch>, serde_json::Error> {
    if ours == theirs {
        return Ok(None);
    }
    // The reports are by far the longest list, so they are compared as they are.
    let before = |document: &SettlementDocument| {
        Node::of(&SettlementDocument {
            reports: Vec::new(),
            allocations: Vec::new(),
            cumulative_total: AttoFil::ZERO,
            root: B256::ZERO,
            ..document.clone()
        })
    };
    if let Some(difference) = compare(&before(ours)?, &before(theirs)?) {
        return Ok(Some(difference));
    }
    if let Some(difference) = first_in_list("reports", &ours.reports, &theirs.reports)? {
        return Ok(Some(difference));
    }
    let after = |document: &SettlementDocument| {
        Node::of(&SettlementDocument {
            reports: Vec::new(),
            ..document.clone()
        })
    };
    Ok(compare(&after(ours)?, &after(theirs)?))
}

/// The first entry in which two lists differ.
fn first_in_list<T: PartialEq + Serialize>(
    name: &str,
    ours: &[T],
    theirs: &[T],
) -> Result<Option<Mismatch>, serde_json::Error> {
    let longest = ours.len().max(theirs.len());
    let Some(index) = (0..longest).find(|&index| ours.get(index) != theirs.get(index)) else {
        return Ok(None);
    };
    let show = |entry: Option<&T>| entry.map_or_else(|| Ok(NOTHING.to_owned()), serde_json::to_string);
    Ok(Some(Mismatch {
        path: format!("{name}[{index}]"),
        ours: show(ours.get(index))?,
        theirs: show(theirs.get(index))?,
    }))
}

/// JSON whose objects keep their order.
#[derive(Debug, PartialEq, Eq)]
enum Node {
    Leaf(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl Node {
    fn of(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(&serde_json::to_vec(value)?)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaf(text) => f.write_str(text),
            Self::List(entries) => write!(f, "a list of {}", entries.len()),
            Self::Object(fields) => {
                f.write_str("{")?;
                for (place, (key, value)) in fields.iter().enumerate() {
                    let comma = if place == 0 { "" } else { ", " };
                    write!(f, "{comma}{key}: {value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

fn compare(ours: &Node, theirs: &Node) -> Option<Mismatch> {
    match (ours, theirs) {
        (Node::Object(ours), Node::Object(theirs)) => compare_objects(ours, theirs),
        (Node::List(ours), Node::List(theirs)) => (0..ours.len().max(theirs.len())).find_map(|index| {
            let found = compare_entries(ours.get(index), theirs.get(index))?;
            Some(under(found, &format!("[{index}]")))
        }),
        _ if ours == theirs => None,
        _ => Some(Mismatch {
            path: String::new(),
            ours: ours.to_string(),
            theirs: theirs.to_string(),
        }),
    }
}

fn compare_objects(ours: &[(String, Node)], theirs: &[(String, Node)]) -> Option<Mismatch> {
    let mut keys: Vec<_> = ours.iter().map(|(key, _)| key).collect();
    if !keys.iter().copied().eq(theirs.iter().map(|(key, _)| key)) {
        // Keys that are data, such as result codes, are sorted.
        keys.extend(theirs.iter().map(|(key, _)| key));
        keys.sort_unstable();
        keys.dedup();
    }
    let find = |side: &'_ [(String, Node)], key: &String| side.iter().position(|(other, _)| other == key);
    keys.into_iter().find_map(|key| {
        let our = find(ours, key).map(|place| &ours[place].1);
        let their = find(theirs, key).map(|place| &theirs[place].1);
        Some(under(compare_entries(our, their)?, key))
    })
}

fn compare_entries(ours: Option<&Node>, theirs: Option<&Node>) -> Option<Mismatch> {
    let show = |node: Option<&Node>| node.map_or_else(|| NOTHING.to_owned(), Node::to_string);
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => compare(ours, theirs),
        (None, None) => None,
        (ours, theirs) => Some(Mismatch {
            path: String::new(),
            ours: show(ours),
            theirs: show(theirs),
        }),
    }
}

/// The same mismatch, found inside of `place`: a key or an index in brackets.
fn under(mut mismatch: Mismatch, place: &str) -> Mismatch {
    let joint = if mismatch.path.is_empty() || mismatch.path.starts_with('[') {
        ""
    } else {
        "."
    };
    mismatch.path = format!("{place}{joint}{}", mismatch.path);
    mismatch
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Leaf(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Leaf(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Leaf(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Leaf(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Leaf(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Leaf("null".to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = entries.next_element()? {
            list.push(entry);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Node, A::Error> {
        let mut object = Vec::new();
        while let Some(field) = fields.next_entry::<String, Node>()? {
            object.push(field);
        }
        // A link is its CID.
        Ok(match &mut object[..] {
            [(key, Node::Leaf(cid))] if key == "/" => Node::Leaf(std::mem::take(cid)),
            _ => Node::Object(object),
        })
    }
}
