//! The cost of cheating, by simulation. (Filecoin Spark left the question open in its issue 31.)
//!
//! A [`Scenario`] has honest stations and an adversary who owns a share of all stations, in a share of all subnets.
//! Each round is drawn and evaluated by the production code, [`assize_protocol`] and [`assize_evaluate`]. Only the
//! stations' reports are modelled; signatures are not checked. [`Capture`] gives the exact probabilities.
//!
//! The same scenario gives the same [`Outcome`], on any number of threads.

mod exact;
mod scenario;
mod simulation;

pub use exact::Capture;
pub use scenario::{Costs, Population, Scenario, ScenarioError, Strategy};
pub use simulation::{Outcome, simulate};
