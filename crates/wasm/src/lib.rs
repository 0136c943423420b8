//! The derivation in a browser.
//!
//! [`open_bundle`] checks all of a bundle that can be checked without judging measurements; [`from_seed`] draws from a seed
//! alone. Both give a [`Draw`], which answers what the page asks. Answers are JSON strings, so that what crosses the border
//! is plain data.
//!
//! [`open_settlement`] checks what a settlement grants, and gives [`Granted`], which answers an operator who claims.
//!
//! The pages that load it are `docs/pages/verifier` and `docs/pages/claim`, built by `make pages`.
#![deny(missing_docs)]

mod check;
mod claim;
mod draw;
mod error;

use wasm_bindgen::prelude::*;

pub use claim::Granted;
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

/// What a settlement grants, from the CAR that a gateway gave. `cid` are the bytes on chain, `root` is the root on chain.
///
/// # Errors
/// A message, if the bytes are not the file of that CID or its allocations do not have that root.
#[wasm_bindgen]
pub fn open_settlement(cid: &[u8], root: &str, packed: &[u8]) -> Result<Granted, JsError> {
    Ok(Granted::open(cid, root, packed)?)
}

/// An operator's address, 0x or f410, as JSON in both notations: `{address, filecoin}`.
///
/// # Errors
/// A message that says what is wrong with the text.
#[wasm_bindgen]
pub fn read_operator(text: &str) -> Result<String, JsError> {
    Ok(claim::operator(text)?)
}

/// Where money goes, as Filecoin writes it: f410, f0, or the f1, f2 or f3 address of `native` if that is not empty.
#[wasm_bindgen]
#[must_use]
pub fn show_recipient(address: &str, native: &[u8]) -> Option<String> {
    claim::recipient(address, native)
}

/// The text of a CID that the chain holds in bytes.
///
/// # Errors
/// A message, if the bytes are no CID of a file.
#[wasm_bindgen]
pub fn show_cid(cid: &[u8]) -> Result<String, JsError> {
    Ok(claim::cid_text(cid)?)
}
