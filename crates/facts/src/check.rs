//! The single list of checks of a round (docs/protocol.md §12, steps 1 to 3).

use std::error::Error;
use std::fmt;
use std::io::BufRead;
use std::sync::Arc;

use assize_drand::{BeaconError, BeaconSource, Verified};
use assize_protocol::{
    BeaconRound, FileCid, FrozenList, List, ListEntry, ListError, Randomness, Roster, RosterEntry,
    RoundNumber, Seed, Task, TaskList,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{ChainRound, Contracts, Drops, ListCommitment, Mismatch, Round};

/// A check of a round. Its `Display` states the property that it checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// The round is over, so nothing more can be committed (§12, step 1).
    Over,
    /// Timetable and beacon rounds follow from the opening (§12, step 1).
    Timetable,
    /// A round that was not revealed has no batches and no own reports (§12, step 1).
    NoCommitments,
    /// The round's beacon is genuine (§2; §12, step 2).
    Beacon(BeaconRound),
    /// The stored seed follows from the beacon (§3; §12, step 2).
    Seed,
    /// The beacon after the round's end is genuine (§2; §12, step 2).
    DedupeBeacon(BeaconRound),
    /// A list is the one that the round froze (§7; §12, step 3).
    List(List),
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Over => f.write_str("the round is over"),
            Self::Timetable => f.write_str("the round was frozen before its beacons were published"),
            Self::NoCommitments => f.write_str("nothing was committed to a round without a seed"),
            Self::Beacon(round) => write!(f, "drand beacon {round} was signed by the network's key"),
            Self::Seed => f.write_str("the seed follows from the beacon"),
            Self::DedupeBeacon(round) => {
                write!(f, "drand dedupe beacon {round} was signed by the network's key")
            }
            Self::List(list) => write!(f, "the {list} is the one whose root was frozen"),
        }
    }
}

/// Why a file is unavailable.
pub type FileError = Arc<dyn Error + Send + Sync>;

/// A source of files by CID. What is read from it must be the file of that CID, or end in an error.
pub type Files<'a> = dyn Fn(&FileCid) -> Result<Box<dyn BufRead + 'a>, FileError> + 'a;

/// Why a round failed its checks.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum RoundFault {
    /// The round is not over.
    #[error(
        "round {round} is under way until Unix time {until}, and the chain's newest block is from {now}: retry later"
    )]
    UnderWay {
        /// The round.
        round: RoundNumber,
        /// Its last second.
        until: u64,
        /// Time of the newest block.
        now: u64,
    },
    /// The chain's data about the round does not follow from its opening, its parameters and its beacon.
    #[error("{0}; do not sign for this round")]
    Mismatch(Mismatch),
    /// A beacon is unavailable or not genuine.
    #[error("beacon {beacon_round} of round {round}: {source}")]
    Beacon {
        /// The round.
        round: RoundNumber,
        /// The drand round.
        beacon_round: BeaconRound,
        /// The reason.
        source: BeaconError,
    },
    /// A list's file is unavailable.
    #[error("the {list} of round {round}: {source}")]
    File {
        /// Which list.
        list: List,
        /// The round.
        round: RoundNumber,
        /// The file.
        cid: FileCid,
        /// The reason.
        source: FileError,
    },
    /// A list is malformed.
    #[error(
        "the {list} of round {round} ({cid}) is malformed: {source}; the file is what its CID says, so the coordinator \
         published a malformed file: do not sign for this round"
    )]
    List {
        /// Which list.
        list: List,
        /// The round.
        round: RoundNumber,
        /// The file.
        cid: FileCid,
        /// The cause.
        source: ListError,
    },
    /// A list differs from the one whose root the round froze.
    #[error(
        "the {list} of round {round} has {what} {file} in its file {cid}, but {chain} on chain: the coordinator froze one \
         list and published another; do not sign for this round, and ask the coordinator for the right file"
    )]
    WrongList {
        /// Which list.
        list: List,
        /// The round.
        round: RoundNumber,
        /// The file.
        cid: FileCid,
        /// "root" or "count".
        what: &'static str,
        /// The value computed from the file.
        file: String,
        /// The value on chain.
        chain: String,
    },
}

impl RoundFault {
    /// Whether a later attempt may succeed: something is unavailable at the moment, or the round is not over.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::UnderWay { .. } | Self::File { .. } => true,
            Self::Beacon { source, .. } => source.is_retryable(),
            Self::Mismatch(_) | Self::List { .. } | Self::WrongList { .. } => false,
        }
    }
}

