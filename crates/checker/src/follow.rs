//! Follows rounds, and checks the coordinator's answers against chain and beacon.

use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use assize_chain::ChainError;
use assize_chain::contracts::rounds::Rounds::NoSuchRound;
use assize_drand::{Beacon, BeaconSource};
use assize_facts::Round;
use assize_protocol::RoundNumber;
use assize_service::{Clock, Daemon, NoMetrics, PassError, Status, Stop, run};
use assize_wire::{ProblemKind, RoundDocument};

use crate::assignment::{
    Disagreement, RoundAssignment, check_draw, check_round_document, check_station_document,
};
use crate::checker::{CheckerError, Shared, Summary, same_network};
use crate::heartbeat::{LONGEST_PAUSE, RETRY, jittered};
use crate::inclusion::Place;
use crate::work::work;
use crate::{AskError, Event};

/// Label of failures.
const ROUNDS: &str = "following rounds";
/// Maximum pause between polls for the next round.
const LONGEST_POLL: Duration = Duration::from_secs(30);
/// Delay after a beacon's time until it can be on chain.
const REVEALING: u64 = 2;
/// Number of polls for which nodes may disagree.
const TOLERATED: u32 = 5;
/// How long following rounds may fail before the checker is unhealthy.
const PATIENCE: Duration = Duration::from_secs(600);

/// The result of a poll.
enum Look {
    /// Nothing new.
    Nothing,
    /// A round whose beacon is published at this time, Unix seconds.
    Unrevealed(Option<u64>),
    /// A round without anything to do.
    Over(Round),
    /// A round whose roster does not have the station.
    NotInRoster(Round),
    /// A round about which the coordinator contradicts the chain.
    Disagreement(Round, Disagreement),
    /// A round in which the station is to work.
    Drawn(Box<RoundAssignment>),
}

/// Why a poll failed; it is repeated.
#[derive(Debug, thiserror::Error)]
enum LookError {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Beacon(#[from] assize_drand::BeaconError),
    #[error("the coordinator reports round {said} as the newest, but the chain has round {latest}")]
    Behind { said: RoundNumber, latest: RoundNumber },
    #[error(
        "the coordinator reports round {said}, which the chain does not have; check whether the node lags"
    )]
    Ahead { said: RoundNumber },
    #[error("a thread panicked")]
    Panicked,
}

/// Why a pass failed.
#[derive(Debug, thiserror::Error)]
enum FollowError {
    #[error(transparent)]
    Look(#[from] LookError),
    #[error(transparent)]
    Own(#[from] CheckerError),
}

impl PassError for FollowError {
    fn is_transient(&self) -> bool {
        matches!(self, Self::Look(_))
    }

    fn is_fatal(&self) -> bool {
        matches!(self, Self::Own(_))
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Look(LookError::Ask(error)) => error.retry_after(),
            _ => None,
        }
    }
}

/// Follows rounds until shutdown, or until the configured number is reached.
pub(crate) async fn follow(shared: Arc<Shared>, stop: Stop) -> Result<Summary, CheckerError> {
    let poll = shared.config.poll;
    let mut follower = Follower {
        shared,
        introduced: false,
        last: None,
        opened: None,
        ahead: 0,
        poll,
        pause: poll,
        failing: Arc::default(),
        summary: Summary::default(),
    };
    let failing = Arc::clone(&follower.failing);
    follower.shared.status.watch(move || failing.lasting(PATIENCE));
    let status = Status::new(NoMetrics::default(), 0);
    match run(&mut follower, RETRY, &status, &stop).await {
        Ok(()) | Err(FollowError::Look(_)) => {}
        Err(FollowError::Own(error)) => return Err(error),
    }
    follower.wait_until_submitted(&stop).await?;
    Ok(follower.summary)
}

/// Since when polls have failed, and why the last one did.
#[derive(Default)]
struct Failing(Mutex<Option<(Instant, String)>>);

impl Failing {
    fn get(&self) -> MutexGuard<'_, Option<(Instant, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, error: &impl ToString) {
        let mut failing = self.get();
        let since = failing.as_ref().map_or_else(Instant::now, |(since, _)| *since);
        *failing = Some((since, error.to_string()));
    }

