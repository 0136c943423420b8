//! `GET /rounds/N/roster` and `/tasks`: the files that a round froze, as the store has them.

use std::io::{self, Read};
use std::sync::Arc;

use assize_protocol::FileCid;
use assize_wire::Problem;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::cached;
use super::params::Params;
use crate::Api;
use crate::refusal::Refusal;
use crate::rounds::RoundError;

/// Bytes on their way at once.
const PIECE: usize = 1 << 16;
const PIECES: usize = 4;

/// The roster that a round froze (NDJSON, docs/protocol.md §7).
#[utoipa::path(
    get,
    path = "/rounds/{round}/roster",
    tag = "rounds",
    params(("round" = u64, Path, description = "From 1.", minimum = 1)),
    responses(
        (status = 200, description = "The file under the round's `roster.cid`.", body = String, content_type = "application/x-ndjson"),
        (status = 304, description = "The client has it."),
        (status = 404, description = "There is no such round.", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "Any other problem.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn roster(
    State(api): State<Api>,
    params: Params,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let known = api.shared().rounds.known(params.get("round")?).await?;
    file(&api, known.round.roster.cid, method, &headers).await
}

/// The task list that a round froze (NDJSON, docs/protocol.md §7).
#[utoipa::path(
    get,
    path = "/rounds/{round}/tasks",
    tag = "rounds",
    params(("round" = u64, Path, description = "From 1.", minimum = 1)),
    responses(
        (status = 200, description = "The file under the round's `tasks.cid`.", body = String, content_type = "application/x-ndjson"),
        (status = 304, description = "The client has it."),
        (status = 404, description = "There is no such round.", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "Any other problem.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn tasks(
    State(api): State<Api>,
    params: Params,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let known = api.shared().rounds.known(params.get("round")?).await?;
    file(&api, known.round.tasks.cid, method, &headers).await
}

async fn file(api: &Api, cid: FileCid, method: Method, headers: &HeaderMap) -> Result<Response, Refusal> {
    let store = Arc::clone(api.shared().rounds.store());
    let content = spawn_blocking(move || store.open(&cid))
        .await
        .map_err(|_| RoundError::Ending)?
        .map_err(|error| {
            tracing::error!(%cid, %error, "a list cannot be read");
            RoundError::Ending
        })?;
    Ok(cached::immutable(headers, &cid.to_string(), || {
        let body = match method {
            Method::HEAD => Body::empty(),
            _ => stream(content),
        };
        ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response()
    }))
}

/// What turns out to be damaged on the way ends the answer without its end, so that nobody takes it for whole.
fn stream(mut content: impl Read + Send + 'static) -> Body {
    let (pieces, arriving) = mpsc::channel::<io::Result<Bytes>>(PIECES);
    spawn_blocking(move || {
        loop {
            let mut piece = vec![0; PIECE];
            let read = match content.read(&mut piece) {
                Ok(0) => return,
                Ok(read) => {
                    piece.truncate(read);
                    Ok(piece.into())
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::error!(%error, "a list is damaged");
                    Err(error)
                }
            };
            let is_last = read.is_err();
            // Whoever asked may have gone.
            if pieces.blocking_send(read).is_err() || is_last {
                return;
            }
        }
    });
    Body::from_stream(futures_util::stream::unfold(arriving, |mut arriving| async {
        let piece = arriving.recv().await?;
        Some((piece, arriving))
    }))
}
