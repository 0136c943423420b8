//! The derivation in a browser.
//!
//! [`open_bundle`] checks a bundle except for its measurements; [`from_seed`] draws from a seed alone. Both return a [`Draw`],
//! which the page queries. Results are JSON strings, so that only plain data is passed to JavaScript.
//!
//! [`open_settlement`] verifies the allocations of a settlement, and returns [`Granted`], which an operator needs to claim.
//!
//! The pages that load it are `docs/pages/verifier` and `docs/pages/claim`, built by `make pages`.

mod check;
mod claim;
mod draw;
mod error;

use assize_protocol::Parameters;
use wasm_bindgen::prelude::*;

pub use claim::Granted;
pub use draw::Draw;

/// The rounds of a bundle, each with its checks.
#[wasm_bindgen]
pub struct Opened {
    rounds: Vec<(String, Option<Draw>)>,
}

#[wasm_bindgen]
impl Opened {
    /// Number of rounds in the bundle.
    #[must_use]
    pub fn count(&self) -> usize {
        self.rounds.len()
    }

    /// The report of a round as JSON: `{round, contracts, verdict, checks: [{name, ok, detail}], …}`.
    #[must_use]
    pub fn report(&self, place: usize) -> Option<String> {
        self.rounds.get(place).map(|(report, _)| report.clone())
    }

    /// The draw of the round; `None` if its seed or its lists are wrong.
    #[must_use]
    pub fn draw(&mut self, place: usize) -> Option<Draw> {
        self.rounds.get_mut(place)?.1.take()
    }
}

/// Opens a bundle created by `assize bundle`.
///
/// # Errors
/// A message that names the malformed file.
#[wasm_bindgen]
pub fn open_bundle(bytes: &[u8]) -> Result<Opened, JsError> {
    Ok(Opened {
        rounds: check::open(bytes)?,
    })
}

/// Draws from a seed and counts, without station identities.
///
/// # Errors
/// A message that names the invalid input.
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
            "target measurements",
            target_measurements,
            0.0,
            f64::from(u32::MAX),
        ),
        (
            "maximum tasks per committee",
            max_tasks_per_committee,
            1.0,
            f64::from(Parameters::MOST_TASKS_PER_COMMITTEE),
        ),
    ];
    Ok(Draw::from_seed(seed, numbers)?)
}

/// The allocations of a settlement, from a gateway's CAR. `cid` are the bytes on chain, `root` and `operators` the root and the
/// number of leaves on chain.
///
/// # Errors
/// A message, if the bytes do not match that CID or the allocations do not have that root.
#[wasm_bindgen]
pub fn open_settlement(cid: &[u8], root: &str, operators: u32, packed: &[u8]) -> Result<Granted, JsError> {
    Ok(Granted::open(cid, root, operators, packed)?)
}

/// Parses an operator's address, 0x or f410; returns both notations as JSON: `{address, filecoin}`.
///
/// # Errors
/// A message with the problem.
#[wasm_bindgen]
pub fn read_operator(text: &str) -> Result<String, JsError> {
    Ok(claim::operator(text)?)
}

/// A payout address in Filecoin's notation: f410, f0, or the f1, f2 or f3 address of `native` if that is not empty.
#[wasm_bindgen]
#[must_use]
pub fn show_recipient(address: &str, native: &[u8]) -> Option<String> {
    claim::recipient(address, native)
}

/// The text of a CID given as bytes.
///
/// # Errors
/// A message, if the bytes are not the CID of a file.
#[wasm_bindgen]
pub fn show_cid(cid: &[u8]) -> Result<String, JsError> {
    Ok(claim::cid_text(cid)?)
}
