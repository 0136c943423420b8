//! `POST /measurements` and `GET /measurements/DIGEST`.

use std::iter;

use alloy_primitives::B256;
use assize_ingest::{BatchState, SignedRow};
use assize_measurement::ndjson::MAX_LINE;
use assize_wire::{Answer, Problem, ProblemKind, Progress, Receipt, State as Stage};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::body::{self, Kind};
use super::cached::{self, IMMUTABLE, NO_STORE};
use super::params::Params;
use crate::Api;
use crate::client::Client;
use crate::evaluation::meaning;
use crate::ingest::ComputeError;
use crate::refusal::Refusal;
use assize_ingest::{Receiving, Standing};

/// Submits a measurement, or up to 100, one per line. Each is answered with a receipt that binds the ingest, or with a
/// problem.
///
/// A measurement is one line of a batch (docs/protocol.md §9). Submitting it again changes nothing and returns the same
/// receipt. Another measurement of the same station, task and round is rejected: the first one counts. Several
/// measurements are answered with as many lines, in the same order.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        post,
        path = "/measurements",
        tag = "measurements",
        request_body(
            description = "A measurement (docs/protocol.md §9), or several, one per line.",
            content(
                (super::line::Line = "application/json"),
                (String = "application/x-ndjson"),
            )
        ),
        responses(
            (status = 200, description = "It was already accepted; for several: one `Answer` per line.", content(
                (assize_wire::Receipt = "application/json"),
                (String = "application/x-ndjson"),
            )),
            (status = 201, description = "Accepted and durable.", body = assize_wire::Receipt),
            (status = 400, description = "`malformed`, or `outdated-client` with `minimumVersion`.", body = assize_wire::Problem, content_type = "application/problem+json"),
            (status = 403, description = "`not-in-roster` or `not-drawn`.", body = assize_wire::Problem, content_type = "application/problem+json"),
            (status = 409, description = "`duplicate`: the station has already submitted another measurement of this task; or `not-revealed`: retry later.", body = assize_wire::Problem, content_type = "application/problem+json"),
            (status = 410, description = "`round-over`.", body = assize_wire::Problem, content_type = "application/problem+json"),
            (status = 422, description = "`bad-signature`, or `clock-skew` with the api's `time`.", body = assize_wire::Problem, content_type = "application/problem+json"),
            (status = "default", description = "Any other problem.", body = assize_wire::Problem, content_type = "application/problem+json"),
        )
    )
)]
pub(crate) async fn post(
    State(api): State<Api>,
    client: Client,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let config = &api.shared().config;
    match body::kind(&headers, &[Kind::Json, Kind::Ndjson])? {
        Kind::Json => {
            let body = body::read(body, MAX_LINE).await?;
            // A single measurement may span lines here.
            let answers = take(&api, &client, vec![body]).await?;
            match answers.into_iter().next() {
                Some(Taken::New(receipt)) => {
                    Ok((StatusCode::CREATED, cached::json(&receipt, NO_STORE)).into_response())
                }
                Some(Taken::Known(receipt)) => Ok(cached::json(&receipt, NO_STORE)),
                Some(Taken::Refused(problem)) => Err((*problem).into()),
                None => Err(ComputeError::Failed.into()),
            }
        }
        Kind::Ndjson => {
            let body = body::read(body, config.max_body).await?;
            let lines: Vec<_> = body
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.trim_ascii().is_empty())
                .take(config.max_lines + 1)
                .map(|line| body.slice_ref(line))
                .collect();
            if lines.is_empty() || lines.len() > config.max_lines {
                let detail = format!(
                    "the body has {} measurements: send 1 to {}, one per line",
                    if lines.is_empty() { "no" } else { "too many" },
                    config.max_lines
                );
                return Err(Refusal::new(ProblemKind::Malformed, detail));
            }
            client.charge(lines.len())?;
            let answers = take(&api, &client, lines).await?;
            let mut text = Vec::new();
            for answer in answers {
                let answer = match answer {
                    Taken::New(receipt) | Taken::Known(receipt) => Answer::Receipt(receipt),
                    Taken::Refused(problem) => Answer::Problem(*problem),
                };
                // Answers consist of strings and numbers, so serialization cannot fail.
                text.extend(serde_json::to_vec(&answer).unwrap_or_default());
                text.push(b'\n');
            }
            let headers = [
                (header::CONTENT_TYPE, "application/x-ndjson"),
                (header::CACHE_CONTROL, NO_STORE),
            ];
            Ok((headers, text).into_response())
        }
    }
}

