//! Roster and task list as files: read, checked, stored, read back.

use std::io;
use std::path::{Path, PathBuf};

use assize_facts::ListCommitment;
use assize_protocol::{ListError, Roster, TaskList};
use assize_service::{LARGEST_FILE, read_file};
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
            if let Some(last) = &last {
                store.open(&last.cid)?.check()?;
            }
            (last, Some(fault))
        }
    };
    let roster = ListCommitment::of(roster, keep(store, &roster.to_ndjson())?);
    Ok(Lists { roster, tasks, fault })
}

/// Reads a task list from a file, as for the next round.
///
/// # Errors
/// [`TasksError`] names the file, and the line of a malformed entry.
pub fn read_tasks(path: &Path) -> Result<TaskList, TasksError> {
    let path_buf = || path.to_owned();
    let file = read_file(path, LARGEST_FILE).map_err(|source| TasksError::Read {
        path: path_buf(),
        source,
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

fn keep(store: &dyn Store, file: &[u8]) -> Result<assize_protocol::FileCid, CoordinatorError> {
    let cid = store.put(file)?;
    let read = store.open(&cid)?.check()?;
    let written = file.len() as u64;
    match read == written {
        true => Ok(cid),
        false => Err(CoordinatorError::ReadBack { cid, written, read }),
    }
}
