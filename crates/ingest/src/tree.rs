//! Proofs that measurements are in their batch.

use std::io;

use alloy_primitives::B256;
use assize_protocol::{line_leaf, positional};

use crate::{Batch, Ingest, IngestError};

/// The tree over the lines of a batch (docs/protocol.md §8.2): about 72 bytes for each of them.
#[derive(Debug)]
pub struct BatchTree {
    /// Numbers of its measurements in the table, ascending.
    ids: Vec<i64>,
    tree: positional::Tree,
}

impl BatchTree {
    /// Reads all lines of a batch.
    ///
    /// # Errors
    /// [`IngestError`].
    pub fn read(ingest: &mut dyn Ingest, batch: &Batch) -> Result<Self, IngestError> {
        let mut ids = Vec::with_capacity(batch.count as usize);
        let mut leaves = Vec::with_capacity(batch.count as usize);
        ingest.read(batch, &mut |id, line| {
            // Nothing but damage makes it longer.
            if leaves.len() >= batch.count as usize {
                return Err(io::Error::other(format!(
                    "batch {} has more than its {} lines",
                    batch.id, batch.count
                )));
            }
            ids.push(id);
            leaves.push(line_leaf(line));
            Ok(())
        })?;
        Ok(Self {
            ids,
            tree: positional::Tree::new(leaves),
        })
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> B256 {
        self.tree.root()
    }

    /// Number of its lines.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.tree.count()
    }

    /// The place of a measurement, from 0, and the siblings of its leaf, from its level upwards; `None` if the batch does not
    /// have it. `id` is its number in the table.
    #[must_use]
    pub fn proof(&self, id: i64) -> Option<(u32, Vec<B256>)> {
        let index = u32::try_from(self.ids.binary_search(&id).ok()?).ok()?;
        Some((index, self.tree.proof(index)?))
    }
}