/// The result for one measurement.
enum Taken {
    New(Receipt),
    Known(Receipt),
    Refused(Box<Problem>),
}

/// Validates, stores and receipts measurements. A receipt is returned only after the measurement is durable.
async fn take(api: &Api, client: &Client, lines: Vec<axum::body::Bytes>) -> Result<Vec<Taken>, Refusal> {
    let shared = api.shared();
    let count = lines.len();
    let open = shared.rounds.open();
    let now = shared.clock.now();
    let validator = shared.validator.clone();
    let check = move || {
        let check = |line: &axum::body::Bytes| validator.check(line, &open, now);
        lines.iter().map(check).collect::<Vec<_>>()
    };
    let checked = shared.compute.run(count, check).await;
    let checked = checked.inspect_err(|_| throttle(client, count))?;
    client.validate(count);
    let mut rows = Vec::<SignedRow>::with_capacity(count);
    let mut judged = Vec::with_capacity(count);
    for row in checked {
        match row {
            Ok(row) => {
                judged.push(Ok(row.digest));
                rows.push(row);
            }
            Err(problem) => {
                client.refuse(problem.kind());
                judged.push(Err(Box::new(problem)));
            }
        }
    }
    let receivings = match rows.is_empty() {
        true => Vec::new(),
        false => {
            let count = rows.len();
            let taken = shared.database.take(rows).await;
            taken.inspect_err(|_| throttle(client, count))?
        }
    };
    let mut receivings = receivings.into_iter();
    let judged: Vec<_> = judged
        .into_iter()
        .map(|judged| judged.and_then(|digest| result_of(digest, receivings.next())))
        .collect();
    account(api, client, &judged);
    let (key, domain) = (shared.key, shared.network.domain);
    let sign = move || {
        let receipt = |digest, received_at| Receipt::new(key.secret(), &domain, digest, received_at);
        let taken = |judged| match judged {
            Ok((digest, Receiving::New { received_at })) => Taken::New(receipt(digest, received_at)),
            Ok((digest, Receiving::Known { received_at })) => Taken::Known(receipt(digest, received_at)),
            Ok((_, Receiving::OverLimit)) => Taken::Refused(Box::new(over_limit())),
            Ok((_, Receiving::Duplicate)) => Taken::Refused(Box::new(duplicate())),
            Err(problem) => Taken::Refused(problem),
        };
        judged.into_iter().map(taken).collect::<Vec<_>>()
    };
    // They are durable: the queue must not delay their receipts.
    Ok(shared.compute.run(0, sign).await?)
}

fn result_of(digest: B256, receiving: Option<Receiving>) -> Result<(B256, Receiving), Box<Problem>> {
    match receiving {
        Some(Receiving::OverLimit) => Err(Box::new(over_limit())),
        Some(Receiving::Duplicate) => Err(Box::new(duplicate())),
        Some(receiving) => Ok((digest, receiving)),
        None => Err(Refusal::from(ComputeError::Failed).0),
    }
}

/// Counts measurements dropped without validation: the gate compares them with those validated.
fn throttle(client: &Client, count: usize) {
    (0..count).for_each(|_| client.throttle());
}

fn duplicate() -> Problem {
    let detail = "this station's measurement of this task was accepted before; measure each task once";
    let mut problem = Problem::new(ProblemKind::Duplicate, detail);
    problem.field = Some("task".into());
    problem
}

fn over_limit() -> Problem {
    let detail = "daily storage limit reached: no new measurements are accepted until midnight (UTC)";
    let mut problem = Problem::new(ProblemKind::LimitReached, detail);
    problem.retry_after = Some(600);
    problem
}

fn account(api: &Api, client: &Client, judged: &[Result<(B256, Receiving), Box<Problem>>]) {
    let metrics = &api.shared().metrics;
    for problem in judged.iter().filter_map(|judged| judged.as_ref().err()) {
        metrics.refused_measurement(problem.kind().unwrap_or(ProblemKind::Internal));
    }
    let worth = Counts::of(judged);
    iter::repeat_n((), worth.new).for_each(|()| client.deliver());
    iter::repeat_n((), worth.known + worth.duplicate).for_each(|()| client.duplicate());
    metrics.taken(worth.new as u64, worth.known as u64);
}

