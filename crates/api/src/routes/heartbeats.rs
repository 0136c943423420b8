//! `POST /heartbeats`.

use assize_wire::{Heartbeat, Liveness, Problem, ProblemKind};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::body::{self, Kind};
use super::cached::{self, NO_STORE};
use crate::Api;
use crate::client::Client;
use crate::refusal::Refusal;
use assize_ingest::HeartbeatOutcome;

/// Maximum size of a body, bytes: four times the size of any heartbeat.
const MAX_BODY: usize = 2_048;

/// Accepts a signed heartbeat of a station. The answer names the current round and when the next one can begin.
///
/// A station is live for `liveFor` seconds after its last heartbeat, and rosters cut in that time include it.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        post,
        path = "/heartbeats",
        tag = "stations",
        request_body(content = assize_wire::Heartbeat, content_type = "application/json"),
        responses(
            (status = 200, description = "Accepted.", body = assize_wire::Liveness),
            (status = 409, description = "`replayed`: the station has sent a heartbeat of this time or later.", body = assize_wire::Problem, content_type = "application/problem+json"),
            (status = 422, description = "`bad-signature`, or `clock-skew` with the api's `time`.", body = assize_wire::Problem, content_type = "application/problem+json"),
            (status = "default", description = "Any other problem.", body = assize_wire::Problem, content_type = "application/problem+json"),
        )
    )
)]
pub(crate) async fn post(
    State(api): State<Api>,
    client: Client,
    headers: HeaderMap,
    body: axum::body::Body,
) -> Result<Response, Refusal> {
    let shared = api.shared();
    body::kind(&headers, &[Kind::Json])?;
    let body = body::read(body, MAX_BODY).await?;
    let heartbeat: Heartbeat = body::json(&body)?;
    let now = shared.clock.now();
    let domain = shared.network.domain;
    client.validate(1);
    let checked = shared.compute.run(1, move || {
        heartbeat.signed_by_station(&domain).then_some(heartbeat)
    });
    let Some(heartbeat) = checked.await.inspect_err(|_| client.throttle())? else {
        client.refuse(Some(ProblemKind::BadSignature));
        let detail = "the signature is not the station's for this network: sign with the station's key, under chain id and \
                      contract of GET /network";
        return Err(Refusal::field(ProblemKind::BadSignature, "signature", detail));
    };
    if heartbeat.time.abs_diff(now) > shared.config.max_clock_skew {
        client.refuse(Some(ProblemKind::ClockSkew));
        let detail = format!(
            "the heartbeat's time is {} (Unix time), but the api's clock is at {now}: set your clock (NTP)",
            heartbeat.time
        );
        let mut problem = Problem::new(ProblemKind::ClockSkew, detail);
        problem.field = Some("time".into());
        problem.time = Some(now);
        return Err(problem.into());
    }
    let outdated = heartbeat.version < shared.config.minimum_version;
    let checked = assize_ingest::Heartbeat {
        station: heartbeat.station,
        operator: heartbeat.operator,
        subnet: client.tag(),
        version: heartbeat.version,
        time: heartbeat.time,
        received_at: now,
    };
    match shared.database.record(checked).await {
        Ok(HeartbeatOutcome::Recorded) => {}
        Ok(HeartbeatOutcome::Replayed) => {
            client.duplicate();
            let detail = "a heartbeat of this time or later was already accepted: sign a new one";
            return Err(Refusal::field(ProblemKind::Replayed, "time", detail));
        }
        Ok(HeartbeatOutcome::SubnetFull) => {
            client.refuse(Some(ProblemKind::LimitReached));
            let detail = "too many live stations in this subnet: no new station is accepted from it";
            return Err(Refusal::field(ProblemKind::LimitReached, "station", detail));
        }
        Err(error) => {
            client.throttle();
            return Err(error.into());
        }
    }
    client.deliver();
    shared.metrics.heartbeat_accepted();
    let latest = shared.rounds.open().latest.as_ref().map(|latest| latest.round);
    let liveness = Liveness {
        live_until: now + shared.config.live_for,
        interval: shared.config.heartbeat_interval,
        round: latest.map(|round| round.number),
        next_opening: latest.map(|round| round.times.closes_at),
        time: now,
        minimum_version: shared.config.minimum_version,
        outdated,
    };
    Ok(cached::json(&liveness, NO_STORE))
}
