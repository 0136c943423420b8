//! `GET /miner|client|allocator/ID/deals/eligible/summary`, as Spark answered it.

use std::sync::Arc;

use assize_protocol::RoundNumber;
use axum::extract::State;
use axum::response::Response;

use super::cached;
use super::params::Params;
use crate::Api;
use crate::refusal::Refusal;
use crate::rounds::{Eligible, RoundError};

/// Six hours, as Spark's.
const CACHE: &str = "public, max-age=21600";

/// How many payloads of a provider are in the newest task list, and whose.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        get,
        path = "/miner/{id}/deals/eligible/summary",
        tag = "deals",
        params(("id" = String, Path, description = "The provider.", pattern = "^f0(0|[1-9][0-9]*)$")),
        responses(
            (status = 200, description = "The counts; 0 of one who has none.", body = assize_wire::MinerSummary),
            (status = "default", description = "Any problem.", body = assize_wire::Problem, content_type = "application/problem+json"),
        )
    )
)]
pub(crate) async fn miner(State(api): State<Api>, params: Params) -> Result<Response, Refusal> {
    let id = params.get("id")?;
    Ok(cached::json(&newest(&api).await?.miner(id), CACHE))
}

/// How many payloads of a client are in the newest task list, and who stores them.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        get,
        path = "/client/{id}/deals/eligible/summary",
        tag = "deals",
        params(("id" = String, Path, description = "The client.", pattern = "^f0(0|[1-9][0-9]*)$")),
        responses(
            (status = 200, description = "The counts; 0 of one who has none.", body = assize_wire::ClientSummary),
            (status = "default", description = "Any problem.", body = assize_wire::Problem, content_type = "application/problem+json"),
        )
    )
)]
pub(crate) async fn client(State(api): State<Api>, params: Params) -> Result<Response, Refusal> {
    let id = params.get("id")?;
    Ok(cached::json(&newest(&api).await?.client(id), CACHE))
}

/// How many payloads in the newest task list were stored by an allocator's grants, and whose they are.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        get,
        path = "/allocator/{id}/deals/eligible/summary",
        tag = "deals",
        params(("id" = String, Path, description = "The allocator.", pattern = "^f0(0|[1-9][0-9]*)$")),
        responses(
            (status = 200, description = "The counts; 0 of one who has none.", body = assize_wire::AllocatorSummary),
            (status = "default", description = "Any problem.", body = assize_wire::Problem, content_type = "application/problem+json"),
        )
    )
)]
pub(crate) async fn allocator(State(api): State<Api>, params: Params) -> Result<Response, Refusal> {
    let id = params.get("id")?;
    Ok(cached::json(&newest(&api).await?.allocator(id), CACHE))
}

async fn newest(api: &Api) -> Result<Arc<Eligible>, Refusal> {
    let eligible = api.shared().rounds.eligible().await?;
    let no_round = RoundError::NoSuchRound {
        round: RoundNumber(1),
        latest: None,
    };
    Ok(eligible.ok_or(no_round)?)
}
