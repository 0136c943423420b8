//! Copies of all files that unsettled rounds commit to, made while somebody serves them: whoever deletes or withholds a file later
//! changes nothing.

mod turns;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use assize_chain::{ChainError, Rewards, Rounds};
use assize_facts::{FileKey, FileKind, Times};
use assize_protocol::{B256, RoundNumber};
use assize_store::{Reached, Store};
use assize_verify::{CommittedFile, VerifyError};
use tokio::task::block_in_place;

use self::turns::{Turns, Waiting};
use crate::attempts::Ledger;
use crate::retries::Retries;

/// Rounds that a pass reads from the chain at most.
const MOST_ROUNDS: usize = 64;
/// Files that a pass reads from elsewhere at most.
const MOST_FILES: usize = 32;
/// How long a pass begins to read further files.
const PATIENCE: Duration = Duration::from_secs(60);
/// Failed attempts after which the log warns of a file, once.
const WARNED_AT: u32 = 3;
/// Seconds between two looks at a round to which batches may be committed.
const LOOK: u64 = 60;

/// What evaluators copy, and what they have.
#[derive(Debug, Default)]
pub(crate) struct Mirror {
    rounds: BTreeMap<RoundNumber, Watched>,
    /// Files that are in the store, and are what was committed.
    kept: BTreeSet<FileKey>,
    retries: Retries,
    turns: Turns,
}

/// A round that is not settled.
#[derive(Debug)]
struct Watched {
    times: Times,
    files: Vec<CommittedFile>,
    /// Whether no reorganisation is expected to change it any more.
    closed: bool,
}

/// The result of a pass.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mirrored {
    /// Files that are not in the store, of those that count.
    pub(crate) missing: u64,
    /// Whether a source answered.
    pub(crate) heard: bool,
    /// Seconds until there may be more to copy.
    pub(crate) due_in: Option<u64>,
}

/// Where to copy from, and what.
pub(crate) struct Place<'a> {
    pub(crate) rounds: &'a Rounds,
    pub(crate) rewards: &'a Rewards,
    pub(crate) store: &'a dyn Store,
    /// The last round that is settled.
    pub(crate) settled: RoundNumber,
    /// Seconds for which a reorganisation may change a round that is over.
    pub(crate) delay: u64,
}

impl Mirror {
    /// Copies what is not in the store yet, within bounds; the next pass continues. A file that cannot be copied is tried again later.
    ///
    /// # Errors
    /// The chain cannot be read.
    pub(crate) async fn pass(
        &mut self,
        place: &Place<'_>,
        ledger: &mut Ledger,
    ) -> Result<Mirrored, ChainError> {
        let now = place.rounds.client().head().await?.timestamp;
        self.look(place, now).await?;
        let files: Vec<_> = self
            .rounds
            .values()
            .flat_map(|round| &round.files)
            .copied()
            .collect();
        let mut missing = self.missing(&files);
        let mut mirrored = Mirrored::default();
        if !missing.is_empty() {
            let drops = place.rewards.drops().await?;
            missing.retain(|file| !drops.contains(&file.key()));
            mirrored.heard = block_in_place(|| self.copy(place.store, &missing, now, ledger));
        }
        missing.retain(|file| !self.kept.contains(&file.key()));
        mirrored.missing = missing.len() as u64;
        mirrored.due_in = self.due_in(now, !missing.is_empty());
        Ok(mirrored)
    }

    /// Reads the unsettled rounds, as far as they may still change.
    async fn look(&mut self, place: &Place<'_>, now: u64) -> Result<(), ChainError> {
        self.rounds = self.rounds.split_off(&RoundNumber(place.settled.0 + 1));
        let latest = place.rounds.latest_round().await?.unwrap_or_default();
        let open = (place.settled.0 + 1..=latest.0).map(RoundNumber);
        let open = open.filter(|number| self.rounds.get(number).is_none_or(|round| !round.closed));
        for number in open.take(MOST_ROUNDS).collect::<Vec<_>>() {
            let round = place.rounds.round(number).await?;
            let batches = place.rounds.commitments(number, FileKind::Lines).await?;
            let watched = Watched {
                times: round.times,
                files: CommittedFile::all(&round, &batches),
                closed: now > round.times.dedupe_from.saturating_add(place.delay),
            };
            self.rounds.insert(number, watched);
        }
        Ok(())
    }

