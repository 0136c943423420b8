//! Settlements as `Rewards` stores them (docs/protocol.md §11).

use std::fmt;

use assize_protocol::{AttoFil, B256, FileCid, RoundNumber};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// Number of a settlement, from 1. What was voided keeps its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SettlementId(pub u64);

impl fmt::Display for SettlementId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether a settlement pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// In its challenge window.
    Pending,
    /// It pays, and always will.
    Active,
    /// Vetoed, voided by the Court, or posted after such a settlement: it never pays.
    Void,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Void => "void",
        })
    }
}

/// What evaluators sign, together with the settlement's number and the version of their set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Proposal {
    /// The settlement that this one continues; `None` for the first.
    pub parent: Option<SettlementId>,
    /// First round covered.
    pub first_round: RoundNumber,
    /// Last round covered.
    pub last_round: RoundNumber,
    /// Root of the rewards tree (docs/protocol.md §8.2); zero if nobody has ever earned anything.
    pub root: B256,
    /// Number of its leaves.
    pub operators: u32,
    /// Sum of all leaves.
    #[serde(deserialize_with = "any_amount")]
    pub cumulative_total: AttoFil,
    /// How many of the files ever dropped the evaluation leaves out (docs/protocol.md §11.3).
    pub drops: u32,
    /// The settlement document.
    pub cid: FileCid,
}

/// A settlement as posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settlement {
    /// Its number.
    pub id: SettlementId,
    /// What the evaluators signed.
    #[serde(flatten)]
    pub proposal: Proposal,
    /// Unix time of posting, seconds.
    pub posted_at: u64,
    /// Unix time from which it pays, seconds.
    pub active_at: u64,
    /// Whether it pays now.
    pub status: Status,
}

/// What the chain says may be as large as the contract's type, unlike the other amounts in files (docs/protocol.md §12.1).
fn any_amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AttoFil, D::Error> {
    let text = String::deserialize(deserializer)?;
    AttoFil::from_digits(&text).ok_or_else(|| {
        D::Error::custom(format_args!(
            "`{text}` is not an amount in attoFIL: use decimal digits in quotes"
        ))
    })
}
