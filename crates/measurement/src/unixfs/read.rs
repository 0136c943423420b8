//! Reading: every block is held against its CID and against its place in the tree.

use assize_protocol::{Codec, FileCid};

use super::protobuf::Node;
use super::{MAX_FILE_SIZE, Profile, UnixFsError, block_cid};

/// The content of the file `root`, from blocks that `get` finds; each is checked against its CID.
///
/// Succeeds exactly if `root` is the CID that `profile` gives to the content.
///
/// # Errors
/// [`UnixFsError`] names the block.
pub fn read<'a>(
    root: &FileCid,
    profile: Profile,
    get: impl Fn(&FileCid) -> Option<&'a [u8]>,
) -> Result<Vec<u8>, UnixFsError> {
    read_checked(root, profile, 0, |cid| {
        let data = get(cid).ok_or(UnixFsError::Missing(*cid))?;
        match block_cid(cid.codec, data) == *cid {
            true => Ok(data),
            false => Err(UnixFsError::WrongHash(*cid)),
        }
    })
}

/// The same for a `get` that gives only blocks that have the hash of their CID. `at_hand` is how many bytes there are,
/// so that no more is reserved on the word of the file alone.
pub(crate) fn read_checked<'a>(
    root: &FileCid,
    profile: Profile,
    at_hand: usize,
    get: impl FnMut(&FileCid) -> Result<&'a [u8], UnixFsError>,
) -> Result<Vec<u8>, UnixFsError> {
    let mut reader = Reader {
        profile,
        get,
        content: Vec::new(),
    };
    if root.codec == Codec::Raw {
        let data = (reader.get)(root)?;
        if data.len() > profile.chunk_size {
            return Err(malformed(root, "it is longer than a chunk"));
        }
        return Ok(data.to_vec());
    }
    let (node, length) = reader.node(root)?;
    let size = node.content;
    if size > MAX_FILE_SIZE {
        return Err(UnixFsError::TooLarge { cid: *root, size });
    }
    if size <= profile.chunk_size as u64 {
        return Err(malformed(
            root,
            "a file of one chunk is that chunk, without a node",
        ));
    }
    // The root's level is the first that can hold the file.
    let level = (1..)
        .find(|level| profile.capacity(*level) >= size)
        .unwrap_or(u32::MAX);
    reader.content.reserve_exact(at_hand.min(size as usize));
    reader.children(root, &node, length, level)?;
    Ok(reader.content)
}

fn malformed(cid: &FileCid, reason: &'static str) -> UnixFsError {
    UnixFsError::Malformed { cid: *cid, reason }
}

struct Reader<G> {
    profile: Profile,
    get: G,
    content: Vec<u8>,
}

impl<'a, G: FnMut(&FileCid) -> Result<&'a [u8], UnixFsError>> Reader<G> {
    /// The node and the length of its block.
    fn node(&mut self, cid: &FileCid) -> Result<(Node, u64), UnixFsError> {
        let data = (self.get)(cid)?;
        let node = Node::decode(data).map_err(|reason| malformed(cid, reason))?;
        Ok((node, data.len() as u64))
    }

    /// Reads the part of the tree below `cid`, which has to hold `size` bytes. Returns the bytes of all its blocks.
    fn part(&mut self, cid: &FileCid, size: u64, level: u32) -> Result<u64, UnixFsError> {
        let expect = |actual: u64| match actual == size {
            true => Ok(()),
            false => Err(UnixFsError::WrongSize {
                cid: *cid,
                required: size,
                actual,
            }),
        };
        if level == 0 {
            if cid.codec != Codec::Raw {
                return Err(malformed(cid, "it is a node where a chunk belongs"));
            }
            let data = (self.get)(cid)?;
            expect(data.len() as u64)?;
            self.content.extend_from_slice(data);
            return Ok(size);
        }
        if cid.codec != Codec::DagPb {
            return Err(malformed(cid, "it is a chunk where a node belongs"));
        }
        let (node, length) = self.node(cid)?;
        expect(node.content)?;
        self.children(cid, &node, length, level)
    }

    /// Reads the parts below a node of `length` bytes. Returns the bytes of all blocks, the node's own included.
    fn children(&mut self, cid: &FileCid, node: &Node, length: u64, level: u32) -> Result<u64, UnixFsError> {
        // All children are full but the last.
        let full = self.profile.capacity(level - 1);
        if node.links.len() as u64 != node.content.div_ceil(full) {
            return Err(malformed(cid, "it has not as many links as its size needs"));
        }
        let mut left = node.content;
        let mut total = length;
        for (link, stated) in node.links.iter().zip(&node.sizes) {
            let required = left.min(full);
            if *stated != required {
                return Err(UnixFsError::WrongSize {
                    cid: link.cid,
                    required,
                    actual: *stated,
                });
            }
            let below = self.part(&link.cid, required, level - 1)?;
            if link.total != below {
                return Err(malformed(
                    cid,
                    "a link says another length of its tree than the tree has",
                ));
            }
            total += below;
            left -= required;
        }
        Ok(total)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::protobuf::Link;
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

    /// A node that says whatever it is told to.
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
    fn trees_of_another_shape_are_refused() {
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
            "holds 2 bytes of the file, but 4 belong",
        );
        refuse(
            &node(&[(&abcd, 4, 4), (&efgh, 3, 4)]),
            &[&abcd, &efgh],
            "holds 4 bytes of the file, but 3 belong",
        );
        refuse(
            &node(&[(&abcd, 4, 4), (&efgh, 4, 5)]),
            &[&abcd, &efgh],
            "another length",
        );
        refuse(
            &node(&[(&abcd, 4, 4), (&ij, 4, 4)]),
            &[&abcd, &ij],
            "holds 2 bytes of the file, but 4 belong",
        );
        // Three chunks need two levels, and the last node has one link.
        let flat = node(&[(&abcd, 4, 4), (&efgh, 4, 4), (&ij, 2, 2)]);
        refuse(&flat, &[&abcd, &efgh, &ij], "links");
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
    fn blocks_that_are_no_nodes_are_refused() {
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
        assert!(error.contains("longer than a chunk"), "{error}");
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
            // Cut in another way, the same content is another file, and not one of this profile.
            let (root, blocks) = build(&content, Profile::new(3, max_links).unwrap());
            prop_assert_ne!(root, build(&content, TINY).0);
            prop_assert!(read_blocks(&root, TINY, &blocks).is_err());
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
