//! The trees of the last batches whose proofs were asked for.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloy_primitives::B256;
use assize_ingest::{Batch, BatchTree, Database, DatabaseError, Stored};

/// Number of trees in memory, of about 8 megabytes each: the batches of the rounds under way.
const KEPT: usize = 12;

/// Trees by root, the last used last. All stations ask for those of the same batches at the same time.
#[derive(Debug, Default)]
pub(crate) struct Trees {
    kept: Mutex<VecDeque<(B256, Arc<BatchTree>)>>,
    /// Held while a tree is made: reading all lines of a batch takes a reader of the database for a while.
    making: tokio::sync::Mutex<()>,
}

impl Trees {
    /// The tree of a stored batch; `None` if the database no longer has its lines.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn of(
        &self,
        database: &Database,
        batch: &Batch,
        stored: &Stored,
    ) -> Result<Option<Arc<BatchTree>>, DatabaseError> {
        let root = stored.root;
        if let Some(tree) = self.used(root) {
            return Ok(Some(tree));
        }
        let _one_at_a_time = self.making.lock().await;
        if let Some(tree) = self.used(root) {
            return Ok(Some(tree));
        }
        let tree = database.tree(*batch).await?;
        if (tree.root(), tree.count()) != (root, batch.count) {
            return Ok(None);
        }
        let tree = Arc::new(tree);
        let mut kept = self.kept();
        kept.push_back((root, Arc::clone(&tree)));
        if kept.len() > KEPT {
            kept.pop_front();
        }
        Ok(Some(tree))
    }

    fn used(&self, root: B256) -> Option<Arc<BatchTree>> {
        let mut kept = self.kept();
        let at = kept.iter().position(|(of, _)| *of == root)?;
        let entry = kept.remove(at)?;
        let tree = Arc::clone(&entry.1);
        kept.push_back(entry);
        Some(tree)
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<(B256, Arc<BatchTree>)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
