//! Blocks in memory.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use cid::Cid;
use fvm_ipld_blockstore::Blockstore;

/// The blocks of a chain's state. Clones share them.
#[derive(Clone, Default)]
pub struct Blocks(Rc<RefCell<HashMap<Cid, Vec<u8>>>>);

impl Blockstore for Blocks {
    fn get(&self, cid: &Cid) -> anyhow::Result<Option<Vec<u8>>> {
        Ok(self.0.borrow().get(cid).cloned())
    }

    fn put_keyed(&self, cid: &Cid, block: &[u8]) -> anyhow::Result<()> {
        self.0.borrow_mut().insert(*cid, block.to_vec());
        Ok(())
    }
}
