//! CARv1: a file's blocks in one stream.
//!
//! ```text
//! varint length │ dag-cbor {"roots": [CID], "version": 1}
//! varint length │ CID (36 bytes) │ block
//! varint length │ CID (36 bytes) │ block …
//! ```
//!
//! **Writing** is canonical: one root; blocks in post-order, so leaves in file order, each node right after the last of its
//! children, the root last; each block once. For a file without repeated chunks, the bytes are those of npm
//! `ipfs-car pack --no-wrap`.
//!
//! **Reading** accepts any order, as gateways send the root first. Every block must have the hash in its CID and be part of the
//! file, once or as often as the file has it (`ipfs-car` writes a repeated chunk again).

mod stream;

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

use assize_protocol::{CidError, FileCid};
use thiserror::Error;

use crate::unixfs::{self, Profile, UnixFsError};
use crate::varint;

pub use stream::{Blocks, Content, ReadError, pack_to};

/// Why bytes are not the CAR of a file. An offset is that of a section's first byte in the CAR.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CarError {
    /// The header is not that of a CARv1 with one root.
    #[error("not the CARv1 of {root}: no header with one root at offset 0")]
    Header {
        /// The expected root.
        root: FileCid,
    },
    /// The CAR of another file.
    #[error("this is the CAR of {found}, not of {root}")]
    OtherRoot {
        /// The expected root.
        root: FileCid,
        /// The root in the header.
        found: FileCid,
    },
    /// The stream ends within a section, or a section's length is malformed.
    #[error("the CAR of {root} is truncated or damaged in the section at offset {offset}")]
    Cut {
        /// The root.
        root: FileCid,
        /// Where the section begins.
        offset: usize,
    },
    /// A section that does not begin with the CID of a file's block.
    #[error("the CAR of {root} is damaged in the section at offset {offset}: {source}")]
    Cid {
        /// The root.
        root: FileCid,
        /// Where the section begins.
        offset: usize,
        /// The bytes there.
        source: CidError,
    },
    /// A block whose bytes do not hash to its CID.
    #[error("block {cid} at offset {offset} does not match the hash in its CID")]
    WrongHash {
        /// The block.
        cid: FileCid,
        /// Where its section begins.
        offset: usize,
    },
    /// A block that occurs more often than in the file.
    #[error("block {cid} at offset {offset} occurs more often than in the file")]
    Repeated {
        /// The block.
        cid: FileCid,
        /// Where its first section begins.
        offset: usize,
    },
    /// A block that is not part of the file.
    #[error("block {cid} at offset {offset} is not part of the file {root}")]
    Foreign {
        /// The root.
        root: FileCid,
        /// The block.
        cid: FileCid,
        /// Where its section begins.
        offset: usize,
    },
    /// More blocks than a file can have, as an attack on the reader's memory would.
    #[error("the CAR of {root} has more blocks than any file")]
    TooManyBlocks {
        /// The root.
        root: FileCid,
    },
    /// The blocks do not form a file.
    #[error(transparent)]
    File(#[from] UnixFsError),
}

/// Packs a file: its CID, and the CAR's bytes.
#[must_use]
pub fn pack(content: &[u8]) -> (FileCid, Vec<u8>) {
    let mut car = Vec::with_capacity(content.len() + content.len() / 4096 + 256);
    // The root is known last; the header's length does not depend on it.
    let placeholder = unixfs::block_cid(assize_protocol::Codec::Raw, &[]);
    put_header(&mut car, &placeholder);
    let mut written = BTreeSet::new();
    let root = unixfs::run(content, Profile::default(), |cid, data| {
        if written.insert(*cid) {
            put_block(&mut car, cid, data);
        }
    });
    let mut head = Vec::new();
    put_header(&mut head, &root);
    car[..head.len()].copy_from_slice(&head);
    (root, car)
}

/// Unpacks the file `root`; every block is checked against its CID and its place in the file.
///
/// # Errors
/// [`CarError`] names the block and the place.
pub fn unpack(root: &FileCid, car: &[u8]) -> Result<Vec<u8>, CarError> {
    let mut blocks = blocks(root, car)?;
    let mut walk = unixfs::Walk::new(root, Profile::default());
    let mut content = Vec::new();
    while let Some(cid) = walk.wanted() {
        let block = blocks.get_mut(&cid).ok_or(UnixFsError::Missing(cid))?;
        block.uses += 1;
        content.extend_from_slice(walk.take_checked(block.data)?);
    }
    for (
        cid,
        Block {
            offset, there, uses, ..
        },
    ) in blocks
    {
        if uses == 0 {
            return Err(CarError::Foreign {
                root: *root,
                cid,
                offset,
            });
        }
        if there > uses {
            return Err(CarError::Repeated { cid, offset });
        }
    }
    Ok(content)
}

