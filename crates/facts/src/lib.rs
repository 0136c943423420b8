//! The contracts' data about rounds and settlements, and the rules that apply to it.
//!
//! Each fact is declared here once, and each rule is written here once, with its section of `docs/protocol.md`:
//!
//! | type or function | what it is | section |
//! |---|---|---|
//! | [`Contracts`] | which deployment: chain, `Rounds`, `Rewards`; derives seeds | §3 |
//! | [`Round`] | a round as `Rounds` stores it; its beacons, its seed, its committees | §3 |
//! | [`Times`] | its timetable: what is accepted until when | §3.1 |
//! | [`ListCommitment`] | a roster or a task list as a round froze it; whether a file or an entry belongs to it | §7, §8 |
//! | [`BatchCommitment`], [`OwnReport`] | what was committed to a round: by a publisher, by a station itself | §9.1, §9.6 |
//! | [`FileKey`], [`FileKind`], [`Drops`] | files that evaluators could not get, and that evaluation leaves out | §11.3 |
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
mod drops;
mod list;
mod mismatch;
mod round;
mod settlement;
mod tasking;
mod times;

pub use assignment::StationAssignment;
pub use chain::{ChainFacts, ChainRound, FactsError};
pub use check::{
    Check, CheckOutcome, Draw, DrawnRound, FileError, Files, RoundChecks, RoundFault, RoundReport,
};
pub use contracts::Contracts;
pub use drops::{Drops, FileKey, FileKind, NoSuchKind};
pub use list::ListCommitment;
pub use mismatch::Mismatch;
pub use round::{BatchCommitment, OwnReport, Round};
pub use settlement::{Proposal, Settlement, SettlementId, Status};
pub use tasking::{NotAssigned, TaskPlace, Tasking};
pub use times::Times;
