//! Wraps each request: a number, a span, metrics, and a response even if the api panics.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use assize_guard::Rejection;
use assize_wire::ProblemKind;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tracing::Instrument;

use crate::Api;
use crate::refusal::{Refusal, Refused, kind_of, rejection_body};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

pub(crate) async fn observe(State(api): State<Api>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("none", MatchedPath::as_str).to_owned();
    let id = format!("{:016x}", fastrand::u64(..));
    let span = tracing::debug_span!("request", id, %method, route);
    let run = AssertUnwindSafe(next.run(request)).catch_unwind();
    let mut response = run.instrument(span.clone()).await.unwrap_or_else(|_| {
        let detail = format!("the api failed: see request {id} in its log");
        Refusal::new(ProblemKind::Internal, detail).into_response()
    });
    let metrics = &api.shared().metrics;
    let refused = response.extensions().get().map(|Refused(kind)| *kind);
    let rejected = response.extensions().get::<Rejection>().copied();
    if let Some(rejection) = rejected {
        response = rejection.response(rejection_body);
    }
    if let Some(kind) = refused.or_else(|| rejected.as_ref().map(kind_of)) {
        metrics.refused(kind);
    }
    let status = response.status().as_u16();
    metrics.answered(method.as_str(), &route, status, began.elapsed());
    span.in_scope(|| tracing::debug!(status, "answered"));

    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}
