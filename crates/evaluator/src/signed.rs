//! Signed proposals, as exchanged between evaluators.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloy_primitives::{Address, B256, hex};
use assize_measurement::{Signature, signer_of};
use assize_protocol::{FileCid, RoundNumber};
use assize_wire::HeldDocument;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use crate::Plan;

/// The latest signed proposal of an evaluator: `GET /proposal`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedProposal {
    /// First round of the settlement.
    pub first_round: RoundNumber,
    /// Last round.
    pub last_round: RoundNumber,
    /// The settlement's document.
    pub cid: FileCid,
    /// EIP-712 digest of the settlement, which the evaluator signed.
    pub digest: B256,
    /// The evaluator.
    pub evaluator: Address,
    /// `0x` and 65 bytes r ‖ s ‖ v in hexadecimal.
    pub signature: String,
}

impl SignedProposal {
    /// Creates one from a signature.
    #[must_use]
    pub fn new(
        rounds: (RoundNumber, RoundNumber),
        cid: FileCid,
        digest: B256,
        evaluator: Address,
        signature: &[u8; 65],
    ) -> Self {
        Self {
            first_round: rounds.0,
            last_round: rounds.1,
            cid,
            digest,
            evaluator,
            signature: hex::encode_prefixed(signature),
        }
    }

    /// The signature, if it is the evaluator's own, of the digest.
    #[must_use]
    pub fn verified(&self) -> Option<[u8; 65]> {
        let signature = Signature::from_str(&self.signature).ok()?;
        (signer_of(self.digest, &signature) == Some(self.evaluator)).then_some(signature.0)
    }
}

/// Publishes an evaluator's latest signature and its plan. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Board(Arc<Mutex<Published>>);

#[derive(Debug, Default)]
struct Published {
    signed: Option<SignedProposal>,
    plan: Option<Plan>,
    held: BTreeMap<RoundNumber, Vec<B256>>,
}

impl Board {
    /// Publishes a signature, or none.
    pub fn set(&self, signed: Option<SignedProposal>) {
        self.published().signed = signed;
    }

    /// Publishes the plan.
    pub(crate) fn set_plan(&self, plan: Plan) {
        self.published().plan = Some(plan);
    }

    /// Publishes which batches of unsettled rounds this evaluator holds.
    pub(crate) fn set_held(&self, held: BTreeMap<RoundNumber, Vec<B256>>) {
        self.published().held = held;
    }

    fn published(&self) -> MutexGuard<'_, Published> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The published signature.
    #[must_use]
    pub fn get(&self) -> Option<SignedProposal> {
        self.published().signed.clone()
    }

    /// `GET /proposal`: the [`SignedProposal`], or 404 while there is none. `GET /plan`: the [`Plan`]. `GET /held/ROUND`: the
    /// [`HeldDocument`] of a round that is not settled, else 404.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/proposal", get(proposal))
            .route("/plan", get(plan))
            .route("/held/{round}", get(held))
            .with_state(self.clone())
    }
}

async fn proposal(State(board): State<Board>) -> Response {
    match board.get() {
        Some(signed) => Json(signed).into_response(),
        None => (StatusCode::NOT_FOUND, "no signed proposal is pending\n").into_response(),
    }
}

async fn plan(State(board): State<Board>) -> Response {
    match board.published().plan {
        Some(plan) => Json(plan).into_response(),
        None => (StatusCode::NOT_FOUND, "the evaluator is starting\n").into_response(),
    }
}

async fn held(State(board): State<Board>, Path(round): Path<u64>) -> Response {
    let round = RoundNumber(round);
    let roots = board.published().held.get(&round).cloned();
    match roots {
        Some(roots) => Json(HeldDocument { round, roots }).into_response(),
        None => (StatusCode::NOT_FOUND, "the round is settled, or not known yet\n").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use assize_keys::Signer;
    use assize_measurement::unixfs::file_cid;

    use super::*;

    #[test]
    fn a_signature_is_valid_for_its_signer_and_digest_only() {
        let key = B256::repeat_byte(7);
        let signer = Signer::from_bytes(&key).unwrap();
        let secret = key.0;
        let digest = B256::repeat_byte(1);
        let Signature(signature) = assize_measurement::sign_digest(
            &secp256k1::SecretKey::from_secret_bytes(secret).unwrap(),
            digest,
        );
        let rounds = (RoundNumber(1), RoundNumber(2));
        let signed = SignedProposal::new(
            rounds,
            file_cid(b"document"),
            digest,
            signer.address(),
            &signature,
        );
        assert_eq!(signed.verified(), Some(signature));

        let of_another = SignedProposal {
            evaluator: Address::repeat_byte(9),
            ..signed.clone()
        };
        let other_digest = SignedProposal {
            digest: B256::repeat_byte(2),
            ..signed.clone()
        };
        let garbage = SignedProposal {
            signature: "0x12".into(),
            ..signed
        };
        for false_one in [of_another, other_digest, garbage] {
            assert_eq!(false_one.verified(), None);
        }
    }
}
