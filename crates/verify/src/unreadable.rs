//! Files that cannot be read, and dropped ones that can (docs/protocol.md §11.3).

use assize_drand::BeaconSource;
use assize_facts::{FileKey, FileKind, ListCommitment};
use assize_protocol::{List, ListEntry, RosterEntry, RoundNumber, Task};
use rayon::prelude::*;

use crate::evidence::open_list;
use crate::{Evidence, VerifyError};

impl<B: BeaconSource + Sync> Evidence<'_, B> {
    /// The files of revealed rounds that count and cannot be read, with the reasons: those that an evaluator objects to, from
    /// `objectionsFrom` of their round on. Tries all of them, so it blocks for as long as the slowest sources need.
    ///
    /// # Errors
    /// [`VerifyError::NotRead`] if the facts lack one of the rounds.
    pub fn unreadable(
        &self,
        first: RoundNumber,
        last: RoundNumber,
    ) -> Result<Vec<(FileKey, VerifyError)>, VerifyError> {
        let files = self.files(first, last)?.into_par_iter();
        let failures = files.filter(|file| !self.chain.drops.contains(file));
        Ok(failures
            .filter_map(|file| Some((file, self.read(file).err()?)))
            .collect())
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