/// The beacons' draw for a round (docs/protocol.md §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Draw {
    /// Randomness of the round's beacon.
    pub randomness: Randomness,
    /// The seed derived from it, the same as on chain.
    pub seed: Seed,
    /// Of the beacon that chooses one voter per subnet.
    pub dedupe_randomness: Randomness,
}

/// A revealed round that passed all checks, with the inputs read for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrawnRound {
    /// What the beacons drew.
    pub draw: Draw,
    /// The stations that could be drawn.
    pub roster: Roster,
    /// The tasks that could be drawn.
    pub tasks: TaskList,
}

/// The outcome of a check: what was found, or what is wrong.
#[derive(Clone, Debug)]
pub struct CheckOutcome {
    /// The check.
    pub check: Check,
    /// What was found, or what is wrong.
    pub result: Result<String, RoundFault>,
}

/// Every check of a round, passed or failed.
#[derive(Clone, Debug)]
pub struct RoundReport {
    /// In the order of execution. A check is omitted if one that it depends on failed.
    pub checks: Vec<CheckOutcome>,
    /// The round's draw, if its seed, its beacons and its lists are right.
    pub drawn: Option<DrawnRound>,
}

/// Checks the chain's data about rounds against beacons and files.
#[derive(Debug)]
pub struct RoundChecks<'a, B> {
    /// The contracts that the rounds were read from.
    pub contracts: &'a Contracts,
    /// Source of beacons of the drand chain that the contracts verify.
    pub beacons: &'a Verified<B>,
}

/// Inputs of the checks that are possible only after a round.
struct AfterRound<'a, 'f> {
    commitments: usize,
    own: usize,
    drops: &'a Drops,
    now: u64,
    files: &'a Files<'f>,
}

impl<B: BeaconSource> RoundChecks<'_, B> {
    /// Runs the checks that are possible while a round is open: schedule, beacon and seed. The beacon after its end
    /// does not exist yet, and its lists may be proven entry by entry ([`ListCommitment::has_station`]).
    ///
    /// Returns the seed; `None` if it was not revealed.
    ///
    /// # Errors
    /// The first check that failed: [`RoundFault::Mismatch`] or [`RoundFault::Beacon`].
    pub fn check_open(&self, round: &Round) -> Result<Option<Seed>, RoundFault> {
        let mut log = Log::stopping();
        let seed = self.run(round, None, &mut log).seed;
        log.into_result().map(|()| seed)
    }

    /// Runs all checks of a round that must be over at `now`, the time of the chain's newest block, and stops at the first
    /// that fails. If one of its lists is among `drops`, neither is read.
    ///
    /// Returns the round's draw; `None` if it was not revealed, or if one of its lists was dropped.
    ///
    /// # Errors
    /// [`RoundFault`]: the first check that failed.
    pub fn check(
        &self,
        round: &ChainRound,
        drops: &Drops,
        now: u64,
        files: &Files<'_>,
    ) -> Result<Option<DrawnRound>, RoundFault> {
        let mut log = Log::stopping();
        let drawn = self
            .run(
                &round.round,
                Some(AfterRound::of(round, drops, now, files)),
                &mut log,
            )
            .drawn;
        log.into_result().map(|()| drawn)
    }

    /// Like [`Self::check`], but continues after a failure, and reports every check.
    #[must_use]
    pub fn report(&self, round: &ChainRound, drops: &Drops, now: u64, files: &Files<'_>) -> RoundReport {
        let mut log = Log::default();
        let drawn = self
            .run(
                &round.round,
                Some(AfterRound::of(round, drops, now, files)),
                &mut log,
            )
            .drawn;
        RoundReport {
            checks: log.checks,
            drawn,
        }
    }

    /// The single list of checks.
    fn run(&self, round: &Round, after: Option<AfterRound<'_, '_>>, log: &mut Log) -> Found {
        let number = round.number;
        if let Some(after) = &after {
            let until = round.times.dedupe_from;
            let over = || match round.times.is_over(after.now) {
                true => Ok(()),
                false => Err(RoundFault::UnderWay {
                    round: number,
                    until,
                    now: after.now,
                }),
            };
            log.check(Check::Over, over, |()| format!("since Unix time {until}"));
        }
        let timetable = || {
            let schedule = self.beacons.chain().schedule();
            round.check_timetable(schedule).map_err(RoundFault::Mismatch)
        };
        log.check(Check::Timetable, timetable, |()| {
            format!(
                "opened at Unix time {}; drawn by drand rounds {} and {}",
                round.opened_at, round.beacon_round, round.dedupe_beacon_round
            )
        });
        if round.seed.is_none() {
            if let Some(after) = &after {
                let none = || {
                    Mismatch::check(|| round.path("commitments"), 0, after.commitments)
                        .and_then(|()| Mismatch::check(|| round.path("own"), 0, after.own))
                        .map_err(RoundFault::Mismatch)
                };
                log.check(Check::NoCommitments, none, |()| {
                    "the beacon was not revealed".to_owned()
                });
            }
            return Found::default();
        }
        let randomness = self.randomness(log, Check::Beacon(round.beacon_round), number, round.beacon_round);
        let seed = randomness.and_then(|randomness| {
            let follows = || {
                round
                    .check_seed(self.contracts, randomness)
                    .map_err(RoundFault::Mismatch)
            };
            log.check(Check::Seed, follows, Seed::to_string)
        });
        let Some(AfterRound { files, drops, .. }) = after else {
            return Found { seed, drawn: None };
        };
        let dedupe = round.dedupe_beacon_round;
        let dedupe_randomness = self.randomness(log, Check::DedupeBeacon(dedupe), number, dedupe);
        if !drops.lists(number).is_empty() {
            return Found { seed, drawn: None };
        }
        let roster = list::<RosterEntry>(log, number, &round.roster, files);
        let tasks = list::<Task>(log, number, &round.tasks, files);
        let drawn = || {
            Some(DrawnRound {
                draw: Draw {
                    randomness: randomness?,
                    seed: seed?,
                    dedupe_randomness: dedupe_randomness?,
                },
                roster: roster?,
                tasks: tasks?,
            })
        };
        Found { seed, drawn: drawn() }
    }

    fn randomness(
        &self,
        log: &mut Log,
        check: Check,
        round: RoundNumber,
        beacon_round: BeaconRound,
    ) -> Option<Randomness> {
        let verified = || {
            self.beacons
                .randomness(beacon_round)
                .map_err(|source| RoundFault::Beacon {
                    round,
                    beacon_round,
                    source,
                })
        };
        log.check(check, verified, |randomness| format!("randomness {randomness}"))
    }
}