/// Counts of the measurements that reached the database.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    new: usize,
    known: usize,
    duplicate: usize,
}

impl Counts {
    fn of(judged: &[Result<(B256, Receiving), Box<Problem>>]) -> Self {
        let mut worth = Self::default();
        for judged in judged {
            match judged {
                Ok((_, Receiving::New { .. })) => worth.new += 1,
                Ok(_) => worth.known += 1,
                Err(problem) if problem.kind() == Some(ProblemKind::Duplicate) => worth.duplicate += 1,
                Err(_) => {}
            }
        }
        worth
    }
}

/// The state of a measurement: received, batched, committed, late, or evaluated with its label.
///
/// Labels follow once the round is over, after `dedupeFrom`, and somebody has requested them; until then the state is
/// `committed`.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        get,
        path = "/measurements/{digest}",
        tag = "measurements",
        params(("digest" = String, Path, description = "EIP-712 digest of the measurement.", pattern = "^0x[0-9a-f]{64}$")),
        responses(
            (status = 200, description = "Its state.", body = assize_wire::Progress),
            (status = 404, description = "It was not submitted here, or more than a week ago.", body = assize_wire::Problem, content_type = "application/problem+json"),
            (status = "default", description = "Any other problem.", body = assize_wire::Problem, content_type = "application/problem+json"),
        )
    )
)]
pub(crate) async fn progress(State(api): State<Api>, params: Params) -> Result<Response, Refusal> {
    let digest: B256 = params.get("digest")?;
    let standing = api.shared().database.find(digest).await?;
    let standing = standing.ok_or_else(|| not_here(digest))?;
    let progress = progress_of(&api, digest, &standing).await;
    let cache = match progress.state {
        Stage::Evaluated => IMMUTABLE,
        _ => NO_STORE,
    };
    Ok(cached::json(&progress, cache))
}

/// The database does not have this measurement.
pub(super) fn not_here(digest: B256) -> Refusal {
    let detail =
        format!("measurement {digest} was not submitted here, or its round ended more than a week ago");
    Refusal::new(ProblemKind::NotFound, detail)
}

async fn progress_of(api: &Api, digest: B256, standing: &Standing) -> Progress {
    let shared = api.shared();
    let Standing { found, mark } = standing;
    let label = mark.and_then(meaning);
    // The publisher decides what is late; before that, the round's schedule.
    let now = shared.clock.now();
    let times = shared
        .rounds
        .known(found.round)
        .await
        .map(|known| known.round.times);
    let is_late = times.as_ref().is_ok_and(|times| !times.accepts_batches(now));
    let is_over = times.is_ok_and(|times| times.is_over(now));
    let state = match found.batch.map(|batch| batch.state) {
        _ if label.is_some() => Stage::Evaluated,
        Some(BatchState::Committed | BatchState::Final) => {
            // A mark without a label is final.
            if is_over && mark.is_none() {
                shared.wanted.want(found.round);
            }
            Stage::Committed
        }
        Some(BatchState::Late) => Stage::Late,
        _ if is_late => Stage::Late,
        Some(BatchState::Stored) => Stage::Batched,
        Some(BatchState::Closed) | None => Stage::Received,
    };
    Progress {
        digest,
        round: found.round,
        received_at: found.received_at,
        state,
        cid: found
            .batch
            .and_then(|batch| batch.stored)
            .map(|stored| stored.cid),
        label: label.map(|(label, _)| label.to_string()),
        verdict: label
            .and_then(|(_, verdict)| verdict)
            .map(|verdict| verdict.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_measurement_of_a_task_earns_no_credit() {
        let judged = [
            Receiving::New { received_at: 1 },
            Receiving::Known { received_at: 1 },
            Receiving::Duplicate,
            Receiving::Duplicate,
            Receiving::OverLimit,
        ];
        let judged = judged.map(|receiving| result_of(B256::ZERO, Some(receiving)));
        let (new, known, duplicate) = (1, 1, 2);
        assert_eq!(
            Counts::of(&judged),
            Counts {
                new,
                known,
                duplicate
            }
        );
    }
}
