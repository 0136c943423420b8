//! Pure evaluation: tasking checks, majority, retrieval success rates, rewards, settlement.
//!
//! [`evaluate_round`] turns what was committed to a round into labels, verdicts, rates and rewards, [`RoundEvaluator`] does it batch
//! by batch; [`settle`] turns evaluated rounds into a [`SettlementDocument`]. All are functions of public inputs alone: no
//! I/O, no clock, and the same bytes whatever the number of threads. The rules are in `docs/protocol.md` §10 and §11.
//!
//! [`columns`], [`decide`] and [`strict_majority`] are the engine underneath: votes as small numbers, and their majority. They
//! are public for the crate `assize-spark`, which applies the predecessor's rules with the same engine.
//!
//! All money is [`AttoFil`](assize_protocol::AttoFil).

// The README's example is tested with the rest.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod columns;
mod committed;
mod document;
mod figures;
mod json;
mod judged;
mod label;
mod labeller;
mod majority;
mod rates;
mod reward;
mod round;
mod voters;

pub use committed::{BatchCounts, Committed, Origin, OwnCounts};
pub use document::{
    DOCUMENT_VERSION, DocumentError, Parent, ParentReference, RewardProof, RoundFacts, RoundFigures,
    SettleError, SettlementDocument, settle,
};
pub use figures::{Figures, FiguresByParty, Party, Ttfb};
pub use judged::Judged;
pub use label::{Label, LabelCounts, Verdict, VerdictCounts};
pub use majority::{Decision, DecisionIds, Finding, decide, strict_majority};
pub use rates::{SuccessCounts, SuccessRates};
pub use reward::Reward;
pub use round::{
    AcceptedTasks, CommitteeDecision, Outcome, RoundEvaluation, RoundEvaluator, RoundInput, evaluate_round,
};
