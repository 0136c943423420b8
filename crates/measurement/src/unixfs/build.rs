//! Builds files from content, with one chunk in memory at a time.

use assize_protocol::{Codec, FileCid};

use super::protobuf::{Link, Node};
use super::{Profile, block_cid};

/// Builds one file as its content arrives. Memory: one chunk, and the links of one node for each level of the tree.
///
/// Blocks are passed to `take` in post-order: each node right after the last of its children, the root last. An error of
/// `take` stops building.
///
/// ```
/// use assize_measurement::unixfs::{Builder, Profile, file_cid};
///
/// let mut sizes = Vec::new();
/// let mut builder = Builder::new(Profile::default(), |_cid: &_, block: &[u8]| {
///     sizes.push(block.len());
///     Ok::<_, std::io::Error>(())
/// });
/// for _ in 0..3 {
///     builder.write(&[7; 700_000])?;
/// }
/// let root = builder.finish()?;
/// assert_eq!(root, file_cid(&[7; 2_100_000]));
/// assert_eq!(sizes[..3], [1 << 20, 1 << 20, 2_848]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Builder<F> {
    profile: Profile,
    take: F,
    /// Content that does not fill a chunk yet.
    pending: Vec<u8>,
    /// Finished parts that have no node above them yet: leaves, then nodes above leaves, and so on. No level is full.
    levels: Vec<Vec<Part>>,
}

/// A finished part of the tree.
#[derive(Debug, Clone, Copy)]
struct Part {
    cid: FileCid,
    /// Bytes of content below.
    content: u64,
    /// Bytes of all blocks below, its own included.
    total: u64,
}

impl<E, F: FnMut(&FileCid, &[u8]) -> Result<(), E>> Builder<F> {
    /// Begins a file.
    pub fn new(profile: Profile, take: F) -> Self {
        Self {
            profile,
            take,
            pending: Vec::new(),
            levels: Vec::new(),
        }
    }

    /// Appends to the content.
    ///
    /// # Errors
    /// Errors of `take`.
    pub fn write(&mut self, mut content: &[u8]) -> Result<(), E> {
        let chunk_size = self.profile.chunk_size;
        if !self.pending.is_empty() {
            let (head, rest) = content.split_at(content.len().min(chunk_size - self.pending.len()));
            self.pending.extend_from_slice(head);
            content = rest;
            if self.pending.len() == chunk_size {
                let chunk = std::mem::take(&mut self.pending);
                self.leaf(&chunk)?;
                // The buffer is reused.
                self.pending = chunk;
                self.pending.clear();
            }
        }
        // Whole chunks need no copy.
        let mut chunks = content.chunks_exact(chunk_size);
        for chunk in &mut chunks {
            self.leaf(chunk)?;
        }
        self.pending.extend_from_slice(chunks.remainder());
        Ok(())
    }

    /// Ends the file, and returns its CID.
    ///
    /// # Errors
    /// Errors of `take`.
    pub fn finish(mut self) -> Result<FileCid, E> {
        let rest = std::mem::take(&mut self.pending);
        if !rest.is_empty() || self.levels.is_empty() {
            self.leaf(&rest)?;
        }
        // From the leaves up, the rest of each level gets a node, until one part remains.
        let mut below: Option<Part> = None;
        let mut levels = std::mem::take(&mut self.levels).into_iter().peekable();
        while let Some(mut parts) = levels.next() {
            parts.extend(below);
            below = match parts[..] {
                [] => None,
                [root] if levels.peek().is_none() => Some(root),
                _ => Some(self.join(&parts)?),
            };
        }
        // A level that is not empty joins its parts, so one part remains; the empty file's is its leaf.
        Ok(below.map_or_else(|| block_cid(Codec::Raw, &[]), |root| root.cid))
    }

    fn leaf(&mut self, chunk: &[u8]) -> Result<(), E> {
        let cid = block_cid(Codec::Raw, chunk);
        (self.take)(&cid, chunk)?;
        let size = chunk.len() as u64;
        let mut part = Part {
            cid,
            content: size,
            total: size,
        };
        // A level that becomes full moves up as one node.
        for level in 0.. {
            if level == self.levels.len() {
                self.levels.push(Vec::new());
            }
            self.levels[level].push(part);
            if self.levels[level].len() < self.profile.max_links {
                break;
            }
            let full = std::mem::take(&mut self.levels[level]);
            part = self.join(&full)?;
        }
        Ok(())
    }

    fn join(&mut self, children: &[Part]) -> Result<Part, E> {
        let node = Node {
            links: children
                .iter()
                .map(|child| Link {
                    cid: child.cid,
                    total: child.total,
                })
                .collect(),
            content: children.iter().map(|child| child.content).sum(),
            sizes: children.iter().map(|child| child.content).collect(),
        };
        let data = node.encode();
        let cid = block_cid(Codec::DagPb, &data);
        (self.take)(&cid, &data)?;
        Ok(Part {
            cid,
            content: node.content,
            total: data.len() as u64 + children.iter().map(|child| child.total).sum::<u64>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::unixfs::build;

    proptest! {
        #[test]
        fn how_content_arrives_does_not_matter(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..30),
            chunk_size in 1usize..20,
            max_links in 2usize..5,
        ) {
            let profile = Profile::new(chunk_size, max_links).unwrap();
            let mut blocks = Vec::new();
            let mut builder = Builder::new(profile, |cid: &FileCid, data: &[u8]| {
                blocks.push((*cid, data.to_vec()));
                Ok::<_, ()>(())
            });
            for piece in &pieces {
                builder.write(piece).unwrap();
            }
            let root = builder.finish().unwrap();
            let (whole, all) = build(&pieces.concat(), profile);
            prop_assert_eq!(root, whole);
            prop_assert_eq!(blocks, all.into_iter().map(|block| (block.cid, block.data)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_taker_that_fails_ends_the_building() {
        let mut left = 2;
        let mut builder = Builder::new(Profile::new(1, 2).unwrap(), |_: &FileCid, _: &[u8]| {
            left -= 1;
            if left == 0 {
                Err("the disk is full")
            } else {
                Ok(())
            }
        });
        assert_eq!(builder.write(b"abcdef"), Err("the disk is full"));
    }
}
