//! Pure derivation: beacon rounds, seeds, shuffle, committees, tasks, Merkle trees, CIDs.
//!
//! This is the crate that third parties depend on to recompute what the contracts decide. It has no I/O and no clock,
//! needs only `alloc`, and builds for `wasm32-unknown-unknown`. Everything in it is a function of public inputs; the
//! normative text is `docs/protocol.md`.
//!
//! ```
//! use assize_protocol::{Address, Assignment, CommitteeIndex, Parameters, Randomness, RoundNumber, Seed};
//!
//! let randomness = Randomness::of_signature(&[0x8d; 48]);
//! let seed = Seed::derive(314, Address::ZERO, RoundNumber(1), randomness);
//! let assignment = Assignment::new(seed, &Parameters::default(), 300, 2_000);
//! assert_eq!(assignment.committee_count(), 3);
//! assert_eq!(assignment.members(CommitteeIndex(0))?.len(), 100);
//! assert_eq!(assignment.tasks(CommitteeIndex(0))?.len(), 100);
//! # Ok::<(), assize_protocol::OutOfRange>(())
//! ```
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

// The README's example is tested with the rest.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod actor;
pub mod address;
mod allocations;
mod amount;
mod assignment;
pub mod canonical;
mod cid;
mod committees;
mod index;
mod leaf;
mod lines;
mod list;
pub mod merkle;
mod parameters;
mod payout_address;
pub mod plain_text;
pub mod positional;
mod rewards;
mod roster;
mod schedule;
mod seed;
mod shuffle;
mod tasks;
mod text;

pub use actor::{ActorId, ActorIdError, ProviderId};
pub use allocations::allocations_in;
pub use alloy_primitives::{Address, B128, B256, U256};
pub use amount::{AmountError, AttoFil, GasPrice};
pub use assignment::Assignment;
pub use cid::{CidError, Codec, FileCid, PayloadCid};
pub use committees::Committees;
pub use index::{
    BeaconRound, CommitteeIndex, ListIndex, OutOfRange, Place, RoundNumber, Seat, StationIndex, TaskIndex,
    TaskNumber,
};
pub use lines::{LinesRoot, line_leaf, lines_of};
pub use list::{
    FieldError, FrozenList, List, ListChecker, ListEntry, ListError, ListReader, MAX_LINE as MAX_LIST_LINE,
    MAX_LIST,
};
pub use parameters::Parameters;
pub use payout_address::{NativeAddress, PayoutAddress, actor_id};
pub use rewards::{Allocation, SheetEntry, TaskSet, claim_leaf};
pub use roster::{Roster, RosterEntry};
pub use schedule::BeaconSchedule;
pub use seed::{DedupeSeed, HexError, Randomness, Seed, ShuffleSeed};
pub use shuffle::{SHUFFLE_ROUND_COUNT, Shuffle};
pub use tasks::{Task, TaskList};
