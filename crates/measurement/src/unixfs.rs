//! UnixFS files: content cut into blocks, known by one CID.
//!
//! Profile `unixfs-v1-2025` (IPIP-499): CIDv1, SHA-256, raw leaves of 1 MiB, a balanced tree of at most 1024 links a
//! node. A file of one chunk is its leaf, the empty file an empty leaf. npm `ipfs-car` gives the same CIDs.
//!
//! ```text
//!            root              dag-pb: size of the file, links, the size below each link
//!          ╱      ╲
//!       node      node         dag-pb, full but for the last of its level
//!      ╱ ┆ ╲       │
//!  1 MiB ┆ 1 MiB  rest         raw: the content itself
//! ```
//!
//! **One content, one CID.** The size of a file settles the shape of its tree, so the reader knows what every block must
//! look like before it looks. It takes exactly what the builder makes: `read(root) = content` means
//! `file_cid(content) = root`, and the other way round. So a small CAR cannot unfold into a file that fills the memory,
//! a tree cannot contain itself, and the same measurements cannot be committed under two CIDs.
//!
//! Only what the profile needs is written and read: two protobuf messages, dag-pb's `PBNode` and UnixFS's `Data`.

mod build;
mod protobuf;
mod read;

use std::convert::Infallible;

use assize_protocol::{Codec, FileCid};
use sha2::{Digest, Sha256};
use thiserror::Error;

pub use build::Builder;
pub use read::{Walk, read};

/// Longest file that is read, bytes: 4 GiB. It bounds what one CID may cost its reader; the largest batch that honest
/// publishers make is about 100 MB.
pub const MAX_FILE_SIZE: u64 = 1 << 32;

/// How a file is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    chunk_size: usize,
    max_links: usize,
}

impl Profile {
    /// The protocol's own: chunks of 1 MiB, 1024 links.
    pub const UNIXFS_V1_2025: Self = Self {
        chunk_size: 1 << 20,
        max_links: 1024,
    };

    /// Another one, to see deep trees of little files; `None` unless a chunk has a byte and a node two links.
    #[must_use]
    pub const fn new(chunk_size: usize, max_links: usize) -> Option<Self> {
        match chunk_size >= 1 && max_links >= 2 {
            true => Some(Self {
                chunk_size,
                max_links,
            }),
            false => None,
        }
    }

    /// Most bytes that a tree of `level` levels of nodes above its leaves holds.
    fn capacity(&self, level: u32) -> u64 {
        (self.max_links as u64)
            .saturating_pow(level)
            .saturating_mul(self.chunk_size as u64)
    }
}

impl Default for Profile {
    /// `unixfs-v1-2025`.
    fn default() -> Self {
        Self::UNIXFS_V1_2025
    }
}

/// A block and its CID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Hash of `data`, and what `data` is.
    pub cid: FileCid,
    /// The bytes.
    pub data: Vec<u8>,
}

/// Why blocks are not the file that a CID names.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UnixFsError {
    /// A block that is not there.
    #[error("block {0} is missing")]
    Missing(FileCid),
    /// A block whose bytes do not hash to its CID.
    #[error("block {0} does not have the hash that its CID says")]
    WrongHash(FileCid),
    /// A block that is not what the profile has in its place.
    #[error("block {cid} is not part of a file of profile unixfs-v1-2025: {reason}")]
    Malformed {
        /// The block.
        cid: FileCid,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A block that holds another number of bytes than the size of the file and its place in the tree require.
    #[error("block {cid} holds {actual} bytes of the file, but {required} belong there")]
    WrongSize {
        /// The block.
        cid: FileCid,
        /// What belongs there.
        required: u64,
        /// What it holds, or says that it holds.
        actual: u64,
    },
    /// A file that would fill the reader's memory.
    #[error("the file {cid} says that it has {size} bytes; {MAX_FILE_SIZE} are the most")]
    TooLarge {
        /// The root.
        cid: FileCid,
        /// What it says.
        size: u64,
    },
}

/// The CID of a file.
#[must_use]
pub fn file_cid(content: &[u8]) -> FileCid {
    run(content, Profile::default(), |_, _| {})
}

/// The CID and blocks of a file, children before their node; the root is last. Equal chunks are listed as often as they
/// come.
#[must_use]
pub fn build(content: &[u8], profile: Profile) -> (FileCid, Vec<Block>) {
    let mut blocks = Vec::new();
    let root = run(content, profile, |cid, data| {
        blocks.push(Block {
            cid: *cid,
            data: data.to_vec(),
        });
    });
    (root, blocks)
}

/// Builds a file that is all there, for a taker of blocks that cannot fail.
pub(crate) fn run(content: &[u8], profile: Profile, mut take: impl FnMut(&FileCid, &[u8])) -> FileCid {
    let mut builder = Builder::new(profile, |cid: &FileCid, data: &[u8]| {
        take(cid, data);
        Ok::<_, Infallible>(())
    });
    let Ok(()) = builder.write(content);
    let Ok(root) = builder.finish();
    root
}

/// The CID of a block: CIDv1, SHA-256.
#[must_use]
pub fn block_cid(codec: Codec, data: &[u8]) -> FileCid {
    FileCid {
        codec,
        digest: Sha256::digest(data).into(),
    }
}
