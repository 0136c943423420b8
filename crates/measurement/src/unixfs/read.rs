//! Reading: every block is checked against its CID and its position in the tree.

use std::ops::Range;

use assize_protocol::{Codec, FileCid};

use super::protobuf::{Link, Node};
use super::{MAX_FILE_SIZE, Profile, UnixFsError, block_cid};

/// The content of the file `root`, from blocks returned by `get`; each is checked against its CID.
///
/// Succeeds if and only if `root` is the content's CID under `profile`.
///
/// # Errors
/// [`UnixFsError`] names the block.
pub fn read<'a>(
    root: &FileCid,
    profile: Profile,
    get: impl Fn(&FileCid) -> Option<&'a [u8]>,
) -> Result<Vec<u8>, UnixFsError> {
    let mut walk = Walk::new(root, profile);
    let mut content = Vec::new();
    while let Some(cid) = walk.wanted() {
        let block = get(&cid).ok_or(UnixFsError::Missing(cid))?;
        content.extend_from_slice(walk.take(block)?);
    }
    Ok(content)
}

/// Reads a file without I/O: requests one block after the other, and checks each block that it is given.
///
/// Blocks are requested in depth-first order, the root first, each as often as it is in the file. Memory: the links of one
/// node for each level of the tree. When no more blocks are requested, `root` is the CID of the returned content; until then
/// the rest of the content may be missing.
///
/// ```
/// use assize_measurement::unixfs::{Profile, Walk, build};
///
/// let (root, blocks) = build(&[7; 3_000_000], Profile::default());
/// let mut walk = Walk::new(&root, Profile::default());
/// let mut size = 0;
/// while let Some(cid) = walk.wanted() {
///     let block = blocks.iter().find(|block| block.cid == cid).ok_or("missing")?;
///     size += walk.take(&block.data)?.len();
/// }
/// assert_eq!(size, 3_000_000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Walk {
    profile: Profile,
    root: FileCid,
    place: Place,
    size: Option<u64>,
    /// Bytes of content before the requested block.
    position: u64,
    /// Nodes whose children are not all read, the root first.
    open: Vec<Open>,
}

/// The next block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    /// The next child of the innermost open node.
    Child,
    End,
}

/// A node whose children are being read.
#[derive(Debug, Clone)]
struct Open {
    cid: FileCid,
    /// Level of its children; 0 for leaves.
    level: u32,
    /// Last first.
    links: Vec<(Link, u64)>,
    /// Content of the children that are not read yet.
    left: u64,
    /// Bytes of its own block and of the blocks below that were read.
    total: u64,
}

impl Walk {
    /// Begins with the root.
    #[must_use]
    pub fn new(root: &FileCid, profile: Profile) -> Self {
        Self {
            profile,
            root: *root,
            place: Place::Root,
            size: None,
            position: 0,
            open: Vec::new(),
        }
    }

    /// The requested block; `None` at the end.
    #[must_use]
    pub fn wanted(&self) -> Option<FileCid> {
        match self.place {
            Place::Root => Some(self.root),
            Place::Child => self.open.last()?.links.last().map(|(link, _)| link.cid),
            Place::End => None,
        }
    }

    /// The size of the file, once its root is read.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// The range of content in the requested block and the blocks below it; `None` at the end, and before the root is read,
    /// because the file's size is unknown.
    #[must_use]
    pub fn wanted_range(&self) -> Option<Range<u64>> {
        let open = self.open.last().filter(|_| self.place == Place::Child)?;
        let size = open.left.min(self.profile.capacity(open.level));
        Some(self.position..self.position + size)
    }

    /// Skips the requested block and all blocks below it; their CIDs are not checked. The root cannot be skipped.
    ///
    /// # Errors
    /// [`UnixFsError`] if its parent's statement about it is contradictory.
    pub fn skip(&mut self) -> Result<(), UnixFsError> {
        let Some((range, open)) = self.wanted_range().zip(self.open.last()) else {
            return Ok(());
        };
        let total = open.links.last().map_or(0, |(link, _)| link.total);
        self.ascend(range.end - range.start, total)
    }

