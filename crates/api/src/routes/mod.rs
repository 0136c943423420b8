//! The routes.

mod body;
mod cached;
mod eligible;
mod heartbeats;
mod line;
mod lists;
mod measurements;
mod observe;
mod params;
mod rounds;
mod service;

use assize_guard::limit_body;
use assize_wire::{Answer, ProblemKind};
use axum::http::{Method, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::refusal::Refusal;
use crate::{Api, client};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Assize",
        description = "Coordinator and ingest of an Assize network. Nothing it says about a round has to be believed: it \
                       follows from chain, store and drand (docs/protocol.md). Refusals are RFC 9457 problems; their `type` \
                       is `urn:assize:problem:` and the kind.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    components(schemas(Answer, ProblemKind)),
    tags(
        (name = "stations", description = "Signs of life."),
        (name = "rounds", description = "What rounds are, who sits in them and what they do."),
        (name = "measurements", description = "Handing them in, and what became of them."),
        (name = "deals", description = "What the newest task list has."),
        (name = "service", description = "This api."),
    )
)]
struct Document;

/// All routes over one api.
pub(crate) fn router(api: &Api) -> Router {
    let (router, document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(heartbeats::post))
        .routes(routes!(service::network))
        .routes(routes!(rounds::current))
        .routes(routes!(rounds::round))
        .routes(routes!(rounds::committee))
        .routes(routes!(rounds::station))
        .routes(routes!(lists::roster))
        .routes(routes!(lists::tasks))
        .routes(routes!(measurements::post))
        .routes(routes!(measurements::progress))
        .routes(routes!(eligible::miner))
        .routes(routes!(eligible::client))
        .routes(routes!(eligible::allocator))
        .routes(routes!(service::inspect))
        .routes(routes!(service::healthz))
        .routes(routes!(service::readyz))
        .routes(routes!(service::metrics))
        .split_for_parts();
    let bodies = api.shared().gatekeeper.bodies.clone();
    // Strings, numbers and lists of them: nothing can fail to be JSON.
    let document = serde_json::to_string(&document).unwrap_or_default();
    router
        .route("/openapi.json", get(async move || openapi(&document)))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(middleware::from_fn_with_state(bodies, limit_body))
        .layer(middleware::from_fn_with_state(api.clone(), client::admit))
        .layer(middleware::from_fn_with_state(api.clone(), observe::observe))
        .with_state(api.clone())
}

fn openapi(document: &str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
    ];
    (headers, document.to_owned()).into_response()
}

async fn no_such_path(uri: Uri) -> Refusal {
    let path: String = uri.path().chars().take(80).collect();
    Refusal::new(
        ProblemKind::NotFound,
        format!("there is nothing under {path}: /openapi.json has all there is"),
    )
}

async fn no_such_method(method: Method, uri: Uri) -> Refusal {
    let path: String = uri.path().chars().take(80).collect();
    let method: String = method.as_str().chars().take(20).collect();
    Refusal::new(
        ProblemKind::MethodNotAllowed,
        format!("{path} does not take {method}: /openapi.json has what it takes"),
    )
}
