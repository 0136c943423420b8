//! Operators in JSON: `0x…`; `f410…` is accepted too.

use alloy_primitives::Address;
use assize_protocol::address::parse_operator;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) fn serialize<S: Serializer>(operator: &Address, serializer: S) -> Result<S::Ok, S::Error> {
    operator.serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Address, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_operator(&text).map_err(D::Error::custom)
}
