//! One committee of a round.

use alloy_primitives::{Address, B128};
use assize_protocol::{CommitteeIndex, RoundNumber, Seat, StationIndex};
use serde::{Deserialize, Serialize};

use crate::TaskDocument;

/// A committee: `GET /rounds/N/committees/C`. It follows from roster, task list and seed, and clients derive it
/// themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CommitteeDocument {
    /// The round.
    #[cfg_attr(feature = "openapi", schema(value_type = u64))]
    pub round: RoundNumber,
    /// The committee, from 0.
    #[cfg_attr(feature = "openapi", schema(value_type = u32))]
    pub committee: CommitteeIndex,
    /// Its stations, by ascending seat.
    pub members: Vec<MemberDocument>,
    /// Its tasks, in the order of k.
    pub tasks: Vec<TaskDocument>,
}

/// A station on its committee seat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MemberDocument {
    /// The seat.
    #[cfg_attr(feature = "openapi", schema(value_type = u32))]
    pub seat: Seat,
    /// Index in the roster.
    #[cfg_attr(feature = "openapi", schema(value_type = u32))]
    pub index: StationIndex,
    /// The station.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub station: Address,
    /// The address to pay.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub operator: Address,
    /// Tag of the station's subnet.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub subnet: B128,
}
