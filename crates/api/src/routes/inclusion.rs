//! `GET /measurements/DIGEST/inclusion`.

use alloy_primitives::B256;
use assize_ingest::{Batch, BatchState, Found, Stored};
use assize_wire::{InclusionDocument, ProblemKind};
use axum::extract::State;
use axum::response::Response;

use super::cached::{self, IMMUTABLE};
use super::measurements::not_here;
use super::params::Params;
use crate::Api;
use crate::refusal::Refusal;

/// Where a measurement is in its batch, with the Merkle proof, once the batch is stored.
///
/// The proof is that of a positional tree (docs/protocol.md §8.2) over the lines of the batch, the leaf being that of the
/// measurement's line. Whether a publisher has committed the root to the round, the chain shows.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        get,
        path = "/measurements/{digest}/inclusion",
        tag = "measurements",
        params(("digest" = String, Path, description = "EIP-712 digest of the measurement.", pattern = "^0x[0-9a-f]{64}$")),
        responses(
            (status = 200, description = "Its place, and the proof.", body = assize_wire::InclusionDocument),
            (status = 404, description = "It is in no stored batch yet, its batch was too late, or it was not submitted here, or more than a week ago.", body = assize_wire::Problem, content_type = "application/problem+json"),
            (status = "default", description = "Any other problem.", body = assize_wire::Problem, content_type = "application/problem+json"),
        )
    )
)]
pub(crate) async fn inclusion(State(api): State<Api>, params: Params) -> Result<Response, Refusal> {
    let digest: B256 = params.get("digest")?;
    let shared = api.shared();
    let found = shared.database.locate(digest).await?;
    let found = found.ok_or_else(|| not_here(digest))?;
    let (batch, stored) = stored_in(digest, &found)?;
    let tree = shared.trees.of(&shared.database, &batch, &stored).await?;
    let (tree, (index, proof)) = tree
        .and_then(|tree| {
            let proof = tree.proof(found.id)?;
            Some((tree, proof))
        })
        .ok_or_else(|| not_here(digest))?;
    let document = InclusionDocument {
        round: found.round,
        root: tree.root(),
        count: tree.count(),
        index,
        proof,
    };
    Ok(cached::json(&document, IMMUTABLE))
}

/// The batch of a measurement, and what is stored of it.
fn stored_in(digest: B256, found: &Found) -> Result<(Batch, Stored), Refusal> {
    let round = found.round;
    let batch = found.batch.and_then(|batch| Some((batch, batch.stored?)));
    let detail = match batch {
        Some((batch, _)) if batch.state == BatchState::Late => {
            format!(
                "the batch of measurement {digest} was not committed before `publishUntil` of round {round}"
            )
        }
        Some(stored) => return Ok(stored),
        None => format!(
            "measurement {digest} is in no stored batch yet: ask again after `showFrom` of round {round}, when the last batches are made"
        ),
    };
    Err(Refusal::new(ProblemKind::NotFound, detail))
}
