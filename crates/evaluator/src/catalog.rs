//! Serves an evaluator's catalog of success rates.

use std::path::PathBuf;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::task::spawn_blocking;

/// `GET /rates.json`: the catalog in a file, or 404 while there is none. Its tables are in the store, by CID.
pub fn catalog_router(file: PathBuf) -> Router {
    let answer = move || {
        let file = file.clone();
        async move {
            match spawn_blocking(|| std::fs::read(file)).await {
                Ok(Ok(json)) => ([(CONTENT_TYPE, "application/json")], json).into_response(),
                _ => (StatusCode::NOT_FOUND, "no round has been evaluated yet\n").into_response(),
            }
        }
    };
    Router::new().route("/rates.json", get(answer))
}
