//! Pure evaluation: tasking checks, majority, retrieval success rates, rewards, settlement.
//!
//! [`evaluate_round`] turns the batches of a round into labels, verdicts, rates and rewards, [`RoundEvaluator`] does it batch
//! by batch; [`settle`] turns evaluated rounds into a [`SettlementDocument`]. [`spark`] is the predecessor's rule set over
//! the same engine. Both are functions of public inputs alone: no I/O, no clock, and whatever the
//! number of threads, the same bytes come out. The rules are DESIGN §2.6 and §2.7, normative in `docs/protocol.md`
//! §10 and §11.
//!
//! All money is integer attoFIL.
#![deny(missing_docs)]

mod columns;
mod document;
mod figures;
mod json;
mod label;
mod labeller;
mod majority;
mod rates;
mod reward;
mod round;
pub mod spark;
mod voters;

pub use document::{
    DOCUMENT_VERSION, DocumentError, Parent, ParentReference, RewardProof, RoundFacts, RoundFigures,
    SettleError, SettlementDocument, settle,
};
pub use figures::{Figures, FiguresByParty, Party, Ttfb};
pub use label::{Label, LabelCounts, Verdict, VerdictCounts};
pub use majority::{Decision, Finding, strict_majority};
pub use rates::{SuccessCounts, SuccessRates};
pub use reward::Reward;
pub use round::{
    Accepted, BatchCounts, CommittedBatch, CommitteeDecision, Outcome, RoundEvaluation, RoundEvaluator,
    RoundInput, evaluate_round,
};
