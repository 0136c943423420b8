//! `GET /rounds/N/roster` and `/tasks`: the files that a round froze, as stored.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use assize_facts::{ListCommitment, Round};
use assize_guard::{Excess, Share};
use assize_wire::{Problem, ProblemKind};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Response};
use tokio::task::spawn_blocking;

use super::cached;
use super::params::Params;
use crate::Api;
use crate::client::Client;
use crate::refusal::Refusal;
use crate::rounds::RoundError;

/// Bytes read at once.
const PIECE: usize = 1 << 16;
/// How long a list may take before the client's reading rate matters, and the minimum rate, bytes per second.
const GRACE: Duration = Duration::from_secs(30);
const MIN_RATE: u64 = 16_384;

/// The roster that a round froze (NDJSON, docs/protocol.md §7).
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        get,
        path = "/rounds/{round}/roster",
        tag = "rounds",
        params(("round" = u64, Path, description = "From 1.", minimum = 1)),
        responses(
            (status = 200, description = "The file under the round's `roster.cid`.", body = String, content_type = "application/x-ndjson"),
            (status = 304, description = "The client has it already."),
            (status = 404, description = "The round does not exist.", body = assize_wire::Problem, content_type = "application/problem+json"),
            (status = 429, description = "Too many lists are being sent to this address or its subnet.", body = assize_wire::Problem, content_type = "application/problem+json"),
            (status = "default", description = "Any other problem.", body = assize_wire::Problem, content_type = "application/problem+json"),
        )
    )
)]
pub(crate) async fn roster(
    State(api): State<Api>,
    client: Client,
    params: Params,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let known = api.shared().rounds.known(params.get("round")?).await?;
    let round = &known.round;
    file(&api, &client, round, &round.roster, method, &headers).await
}

/// The task list that a round froze (NDJSON, docs/protocol.md §7).
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        get,
        path = "/rounds/{round}/tasks",
        tag = "rounds",
        params(("round" = u64, Path, description = "From 1.", minimum = 1)),
        responses(
            (status = 200, description = "The file under the round's `tasks.cid`.", body = String, content_type = "application/x-ndjson"),
            (status = 304, description = "The client has it already."),
            (status = 404, description = "The round does not exist.", body = assize_wire::Problem, content_type = "application/problem+json"),
            (status = 429, description = "Too many lists are being sent to this address or its subnet.", body = assize_wire::Problem, content_type = "application/problem+json"),
            (status = "default", description = "Any other problem.", body = assize_wire::Problem, content_type = "application/problem+json"),
        )
    )
)]
pub(crate) async fn tasks(
    State(api): State<Api>,
    client: Client,
    params: Params,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let known = api.shared().rounds.known(params.get("round")?).await?;
    let round = &known.round;
    file(&api, &client, round, &round.tasks, method, &headers).await
}

async fn file(
    api: &Api,
    client: &Client,
    round: &Round,
    list: &ListCommitment,
    method: Method,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let shared = api.shared();
    let cid = list.cid;
    let cache = cached::of_round(round, shared.clock.now());
    let mut share = shared.gatekeeper.lists.of(client.host());
    if method != Method::HEAD {
        share.add(1).map_err(too_many)?;
    }
    let store = Arc::clone(shared.rounds.store());
    let content = spawn_blocking(move || store.open(&cid))
        .await
        .map_err(|_| RoundError::Ending)?
        .map_err(|error| {
            tracing::error!(%cid, %error, "failed to read a list");
            RoundError::Ending
        })?;
    Ok(cached::tagged(headers, &cid.to_string(), cache, || {
        let body = match method {
            Method::HEAD => cached::unsized_body(),
            _ => stream(content, share),
        };
        ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response()
    }))
}

fn too_many(excess: Excess) -> Refusal {
    let (kind, client) = match excess {
        Excess::Client => (ProblemKind::TooManyRequests, "this address or its subnet"),
        Excess::Total => (ProblemKind::Unavailable, "all clients together"),
    };
    let detail = format!("too many lists are being sent to {client}: retry when some have finished");
    let mut problem = Problem::new(kind, detail);
    problem.retry_after = Some(10);
    problem.into()
}

/// A list being sent.
struct Sending<R> {
    content: R,
    sent: u64,
    started: Instant,
    /// Held until the response ends.
    _share: Share,
}

/// Streams the list. If it turns out to be corrupt, the response is aborted, so that no client takes it for complete.
///
/// A thread works only while a piece is read, so a client that does not read holds none. The server closes such
/// connections ([`assize_guard::ConnectionLimits::write_timeout`]); clients that read too slowly are cut off here.
fn stream(content: impl Read + Send + 'static, share: Share) -> Body {
    let sending = Sending {
        content,
        sent: 0,
        started: Instant::now(),
        _share: share,
    };
    Body::from_stream(futures_util::stream::unfold(Some(sending), async |sending| {
        let mut sending = sending?;
        if sending.started.elapsed() > GRACE + Duration::from_secs(sending.sent / MIN_RATE) {
            let error = io::Error::new(io::ErrorKind::TimedOut, "the client reads too slowly");
            return Some((Err(error), None));
        }
        let read = spawn_blocking(move || (sending.piece(), sending));
        match read.await {
            Ok((Ok(piece), _)) if piece.is_empty() => None,
            Ok((Ok(piece), sending)) => Some((Ok(piece), Some(sending))),
            Ok((Err(error), _)) => {
                tracing::error!(%error, "a list is corrupt");
                Some((Err(error), None))
            }
            Err(error) => Some((Err(io::Error::other(error)), None)),
        }
    }))
}

impl<R: Read> Sending<R> {
    /// The next bytes; empty at the end.
    fn piece(&mut self) -> io::Result<Bytes> {
        let mut piece = vec![0; PIECE];
        loop {
            match self.content.read(&mut piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => {
                    piece.truncate(read?);
                    self.sent += piece.len() as u64;
                    return Ok(piece.into());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use assize_guard::{Host, ShareLimits, Shares};
    use http_body_util::BodyExt;

    use super::*;

    #[test]
    fn unread_lists_occupy_no_thread() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(1)
            .build()
            .unwrap();
        runtime.block_on(async {
            let shares = Shares::new(ShareLimits {
                total: 20,
                per_subnet: 20,
                per_host: 20,
            });
            let mut unread = Vec::new();
            for _ in 0..20 {
                let mut share = shares.of(Host::of([192, 0, 2, 1].into()));
                share.add(1).unwrap();
                let mut body = stream(io::repeat(b'x'), share);
                let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
                assert_eq!(piece.len(), PIECE);
                unread.push(body);
            }
            assert_eq!(spawn_blocking(|| 7).await.unwrap(), 7);
            assert_eq!(shares.held(), 20);
            drop(unread);
            assert_eq!(shares.held(), 0);
        });
    }
}