    fn clear(&self) {
        *self.get() = None;
    }

    /// What is said of a failure that has lasted for `time`.
    fn lasting(&self, time: Duration) -> Option<String> {
        let failing = self.get();
        let (since, error) = failing.as_ref()?;
        let seconds = since.elapsed().as_secs();
        (seconds >= time.as_secs()).then(|| format!("following rounds has failed for {seconds} s: {error}"))
    }
}

struct Follower {
    shared: Arc<Shared>,
    /// Whether the coordinator is known to serve the same network.
    introduced: bool,
    /// The last attended round.
    last: Option<Round>,
    /// The last round reported as open.
    opened: Option<RoundNumber>,
    /// Number of consecutive polls in which the coordinator reported a round that the chain did not have.
    ahead: u32,
    /// Between two polls for a new round; it grows while there is none.
    poll: Duration,
    /// Until the next poll.
    pause: Duration,
    failing: Arc<Failing>,
    summary: Summary,
}

impl Daemon for Follower {
    type Metrics = NoMetrics;
    type Alert = Infallible;
    type Error = FollowError;

    async fn pass(&mut self, _: &NoMetrics, stop: &Stop) -> Result<Vec<Infallible>, FollowError> {
        if !self.introduced {
            self.introduced = self.introduce(stop).await?;
        }
        let looked = tokio::select! {
            looked = self.look() => looked?,
            () = stop.asked() => return Ok(Vec::new()),
        };
        self.failing.clear();
        let usual = self.shared.config.poll;
        self.poll = match looked {
            Look::Nothing => self.poll.mul_f64(1.5).min(LONGEST_POLL.max(usual)),
            _ => usual,
        };
        self.pause = match looked {
            Look::Nothing => self.poll,
            Look::Unrevealed(at) => {
                let left = at
                    .unwrap_or_default()
                    .saturating_add(REVEALING)
                    .saturating_sub(Clock::system().now());
                usual.max(Duration::from_secs(left))
            }
            look => self.attend(look, stop).await?,
        };
        Ok(Vec::new())
    }

    fn pause(&self, _: Duration) -> Duration {
        jittered(self.pause)
    }

    fn is_done(&self) -> bool {
        let Summary { worked, refused } = self.summary;
        let rounds = self.shared.config.rounds;
        rounds.is_some_and(|rounds| worked + refused >= rounds)
    }

    fn failed(&mut self, error: &FollowError, _: bool) {
        let asked = match error {
            FollowError::Look(LookError::Ask(asked)) => Some(asked),
            _ => None,
        };
        self.failing.note(error);
        self.shared.failed_asking(ROUNDS, error, asked);
    }
}

impl Follower {
    /// Checks that the coordinator serves the same network, and learns its ingest key. False if it is stopped meanwhile.
    async fn introduce(&self, stop: &Stop) -> Result<bool, FollowError> {
        let Shared { domain, drand, .. } = &*self.shared;
        let network = tokio::select! {
            asked = self.shared.coordinator.network() => asked.map_err(LookError::from)?,
            () = stop.asked() => return Ok(false),
        };
        let ours = (domain.chain_id, domain.rounds, drand.hash());
        same_network(&self.shared.coordinator, &network, ours)?;
        let pinned = self
            .shared
            .spool
            .pin(network.ingest)
            .map_err(CheckerError::from)?;
        if pinned != network.ingest {
            let error = format!(
                "the coordinator's ingest key is {}, but {pinned} is pinned, and only receipts of that key are \
                 accepted; if it was really changed, set the new one with --ingest-address",
                network.ingest
            );
            self.shared.trouble(ROUNDS, &error);
        }
        Ok(true)
    }

