//! Recompute a round or a settlement from chain, store and drand.
//!
//! The contracts are read first ([`read_rounds`], [`read_settlement`]); everything else needs no node ([`Evidence`]): beacons are
//! verified and seeds derived from them, rosters, task lists and batches are checked against the CIDs and roots on chain, and
//! every measurement is evaluated again. The result is [`Conclusion::Match`], a [`Mismatch`](assize_facts::Mismatch) with the
//! first difference, or a [`VerifyError`] that names the missing input. See `docs/protocol.md` §12.

// The README's example is tested with the rest.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod bundle;
mod difference;
mod error;
mod evidence;
mod fraud;
mod judged;
mod keep;
mod own;
mod read;
mod receipts;
mod unreadable;
mod verify;

pub use bundle::{BundledFiles, Unpacked};
pub use error::VerifyError;
pub use evidence::{Elsewhere, EvaluatedRange, Evidence, Step, measurements};
pub use fraud::Fraud;
pub use keep::CommittedFile;
pub use own::OwnReports;
pub use read::{NextRange, Reading, evaluate_next, read_next_settlement, read_rounds, read_settlement};
pub use receipts::{ReceiptAudit, ReceiptClaim, ReceiptFault, ReceiptFinding, ReceiptFindings};
pub use unreadable::Tried;
pub use verify::{Conclusion, VerifiedSettlement};
