//! UnixFS files: content split into blocks, with one CID.
//!
//! Profile `unixfs-v1-2025` (IPIP-499): CIDv1, SHA-256, raw leaves of 1 MiB, a balanced tree of at most 1024 links per
//! node. A file of one chunk is its leaf, the empty file an empty leaf. npm `ipfs-car` gives the same CIDs.
//!
//! ```text
//!            root              dag-pb: size of the file, links, the size below each link
//!          ╱      ╲
//!       node      node         dag-pb, full except for the last of its level
//!      ╱ ┆ ╲       │
//!  1 MiB ┆ 1 MiB  rest         raw: the content itself
//! ```
//!
//! **One content, one CID.** The size of a file determines the shape of its tree, so the reader knows the expected form of every
//! block. It accepts exactly what the builder writes: `read(root) = content` if and only if `file_cid(content) = root`. So a small
//! CAR cannot expand into a file that fills the memory, a tree cannot contain itself, and the same measurements cannot be
//! committed under two CIDs.
//!
//! Only two protobuf messages are written and read: dag-pb's `PBNode` and UnixFS's `Data`.

mod build;
mod protobuf;
mod read;

use std::convert::Infallible;

use assize_protocol::{Codec, FileCid};
use sha2::{Digest, Sha256};
use thiserror::Error;

pub use build::Builder;
pub use read::{Walk, read};

/// Maximum size of a file in bytes: 4 GiB. It bounds the work that one CID can cause; honest publishers' batches have at
/// most about 100 MB.
pub const MAX_FILE_SIZE: u64 = 1 << 32;

/// How a file is split into blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    chunk_size: usize,
    max_links: usize,
}

impl Profile {
    /// The protocol's profile: chunks of 1 MiB, 1024 links.
    pub const UNIXFS_V1_2025: Self = Self {
        chunk_size: 1 << 20,
        max_links: 1024,
    };

    /// Another profile, for deep trees of small files in tests; `None` unless a chunk has at least one byte and a node two links.
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

    /// Capacity in bytes of a tree with `level` levels of nodes above its leaves.
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
    /// Hash and codec of `data`.
    pub cid: FileCid,
    /// The bytes.
    pub data: Vec<u8>,
}

/// Why blocks are not the file that a CID names.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UnixFsError {
    /// A missing block.
    #[error("block {0} is missing")]
    Missing(FileCid),
    /// A block whose bytes do not hash to its CID.
    #[error("block {0} does not match the hash in its CID")]
    WrongHash(FileCid),
    /// A block that does not conform to the profile.
    #[error("block {cid} is not part of a file of profile unixfs-v1-2025: {reason}")]
    Malformed {
        /// The block.
        cid: FileCid,
        /// The problem.
        reason: &'static str,
    },
    /// A block whose number of content bytes does not follow from the file's size and the block's position.
    #[error("block {cid} holds {actual} bytes of the file instead of {required}")]
    WrongSize {
        /// The block.
        cid: FileCid,
        /// The required number.
        required: u64,
        /// The number that it holds or states.
        actual: u64,
    },
    /// A file above [`MAX_FILE_SIZE`].
    #[error("the file {cid} has {size} bytes; the maximum is {MAX_FILE_SIZE}")]
    TooLarge {
        /// The root.
        cid: FileCid,
        /// Its stated size.
        size: u64,
    },
}

/// The CID of a file.
#[must_use]
pub fn file_cid(content: &[u8]) -> FileCid {
    run(content, Profile::default(), |_, _| {})
}

/// The CID and blocks of a file, children before their node; the root is last. A repeated chunk is listed each time.
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

/// Builds a file from its whole content, with a block consumer that cannot fail.
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
