//! Pure evaluation: tasking checks, majority, retrieval success rates, rewards, settlement.
//!
//! [`evaluate_round`] turns the batches of a round into labels, verdicts, rates and rewards; [`settle`] turns evaluated
//! rounds into a [`SettlementDocument`]. Both are functions of public inputs alone: no I/O, no clock, and whatever the
//! number of threads, the same bytes come out. The rules are DESIGN §2.6 and §2.7, normative in `docs/protocol.md`
//! §10 and §11.
//!
//! All money is integer attoFIL.
#![deny(missing_docs)]

mod document;
mod json;
mod label;
mod majority;
mod rates;
mod reward;
mod round;
mod tasking;
mod voters;

pub use document::{
    Contracts, DOCUMENT_VERSION, DocumentError, Draw, ListFacts, Parent, ParentReference, RewardProof,
    RoundFacts, RoundFigures, SettleError, SettlementDocument, settle,
};
pub use label::{Label, LabelCounts, Verdict, VerdictCounts};
pub use majority::{Decision, Finding, IndexerVote, Vote, decide, strict_majority};
pub use rates::{SuccessCounts, SuccessRates};
pub use reward::Reward;
pub use round::{
    Accepted, BatchCounts, CommittedBatch, CommitteeDecision, Outcome, RoundEvaluation, RoundInput,
    evaluate_round,
};
