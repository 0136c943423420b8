//! Files that cannot be read, and dropped ones that can (docs/protocol.md §11.3).

use std::time::{Duration, Instant};

use assize_drand::BeaconSource;
use assize_facts::{FileKey, FileKind, ListCommitment};
use assize_protocol::{List, ListEntry, RosterEntry, RoundNumber, Task};
use rayon::prelude::*;

use crate::evidence::open_list;
use crate::{Evidence, VerifyError};

/// What became of the files of revealed rounds that count, each part in the order of rounds.
#[derive(Debug, Default)]
pub struct Tried {
    /// Those that cannot be read, with the reasons.
    pub failed: Vec<(FileKey, VerifyError)>,
    /// Those that were read.
    pub read: Vec<FileKey>,
    /// Those for which there was no time. Nothing is known of them.
    pub left: Vec<FileKey>,
}

enum Fate {
    Failed(VerifyError),
    Read,
    Left,
}

impl<B: BeaconSource + Sync> Evidence<'_, B> {
    /// Tries to read the files of revealed rounds that count. An evaluator objects to those that fail, from `objectionsFrom` of their
    /// round on.
    ///
    /// Blocks until all are tried, or until `patience` is over and those that were begun have ended. `turn` tells when a file was tried
    /// before: the lower, the earlier it is tried now. With `None` it is left out. One file is tried in any case.
    ///
    /// # Errors
    /// [`VerifyError::NotRead`] if the facts lack one of the rounds.
    pub fn unreadable(
        &self,
        first: RoundNumber,
        last: RoundNumber,
        turn: &dyn Fn(FileKey) -> Option<u64>,
        patience: Duration,
    ) -> Result<Tried, VerifyError> {
        let begun = Instant::now();
        let files = self.files(first, last)?.into_iter();
        let counted = files.filter(|file| !self.chain.drops.contains(file));
        let mut order: Vec<_> = (0..)
            .zip(counted)
            .filter_map(|(place, file)| Some((turn(file)?, place, file)))
            .collect();
        order.sort_unstable();
        // A bridge gives them to the threads in this order.
        let order = order.into_iter().enumerate().par_bridge();
        let mut fates: Vec<(usize, FileKey, Fate)> = order
            .map(|(rank, (_, place, file))| {
                let fate = match rank > 0 && begun.elapsed() >= patience {
                    true => Fate::Left,
                    false => self.read(file).map_or_else(Fate::Failed, |()| Fate::Read),
                };
                (place, file, fate)
            })
            .collect();
        fates.sort_by_key(|&(place, ..)| place);
        let mut tried = Tried::default();
        for (_, file, fate) in fates {
            match fate {
                Fate::Failed(error) => tried.failed.push((file, error)),
                Fate::Read => tried.read.push(file),
                Fate::Left => tried.left.push(file),
            }
        }
        Ok(tried)
    }

    /// The dropped files of these rounds that can be read after all. A verifier says so: whoever objected to them could not get
    /// them, or did not want to.
    ///
    /// # Errors
    /// [`VerifyError::NotRead`] if the facts lack one of the rounds.
    pub fn readable_drops(&self, first: RoundNumber, last: RoundNumber) -> Result<Vec<FileKey>, VerifyError> {
        let files = self.files(first, last)?.into_par_iter();
        let dropped = files.filter(|file| self.chain.drops.contains(file));
        Ok(dropped.filter(|&file| self.read(file).is_ok()).collect())
    }

    /// All files that evaluations of these rounds read.
    fn files(&self, first: RoundNumber, last: RoundNumber) -> Result<Vec<FileKey>, VerifyError> {
        let mut files = Vec::new();
        for number in (first.0..=last.0).map(RoundNumber) {
            let chain = self.round(number)?;
            if chain.round.seed.is_some() {
                files.extend([List::Roster, List::Tasks].map(|list| FileKey::list(number, list)));
                // The contract counts them in 32 bits.
                files.extend((0..chain.commitments.len() as u32).map(|index| FileKey::batch(number, index)));
            }
        }
        Ok(files)
    }

    /// Reads a file of a round, and checks that it is what was committed.
    ///
    /// # Errors
    /// Why it cannot be read; [`VerifyError::NotRead`] if the facts lack its round.
    pub fn read(&self, key: FileKey) -> Result<(), VerifyError> {
        let chain = self.round(key.round)?;
        match key.kind {
            FileKind::Roster => self.read_list::<RosterEntry>(key, &chain.round.roster),
            FileKind::Tasks => self.read_list::<Task>(key, &chain.round.tasks),
            FileKind::Lines => match chain.commitments.get(key.index as usize) {
                Some(commitment) => self.batches().read(key, commitment).map(drop),
                None => Err(VerifyError::NotRead {
                    what: key.to_string(),
                }),
            },
            // Nothing reads lists of seals yet.
            FileKind::Seals => Ok(()),
        }
    }

    fn read_list<E: ListEntry>(&self, key: FileKey, list: &ListCommitment) -> Result<(), VerifyError> {
        let file = open_list(self.store, &list.cid, || key.to_string())?;
        list.check_file::<E>(key.round, file)?;
        Ok(())
    }
}
