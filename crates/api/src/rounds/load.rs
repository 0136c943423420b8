//! Loads rounds from chain, store and drand. All functions block.

use std::collections::VecDeque;
use std::io::BufReader;
use std::sync::{Arc, Mutex, PoisonError};

use assize_drand::{BeaconSource, Verified};
use assize_facts::{Contracts, FileError, ListCommitment, Round, RoundChecks, RoundFault};
use assize_protocol::{FileCid, ListEntry, RosterEntry, Task};
use assize_store::Source;

use super::RoundError;
use super::view::{CheckedRound, ListWithTree, RevealedDraw, RevealedRound};

/// Any source of beacons, which are verified before use.
pub type Beacons = Verified<Box<dyn BeaconSource + Send + Sync>>;

/// Number of lists of each kind in the cache: successive rounds often share them.
const KEPT: usize = 3;

/// Where rounds are loaded from.
pub(super) struct Loader {
    contracts: Contracts,
    pub(super) store: Arc<dyn Source>,
    pub(super) beacons: Arc<Beacons>,
    rosters: Recent<RosterEntry>,
    task_lists: Recent<Task>,
}

impl Loader {
    pub(super) fn new(contracts: Contracts, store: Arc<dyn Source>, beacons: Arc<Beacons>) -> Self {
        Self {
            contracts,
            store,
            beacons,
            rosters: Recent::default(),
            task_lists: Recent::default(),
        }
    }

    /// Checks an open round (docs/protocol.md §12): timetable, beacon and seed.
    pub(super) fn checked(&self, round: Round) -> Result<CheckedRound, RoundError> {
        let checks = RoundChecks {
            contracts: &self.contracts,
            beacons: &self.beacons,
        };
        let Some(seed) = checks.check_open(&round)? else {
            return Ok(CheckedRound { round, draw: None });
        };
        // Cached, since it was just verified.
        let beacon_round = round.beacon_round;
        let beacon = self
            .beacons
            .beacon(beacon_round)
            .map_err(|source| RoundFault::Beacon {
                round: round.number,
                beacon_round,
                source,
            })?;
        let assignment = round.assignment(seed);
        let draw = Some(RevealedDraw { beacon, assignment });
        Ok(CheckedRound { round, draw })
    }

    /// A round with its lists; `None` before it is revealed, although its lists are read.
    pub(super) fn revealed(&self, checked: &Arc<CheckedRound>) -> Result<Option<RevealedRound>, RoundError> {
        let roster = self.roster(&checked.round)?;
        let tasks = self.tasks(&checked.round)?;
        let revealed = |draw| RevealedRound::derive(Arc::clone(checked), draw, roster, tasks);
        Ok(checked.draw.as_ref().map(revealed))
    }

    pub(super) fn roster(&self, round: &Round) -> Result<Arc<ListWithTree<RosterEntry>>, RoundError> {
        self.list(round, &round.roster, &self.rosters)
    }

    pub(super) fn tasks(&self, round: &Round) -> Result<Arc<ListWithTree<Task>>, RoundError> {
        self.list(round, &round.tasks, &self.task_lists)
    }

    fn list<E: ListEntry>(
        &self,
        round: &Round,
        frozen: &ListCommitment,
        recent: &Recent<E>,
    ) -> Result<Arc<ListWithTree<E>>, RoundError> {
        let (round, cid) = (round.number, frozen.cid);
        let listed = match recent.get(&cid) {
            Some(listed) => listed,
            None => {
                let file = self.store.open(&cid).map_err(|source| RoundFault::File {
                    list: E::LIST,
                    round,
                    cid,
                    source: Arc::new(source) as FileError,
                })?;
                recent.put(
                    cid,
                    ListWithTree::new(frozen.parse::<E>(round, BufReader::new(file))?),
                )
            }
        };
        frozen.check(round, E::LIST, listed.list.count(), listed.root())?;
        Ok(listed)
    }
}

/// The most recently read lists, by CID.
struct Recent<E>(Mutex<VecDeque<(FileCid, Arc<ListWithTree<E>>)>>);

impl<E> Default for Recent<E> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<E> Recent<E> {
    fn get(&self, cid: &FileCid) -> Option<Arc<ListWithTree<E>>> {
        let recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, listed) = recent.iter().find(|(of, _)| of == cid)?;
        Some(Arc::clone(listed))
    }

    fn put(&self, cid: FileCid, listed: ListWithTree<E>) -> Arc<ListWithTree<E>> {
        let listed = Arc::new(listed);
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recent.push_back((cid, Arc::clone(&listed)));
        if recent.len() > KEPT {
            recent.pop_front();
        }
        listed
    }
}