/// Reads a list and checks that it is the frozen one.
fn list<E: ListEntry>(
    log: &mut Log,
    round: RoundNumber,
    frozen: &ListCommitment,
    files: &Files<'_>,
) -> Option<FrozenList<E>> {
    let ListCommitment { root, cid, .. } = *frozen;
    let read = || {
        let file = files(&cid).map_err(|source| RoundFault::File {
            list: E::LIST,
            round,
            cid,
            source,
        })?;
        frozen.read::<E>(round, file)
    };
    log.check(Check::List(E::LIST), read, |list| {
        format!("{} entries, root {root}", list.count())
    })
}

impl<'a, 'f> AfterRound<'a, 'f> {
    fn of(round: &ChainRound, drops: &'a Drops, now: u64, files: &'a Files<'f>) -> Self {
        Self {
            commitments: round.commitments.len(),
            own: round.own.len(),
            drops,
            now,
            files,
        }
    }
}

/// Results of the checks.
#[derive(Default)]
struct Found {
    seed: Option<Seed>,
    drawn: Option<DrawnRound>,
}

/// The checks run so far.
#[derive(Default)]
struct Log {
    checks: Vec<CheckOutcome>,
    /// Whether to stop after the first failure.
    stops: bool,
    failed: bool,
}

impl Log {
    fn stopping() -> Self {
        Self {
            stops: true,
            ..Self::default()
        }
    }

    /// Runs a check, unless an earlier failure stopped them all; passes on what was found.
    fn check<T>(
        &mut self,
        check: Check,
        make: impl FnOnce() -> Result<T, RoundFault>,
        show: impl FnOnce(&T) -> String,
    ) -> Option<T> {
        if self.stops && self.failed {
            return None;
        }
        let (found, result) = match make() {
            Ok(found) => {
                let shown = show(&found);
                (Some(found), Ok(shown))
            }
            Err(fault) => (None, Err(fault)),
        };
        self.failed |= result.is_err();
        self.checks.push(CheckOutcome { check, result });
        found
    }

    /// The first failure.
    fn into_result(self) -> Result<(), RoundFault> {
        self.checks
            .into_iter()
            .try_for_each(|outcome| outcome.result.map(drop))
    }
}
