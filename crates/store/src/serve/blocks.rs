//! Finds the file of a store that contains a block.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use assize_measurement::car::{self, ReadError};
use assize_protocol::FileCid;

use crate::{LocalStore, StoreError};

/// A store with an index of its blocks.
#[derive(Debug)]
pub(super) struct Library {
    store: LocalStore,
    index: Mutex<Index>,
}

/// The file of each block that is not a root, as of the last scan of the directory.
#[derive(Debug, Default)]
struct Index {
    file_of: HashMap<FileCid, FileCid>,
    looked_through: HashMap<FileCid, ()>,
    /// Modification time of the directory at the last scan.
    as_of: Option<SystemTime>,
}

/// An open file.
#[derive(Debug)]
pub(super) struct OpenFile {
    root: FileCid,
    path: PathBuf,
    blocks: car::Blocks<File>,
}

impl Library {
    pub(super) fn new(store: LocalStore) -> Self {
        Self {
            store,
            index: Mutex::default(),
        }
    }

    /// Opens the file with this CID, or the file that contains this block.
    pub(super) fn open(&self, cid: &FileCid) -> Result<OpenFile, StoreError> {
        if self.store.path(cid).exists() {
            return OpenFile::open(&self.store, cid);
        }
        match self.file_with(cid)? {
            Some(root) => OpenFile::open(&self.store, &root),
            None => Err(StoreError::NotFound {
                cid: *cid,
                place: "this gateway".into(),
            }),
        }
    }

    fn file_with(&self, block: &FileCid) -> Result<Option<FileCid>, StoreError> {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(root) = index.file_of.get(block) {
            return Ok(Some(*root));
        }
        let changed = fs::metadata(self.store.directory())
            .and_then(|directory| directory.modified())
            .ok();
        if changed.is_some() && index.as_of == changed {
            return Ok(None);
        }
        for root in self.store.cids()? {
            if index.looked_through.insert(root, ()).is_some() {
                continue;
            }
            // A damaged file provides no blocks.
            if let Ok(file) = OpenFile::open(&self.store, &root) {
                let of = file.blocks.cids().map(|cid| (*cid, root));
                index.file_of.extend(of);
            }
        }
        index.as_of = changed;
        Ok(index.file_of.get(block).copied())
    }
}

impl OpenFile {
    fn open(store: &LocalStore, root: &FileCid) -> Result<Self, StoreError> {
        let path = store.path(root);
        let opened = File::open(&path)
            .map_err(ReadError::from)
            .and_then(|file| car::Blocks::open(root, file));
        match opened {
            Ok(blocks) => Ok(Self {
                root: *root,
                path,
                blocks,
            }),
            Err(error) => Err(explain(root, path, error)),
        }
    }

    /// Whether a CID is the file's own, not that of one of its blocks.
    pub(super) fn is_root(&self, cid: &FileCid) -> bool {
        self.root == *cid
    }

    /// Reads and verifies a block.
    pub(super) fn read(&mut self, cid: &FileCid, block: &mut Vec<u8>) -> Result<(), StoreError> {
        let read = self.blocks.read(cid, block);
        read.map_err(|error| self.damaged(error))
    }

    /// An error about this file.
    pub(super) fn damaged(&self, error: ReadError) -> StoreError {
        explain(&self.root, self.path.clone(), error)
    }
}

fn explain(root: &FileCid, path: PathBuf, error: ReadError) -> StoreError {
    match error {
        ReadError::Car(source) => StoreError::Corrupt {
            cid: *root,
            path,
            source: Box::new(source),
        },
        other => StoreError::Io {
            action: "read",
            path,
            source: other.into(),
        },
    }
}
