//! What a node tells the machine.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use cid::Cid;
use fvm::externs::{Chain, Consensus, Externs, Rand};
use fvm_shared::clock::ChainEpoch;
use fvm_shared::consensus::ConsensusFault;
use multihash_codetable::{Code, MultihashDigest};

/// A node that knows the beacon of every epoch. Clones share what is recorded.
#[derive(Clone, Default)]
pub struct Node {
    recorded: Rc<RefCell<BTreeMap<ChainEpoch, Vec<u8>>>>,
}

impl Node {
    /// Records the signature of the drand beacon that an epoch carries.
    pub fn record(&self, epoch: ChainEpoch, signature: &[u8]) {
        self.recorded.borrow_mut().insert(epoch, signature.to_vec());
    }

    /// The signature of an epoch's beacon: the recorded one, or one made up from the epoch. Consensus has checked signatures
    /// before the machine runs, so to the machine they are only bytes.
    pub fn signature(&self, epoch: ChainEpoch) -> Vec<u8> {
        let made_up = || {
            let mut signature = vec![0x80; 40];
            signature.extend(epoch.to_be_bytes());
            signature
        };
        self.recorded
            .borrow()
            .get(&epoch)
            .cloned()
            .unwrap_or_else(made_up)
    }
}

/// BLAKE2b-256.
fn digest(bytes: &[u8]) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(Code::Blake2b256.digest(bytes).digest());
    digest
}

impl Externs for Node {}

impl Rand for Node {
    fn get_chain_randomness(&self, epoch: ChainEpoch) -> anyhow::Result<[u8; 32]> {
        Ok(digest(&epoch.to_be_bytes()))
    }

    fn get_beacon_randomness(&self, epoch: ChainEpoch) -> anyhow::Result<[u8; 32]> {
        Ok(digest(&self.signature(epoch)))
    }
}

impl Consensus for Node {
    fn verify_consensus_fault(
        &self,
        _: &[u8],
        _: &[u8],
        _: &[u8],
    ) -> anyhow::Result<(Option<ConsensusFault>, i64)> {
        Ok((None, 0))
    }
}

impl Chain for Node {
    fn get_tipset_cid(&self, epoch: ChainEpoch) -> anyhow::Result<Cid> {
        const DAG_CBOR: u64 = 0x71;
        Ok(Cid::new_v1(
            DAG_CBOR,
            Code::Blake2b256.digest(&epoch.to_be_bytes()),
        ))
    }
}
