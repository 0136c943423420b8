//! `GET /rounds/…`: rounds, their committees and their tasks.

use alloy_primitives::Address;
use assize_protocol::{CommitteeIndex, RoundNumber};
use assize_wire::ProblemKind;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::cached::{self, NO_STORE};
use super::params::Params;
use crate::Api;
use crate::refusal::Refusal;
use crate::rounds::RoundError;

/// Redirects to the newest round.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        get,
        path = "/rounds/current",
        tag = "rounds",
        responses(
            (status = 307, description = "See `Location`.", headers(("location" = String, description = "`/rounds/N`"))),
            (status = 404, description = "No round has been opened yet.", body = assize_wire::Problem, content_type = "application/problem+json"),
            (status = "default", description = "Any other problem.", body = assize_wire::Problem, content_type = "application/problem+json"),
        )
    )
)]
pub(crate) async fn current(State(api): State<Api>) -> Result<Response, Refusal> {
    let open = api.shared().rounds.open();
    let latest = open.latest.as_ref().map(|latest| latest.round.number);
    let latest = latest.ok_or(match open.looked {
        true => RoundError::NoSuchRound {
            round: RoundNumber(1),
            latest: None,
        },
        false => RoundError::NotLooked,
    })?;
    let headers = [
        (header::LOCATION, format!("/rounds/{latest}")),
        (header::CACHE_CONTROL, NO_STORE.to_owned()),
    ];
    Ok((StatusCode::TEMPORARY_REDIRECT, headers).into_response())
}

/// A round: its schedule, lists, parameters, beacon and seed. It never changes once it is over, after `dedupeFrom`;
/// before, it changes only when the seed is revealed or the chain is reorganised.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        get,
        path = "/rounds/{round}",
        tag = "rounds",
        params(("round" = u64, Path, description = "From 1.", minimum = 1)),
        responses(
            (status = 200, description = "The round.", body = assize_wire::RoundDocument),
            (status = 304, description = "The client has it already."),
            (status = 404, description = "The round does not exist.", body = assize_wire::Problem, content_type = "application/problem+json"),
            (status = "default", description = "Any other problem.", body = assize_wire::Problem, content_type = "application/problem+json"),
        )
    )
)]
pub(crate) async fn round(
    State(api): State<Api>,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let shared = api.shared();
    let known = shared.rounds.known(params.get("round")?).await?;
    let document = known.document(&shared.network);
    let cache = cached::of_round(&known.round, shared.clock.now());
    Ok(match known.round.seed {
        // The seed depends on chain, contract, round and beacon.
        Some(seed) => cached::tagged(&headers, &format!("{seed}"), cache, || {
            cached::json(&document, NO_STORE)
        }),
        None => cached::json(&document, NO_STORE),
    })
}

/// A committee of a revealed round: its members with their seats, and its tasks.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        get,
        path = "/rounds/{round}/committees/{committee}",
        tag = "rounds",
        params(
            ("round" = u64, Path, description = "From 1.", minimum = 1),
            ("committee" = u32, Path, description = "From 0.", minimum = 0),
        ),
        responses(
            (status = 200, description = "The committee.", body = assize_wire::CommitteeDocument),
            (status = 304, description = "The client has it already."),
            (status = 404, description = "The round or committee does not exist.", body = assize_wire::Problem, content_type = "application/problem+json"),
            (status = 409, description = "`not-revealed`: retry later.", body = assize_wire::Problem, content_type = "application/problem+json"),
            (status = "default", description = "Any other problem.", body = assize_wire::Problem, content_type = "application/problem+json"),
        )
    )
)]
pub(crate) async fn committee(
    State(api): State<Api>,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let round = params.get("round")?;
    let committee: CommitteeIndex = params.get("committee")?;
    let view = api.shared().rounds.view(round).await?;
    let count = view
        .checked
        .draw
        .as_ref()
        .map_or(0, |draw| draw.assignment.committee_count());
    if committee.0 >= count {
        let detail = format!(
            "committee {committee} does not exist: round {round} has {count} committees, numbered from 0"
        );
        return Err(Refusal::new(ProblemKind::NotFound, detail));
    }
    let Some(seed) = view.checked.round.seed else {
        return Err(RoundError::NotRevealed { round }.into());
    };
    let cache = cached::of_round(&view.checked.round, api.shared().clock.now());
    Ok(cached::tagged(
        &headers,
        &format!("{seed}-c{committee}"),
        cache,
        || cached::json(&view.committee(committee), NO_STORE),
    ))
}

/// A station's assignment in a round: its roster entry with the proof, committee, seat, and tasks with their proofs.
///
/// Before the round is revealed, only the roster entry and its proof.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        get,
        path = "/rounds/{round}/stations/{station}",
        tag = "rounds",
        params(
            ("round" = u64, Path, description = "From 1.", minimum = 1),
            ("station" = String, Path, description = "Address of its key.", pattern = "^0x[0-9a-fA-F]{40}$"),
        ),
        responses(
            (status = 200, description = "Its assignment.", body = assize_wire::StationDocument),
            (status = 304, description = "The client has it already."),
            (status = 404, description = "The round does not exist, or the station is not in its roster.", body = assize_wire::Problem, content_type = "application/problem+json"),
            (status = "default", description = "Any other problem.", body = assize_wire::Problem, content_type = "application/problem+json"),
        )
    )
)]
pub(crate) async fn station(
    State(api): State<Api>,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let round = params.get("round")?;
    let station: Address = params.get("station")?;
    let document = api.shared().rounds.station(round, station).await?;
    let document = document.ok_or_else(|| {
        let detail = format!(
            "station {station} is not in the roster of round {round}: send heartbeats to join the next one"
        );
        Refusal::new(ProblemKind::NotFound, detail)
    })?;
    if document.committee.is_none() {
        return Ok(cached::json(&document, NO_STORE));
    }
    let known = api.shared().rounds.known(round).await?;
    let cache = cached::of_round(&known.round, api.shared().clock.now());
    Ok(match known.round.seed {
        Some(seed) => cached::tagged(&headers, &format!("{seed}-{station:#x}"), cache, || {
            cached::json(&document, NO_STORE)
        }),
        None => cached::json(&document, NO_STORE),
    })
}
