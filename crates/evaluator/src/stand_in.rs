//! Opens and reveals rounds that the coordinator leaves alone, as anyone may (docs/protocol.md §3): with the lists of before, and
//! late enough not to race it.

use assize_chain::{Draft, Rounds};
use assize_drand::{BeaconSource, Verified, with_y};
use assize_facts::Round;
use assize_outbox::{Ended, Kind, NewIntent, Outbox};
use assize_protocol::{BeaconRound, BeaconSchedule, RoundNumber};

use crate::EvaluatorError;

/// Rounds that may be under way at once, the newest included (docs/protocol.md §3).
const OVERLAPPING: u64 = 3;
/// A round's seed is late after this part of the round: a quarter.
const LATE: u64 = 4;
/// Evaluators take turns, each this part of a round after the one before, so that one transaction is enough.
const TURN: u64 = 20;

/// What a stand-in has to do, and when it may have to do something next.
#[derive(Debug, Default, PartialEq, Eq)]
struct Duties {
    /// Rounds to reveal, with their beacons.
    reveal: Vec<(RoundNumber, BeaconRound)>,
    /// The round to open.
    open: Option<RoundNumber>,
    /// Seconds until another may be due; `None` if nothing is known to come.
    due_in: Option<u64>,
}

/// What is due at `now` for the newest rounds. `has_coordinator` says whether one is in office; `turn` is this evaluator's place
/// among those that may stand in, from 0.
fn duties(now: u64, newest: &[Round], schedule: BeaconSchedule, has_coordinator: bool, turn: u64) -> Duties {
    let mut duties = Duties::default();
    let mut coming = Vec::new();
    let mut is_due = |from: u64| {
        let wait = from.saturating_sub(now);
        coming.extend((wait > 0).then_some(wait));
        wait == 0
    };
    let turn_of = |round: &Round| u64::from(round.parameters.round_duration).saturating_mul(turn) / TURN;
    for round in newest.iter().filter(|round| round.seed.is_none()) {
        let published_at = schedule.time_of(round.beacon_round).unwrap_or(u64::MAX);
        let patience = u64::from(round.parameters.round_duration) / LATE + turn_of(round);
        if round.times.accepts_reveal(now) && is_due(published_at.saturating_add(patience)) {
            duties.reveal.push((round.number, round.beacon_round));
        }
    }
    if let Some(newest) = newest.first() {
        let patience = match has_coordinator {
            true => u64::from(newest.parameters.round_duration),
            false => 0,
        };
        if is_due(newest.times.closes_at.saturating_add(patience + turn_of(newest))) {
            duties.open = Some(RoundNumber(newest.number.0.saturating_add(1)));
        }
    }
    duties.due_in = coming.into_iter().min();
    duties
}

/// Enqueues what is due; returns the seconds until something else may be. `ends_at` is when the programme ends: then no round is opened any more.
pub(crate) async fn stand_in(
    rounds: &Rounds,
    beacons: &Verified<Box<dyn BeaconSource + Send + Sync>>,
    outbox: &mut Outbox,
    turn: u64,
    ends_at: Option<u64>,
) -> Result<Option<u64>, EvaluatorError> {
    let now = rounds.client().head().await?.timestamp;
    let Some(latest) = rounds.latest_round().await? else {
        return Ok(None);
    };
    let mut newest = Vec::new();
    for number in (1..=latest.0).rev().take(OVERLAPPING as usize) {
        newest.push(rounds.round(RoundNumber(number)).await?);
    }
    let has_coordinator = rounds.coordinator().await?.is_some();
    let duties = duties(now, &newest, beacons.chain().schedule(), has_coordinator, turn);
    // A beacon that cannot be read keeps no round from being opened.
    let may_open = ends_at.is_none_or(|end| now < end) && rounds.lists_as_before().await?.is_some();
    if let Some(round) = duties.open.filter(|_| may_open) {
        let key = format!("open/{round}");
        if !is_under_way(outbox, &key)? {
            enqueue(outbox, &key, &rounds.open_as_before())?;
            tracing::warn!(%round, "the coordinator does not open it: opening it with the lists of before");
        }
    }
    for (round, beacon_round) in &duties.reveal {
        let key = format!("reveal/{round}");
        if is_under_way(outbox, &key)? {
            continue;
        }
        let beacon = tokio::task::block_in_place(|| beacons.beacon(*beacon_round));
        let signature = beacon.and_then(|beacon| with_y(&beacon.signature));
        let signature = signature.map_err(|source| EvaluatorError::Beacon {
            round: *round,
            source,
        })?;
        enqueue(outbox, &key, &rounds.reveal(*round, &signature))?;
        tracing::warn!(%round, "nobody has revealed its seed: revealing it");
    }
    Ok(duties.due_in)
}

