//! The contracts' data about rounds and settlements, and the rules that apply to it.
//!
//! Each fact is declared here once, and each rule is written here once, with its section of `docs/protocol.md`:
//!
//! | type or function | what it is | section |
//! |---|---|---|
//! | [`Contracts`] | which deployment: chain, `Rounds`, `Rewards`; derives seeds | §3 |
//! | [`Round`] | a round as `Rounds` stores it; its timetable, its windows, its seed, its committees | §3 |
//! | [`ListCommitment`] | a roster or a task list as a round froze it; whether a file or an entry belongs to it | §7, §8 |
//! | [`BatchCommitment`] | a committed batch | §9.1 |
//! | [`SettlementId`], [`Proposal`], [`Settlement`], [`Status`] | a settlement as `Rewards` stores it | §11 |
//! | [`ChainFacts`], [`ChainRound`] | all of it together: `facts.json` of a bundle | §12.1 |
//! | [`RoundChecks`] | the one list of checks of a round | §12 |
//! | [`StationAssignment`] | a station's seat and tasks | §5 |
//! | [`Tasking`] | the same for all stations; whether a measurement was assigned to its station | §5, §10.1 |
//!
//! Everything here is a pure function: no I/O except through the caller's beacon source and file source, no clock. It builds
//! for `wasm32-unknown-unknown`. All times are Unix times in seconds.

// The README's example is tested with the rest.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod assignment;
mod chain;
mod check;
mod contracts;
mod list;
mod mismatch;
mod round;
mod settlement;
mod tasking;

pub use assignment::StationAssignment;
pub use chain::{ChainFacts, ChainRound, FactsError};
pub use check::{
    Check, CheckOutcome, Draw, DrawnRound, FileError, Files, RoundChecks, RoundFault, RoundReport,
};
pub use contracts::Contracts;
pub use list::ListCommitment;
pub use mismatch::Mismatch;
pub use round::{BatchCommitment, Round};
pub use settlement::{Proposal, Settlement, SettlementId, Status};
pub use tasking::{NotAssigned, TaskPlace, Tasking};
