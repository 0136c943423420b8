//! CARv1: a file's blocks in one stream.
//!
//! One root. Blocks in the order in which they are made: leaves as they come in the file, then the nodes above them; the
//! root is last. A reader accepts any order, but every block must be part of the file, once.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use assize_protocol::FileCid;
use thiserror::Error;

use crate::unixfs::{self, Profile, UnixFsError};
use crate::varint;

/// Why bytes are not the CAR of a file. Offsets count from the start of the CAR.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CarError {
    /// The header is not that of a CARv1 with the wanted root.
    #[error("the header at offset 0 is not that of a CARv1 whose only root is {root}")]
    Header {
        /// The root wanted.
        root: FileCid,
    },
    /// The stream ends, or is damaged, in the middle of a section.
    #[error("the section at offset {offset} is cut or damaged")]
    Section {
        /// Where it begins.
        offset: usize,
    },
    /// A block whose bytes do not hash to its CID.
    #[error("block {cid} at offset {offset} does not have the hash that its CID says")]
    WrongHash {
        /// The block.
        cid: FileCid,
        /// Where its section begins.
        offset: usize,
    },
    /// The same block twice.
    #[error("block {cid} at offset {offset} is there for the second time")]
    Repeated {
        /// The block.
        cid: FileCid,
        /// Where its section begins.
        offset: usize,
    },
    /// Blocks that are no part of the file.
    #[error("{found} blocks are there, but the file {root} has {needed}")]
    Superfluous {
        /// The file.
        root: FileCid,
        /// Blocks in the CAR.
        found: usize,
        /// Blocks of the file.
        needed: usize,
    },
    /// The blocks are not those of the file.
    #[error(transparent)]
    File(#[from] UnixFsError),
}

/// Packs a file: its CID, and the CAR's bytes.
#[must_use]
pub fn pack(content: &[u8]) -> (FileCid, Vec<u8>) {
    let (root, mut blocks) = unixfs::build(content, Profile::default());
    // Equal chunks are one block.
    let mut seen = BTreeSet::new();
    blocks.retain(|block| seen.insert(block.cid));
    let mut car = Vec::with_capacity(content.len() + 128 * (blocks.len() + 1));
    section(&mut car, &[&header(&root)]);
    for block in &blocks {
        section(&mut car, &[&block.cid.to_bytes(), &block.data]);
    }
    (root, car)
}

/// Unpacks the file `root`; every block is checked against its CID.
///
/// # Errors
/// [`CarError`] names the block and the place.
pub fn unpack(root: &FileCid, car: &[u8]) -> Result<Vec<u8>, CarError> {
    let mut rest = car;
    let head = take_section(&mut rest).filter(|head| *head == header(root));
    head.ok_or(CarError::Header { root: *root })?;
    let mut blocks = BTreeMap::<FileCid, &[u8]>::new();
    while !rest.is_empty() {
        let offset = car.len() - rest.len();
        let damaged = CarError::Section { offset };
        let section = take_section(&mut rest).ok_or(damaged.clone())?;
        let (cid, data) = section.split_at_checked(FileCid::LENGTH).ok_or(damaged.clone())?;
        let cid = FileCid::from_bytes(cid).map_err(|_| damaged)?;
        if unixfs::cid_of(cid.codec, data) != cid {
            return Err(CarError::WrongHash { cid, offset });
        }
        if blocks.insert(cid, data).is_some() {
            return Err(CarError::Repeated { cid, offset });
        }
    }
    let used = RefCell::new(BTreeSet::new());
    let content = unixfs::read(root, |cid| {
        used.borrow_mut().insert(*cid);
        blocks.get(cid).copied()
    })?;
    let needed = used.into_inner().len();
    match needed == blocks.len() {
        true => Ok(content),
        false => Err(CarError::Superfluous {
            root: *root,
            found: blocks.len(),
            needed,
        }),
    }
}

/// The header in dag-cbor: `{"roots": [root], "version": 1}`.
fn header(root: &FileCid) -> Vec<u8> {
    let mut cbor = vec![0xa2, 0x65];
    cbor.extend_from_slice(b"roots");
    // A list of one; tag 42, a string of 37 bytes: the CID behind a zero byte.
    cbor.extend_from_slice(&[0x81, 0xd8, 0x2a, 0x58, 0x25, 0x00]);
    cbor.extend_from_slice(&root.to_bytes());
    cbor.push(0x67);
    cbor.extend_from_slice(b"version");
    cbor.push(0x01);
    cbor
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

    fn content(size: usize) -> Vec<u8> {
        (0..size)
            .map(|index| ((index * 7 + index / 256) % 251) as u8)
            .collect()
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
    fn equal_chunks_are_stored_once() {
        let zeros = vec![0; 3 << 20];
        let (root, car) = pack(&zeros);
        assert!(car.len() < (1 << 20) + 1_000);
        assert_eq!(unpack(&root, &car).unwrap(), zeros);
    }

    #[test]
    fn foreign_missing_and_repeated_blocks_are_named() {
        let (root, car) = pack(&content((1 << 20) + 1));
        let (other, other_car) = pack(b"something else");
        assert_eq!(unpack(&other, &car), Err(CarError::Header { root: other }));

        let mut more = car.clone();
        let mut rest = &other_car[..];
        take_section(&mut rest);
        more.extend_from_slice(rest);
        assert_eq!(
            unpack(&root, &more),
            Err(CarError::Superfluous {
                root,
                found: 4,
                needed: 3
            })
        );
        more.extend_from_slice(rest);
        assert!(matches!(unpack(&root, &more), Err(CarError::Repeated { cid, .. }) if cid == other));

        let mut head = &car[..];
        take_section(&mut head);
        let only_head = &car[..car.len() - head.len()];
        assert_eq!(
            unpack(&root, only_head),
            Err(CarError::File(UnixFsError::Missing(root)))
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_changed_byte_goes_unnoticed(at: prop::sample::Index, change in 1u8..) {
            let original = content((1 << 20) + 500);
            let (root, mut car) = pack(&original);
            let at = at.index(car.len());
            car[at] ^= change;
            prop_assert!(unpack(&root, &car).is_err(), "byte {at}");
        }

        #[test]
        fn no_cut_goes_unnoticed(at: prop::sample::Index) {
            let (root, car) = pack(&content(5_000));
            prop_assert!(unpack(&root, &car[..at.index(car.len())]).is_err());
        }

        #[test]
        fn nonsense_does_not_panic(bytes: Vec<u8>) {
            let (root, _) = pack(b"x");
            prop_assert!(unpack(&root, &bytes).is_err());
        }
    }
}