/// Whether a transaction waits in the queue or has taken effect; one that failed is tried again.
fn is_under_way(outbox: &Outbox, key: &str) -> Result<bool, EvaluatorError> {
    Ok(match outbox.ended(key)? {
        Some(ended) => matches!(ended, Ended::Done(_)),
        None => outbox.draft_of(key)?.is_some(),
    })
}

fn enqueue(outbox: &mut Outbox, key: &str, draft: &Draft) -> Result<(), EvaluatorError> {
    let new = NewIntent {
        key,
        kind: Kind::Commit,
        draft,
    };
    outbox.enqueue(&new)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use alloy_primitives::B256;
    use assize_facts::{ListCommitment, Times};
    use assize_measurement::unixfs::file_cid;
    use assize_protocol::{Parameters, Seed};

    use super::*;

    const SCHEDULE: BeaconSchedule = BeaconSchedule {
        genesis: 0,
        period: NonZeroU64::MIN,
    };

    fn round(number: u64, opened_at: u64, revealed: bool) -> Round {
        let list = ListCommitment {
            root: B256::repeat_byte(1),
            count: 1,
            cid: file_cid(b"list"),
        };
        let parameters = Parameters {
            round_duration: 100,
            step: 10,
            ..Parameters::default()
        };
        Round {
            number: RoundNumber(number),
            roster: list,
            tasks: list,
            parameters,
            opened_at,
            times: Times::of_round(opened_at, &parameters),
            // Published 20 s after the opening.
            beacon_round: BeaconRound(opened_at + 21),
            dedupe_beacon_round: BeaconRound(opened_at + 1_000),
            seed: revealed.then_some(Seed(B256::repeat_byte(1))),
        }
    }

    #[test]
    fn a_seed_is_late_after_a_quarter_of_the_round_and_then_by_turns() {
        let newest = [round(3, 1_000, false)];
        let at = |now, turn| duties(now, &newest, SCHEDULE, true, turn);
        assert_eq!((at(1_044, 0).reveal.len(), at(1_044, 0).due_in), (0, Some(1)));
        assert_eq!(at(1_045, 0).reveal, [(RoundNumber(3), BeaconRound(1_021))]);
        assert_eq!((at(1_045, 2).reveal.len(), at(1_045, 2).due_in), (0, Some(10)));
        assert_eq!(at(1_055, 2).reveal.len(), 1);
        // Too late: the contract takes no seed any more.
        let over = newest[0].times.commits_until;
        assert_eq!((at(over, 0).reveal.len(), at(over + 1, 0).reveal.len()), (1, 0));
        assert_eq!(
            duties(1_050, &[round(3, 1_000, true)], SCHEDULE, true, 0).reveal,
            []
        );
    }

    #[test]
    fn a_round_is_opened_a_round_late_or_at_once_without_a_coordinator() {
        let newest = [round(3, 1_000, true), round(2, 900, true)];
        let at = |now, has_coordinator, turn| duties(now, &newest, SCHEDULE, has_coordinator, turn).open;
        assert_eq!(
            (at(1_199, true, 0), at(1_200, true, 0)),
            (None, Some(RoundNumber(4)))
        );
        assert_eq!(
            (at(1_204, true, 1), at(1_205, true, 1)),
            (None, Some(RoundNumber(4)))
        );
        assert_eq!(
            (at(1_099, false, 0), at(1_100, false, 0)),
            (None, Some(RoundNumber(4)))
        );
        assert_eq!(duties(1_150, &newest, SCHEDULE, true, 0).due_in, Some(50));
    }
}
