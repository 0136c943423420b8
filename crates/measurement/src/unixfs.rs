//! UnixFS files: content cut into blocks, known by one CID.
//!
//! Profile `unixfs-v1-2025` (IPIP-499): CIDv1, SHA-256, raw leaves of 1 MiB, balanced tree of at most 1024 links a node.
//! A file of one chunk is its leaf. The same CID as npm `ipfs-car` gives.
//!
//! Only what the profile needs is written and read: two protobuf messages, dag-pb's `PBNode` and UnixFS's `Data`.

mod protobuf;

use assize_protocol::{Codec, FileCid};
use sha2::{Digest, Sha256};
use thiserror::Error;

use protobuf::{Link, Node};

/// Trees of the profile are at most this deep: 1024^6 MiB are more than any file.
const MAX_DEPTH: usize = 6;

/// How a file is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// Bytes of a leaf.
    pub chunk_size: usize,
    /// Links of a node.
    pub max_links: usize,
}

impl Default for Profile {
    /// `unixfs-v1-2025`.
    fn default() -> Self {
        Self {
            chunk_size: 1 << 20,
            max_links: 1024,
        }
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
    /// A dag-pb block that is no node of a UnixFS file.
    #[error("block {cid} is no node of a UnixFS file: {reason}")]
    Malformed {
        /// The block.
        cid: FileCid,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A node that is wrong about its children's sizes.
    #[error("block {cid} says that it holds {stated} bytes, but holds {actual}")]
    WrongSize {
        /// The node.
        cid: FileCid,
        /// What it says.
        stated: u64,
        /// What is there.
        actual: u64,
    },
    /// A tree deeper than any file needs.
    #[error("block {0} lies deeper than {MAX_DEPTH} levels")]
    TooDeep(FileCid),
}

/// The CID of a file.
#[must_use]
pub fn file_cid(content: &[u8]) -> FileCid {
    let mut blocks = Nothing;
    add(content, Profile::default(), &mut blocks)
}

/// The CID and blocks of a file: leaves in order, then the nodes above them, level by level; the root is last.
#[must_use]
pub fn build(content: &[u8], profile: Profile) -> (FileCid, Vec<Block>) {
    let mut blocks = Vec::new();
    let root = add(content, profile, &mut blocks);
    (root, blocks)
}

/// Takes blocks as they are made.
trait Sink {
    fn put(&mut self, cid: FileCid, data: &[u8]);
}

struct Nothing;

impl Sink for Nothing {
    fn put(&mut self, _: FileCid, _: &[u8]) {}
}

impl Sink for Vec<Block> {
    fn put(&mut self, cid: FileCid, data: &[u8]) {
        self.push(Block {
            cid,
            data: data.to_vec(),
        });
    }
}

/// A finished part of the tree.
#[derive(Clone, Copy)]
struct Part {
    cid: FileCid,
    /// Bytes of content below.
    content: u64,
    /// Bytes of all blocks below, its own included.
    total: u64,
}

fn add(content: &[u8], profile: Profile, sink: &mut impl Sink) -> FileCid {
    let leaf = |chunk: &[u8], sink: &mut _| {
        let cid = cid_of(Codec::Raw, chunk);
        Sink::put(sink, cid, chunk);
        Part {
            cid,
            content: chunk.len() as u64,
            total: chunk.len() as u64,
        }
    };
    if content.is_empty() {
        return leaf(content, sink).cid;
    }
    let mut level: Vec<Part> = content
        .chunks(profile.chunk_size)
        .map(|chunk| leaf(chunk, sink))
        .collect();
    while level.len() > 1 {
        level = level
            .chunks(profile.max_links)
            .map(|children| join(children, sink))
            .collect();
    }
    level[0].cid
}

fn join(children: &[Part], sink: &mut impl Sink) -> Part {
    let links = children
        .iter()
        .map(|child| Link {
            cid: child.cid,
            total: child.total,
        })
        .collect();
    let sizes: Vec<u64> = children.iter().map(|child| child.content).collect();
    let content = sizes.iter().sum();
    let data = Node {
        links,
        content,
        sizes,
    }
    .encode();
    let cid = cid_of(Codec::DagPb, &data);
    sink.put(cid, &data);
    Part {
        cid,
        content,
        total: data.len() as u64 + children.iter().map(|child| child.total).sum::<u64>(),
    }
}

/// The CID of a block.
pub(crate) fn cid_of(codec: Codec, data: &[u8]) -> FileCid {
    FileCid {
        codec,
        digest: Sha256::digest(data).into(),
    }
}

/// The content of the file `root`, from blocks that `get` finds; each is checked against its CID.
///
/// # Errors
/// [`UnixFsError`] names the block.
pub fn read<'a>(root: &FileCid, get: impl Fn(&FileCid) -> Option<&'a [u8]>) -> Result<Vec<u8>, UnixFsError> {
    let mut content = Vec::new();
    read_part(root, &get, 0, &mut content)?;
    Ok(content)
}

fn read_part<'a>(
    cid: &FileCid,
    get: &impl Fn(&FileCid) -> Option<&'a [u8]>,
    depth: usize,
    content: &mut Vec<u8>,
) -> Result<(), UnixFsError> {
    let data = get(cid).ok_or(UnixFsError::Missing(*cid))?;
    if cid_of(cid.codec, data) != *cid {
        return Err(UnixFsError::WrongHash(*cid));
    }
    if cid.codec == Codec::Raw {
        content.extend_from_slice(data);
        return Ok(());
    }
    if depth == MAX_DEPTH {
        return Err(UnixFsError::TooDeep(*cid));
    }
    let malformed = |reason| UnixFsError::Malformed { cid: *cid, reason };
    let node = Node::decode(data).map_err(malformed)?;
    let start = content.len() as u64;
    for (link, stated) in node.links.iter().zip(&node.sizes) {
        let before = content.len() as u64;
        read_part(&link.cid, get, depth + 1, content)?;
        let actual = content.len() as u64 - before;
        if actual != *stated {
            return Err(UnixFsError::WrongSize {
                cid: link.cid,
                stated: *stated,
                actual,
            });
        }
    }
    let actual = content.len() as u64 - start;
    match actual == node.content {
        true => Ok(()),
        false => Err(UnixFsError::WrongSize {
            cid: *cid,
            stated: node.content,
            actual,
        }),
    }
}
