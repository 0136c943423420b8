//! The derivation in a browser.
//!
//! [`open_bundle`] checks all of a bundle that can be checked without judging measurements; [`from_seed`] draws from a seed
//! alone. Both give a [`Draw`], which answers what the page asks. Answers are JSON strings, so that what crosses the border
//! is plain data.
//!
//! The page that loads it is `docs/verifier`, built by `make verifier`.
#![deny(missing_docs)]

mod check;
mod draw;
mod facts;

use wasm_bindgen::prelude::*;

pub use draw::Draw;

/// The rounds of a bundle, each with what was checked.
#[wasm_bindgen]
pub struct Opened {
    rounds: Vec<(String, Option<Draw>)>,
}

#[wasm_bindgen]
impl Opened {
    /// How many rounds the bundle has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.rounds.len()
    }

    /// What was found about a round, as JSON: `{round, contracts, verdict, checks: [{name, ok, detail}], …}`.
    #[must_use]
    pub fn report(&self, place: usize) -> Option<String> {
        self.rounds.get(place).map(|(report, _)| report.clone())
    }

    /// What the round drew; nothing if its seed or its lists are not what they should be.
    #[must_use]
    pub fn draw(&mut self, place: usize) -> Option<Draw> {
        self.rounds.get_mut(place)?.1.take()
    }
}

/// Opens a bundle that `assize bundle` made.
///
/// # Errors
/// A message that names the file at fault, if the bundle cannot be read.
#[wasm_bindgen]
pub fn open_bundle(bytes: &[u8]) -> Result<Opened, JsError> {
    Ok(Opened {
        rounds: check::open(bytes)?,
    })
}

/// Draws from a seed and counts, without knowing who the stations are.
///
/// # Errors
/// A message that names the input at fault.
#[wasm_bindgen]
pub fn from_seed(
    seed: &str,
    stations: f64,
    tasks: f64,
    max_committee_size: f64,
    target_measurements: f64,
    max_tasks_per_committee: f64,
) -> Result<Draw, JsError> {
    let numbers = [
        ("stations", stations, 1.0, f64::from(u32::MAX)),
        ("tasks", tasks, 1.0, f64::from(u32::MAX)),
        ("largest committee", max_committee_size, 1.0, f64::from(u16::MAX)),
        (
            "measurements aimed at",
            target_measurements,
            0.0,
            f64::from(u32::MAX),
        ),
        (
            "tasks per committee at most",
            max_tasks_per_committee,
            1.0,
            f64::from(u16::MAX),
        ),
    ];
    Ok(Draw::from_seed(seed, numbers)?)
}