    /// The batches that are in the store, of each unsettled round, by the roots over their lines.
    pub(crate) fn held(&self) -> BTreeMap<RoundNumber, Vec<B256>> {
        let held = |round: &Watched| {
            let kept = round.files.iter().filter(|file| self.kept.contains(&file.key()));
            kept.filter_map(CommittedFile::lines_root).collect()
        };
        self.rounds
            .iter()
            .map(|(number, round)| (*number, held(round)))
            .collect()
    }

    /// The files that are not known to be in the store.
    fn missing(&mut self, files: &[CommittedFile]) -> Vec<CommittedFile> {
        let keys: BTreeSet<_> = files.iter().map(CommittedFile::key).collect();
        self.kept.retain(|key| keys.contains(key));
        self.retries.retain(|key| keys.contains(&key));
        let missing = files.iter().filter(|file| !self.kept.contains(&file.key()));
        missing.copied().collect()
    }

    /// Copies files, for as long as there is time; returns whether a source answered.
    fn copy(&mut self, store: &dyn Store, missing: &[CommittedFile], now: u64, ledger: &mut Ledger) -> bool {
        let begun = Instant::now();
        let due = missing.iter().filter(|file| self.retries.is_due(file.key()));
        let mut waiting =
            Waiting::new(due.map(|file| (file.publisher(), self.retries.count(file.key()), file)));
        let mut heard = false;
        for _ in 0..MOST_FILES {
            if begun.elapsed() >= PATIENCE {
                break;
            }
            let Some(file) = self.turns.next(&mut waiting) else {
                break;
            };
            let key = file.key();
            let reached = match ledger.wrong(file) {
                Some(_) => {
                    self.retries.failed(key);
                    Reached::default()
                }
                None => self.copy_one(store, file, ledger),
            };
            heard |= reached.answered;
            if self.retries.count(key) == 0 {
                ledger.succeeded(key);
            } else if !reached.local {
                ledger.failed(key, now);
            }
        }
        heard
    }

    fn copy_one(&mut self, store: &dyn Store, file: &CommittedFile, ledger: &mut Ledger) -> Reached {
        let key = file.key();
        let error = match file.keep(store) {
            Ok(()) => {
                tracing::debug!(file = %key, cid = %file.cid(), "copied");
                self.kept.insert(key);
                self.retries.succeeded(key);
                return Reached::ANSWER;
            }
            Err(error) => error,
        };
        if let VerifyError::NotTheBatch { .. } = error {
            ledger.found_wrong(*file, error.to_string());
        }
        let count = self.retries.failed(key);
        match count {
            WARNED_AT => tracing::warn!(file = %key, %error, "a file of an unsettled round cannot be copied"),
            _ => tracing::debug!(file = %key, %error, "a file of an unsettled round cannot be copied"),
        }
        error.reached()
    }

    /// Seconds until a round may have more files, or a missing one is tried again.
    fn due_in(&self, now: u64, is_missing: bool) -> Option<u64> {
        let next = |round: &Watched| round.next_look(now);
        let rounds = self
            .rounds
            .values()
            .filter(|round| !round.closed)
            .filter_map(next);
        rounds.chain(is_missing.then_some(LOOK)).min()
    }
}

impl Watched {
    /// Seconds until batches may have been committed: from the close of the round on each minute, and right after the last second
    /// in which they can be.
    fn next_look(&self, now: u64) -> Option<u64> {
        let Times {
            closes_at,
            publish_until,
            ..
        } = self.times;
        match now {
            _ if now < closes_at => Some(closes_at - now),
            _ if now <= publish_until => Some(LOOK.min(publish_until + 1 - now)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_pause_is_so_long_that_the_publication_of_a_round_is_missed() {
        let round = Watched {
            times: Times::of(10_000, 60),
            files: Vec::new(),
            closed: false,
        };
        let publish_until = round.times.publish_until;
        assert_eq!(round.next_look(9_000), Some(1_000));
        assert_eq!(round.next_look(10_000), Some(LOOK));
        assert_eq!(round.next_look(publish_until - 9), Some(10));
        assert_eq!(round.next_look(publish_until), Some(1));
        assert_eq!(round.next_look(publish_until + 1), None);
    }
}
