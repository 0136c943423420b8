//! The seal: what a station signs to commit its own report (`docs/protocol.md` §9.6).

use alloy_primitives::{Address, B256};
use alloy_sol_types::SolStruct;
use assize_protocol::{RoundNumber, StationIndex, TaskSet};

use crate::Domain;

/// Maximum length of a report that a station commits itself, in bytes: 48 KiB.
pub const MAX_REPORT: usize = 48 << 10;

/// A station's statement of what it reports of a round. The contract `Rounds` checks its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seal {
    /// The round.
    pub round: RoundNumber,
    /// The station's index in the round's roster.
    pub station: StationIndex,
    /// Its operator there.
    pub operator: Address,
    /// The tasks of its committee that the report has a measurement of; at least one.
    pub tasks: TaskSet,
    /// SHA-256 of the report: its measurements, each line ended by a line feed.
    pub report: B256,
}

mod typed {
    alloy_sol_types::sol! {
        struct Seal {
            uint64 round;
            uint32 station;
            address operator;
            uint256 tasks;
            bytes32 report;
        }
    }
}

impl Seal {
    /// The EIP-712 digest that the station signs, in version 2 of the domain.
    #[must_use]
    pub fn digest(&self, domain: &Domain) -> B256 {
        let &Self {
            round,
            station,
            operator,
            tasks,
            report,
        } = self;
        let message = typed::Seal {
            round: round.0,
            station: station.0,
            operator,
            tasks: tasks.word(),
            report,
        };
        message.eip712_signing_hash(&domain.of_version("2"))
    }
}
