//! Roster and task list as files: read, checked, stored, read back.

use std::io;
use std::path::{Path, PathBuf};

use assize_facts::ListCommitment;
use assize_protocol::{List, ListError, MAX_LIST, Roster, TaskList};
use assize_service::read_file;
use assize_store::Store;
use thiserror::Error;

use crate::CoordinatorError;

/// Why the task file is not used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TasksError {
    /// It could not be read.
    #[error("cannot read the task list {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// It is not a valid task list.
    #[error("{}: {source}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// Line, field and remedy.
        source: ListError,
    },
    /// It is empty.
    #[error("the task list {} is empty: put a task on each line", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// The lists of the next round.
#[derive(Debug)]
pub(crate) struct Lists {
    pub roster: ListCommitment,
    /// `None` if the file is invalid and there is no older list.
    pub tasks: Option<ListCommitment>,
    /// The problem with the file.
    pub fault: Option<TasksError>,
}

/// Stores both lists and reads them back. If the task file is invalid, the last valid list is used again: `last`, the
/// newest round's. Blocks.
pub(crate) fn prepare(
    store: &dyn Store,
    roster: &Roster,
    tasks: &Path,
    last: Option<ListCommitment>,
) -> Result<Lists, CoordinatorError> {
    let (tasks, fault) = match read_tasks(tasks) {
        Ok(list) => (
            Some(ListCommitment::of(&list, keep(store, &list.to_ndjson())?)),
            None,
        ),
        Err(fault) => {
            // A round whose list no one can read would be worse than no round.
            let last = match last {
                Some(last) if is_readable(store, &last)? => Some(last),
                _ => None,
            };
            (last, Some(fault))
        }
    };
    let file = roster.to_ndjson();
    List::Roster.check_length(file.len())?;
    let roster = ListCommitment::of(roster, keep(store, &file)?);
    Ok(Lists { roster, tasks, fault })
}

/// Reads a task list from a file, as for the next round.
///
/// # Errors
/// [`TasksError`] names the file, and the line of a malformed entry.
pub fn read_tasks(path: &Path) -> Result<TaskList, TasksError> {
    let path_buf = || path.to_owned();
    let file = read_file(path, MAX_LIST as u64).map_err(|source| match source.kind() {
        io::ErrorKind::FileTooLarge => TasksError::Broken {
            path: path_buf(),
            source: ListError::LongFile { list: List::Tasks },
        },
        _ => TasksError::Read {
            path: path_buf(),
            source,
        },
    })?;
    let list = TaskList::parse(&file).map_err(|source| TasksError::Broken {
        path: path_buf(),
        source,
    })?;
    match list.count() {
        0 => Err(TasksError::Empty { path: path_buf() }),
        _ => Ok(list),
    }
}

/// Whether a task list that the store has is not longer than any that is read.
fn is_readable(store: &dyn Store, tasks: &ListCommitment) -> Result<bool, CoordinatorError> {
    let bytes = store.open(&tasks.cid)?.check()?;
    Ok(bytes <= MAX_LIST as u64)
}

fn keep(store: &dyn Store, file: &[u8]) -> Result<assize_protocol::FileCid, CoordinatorError> {
    let cid = store.put(file)?;
    let read = store.open(&cid)?.check()?;
    let written = file.len() as u64;
    match read == written {
        true => Ok(cid),
        false => Err(CoordinatorError::ReadBack { cid, written, read }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn a_task_list_that_no_reader_would_read_is_not_frozen() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tasks.ndjson");
        File::create(&path).unwrap().set_len(MAX_LIST as u64 + 1).unwrap();
        let error = read_tasks(&path).unwrap_err().to_string();
        assert!(
            error.ends_with(
                "the task list has more than 268435456 bytes, and a list has at most as many: leave out entries"
            ),
            "{error}"
        );
    }
}