    /// Accepts the requested block and returns its content: empty for a node.
    ///
    /// # Errors
    /// [`UnixFsError`] if it is another block, or not valid in its place.
    pub fn take<'a>(&mut self, block: &'a [u8]) -> Result<&'a [u8], UnixFsError> {
        match self.wanted() {
            Some(cid) if block_cid(cid.codec, block) != cid => Err(UnixFsError::WrongHash(cid)),
            _ => self.take_checked(block),
        }
    }

    /// The same for a block whose hash was already checked.
    pub(crate) fn take_checked<'a>(&mut self, block: &'a [u8]) -> Result<&'a [u8], UnixFsError> {
        match self.place {
            Place::Root => self.take_root(block),
            Place::Child => self.take_child(block),
            Place::End => Ok(&[]),
        }
    }

    fn take_root<'a>(&mut self, block: &'a [u8]) -> Result<&'a [u8], UnixFsError> {
        let root = self.root;
        if root.codec == Codec::Raw {
            if block.len() > self.profile.chunk_size {
                return Err(malformed(&root, "it exceeds the chunk size"));
            }
            self.place = Place::End;
            self.size = Some(block.len() as u64);
            return Ok(block);
        }
        let node = Node::decode(block).map_err(|reason| malformed(&root, reason))?;
        let size = node.content;
        self.size = Some(size);
        if size > MAX_FILE_SIZE {
            return Err(UnixFsError::TooLarge { cid: root, size });
        }
        if size <= self.profile.chunk_size as u64 {
            return Err(malformed(
                &root,
                "a file of one chunk is that chunk, without a node",
            ));
        }
        // The root's level is the first that can hold the file.
        let level = (1..)
            .find(|level| self.profile.capacity(*level) >= size)
            .unwrap_or(u32::MAX);
        self.descend(root, node, block.len(), level)?;
        Ok(&[])
    }

    fn take_child<'a>(&mut self, block: &'a [u8]) -> Result<&'a [u8], UnixFsError> {
        let Some((parent, (link, stated))) =
            self.open.last().and_then(|open| Some((open, open.links.last()?)))
        else {
            return Ok(&[]);
        };
        let (cid, level) = (link.cid, parent.level);
        // All children except the last are full.
        let required = parent.left.min(self.profile.capacity(level));
        let expect = |actual: u64| match actual == required {
            true => Ok(()),
            false => Err(UnixFsError::WrongSize {
                cid,
                required,
                actual,
            }),
        };
        expect(*stated)?;
        if level == 0 {
            if cid.codec != Codec::Raw {
                return Err(malformed(&cid, "it is a node where a chunk belongs"));
            }
            expect(block.len() as u64)?;
            self.ascend(required, required)?;
            return Ok(block);
        }
        if cid.codec != Codec::DagPb {
            return Err(malformed(&cid, "it is a chunk where a node belongs"));
        }
        let node = Node::decode(block).map_err(|reason| malformed(&cid, reason))?;
        expect(node.content)?;
        self.descend(cid, node, block.len(), level)?;
        Ok(&[])
    }

    /// Opens a node whose own level is `level`.
    fn descend(&mut self, cid: FileCid, node: Node, length: usize, level: u32) -> Result<(), UnixFsError> {
        let full = self.profile.capacity(level - 1);
        if node.links.len() as u64 != node.content.div_ceil(full) {
            return Err(malformed(&cid, "its link count does not match its size"));
        }
        self.place = Place::Child;
        self.open.push(Open {
            cid,
            level: level - 1,
            left: node.content,
            links: node.links.into_iter().zip(node.sizes).rev().collect(),
            total: length as u64,
        });
        Ok(())
    }

    /// Records a child that was read, with its bytes of content and of blocks, and closes the nodes that it completes.
    fn ascend(&mut self, mut content: u64, mut total: u64) -> Result<(), UnixFsError> {
        self.position += content;
        while let Some(parent) = self.open.last_mut() {
            if parent.links.pop().is_some_and(|(link, _)| link.total != total) {
                return Err(malformed(&parent.cid, "a link states a wrong tree size"));
            }
            parent.left -= content;
            parent.total += total;
            if !parent.links.is_empty() {
                return Ok(());
            }
            // The node is complete, and its content has the stated size.
            total = parent.total;
            self.open.pop();
            content = self
                .open
                .last()
                .map_or(0, |above| above.left.min(self.profile.capacity(above.level)));
        }
        self.place = Place::End;
        Ok(())
    }
}

