//! What it costs to cheat (Spark's issue 31, which it never answered).
//!
//! A [`Scenario`] has honest stations and an adversary who owns a share of all stations, in a share of all subnets. Each round
//! is drawn and evaluated by the true code, [`assize_protocol`] and [`assize_evaluate`]; nothing is modelled but what
//! stations report, and signatures are believed. Beside what was simulated stands what is exact: [`Capture`].
//!
//! The same scenario gives the same [`Outcome`], whatever the number of threads.

mod exact;
mod play;
mod scenario;

pub use exact::Capture;
pub use play::{Outcome, simulate};
pub use scenario::{Costs, Population, Scenario, ScenarioError, Strategy};
