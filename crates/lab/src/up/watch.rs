//! Reads the network's state from the chain and the coordinator's metrics.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use assize_chain::{FileKind, Status};
use assize_protocol::RoundNumber;
use eyre::{OptionExt, WrapErr};

use super::environment::Environment;
use super::screen::{RoundState, State};

const TIMEOUT: Duration = Duration::from_secs(5);

/// The network's current state. Rounds before its first are none of its own.
pub(super) async fn state(environment: &Environment, api: &str, checkers: u32) -> eyre::Result<State> {
    let network = &environment.network;
    let metrics = tokio::task::block_in_place(|| metrics(api))?;
    let mut state = State {
        now: network.client.head().await?.timestamp,
        checkers: checkers.into(),
        ..State::default()
    };
    let latest = network.rounds.latest_round().await?;
    if let Some(number) = latest.filter(|number| *number >= environment.first_round()) {
        let round = network.rounds.round(number).await?;
        let commitments = network.rounds.commitments(number, FileKind::Lines).await?;
        state.round = Some(RoundState {
            number,
            revealed: round.seed.is_some(),
            closes_at: round.times.closes_at,
            over_after: round.times.dedupe_from,
            stations: round.roster.count.into(),
            received: figure(&metrics, "assize_api_measurements_total").unwrap_or_default(),
            committed: commitments.iter().map(|batch| u64::from(batch.count)).sum(),
        });
    }
    if let Some(id) = network.rewards.head().await? {
        let settlement = network.rewards.settlement(id).await?;
        let active = settlement.status == Status::Active;
        state.settlement = Some((id, settlement.proposal.last_round, active));
        state.granted = settlement.proposal.cumulative_total;
    }
    state.paid = network.rewards.total_claimed().await?;
    Ok(state)
}

/// Whether a round is over, so that it can be evaluated.
pub(super) async fn is_over(
    environment: &Environment,
    round: RoundNumber,
    state: &State,
) -> eyre::Result<bool> {
    match &state.round {
        Some(newest) if newest.number == round => Ok(state.now > newest.over_after),
        Some(newest) if newest.number > round => {
            Ok(state.now > environment.network.rounds.round(round).await?.times.dedupe_from)
        }
        _ => Ok(false),
    }
}

/// Whether a round's settlement is active, and everything granted is paid.
pub(super) fn is_paid(state: &State, round: RoundNumber) -> bool {
    let settled = state
        .settlement
        .is_some_and(|(_, last, active)| active && last >= round);
    // The remainder of the division stays in the pool and is never granted.
    settled && state.paid == state.granted
}

/// Reads /metrics of a server on this machine.
fn metrics(url: &str) -> eyre::Result<String> {
    let host = url
        .strip_prefix("http://")
        .ok_or_eyre("the coordinator's URL does not start with http://")?;
    let fetch = || {
        let mut stream = TcpStream::connect(host)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        write!(stream, "GET /metrics HTTP/1.0\r\nHost: {host}\r\n\r\n")?;
        let mut response = String::new();
        stream.read_to_string(&mut response)?;
        Ok::<_, std::io::Error>(response)
    };
    fetch().wrap_err_with(|| format!("failed to read /metrics of the coordinator at {url}"))
}

/// The value of a metric in Prometheus' text format, summed over its labels.
fn figure(metrics: &str, name: &str) -> Option<u64> {
    let values = metrics.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let value = match rest.strip_prefix('{') {
            Some(labels) => labels.split_once("} ")?.1,
            None => rest.strip_prefix(' ')?,
        };
        value.trim().parse::<f64>().ok()
    });
    values.map(|value| value as u64).reduce(|sum, value| sum + value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_found_by_full_name_and_summed_over_labels() {
        let text =
            "# TYPE a_total counter\na_total{kind=\"x\"} 3\na_total{kind=\"y\"} 4\na_totals 9\nb 1.5e3\n";
        assert_eq!(figure(text, "a_total"), Some(7));
        assert_eq!(figure(text, "b"), Some(1_500));
        assert_eq!(figure(text, "c"), None);
    }
}
