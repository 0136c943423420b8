//! CARs that are checked while they arrive.

use assize_measurement::car::{CarError, Sections};
use assize_measurement::unixfs;
use assize_protocol::FileCid;

/// Maximum length of a header.
const MAX_HEADER: u64 = 256;
/// Maximum length of a section: a block of 1 MiB or a node of 1024 links, and its CID.
const MAX_SECTION: u64 = (1 << 20) + 4096;

/// Checks the header and the hash of each block of a CAR as it comes, so that a source that sends something else is found out after a
/// block rather than after the last. Whether the blocks form the file is known at the end only: its root may come last.
pub(crate) struct Arriving {
    root: FileCid,
    /// Where the section begins.
    offset: usize,
    /// The section so far, with its length before it.
    section: Vec<u8>,
    /// Bytes of the length, and of the section, once the length is known.
    lengths: Option<(usize, usize)>,
    is_header: bool,
}

impl Arriving {
    pub(crate) fn new(root: &FileCid) -> Self {
        Self {
            root: *root,
            offset: 0,
            section: Vec::new(),
            lengths: None,
            is_header: true,
        }
    }

    /// Checks what is complete with these bytes.
    pub(crate) fn add(&mut self, mut bytes: &[u8]) -> Result<(), CarError> {
        while let Some((&first, rest)) = bytes.split_first() {
            match self.lengths {
                None => {
                    self.section.push(first);
                    bytes = rest;
                    if first & 0x80 == 0 || self.section.len() == 10 {
                        self.lengths = Some((self.section.len(), self.length()?));
                    }
                }
                Some((before, length)) => {
                    let wanted = (before + length - self.section.len()).min(bytes.len());
                    let (these, rest) = bytes.split_at(wanted);
                    self.section.extend_from_slice(these);
                    bytes = rest;
                }
            }
            if let Some((before, length)) = self.lengths
                && self.section.len() == before + length
            {
                self.check(before)?;
                self.offset += self.section.len();
                self.section.clear();
                (self.lengths, self.is_header) = (None, false);
            }
        }
        Ok(())
    }

    /// The length that is before the section.
    fn length(&self) -> Result<usize, CarError> {
        let bits = self.section.iter().rev();
        let length = bits.fold(0_u64, |length, byte| {
            length.wrapping_shl(7) | u64::from(byte & 0x7f)
        });
        let (root, offset) = (self.root, self.offset);
        match self.is_header {
            true if length > MAX_HEADER => Err(CarError::Header { root }),
            false if length > MAX_SECTION || length < FileCid::LENGTH as u64 => {
                Err(CarError::Cut { root, offset })
            }
            _ => Ok(length as usize),
        }
    }

    fn check(&self, before: usize) -> Result<(), CarError> {
        let (root, offset) = (self.root, self.offset);
        if self.is_header {
            let found = Sections::open(&self.section)
                .ok_or(CarError::Header { root })?
                .root();
            return match found == root {
                true => Ok(()),
                false => Err(CarError::OtherRoot { root, found }),
            };
        }
        let (cid, data) = self.section[before..]
            .split_at_checked(FileCid::LENGTH)
            .ok_or(CarError::Cut { root, offset })?;
        let cid = FileCid::from_bytes(cid).map_err(|source| CarError::Cid { root, offset, source })?;
        match unixfs::block_cid(cid.codec, data) == cid {
            true => Ok(()),
            false => Err(CarError::WrongHash { cid, offset }),
        }
    }
}

#[cfg(test)]
mod tests {
    use assize_measurement::car;

    use super::*;

    /// How many bytes were taken before the fault.
    fn taken(root: &FileCid, car: &[u8], piece: usize) -> (usize, Option<CarError>) {
        let mut arriving = Arriving::new(root);
        let mut taken = 0;
        for piece in car.chunks(piece) {
            if let Err(error) = arriving.add(piece) {
                return (taken, Some(error));
            }
            taken += piece.len();
        }
        (taken, None)
    }

    #[test]
    fn what_is_right_is_taken_however_it_is_cut() {
        let content: Vec<u8> = (0..3 << 20_u32).map(|index| (index % 241) as u8).collect();
        let (root, packed) = car::pack(&content);
        for piece in [1, 7, 64 << 10, packed.len()] {
            assert_eq!(taken(&root, &packed, piece), (packed.len(), None), "{piece}");
        }
    }

    #[test]
    fn what_is_wrong_is_refused_at_its_first_block() {
        let content: Vec<u8> = (0..3 << 20_u32).map(|index| (index % 241) as u8).collect();
        let (root, mut packed) = car::pack(&content);
        let (other, _) = car::pack(b"something else");
        let (at, error) = taken(&other, &packed, 64);
        assert!(
            at < 64 && matches!(error, Some(CarError::OtherRoot { .. })),
            "{error:?}"
        );
        packed[2_000] ^= 1;
        let (at, error) = taken(&root, &packed, 64);
        assert!(at < (1 << 20) + 200, "{at}");
        assert!(
            matches!(error, Some(CarError::WrongHash { offset: 59, .. })),
            "{error:?}"
        );
        for junk in [vec![0; 4_096], vec![0xff; 4_096]] {
            let (at, error) = taken(&root, &junk, 1);
            assert!(
                at < 10 && matches!(error, Some(CarError::Header { .. })),
                "{error:?}"
            );
            let (at, error) = taken(&root, &[&packed[..59], &junk].concat(), 1);
            assert!(
                at < 70 && matches!(error, Some(CarError::Cut { .. })),
                "{error:?}"
            );
        }
    }
}
