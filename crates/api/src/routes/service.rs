//! The service itself: health, metrics, network, and the client's address as the API sees it.

use alloy_primitives::B256;
use assize_service::OPENMETRICS;
use assize_wire::{InspectDocument, ProblemKind};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use super::cached::{self, NO_STORE};
use crate::Api;
use crate::client::Client;
use crate::metrics::Moment;
use crate::refusal::Refusal;

/// The network that this api serves: contracts, keys, limits.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        get,
        path = "/network",
        tag = "service",
        responses(
            (status = 200, description = "The network.", body = assize_wire::NetworkDocument),
            (status = "default", description = "Any problem.", body = assize_wire::Problem, content_type = "application/problem+json"),
        )
    )
)]
pub(crate) async fn network(State(api): State<Api>) -> Response {
    cached::json(&api.shared().network_document(), "public, max-age=60")
}

/// What the api sees of the requester.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        get,
        path = "/inspect-request",
        tag = "service",
        responses(
            (status = 200, description = "Address, subnet tag and headers.", body = assize_wire::InspectDocument),
            (status = "default", description = "Any problem.", body = assize_wire::Problem, content_type = "application/problem+json"),
        )
    )
)]
pub(crate) async fn inspect(client: Client, headers: HeaderMap) -> Response {
    let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let document = InspectDocument {
        address: client.address.to_string(),
        subnet: client.tag(),
        socket: client.socket.to_string(),
        trusted_header: client.trusted_header().map(str::to_owned),
        headers: headers
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
    };
    cached::json(&document, NO_STORE)
}

/// Whether the process is running.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        get,
        path = "/healthz",
        tag = "service",
        responses((status = 200, description = "It is running.", body = String, content_type = "text/plain"))
    )
)]
pub(crate) async fn healthz() -> Response {
    ([(header::CACHE_CONTROL, NO_STORE)], "ok\n").into_response()
}

/// Whether chain and database are available, and the lists of the latest round.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        get,
        path = "/readyz",
        tag = "service",
        responses(
            (status = 200, description = "They are available.", body = String, content_type = "text/plain"),
            (status = 503, description = "`unavailable`", body = assize_wire::Problem, content_type = "application/problem+json"),
            (status = "default", description = "Any other problem.", body = assize_wire::Problem, content_type = "application/problem+json"),
        )
    )
)]
pub(crate) async fn readyz(State(api): State<Api>) -> Result<Response, Refusal> {
    let shared = api.shared();
    if let Some(trouble) = shared.chain_trouble() {
        tracing::warn!(trouble, "not ready");
        let detail = "the last successful poll of the chain is too long ago";
        return Err(Refusal::new(ProblemKind::Unavailable, detail));
    }
    // The log has the reason, which may name the machines behind the api.
    if let Some((round, trouble, _)) = shared.rounds.open().trouble() {
        tracing::warn!(round = round.0, %trouble, "not ready");
        let detail = format!("round {round} cannot accept measurements: its lists are not available");
        return Err(Refusal::new(ProblemKind::Unavailable, detail));
    }
    shared.database.find(B256::ZERO).await?;
    Ok(([(header::CACHE_CONTROL, NO_STORE)], "ok\n").into_response())
}

/// Metrics for Prometheus.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        get,
        path = "/metrics",
        tag = "service",
        responses((status = 200, description = "OpenMetrics 1.0.", body = String, content_type = "application/openmetrics-text"))
    )
)]
pub(crate) async fn metrics(State(api): State<Api>) -> Response {
    let shared = api.shared();
    let metrics = shared.metrics.encode(&Moment {
        waiting: shared.database.waiting(),
        buckets: shared.gatekeeper.buckets.snapshot(),
        gate: shared.gatekeeper.gate.snapshot(),
        connections: shared.gatekeeper.server.snapshot(),
        bodies: shared.gatekeeper.bodies.snapshot(),
    });
    (
        [
            (header::CONTENT_TYPE, OPENMETRICS),
            (header::CACHE_CONTROL, NO_STORE),
        ],
        metrics,
    )
        .into_response()
}
