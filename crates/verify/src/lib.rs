//! Recompute a round or a settlement from chain, store and drand.
//!
//! First the contracts are read ([`ChainFacts`]), then everything else happens without a node ([`Evidence`]): beacons
//! are verified and seeds derived from them, rosters, task lists and batches are checked against the CIDs and roots on
//! chain, every measurement is judged again. The end is [`Conclusion::Match`], or a [`Mismatch`] that names the first
//! thing that differs, or a [`VerifyError`] that names what is missing. `docs/protocol.md` §12.
#![deny(missing_docs)]

mod bundle;
mod difference;
mod error;
mod evidence;
mod facts;
mod fraud;
mod verify;

pub use bundle::{BundledFiles, Unpacked};
pub use difference::Mismatch;
pub use error::VerifyError;
pub use evidence::{EvaluatedRange, Evidence, Step};
pub use facts::{ChainFacts, ChainRound, NextRange};
pub use fraud::Fraud;
pub use verify::{Conclusion, VerifiedSettlement};