/// A block of a CAR.
struct Block<'a> {
    /// Of its first section.
    offset: usize,
    data: &'a [u8],
    /// How often it is in the CAR.
    there: usize,
    /// How often it is in the file.
    uses: usize,
}

/// All blocks of a CAR, with their hashes checked.
fn blocks<'a>(root: &FileCid, car: &'a [u8]) -> Result<BTreeMap<FileCid, Block<'a>>, CarError> {
    let sections = Sections::open(car).ok_or(CarError::Header { root: *root })?;
    let found = sections.root;
    if found != *root {
        return Err(CarError::OtherRoot { root: *root, found });
    }
    let mut blocks = BTreeMap::<FileCid, Block<'_>>::new();
    for section in sections {
        let Section { offset, cid, data } = section?;
        match blocks.entry(cid) {
            Entry::Occupied(mut known) => known.get_mut().there += 1,
            Entry::Vacant(new) => {
                new.insert(Block {
                    offset,
                    data,
                    there: 1,
                    uses: 0,
                });
            }
        }
    }
    Ok(blocks)
}

/// A block of a CAR, whose hash was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section<'a> {
    /// Where its section begins, bytes from the start of the CAR.
    pub offset: usize,
    /// The block's CID.
    pub cid: FileCid,
    /// The block.
    pub data: &'a [u8],
}

/// The blocks of a CARv1 with one root, in its order; the caller checks the file that they form.
#[derive(Debug, Clone)]
pub struct Sections<'a> {
    root: FileCid,
    car: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Sections<'a> {
    /// Reads the header; `None` if it is not that of a CARv1 with one root.
    #[must_use]
    pub fn open(car: &'a [u8]) -> Option<Self> {
        let mut rest = car;
        let root = root_of(take_section(&mut rest)?)?;
        Some(Self { root, car, rest })
    }

    /// The root in the header.
    #[must_use]
    pub fn root(&self) -> FileCid {
        self.root
    }

    fn take(&mut self) -> Result<Section<'a>, CarError> {
        let root = self.root;
        let offset = self.car.len() - self.rest.len();
        let cut = CarError::Cut { root, offset };
        let section = take_section(&mut self.rest).ok_or(cut.clone())?;
        let (cid, data) = section.split_at_checked(FileCid::LENGTH).ok_or(cut)?;
        let cid = FileCid::from_bytes(cid).map_err(|source| CarError::Cid { root, offset, source })?;
        if unixfs::block_cid(cid.codec, data) != cid {
            return Err(CarError::WrongHash { cid, offset });
        }
        Ok(Section { offset, cid, data })
    }
}

impl<'a> Iterator for Sections<'a> {
    type Item = Result<Section<'a>, CarError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let section = self.take();
        if section.is_err() {
            // After damage, sections cannot be found.
            self.rest = &[];
        }
        Some(section)
    }
}

/// Appends a CAR's header, which names one root.
pub fn put_header(car: &mut Vec<u8>, root: &FileCid) {
    section(car, &[&header(root)]);
}

/// Appends a block to a CAR.
pub fn put_block(car: &mut Vec<u8>, cid: &FileCid, data: &[u8]) {
    section(car, &[&cid.to_bytes(), data]);
}

/// Before and after the root in the header's dag-cbor, `{"roots": [root], "version": 1}`: a map of two, a list of one,
/// tag 42, a string of 37 bytes, of which the first is zero.
const BEFORE_ROOT: &[u8] = b"\xa2\x65roots\x81\xd8\x2a\x58\x25\x00";
const AFTER_ROOT: &[u8] = b"\x67version\x01";

fn header(root: &FileCid) -> Vec<u8> {
    [BEFORE_ROOT, &root.to_bytes(), AFTER_ROOT].concat()
}

/// The root in a header.
fn root_of(header: &[u8]) -> Option<FileCid> {
    let root = header.strip_prefix(BEFORE_ROOT)?.strip_suffix(AFTER_ROOT)?;
    FileCid::from_bytes(root).ok()
}

fn section(car: &mut Vec<u8>, parts: &[&[u8]]) {
    varint::put(car, parts.iter().map(|part| part.len() as u64).sum());
    parts.iter().for_each(|part| car.extend_from_slice(part));
}

