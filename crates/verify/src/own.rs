//! The reports that stations committed themselves.

use std::collections::BTreeMap;

use assize_measurement::unixfs;
use assize_protocol::{B256, Codec, FileCid};

/// Reports that stations committed themselves, by their SHA-256 (docs/protocol.md §9.6). Their bytes are on the chain; a bundle
/// has them as files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnReports(BTreeMap<B256, Vec<u8>>);

impl OwnReports {
    /// Adds a report.
    pub fn insert(&mut self, report: Vec<u8>) {
        self.0
            .insert(B256::new(unixfs::block_cid(Codec::Raw, &report).digest), report);
    }

    /// The report with this hash.
    #[must_use]
    pub fn get(&self, hash: &B256) -> Option<&[u8]> {
        self.0.get(hash).map(Vec::as_slice)
    }
}

/// The CID of a report as a file: it has at most 48 KiB, so it is one block, and its hash is the block's.
pub(crate) fn cid_of(hash: &B256) -> FileCid {
    FileCid {
        codec: Codec::Raw,
        digest: hash.0,
    }
}
