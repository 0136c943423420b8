//! The routes.

mod body;
mod cached;
mod eligible;
mod heartbeats;
mod inclusion;
#[cfg(feature = "openapi")]
mod line;
mod lists;
mod measurements;
mod observe;
mod params;
mod rounds;
mod service;

use assize_guard::limit_body;
use assize_wire::ProblemKind;
use axum::http::{Method, Uri};
use axum::routing::{MethodRouter, get};
use axum::{Router, middleware};

use crate::refusal::Refusal;
use crate::{Api, client};

/// The single list of routes. It creates the router and, with the feature `openapi`, the document. A path occurs here
/// and in its handler's attribute; a test compares them.
macro_rules! routes {
    ($($method:ident $path:literal $($handler:ident)::+;)*) => {
        fn handlers() -> Router<Api> {
            Router::new()$(.route($path, axum::routing::$method($($handler)::+)))*
        }

        #[cfg(feature = "openapi")]
        #[derive(utoipa::OpenApi)]
        #[openapi(
            info(
                title = "Assize",
                description = "Coordinator and ingest of an Assize network. You need not trust what it says about a round: it \
                               follows from chain, store and drand (docs/protocol.md). Errors are RFC 9457 problems; their \
                               `type` is `urn:assize:problem:` and the kind.",
                license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
            ),
            paths($($($handler)::+),*),
            components(schemas(assize_wire::Answer, ProblemKind)),
            tags(
                (name = "stations", description = "Heartbeats."),
                (name = "rounds", description = "Rounds, their committees and their tasks."),
                (name = "measurements", description = "Submitting measurements and following their state."),
                (name = "deals", description = "Counts of the newest task list."),
                (name = "service", description = "This api."),
            )
        )]
        struct Document;
    };
}

routes! {
    post "/heartbeats" heartbeats::post;
    get "/network" service::network;
    get "/rounds/current" rounds::current;
    get "/rounds/{round}" rounds::round;
    get "/rounds/{round}/committees/{committee}" rounds::committee;
    get "/rounds/{round}/stations/{station}" rounds::station;
    get "/rounds/{round}/roster" lists::roster;
    get "/rounds/{round}/tasks" lists::tasks;
    post "/measurements" measurements::post;
    get "/measurements/{digest}" measurements::progress;
    get "/measurements/{digest}/inclusion" inclusion::inclusion;
    get "/miner/{id}/deals/eligible/summary" eligible::miner;
    get "/client/{id}/deals/eligible/summary" eligible::client;
    get "/allocator/{id}/deals/eligible/summary" eligible::allocator;
    get "/inspect-request" service::inspect;
    get "/healthz" service::healthz;
    get "/readyz" service::readyz;
    get "/metrics" service::metrics;
}

/// The router of all routes.
pub(crate) fn router(api: &Api) -> Router {
    let bodies = api.shared().gatekeeper.bodies.clone();
    handlers()
        .route("/openapi.json", openapi())
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(middleware::from_fn_with_state(bodies, limit_body))
        .layer(middleware::from_fn_with_state(api.clone(), client::admit))
        .layer(middleware::from_fn_with_state(api.clone(), observe::observe))
        .with_state(api.clone())
}

/// The OpenAPI document, generated once.
#[cfg(feature = "openapi")]
fn openapi() -> MethodRouter<Api> {
    use axum::http::header;

    // It consists of strings, numbers and lists of them, so serialization cannot fail.
    let document = serde_json::to_string(&<Document as utoipa::OpenApi>::openapi()).unwrap_or_default();
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
    ];
    get((headers, document))
}

#[cfg(not(feature = "openapi"))]
fn openapi() -> MethodRouter<Api> {
    get(async || {
        Refusal::new(
            ProblemKind::NotFound,
            "this api was built without the cargo feature `openapi`, so it has no OpenAPI document",
        )
    })
}

async fn no_such_path(uri: Uri) -> Refusal {
    let path: String = uri.path().chars().take(80).collect();
    Refusal::new(
        ProblemKind::NotFound,
        format!("{path} does not exist: see /openapi.json for all paths"),
    )
}

async fn no_such_method(method: Method, uri: Uri) -> Refusal {
    let path: String = uri.path().chars().take(80).collect();
    let method: String = method.as_str().chars().take(20).collect();
    Refusal::new(
        ProblemKind::MethodNotAllowed,
        format!("{path} does not accept {method}: see /openapi.json"),
    )
}
