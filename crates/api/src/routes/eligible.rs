//! `GET /miner|client|allocator/ID/deals/eligible/summary`, compatible with Spark.

use std::sync::Arc;

use assize_protocol::RoundNumber;
use axum::extract::State;
use axum::response::Response;

use super::cached;
use super::params::Params;
use crate::Api;
use crate::refusal::Refusal;
use crate::rounds::{Eligible, RoundError};

/// Six hours, as in Spark.
const CACHE: &str = "public, max-age=21600";

/// Number of payloads of a provider in the newest task list, by client.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        get,
        path = "/miner/{id}/deals/eligible/summary",
        tag = "deals",
        params(("id" = String, Path, description = "The provider.", pattern = "^f0(0|[1-9][0-9]*)$")),
        responses(
            (status = 200, description = "The counts; 0 if there are none.", body = assize_wire::MinerSummary),
            (status = "default", description = "Any problem.", body = assize_wire::Problem, content_type = "application/problem+json"),
        )
    )
)]
pub(crate) async fn miner(State(api): State<Api>, params: Params) -> Result<Response, Refusal> {
    let id = params.get("id")?;
    Ok(cached::json(&newest(&api).await?.miner(id), CACHE))
}

/// Number of payloads of a client in the newest task list, by provider.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        get,
        path = "/client/{id}/deals/eligible/summary",
        tag = "deals",
        params(("id" = String, Path, description = "The client.", pattern = "^f0(0|[1-9][0-9]*)$")),
        responses(
            (status = 200, description = "The counts; 0 if there are none.", body = assize_wire::ClientSummary),
            (status = "default", description = "Any problem.", body = assize_wire::Problem, content_type = "application/problem+json"),
        )
    )
)]
pub(crate) async fn client(State(api): State<Api>, params: Params) -> Result<Response, Refusal> {
    let id = params.get("id")?;
    Ok(cached::json(&newest(&api).await?.client(id), CACHE))
}

/// Number of payloads stored with an allocator's allocations in the newest task list, by client.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        get,
        path = "/allocator/{id}/deals/eligible/summary",
        tag = "deals",
        params(("id" = String, Path, description = "The allocator.", pattern = "^f0(0|[1-9][0-9]*)$")),
        responses(
            (status = 200, description = "The counts; 0 if there are none.", body = assize_wire::AllocatorSummary),
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