fn malformed(cid: &FileCid, reason: &'static str) -> UnixFsError {
    UnixFsError::Malformed { cid: *cid, reason }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::{Block, build, file_cid};
    use super::*;

    fn read_blocks(root: &FileCid, profile: Profile, blocks: &[Block]) -> Result<Vec<u8>, UnixFsError> {
        let blocks: BTreeMap<_, _> = blocks.iter().map(|block| (block.cid, &block.data[..])).collect();
        read(root, profile, |cid| blocks.get(cid).copied())
    }

    fn block(codec: Codec, data: Vec<u8>) -> Block {
        Block {
            cid: block_cid(codec, &data),
            data,
        }
    }

    /// A node with arbitrary values.
    fn node(children: &[(&Block, u64, u64)]) -> Block {
        let node = Node {
            links: children
                .iter()
                .map(|(child, _, total)| Link {
                    cid: child.cid,
                    total: *total,
                })
                .collect(),
            content: children.iter().map(|(_, size, _)| size).sum(),
            sizes: children.iter().map(|(_, size, _)| *size).collect(),
        };
        block(Codec::DagPb, node.encode())
    }

    const TINY: Profile = match Profile::new(4, 2) {
        Some(profile) => profile,
        None => Profile::UNIXFS_V1_2025,
    };

    #[test]
    fn missing_and_damaged_blocks_are_named() {
        let (root, blocks) = build(b"nine bytes", TINY);
        assert_eq!(read_blocks(&root, TINY, &blocks).unwrap(), b"nine bytes");
        for lost in 0..blocks.len() {
            let mut rest = blocks.clone();
            let lost = rest.remove(lost).cid;
            assert_eq!(read_blocks(&root, TINY, &rest), Err(UnixFsError::Missing(lost)));
        }
        for bad in 0..blocks.len() {
            let mut damaged = blocks.clone();
            damaged[bad].data[0] ^= 1;
            let cid = damaged[bad].cid;
            assert_eq!(
                read_blocks(&root, TINY, &damaged),
                Err(UnixFsError::WrongHash(cid))
            );
        }
    }

    #[test]
    fn trees_of_another_shape_are_rejected() {
        let [abcd, efgh, ij] = [&b"abcd"[..], b"efgh", b"ij"].map(|data| block(Codec::Raw, data.to_vec()));
        let right = node(&[(&abcd, 4, 4), (&efgh, 4, 4)]);
        let refuse = |root: &Block, blocks: &[&Block], why: &str| {
            let blocks: Vec<_> = blocks
                .iter()
                .map(|block| (*block).clone())
                .chain([root.clone()])
                .collect();
            let error = read_blocks(&root.cid, TINY, &blocks).unwrap_err().to_string();
            assert!(error.contains(why) && error.contains("block baf"), "{error}");
        };
        refuse(&node(&[(&ij, 2, 2)]), &[&ij], "one chunk");
        refuse(&node(&[]), &[], "one chunk");
        refuse(
            &node(&[(&ij, 2, 2), (&abcd, 4, 4)]),
            &[&ij, &abcd],
            "holds 2 bytes of the file instead of 4",
        );
        refuse(
            &node(&[(&abcd, 4, 4), (&efgh, 3, 4)]),
            &[&abcd, &efgh],
            "holds 4 bytes of the file instead of 3",
        );
        refuse(
            &node(&[(&abcd, 4, 4), (&efgh, 4, 5)]),
            &[&abcd, &efgh],
            "a wrong tree size",
        );
        refuse(
            &node(&[(&abcd, 4, 4), (&ij, 4, 4)]),
            &[&abcd, &ij],
            "holds 2 bytes of the file instead of 4",
        );
        // Three chunks need two levels, and the last node has one link.
        let flat = node(&[(&abcd, 4, 4), (&efgh, 4, 4), (&ij, 2, 2)]);
        refuse(&flat, &[&abcd, &efgh, &ij], "link count");
        let total = 8 + right.data.len() as u64;
        let skewed = node(&[(&right, 8, total), (&ij, 2, 2)]);
        refuse(
            &skewed,
            &[&abcd, &efgh, &ij, &right],
            "a chunk where a node belongs",
        );
        let last = node(&[(&ij, 2, 2)]);
        let good = node(&[(&right, 8, total), (&last, 2, 2 + last.data.len() as u64)]);
        let blocks = [abcd, efgh, ij, right, last, good.clone()];
        assert_eq!(read_blocks(&good.cid, TINY, &blocks).unwrap(), b"abcdefghij");
    }

    #[test]
    fn malformed_nodes_are_rejected() {
        for data in [
            &b""[..],
            b"text",
            &[0x12, 0xff],
            &[0x0a, 0x04, 0x08, 0x01, 0x18, 0x00],
        ] {
            let root = block(Codec::DagPb, data.to_vec());
            let error = read_blocks(&root.cid, TINY, std::slice::from_ref(&root)).unwrap_err();
            assert!(
                matches!(error, UnixFsError::Malformed { cid, .. } if cid == root.cid),
                "{error}"
            );
        }
        let long = block(Codec::Raw, b"abcde".to_vec());
        let error = read_blocks(&long.cid, TINY, std::slice::from_ref(&long))
            .unwrap_err()
            .to_string();
        assert!(error.contains("exceeds the chunk size"), "{error}");
    }

    #[test]
    fn a_few_blocks_do_not_unfold_into_a_giant() {
        // Five levels of 1024 links to one and the same chunk: 1 EiB out of 1.3 MB.
        let mut part = block(Codec::Raw, vec![0; 1 << 20]);
        let (mut size, mut total) = (1u64 << 20, 1u64 << 20);
        let mut blocks = vec![part.clone()];
        for _ in 0..4 {
            part = node(&vec![(&part, size, total); 1024]);
            (size, total) = (size * 1024, total * 1024 + part.data.len() as u64);
            blocks.push(part.clone());
        }
        let error = read_blocks(&part.cid, Profile::default(), &blocks).unwrap_err();
        assert_eq!(error, UnixFsError::TooLarge { cid: part.cid, size });
    }

    proptest! {
        #[test]
        fn reading_undoes_building(
            content in proptest::collection::vec(any::<u8>(), 0..600),
            chunk_size in 1usize..50,
            max_links in 2usize..6,
        ) {
            let profile = Profile::new(chunk_size, max_links).unwrap();
            let (root, blocks) = build(&content, profile);
            prop_assert_eq!(read_blocks(&root, profile, &blocks), Ok(content));
        }

        #[test]
        fn a_file_has_one_cid(content in proptest::collection::vec(any::<u8>(), 5..60), max_links in 3usize..6) {
            // Split in another way, the same content is another file, which does not conform to this profile.
            let (root, blocks) = build(&content, Profile::new(3, max_links).unwrap());
            prop_assert_ne!(root, build(&content, TINY).0);
            prop_assert!(read_blocks(&root, TINY, &blocks).is_err());
        }
    }

    proptest! {
        #[test]
        fn skipped_blocks_do_not_affect_the_others(
            content in proptest::collection::vec(any::<u8>(), 5..300),
            chunk_size in 1usize..20,
            max_links in 2usize..6,
            skips: u64,
        ) {
            let profile = Profile::new(chunk_size, max_links).unwrap();
            let (root, blocks) = build(&content, profile);
            let mut walk = Walk::new(&root, profile);
            let mut step = 0;
            while let Some(cid) = walk.wanted() {
                step += 1;
                let range = walk.wanted_range();
                if range.is_some() && skips >> (step % 64) & 1 == 1 {
                    walk.skip().unwrap();
                    continue;
                }
                let block = blocks.iter().find(|block| block.cid == cid).unwrap();
                let taken = walk.take(&block.data).unwrap();
                if let Some(range) = range.filter(|_| !taken.is_empty()) {
                    prop_assert_eq!(taken, &content[range.start as usize..range.end as usize]);
                }
            }
        }
    }

    #[test]
    fn the_empty_file_is_an_empty_leaf() {
        assert_eq!(
            file_cid(b"").to_string(),
            "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
        );
    }
}