    async fn look(&mut self) -> Result<Look, LookError> {
        let said = match self.shared.coordinator.current().await {
            Ok(said) => said,
            // Before the first round.
            Err(error) if error.kind() == Some(ProblemKind::NotFound) => return Ok(Look::Nothing),
            Err(error) => return Err(error.into()),
        };
        // A reorganisation may reopen or re-reveal a round; it then has another seed.
        let attended =
            |last: &Round| said.round < last.number || (said.round == last.number && said.seed == last.seed);
        if self.last.as_ref().is_some_and(attended) {
            return Ok(Look::Nothing);
        }
        let round = match self.shared.rounds.round(said.round).await {
            Ok(round) => {
                self.ahead = 0;
                round
            }
            // Either the node lags, or the coordinator reports a round that does not exist: nothing is done.
            Err(error) if no_such_round(&error) => {
                self.ahead += 1;
                return match self.ahead < TOLERATED {
                    true => Ok(Look::Nothing),
                    false => Err(LookError::Ahead { said: said.round }),
                };
            }
            Err(error) => return Err(error.into()),
        };
        if let Some(latest) = self.shared.rounds.latest_round().await?
            && latest > said.round
        {
            let said = said.round;
            return Err(LookError::Behind { said, latest });
        }
        if self.last.as_ref() == Some(&round) {
            return Ok(Look::Nothing);
        }
        if Clock::system().now() >= round.times.closes_at {
            return Ok(Look::Over(round));
        }
        let Shared { contracts, drand, .. } = &*self.shared;
        if let Err(disagreement) = check_round_document(contracts, drand, &round, &said) {
            return Ok(Look::Disagreement(round, disagreement));
        }
        if round.seed.is_none() || said.seed.is_none() {
            let at = self.shared.drand.schedule().time_of(round.beacon_round);
            if self.opened.replace(round.number) != Some(round.number) {
                self.shared.tell(&Event::Opened {
                    round: round.number,
                    beacon_at: at,
                });
            }
            return Ok(Look::Unrevealed(at));
        }
        self.draw(round, &said).await
    }

    /// The station's assignment in a revealed round.
    async fn draw(&self, round: Round, said: &RoundDocument) -> Result<Look, LookError> {
        let station = self.shared.key.address();
        let document = match self.shared.coordinator.station(round.number, station).await {
            Ok(document) => document,
            Err(error) if error.kind() == Some(ProblemKind::NotFound) => return Ok(Look::NotInRoster(round)),
            Err(error) => return Err(error.into()),
        };
        let beacon = match &said.beacon.signature {
            Some(signature) => match const_hex::decode(signature) {
                Ok(signature) => Beacon {
                    round: said.beacon.round,
                    signature,
                    previous_signature: None,
                },
                Err(error) => {
                    let disagreement = Disagreement {
                        what: "beacon".into(),
                        expected: "a signature in hexadecimal digits".into(),
                        got: error.to_string(),
                    };
                    return Ok(Look::Disagreement(round, disagreement));
                }
            },
            None => self.fetch_beacon(&round).await?,
        };
        // A pairing and a few hundred hashes: milliseconds.
        let shared = Arc::clone(&self.shared);
        let derive = move || {
            let seed = check_draw(&shared.contracts, &shared.drand, &round, beacon)?;
            let who = (shared.key.address(), shared.config.operator);
            check_station_document(&round, seed, who, &document)
        };
        let derived = tokio::task::spawn_blocking(derive).await;
        Ok(match derived.map_err(|_| LookError::Panicked)? {
            Ok(assignment) => Look::Drawn(Box::new(assignment)),
            Err(disagreement) => Look::Disagreement(round, disagreement),
        })
    }

    async fn fetch_beacon(&self, round: &Round) -> Result<Beacon, LookError> {
        let (beacons, number) = (Arc::clone(&self.shared.beacons), round.beacon_round);
        let fetched = tokio::task::spawn_blocking(move || beacons.beacon(number)).await;
        Ok(fetched.map_err(|_| LookError::Panicked)??)
    }