fn take_section<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = varint::take(from)?;
    let (section, rest) = from.split_at_checked(usize::try_from(length).ok()?)?;
    *from = rest;
    Some(section)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(super) fn content(size: usize) -> Vec<u8> {
        (0..size)
            .map(|index| ((index * 7 + index / 256) % 251) as u8)
            .collect()
    }

    /// The sections of a CAR, header first, with their lengths before them.
    fn sections(car: &[u8]) -> Vec<Vec<u8>> {
        let mut rest = car;
        let mut sections = Vec::new();
        while !rest.is_empty() {
            let before = rest;
            take_section(&mut rest).unwrap();
            sections.push(before[..before.len() - rest.len()].to_vec());
        }
        sections
    }

    #[test]
    fn unpacking_undoes_packing() {
        for size in [0, 1, 1 << 20, (1 << 20) + 1, 3 << 20] {
            let (root, car) = pack(&content(size));
            assert_eq!(root, unixfs::file_cid(&content(size)));
            assert_eq!(unpack(&root, &car).unwrap(), content(size), "{size} bytes");
        }
    }

    #[test]
    fn equal_chunks_are_stored_once_and_may_be_repeated() {
        let zeros = vec![0; 3 << 20];
        let (root, car) = pack(&zeros);
        assert!(car.len() < (1 << 20) + 1_000);
        assert_eq!(unpack(&root, &car).unwrap(), zeros);

        // As written by ipfs-car: the chunk three times.
        let [head, chunk, node] = &sections(&car)[..] else {
            panic!("not three sections")
        };
        let three = [head, chunk, chunk, chunk, node].map(|part| &part[..]).concat();
        assert_eq!(unpack(&root, &three).unwrap(), zeros);
        let four = [head, chunk, chunk, chunk, chunk, node]
            .map(|part| &part[..])
            .concat();
        assert!(matches!(
            unpack(&root, &four),
            Err(CarError::Repeated { offset: 59, .. })
        ));
        let two_roots = [head, chunk, node, node].map(|part| &part[..]).concat();
        assert!(matches!(unpack(&root, &two_roots), Err(CarError::Repeated { cid, .. }) if cid == root));
    }

    #[test]
    fn blocks_may_come_in_any_order() {
        let (root, car) = pack(&content((2 << 20) + 5));
        let mut sections = sections(&car);
        sections[1..].reverse();
        assert_eq!(unpack(&root, &sections.concat()).unwrap(), content((2 << 20) + 5));
    }

    #[test]
    fn foreign_missing_and_repeated_blocks_are_named() {
        let (root, car) = pack(&content((1 << 20) + 1));
        let (other, other_car) = pack(b"something else");
        assert_eq!(
            unpack(&other, &car),
            Err(CarError::OtherRoot {
                root: other,
                found: root
            })
        );

        let stranger = &sections(&other_car)[1];
        let more = [&car[..], stranger].concat();
        let offset = car.len();
        let foreign = CarError::Foreign {
            root,
            cid: other,
            offset,
        };
        assert_eq!(unpack(&root, &more), Err(foreign));

        let head = &sections(&car)[0];
        assert_eq!(
            unpack(&root, head),
            Err(CarError::File(UnixFsError::Missing(root)))
        );
    }

    #[test]
    fn odd_headers_are_rejected() {
        let (root, car) = pack(b"x");
        // The pragma of CARv2; no header; a lying length; an endless one.
        let v2 = b"\x0a\xa1\x67version\x02";
        for bytes in [&v2[..], b"", b"\x00", &[0x7f], &[0xff; 20], &car[1..]] {
            assert_eq!(unpack(&root, bytes), Err(CarError::Header { root }), "{bytes:?}");
        }
    }

    #[test]
    fn lying_sections_are_rejected() {
        let (root, car) = pack(b"x");
        let offset = car.len();
        // Longer than the rest; longer than the machine's memory; too short for a CID.
        for tail in [
            &[0x7f, 1][..],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
            &[2, 1, 1],
        ] {
            let bytes = [&car[..], tail].concat();
            assert_eq!(
                unpack(&root, &bytes),
                Err(CarError::Cut { root, offset }),
                "{tail:?}"
            );
        }
        let mut dag_cbor = sections(&car)[1].clone();
        dag_cbor[2] = 0x71;
        let bytes = [&car[..], &dag_cbor].concat();
        assert!(matches!(unpack(&root, &bytes), Err(CarError::Cid { offset: at, .. }) if at == offset));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_changed_byte_is_detected(at: prop::sample::Index, change in 1u8..) {
            let original = content((1 << 20) + 500);
            let (root, mut car) = pack(&original);
            let at = at.index(car.len());
            car[at] ^= change;
            prop_assert!(unpack(&root, &car).is_err(), "byte {at}");
        }

        #[test]
        fn every_truncation_is_detected(at: prop::sample::Index) {
            let (root, car) = pack(&content(5_000));
            prop_assert!(unpack(&root, &car[..at.index(car.len())]).is_err());
        }

        #[test]
        fn nonsense_does_not_panic(bytes: Vec<u8>, behind_a_header: bool) {
            let (root, car) = pack(b"x");
            let head = if behind_a_header { &car[..59] } else { &[] };
            prop_assert!(unpack(&root, &[head, &bytes].concat()).is_err());
        }
    }
}
