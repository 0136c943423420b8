//! Copies of the files that rounds commit to, in a store of one's own.

use std::io::{self, BufRead, BufReader, Read, Write};

use assize_facts::{BatchCommitment, FileKey, ListCommitment, Round};
use assize_protocol::{Address, B256, FileCid, List, RosterEntry, Task};
use assize_store::{Content, Store, StoreError};

use crate::VerifyError;
use crate::evidence::{open_batch, open_list, read_by_cid};

type Result<T> = std::result::Result<T, VerifyError>;

/// A file that a round commits to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommittedFile {
    key: FileKey,
    commitment: Commitment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Commitment {
    Roster(ListCommitment),
    Tasks(ListCommitment),
    Batch(BatchCommitment),
}

impl CommittedFile {
    /// The lists of a round, and the batches committed to it, in commit order.
    #[must_use]
    pub fn all(round: &Round, batches: &[BatchCommitment]) -> Vec<Self> {
        let number = round.number;
        let lists = [
            (List::Roster, Commitment::Roster(round.roster)),
            (List::Tasks, Commitment::Tasks(round.tasks)),
        ];
        let lists = lists.map(|(list, commitment)| Self {
            key: FileKey::list(number, list),
            commitment,
        });
        // The contract counts them in 32 bits.
        let batches = (0..).zip(batches).map(|(index, &batch)| Self {
            key: FileKey::batch(number, index),
            commitment: Commitment::Batch(batch),
        });
        lists.into_iter().chain(batches).collect()
    }

    /// Which file it is.
    #[must_use]
    pub fn key(&self) -> FileKey {
        self.key
    }

    /// Its CID.
    #[must_use]
    pub fn cid(&self) -> FileCid {
        match self.commitment {
            Commitment::Roster(list) | Commitment::Tasks(list) => list.cid,
            Commitment::Batch(batch) => batch.cid,
        }
    }

    /// Root over its lines, if it is a batch.
    #[must_use]
    pub fn lines_root(&self) -> Option<B256> {
        match self.commitment {
            Commitment::Batch(batch) => Some(batch.root),
            Commitment::Roster(_) | Commitment::Tasks(_) => None,
        }
    }

    /// Who committed it, if it is a batch.
    #[must_use]
    pub fn publisher(&self) -> Option<Address> {
        match self.commitment {
            Commitment::Batch(batch) => Some(batch.publisher),
            Commitment::Roster(_) | Commitment::Tasks(_) => None,
        }
    }

    /// Reads the file from wherever the store reads what it lacks, and writes it into the store while it checks that it is the
    /// one that was committed. Of any other, nothing is kept. One that the store has is only checked.
    ///
    /// # Errors
    /// As reading it for an evaluation, and [`VerifyError::Store`] if it cannot be written.
    pub fn keep(&self, store: &dyn Store) -> Result<()> {
        let what = || self.key.to_string();
        let file = match self.commitment {
            Commitment::Batch(_) => open_batch(store, &self.cid(), what)?,
            Commitment::Roster(_) | Commitment::Tasks(_) => open_list(store, &self.cid(), what)?,
        };
        if store.has(&self.cid()).is_ok_and(|has| has) {
            return self.check(file);
        }
        let (mut file, mut fault) = (Some(file), None);
        let kept = store.put_with(&mut |to| {
            let Some(from) = file.take() else {
                return Err(io::Error::other("a file is read once"));
            };
            self.check(BufReader::new(Copying { from, to })).map_err(|error| {
                let reason = error.to_string();
                fault = Some(error);
                io::Error::other(reason)
            })
        });
        match (fault, kept) {
            (Some(fault), _) => Err(fault),
            (None, Ok(_)) => Ok(()),
            (None, Err(source)) => Err(VerifyError::Store {
                what: what(),
                source: Box::new(source),
            }),
        }
    }

    fn check(&self, file: impl BufRead) -> Result<()> {
        match self.commitment {
            Commitment::Roster(list) => list.check_file::<RosterEntry>(self.key.round, file)?,
            Commitment::Tasks(list) => list.check_file::<Task>(self.key.round, file)?,
            Commitment::Batch(batch) => read_by_cid(self.key, &batch, file).map(drop)?,
        }
        Ok(())
    }
}

/// A file that is written while it is read.
struct Copying<'a> {
    from: BufReader<Content>,
    to: &'a mut (dyn Write + Send),
}

impl Read for Copying<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        // What cannot be written is a fault of this machine.
        let written = self.to.write_all(&buffer[..count]);
        written.map_err(|error| io::Error::other(StoreError::of_reading(error)))?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use assize_measurement::unixfs::file_cid;
    use assize_protocol::{LinesRoot, RoundNumber};
    use assize_store::{Backed, LocalStore, Reached, Source};

    use super::*;

    /// A batch with these lines.
    fn batch(lines: &[u8], count: u32) -> CommittedFile {
        CommittedFile {
            key: FileKey::batch(RoundNumber(1), 0),
            commitment: Commitment::Batch(BatchCommitment {
                publisher: Address::ZERO,
                root: LinesRoot::of(lines).root(),
                count,
                cid: file_cid(lines),
                committed_at: 0,
            }),
        }
    }

    #[test]
    fn the_committed_file_is_kept_and_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let open = |name: &str| LocalStore::open(directory.path().join(name)).unwrap();
        let (own, other) = (open("own"), open("other"));
        let store = Backed::new(Box::new(own.clone()), vec![Box::new(other.clone())]);
        let lines = b"one\ntwo\n";
        let (right, wrong) = (batch(lines, 2), batch(lines, 3));
        assert_eq!(right.keep(&store).unwrap_err().reached(), Reached::default());
        other.put(lines).unwrap();
        assert_eq!(wrong.keep(&store).unwrap_err().reached(), Reached::ANSWER);
        assert!(own.cids().unwrap().is_empty());
        right.keep(&store).unwrap();
        std::fs::remove_file(other.path(&right.cid())).unwrap();
        assert_eq!(store.get(&right.cid()).unwrap(), lines);
        assert_eq!(own.cids().unwrap(), [right.cid()]);
    }
}