    /// Handles a poll's result; returns the pause after it.
    async fn attend(&mut self, look: Look, stop: &Stop) -> Result<Duration, CheckerError> {
        let shared = Arc::clone(&self.shared);
        let round = match look {
            Look::Drawn(assignment) => {
                let round = assignment.round;
                shared.spool.keep(&Place::of(&assignment))?;
                shared.drawn.notify_one();
                work(&shared, *assignment, stop).await?;
                if !stop.is_set() && self.is_first(&round) {
                    self.summary.worked += 1;
                }
                round
            }
            Look::Disagreement(round, disagreement) => {
                let Disagreement { what, expected, got } = disagreement;
                shared.tell(&Event::Disagreement {
                    round: round.number,
                    what,
                    expected,
                    got,
                });
                if self.is_first(&round) {
                    self.summary.refused += 1;
                }
                round
            }
            Look::NotInRoster(round) => {
                let since = shared.live_since.load(Ordering::SeqCst);
                shared.tell(&Event::NotInRoster {
                    round: round.number,
                    opened_at: round.opened_at,
                    live_since: (since > 0).then_some(since),
                    next_opening: round.times.closes_at,
                });
                round
            }
            Look::Over(round) => round,
            Look::Nothing | Look::Unrevealed(_) => return Ok(shared.config.poll),
        };
        self.clean(&round, stop).await?;
        let left = round.times.closes_at.saturating_sub(Clock::system().now());
        self.last = Some(round);
        Ok(Duration::from_secs(left).min(LONGEST_PAUSE) + shared.config.poll.mul_f64(fastrand::f64()))
    }

    /// Whether no round with this number was attended before.
    fn is_first(&self, round: &Round) -> bool {
        self.last.as_ref().is_none_or(|last| last.number != round.number)
    }

    /// Maintenance once per round.
    async fn clean(&self, round: &Round, stop: &Stop) -> Result<(), CheckerError> {
        let shared = &self.shared;
        shared.drop_late()?;
        shared.spool.forget(round.number)?;
        if let Err(error) = shared.receipts().prune() {
            shared.trouble("old receipts", &error);
        }
        let paid = tokio::select! {
            paid = shared.rewards.claimed(shared.config.operator) => paid,
            () = stop.asked() => return Ok(()),
        };
        match paid {
            Ok(atto) => shared.tell(&Event::Paid { atto }),
            Err(error) => shared.trouble("payments", &error),
        }
        Ok(())
    }

    /// Before a normal end: waits until everything is submitted or too late.
    async fn wait_until_submitted(&self, stop: &Stop) -> Result<(), CheckerError> {
        let Some(last) = &self.last else {
            return Ok(());
        };
        while !stop.is_set()
            && self.shared.spool.count_waiting()? > 0
            && last.times.accepts_measurements(Clock::system().now())
        {
            stop.wait(Duration::from_millis(100)).await;
        }
        Ok(())
    }
}

fn no_such_round(error: &ChainError) -> bool {
    error
        .revert()
        .is_some_and(|revert| revert.decode::<NoSuchRound>().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_that_fail_for_long_are_a_reason_until_one_succeeds() {
        let failing = Failing::default();
        failing.note(&"the node is gone");
        assert_eq!(failing.lasting(PATIENCE), None);
        let long_ago = Instant::now().checked_sub(PATIENCE).unwrap();
        *failing.get() = Some((long_ago, String::new()));
        // The time counts from the first failure, the reason is that of the last.
        failing.note(&"the node is still gone");
        assert_eq!(
            failing.lasting(PATIENCE).unwrap(),
            "following rounds has failed for 600 s: the node is still gone"
        );
        failing.clear();
        assert_eq!(failing.lasting(PATIENCE), None);
    }
}
