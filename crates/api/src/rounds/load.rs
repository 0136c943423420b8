//! From chain, store and drand to what is known of a round. All of it blocks.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use alloy_primitives::B256;
use assize_chain::{ListCommitment, Round};
use assize_drand::{BeaconSource, Verified};
use assize_measurement::Domain;
use assize_protocol::{Assignment, FileCid, List, ListError, Roster, Seed, TaskList};
use assize_store::Source;

use super::RoundError;
use super::view::{Draw, Known, Listed, View};

/// Wherever beacons come from, each verified before it is used.
pub type Beacons = Verified<Box<dyn BeaconSource + Send + Sync>>;

/// Lists of each kind that are kept: successive rounds often have the same.
const KEPT: usize = 3;

/// Where rounds are made known from.
pub(super) struct Loader {
    pub(super) domain: Domain,
    pub(super) store: Arc<dyn Source>,
    pub(super) beacons: Arc<Beacons>,
    rosters: Recent<Roster>,
    task_lists: Recent<TaskList>,
}

impl Loader {
    pub(super) fn new(domain: Domain, store: Arc<dyn Source>, beacons: Arc<Beacons>) -> Self {
        Self {
            domain,
            store,
            beacons,
            rosters: Recent::default(),
            task_lists: Recent::default(),
        }
    }

    /// Checks that the seed follows from the beacon.
    pub(super) fn known(&self, round: Round) -> Result<Known, RoundError> {
        let Some(revealed) = round.seed else {
            return Ok(Known { round, draw: None });
        };
        let number = round.number;
        let beacon = self
            .beacons
            .beacon(round.beacon_round)
            .map_err(|source| RoundError::Beacon {
                round: number,
                source: Arc::new(source),
            })?;
        let Domain { chain_id, rounds } = self.domain;
        let seed = Seed::derive(chain_id, rounds, number, beacon.randomness());
        if seed != revealed {
            return Err(RoundError::WrongSeed { round: number });
        }
        let (stations, tasks) = (round.roster.count, round.tasks.count);
        let assignment = Assignment::new(seed, &round.parameters, stations, tasks);
        let draw = Some(Draw { beacon, assignment });
        Ok(Known { round, draw })
    }

    /// The view of a revealed round; none before.
    pub(super) fn view(&self, known: &Arc<Known>) -> Result<Option<View>, RoundError> {
        let roster = self.roster(&known.round)?;
        let tasks = self.tasks(&known.round)?;
        let view = |draw| View::derive(Arc::clone(known), draw, roster, tasks);
        Ok(known.draw.as_ref().map(view))
    }

    pub(super) fn roster(&self, round: &Round) -> Result<Arc<Listed<Roster>>, RoundError> {
        let parse = |file: &[u8]| Roster::parse(file).map(|list| (list.count(), list.tree(), list));
        self.list(List::Roster, round, &round.roster, &self.rosters, parse)
    }

    pub(super) fn tasks(&self, round: &Round) -> Result<Arc<Listed<TaskList>>, RoundError> {
        let parse = |file: &[u8]| TaskList::parse(file).map(|list| (list.count(), list.tree(), list));
        self.list(List::Tasks, round, &round.tasks, &self.task_lists, parse)
    }

    fn list<T>(
        &self,
        list: List,
        round: &Round,
        frozen: &ListCommitment,
        recent: &Recent<T>,
        parse: impl FnOnce(&[u8]) -> Result<(u32, assize_protocol::merkle::Tree, T), ListError>,
    ) -> Result<Arc<Listed<T>>, RoundError> {
        let (round, cid) = (round.number, frozen.cid);
        let listed = match recent.get(&cid) {
            Some(listed) => listed,
            None => {
                let file = self.store.get(&cid).map_err(|source| RoundError::Store {
                    list,
                    round,
                    cid,
                    source: Arc::new(source),
                })?;
                let (count, tree, content) = parse(&file).map_err(|source| RoundError::List {
                    list,
                    round,
                    cid,
                    source,
                })?;
                recent.put(cid, count, Listed::new(content, tree))
            }
        };
        let right: (u32, B256) = (frozen.count, frozen.root);
        match (listed.0, listed.1.root()) == right {
            true => Ok(listed.1),
            false => Err(RoundError::WrongList { list, round, cid }),
        }
    }
}

/// The lists read last, by CID, with their counts.
struct Recent<T>(Mutex<VecDeque<Read<T>>>);

/// A list that was read, with its count.
type Read<T> = (FileCid, u32, Arc<Listed<T>>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Recent<T> {
    fn get(&self, cid: &FileCid) -> Option<(u32, Arc<Listed<T>>)> {
        let recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = recent.iter().find(|(of, ..)| of == cid)?;
        Some((found.1, Arc::clone(&found.2)))
    }

    fn put(&self, cid: FileCid, count: u32, listed: Listed<T>) -> (u32, Arc<Listed<T>>) {
        let listed = Arc::new(listed);
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recent.push_back((cid, count, Arc::clone(&listed)));
        if recent.len() > KEPT {
            recent.pop_front();
        }
        (count, listed)
    }
}
