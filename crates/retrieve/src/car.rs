//! Checks the CAR that answers a request for one block, as a stream, in constant memory.
//!
//! [`assize_measurement::car`] reads whole files whose blocks are of the protocol's own kinds. This module reads
//! untrusted responses of any size, with any kind of CID.

use assize_protocol::PayloadCid;

use crate::content::ContentError;
use crate::hash::{BlockHash, IDENTITY};
use crate::{Cid, Multihash, cbor, varint};

/// Maximum length of a header; a header with one root has 59 bytes.
const LONGEST_HEADER: u64 = 64 << 10;
/// Length of the longest digest that a [`Cid`] holds, in bytes.
const LONGEST_DIGEST: u64 = PayloadCid::MAX_DIGEST as u64;
const DAG_PB: u64 = 0x70;
const SHA2_256: u64 = 0x12;

/// Checks that a CAR holds the block of a CID, and nothing else. Codecs are not compared: the multihash alone determines the
/// block's bytes, and many blockstores keep nothing else (docs/decisions/0014).
///
/// The block may occur more than once, as in Spark. Only the first fault is reported; the rest of the CAR is not
/// checked.
#[derive(Debug)]
pub(crate) struct CarCheck {
    wanted: Cid,
    state: State,
    fault: Option<ContentError>,
    blocks: u64,
    /// Offset at which the current section begins.
    section: u64,
    /// Offset of the next byte.
    offset: u64,
}

#[derive(Debug)]
enum State {
    HeaderLength(varint::Reader),
    Header {
        left: u64,
        bytes: Vec<u8>,
    },
    /// Between two sections, if the length has not begun.
    Length(varint::Reader),
    /// Within a section's CID, of which a prefix has been read.
    Cid {
        left: u64,
        bytes: Vec<u8>,
    },
    Block {
        left: u64,
        hash: Box<BlockHash>,
    },
}

/// A CID as found in a CAR, with the position of its digest.
enum Read {
    More,
    Bad,
    Cid {
        codec: u64,
        hash: u64,
        digest_length: u64,
        head: usize,
    },
}

impl CarCheck {
    pub(crate) fn new(wanted: &Cid) -> Self {
        Self {
            wanted: *wanted,
            state: State::HeaderLength(varint::Reader::default()),
            fault: None,
            blocks: 0,
            section: 0,
            offset: 0,
        }
    }

    /// Processes the next bytes.
    pub(crate) fn update(&mut self, mut data: &[u8]) {
        while !data.is_empty() && self.fault.is_none() {
            match self.step(data) {
                Ok(taken) => {
                    self.offset += taken as u64;
                    data = &data[taken..];
                }
                Err(fault) => self.fault = Some(fault),
            }
        }
    }

    /// The verdict, once the whole body has been read.
    pub(crate) fn finish(self) -> Result<(), ContentError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        match &self.state {
            State::Length(length) if !length.is_within() => {}
            _ => {
                return Err(ContentError::NoCar {
                    offset: self.section,
                    what: "is truncated",
                });
            }
        }
        // Blocks with an identity CID are never put into CARs.
        if self.blocks == 0 && self.wanted.hash().code() != IDENTITY {
            return Err(ContentError::Empty);
        }
        Ok(())
    }

    /// Consumes the next unit, at least one byte. Returns its length.
    fn step(&mut self, data: &[u8]) -> Result<usize, ContentError> {
        let offset = self.section;
        let no_car = |what| ContentError::NoCar { offset, what };
        match &mut self.state {
            State::HeaderLength(length) => {
                match length.push(data[0]).ok_or(no_car("has an invalid length"))? {
                    Some(0) => return Err(no_car("is empty instead of a header")),
                    Some(left) if left > LONGEST_HEADER => return Err(no_car("has an oversized header")),
                    Some(left) => {
                        self.state = State::Header {
                            left,
                            bytes: Vec::new(),
                        }
                    }
                    None => {}
                }
                Ok(1)
            }
            State::Header { left, bytes } => {
                let taken = smaller(*left, data.len());
                bytes.extend_from_slice(&data[..taken]);
                *left -= taken as u64;
                if *left == 0 {
                    if !cbor::is_car_header(bytes) {
                        return Err(no_car("is not a CARv1 header"));
                    }
                    self.state = State::Length(varint::Reader::default());
                }
                Ok(taken)
            }
            State::Length(length) => {
                if !length.is_within() {
                    self.section = self.offset;
                }
                match length.push(data[0]).ok_or(no_car("has no length"))? {
                    // docs/decisions/0015
                    Some(0) => return Err(no_car("is empty: zero padding is not part of a CAR")),
                    Some(left) => {
                        self.state = State::Cid {
                            left,
                            bytes: Vec::new(),
                        }
                    }
                    None => {}
                }
                Ok(1)
            }
            State::Cid { left, bytes } => {
                bytes.push(data[0]);
                *left -= 1;
                match read(bytes) {
                    Read::Bad => return Err(no_car("does not begin with a CID")),
                    Read::More if *left == 0 => return Err(no_car("is too short for its CID")),
                    Read::More => return Ok(1),
                    Read::Cid {
                        codec,
                        hash,
                        digest_length,
                        head,
                    } => {
                        let digest = &bytes[head..];
                        // A digest that is too long is rejected before it has been read.
                        if digest_length <= LONGEST_DIGEST && (digest.len() as u64) < digest_length {
                            if *left == 0 {
                                return Err(no_car("is too short for its CID"));
                            }
                            return Ok(1);
                        }
                        let wanted = self.wanted.hash();
                        if (hash, digest) != (wanted.code(), wanted.digest()) {
                            let cid = name(codec, hash, digest, digest_length);
                            return Err(ContentError::Unexpected { offset, cid });
                        }
                        let hash = BlockHash::new(wanted).ok_or(ContentError::UnknownHash(hash))?;
                        self.state = State::Block {
                            left: *left,
                            hash: Box::new(hash),
                        };
                    }
                }
                self.close_block()?;
                Ok(1)
            }
            State::Block { left, hash } => {
                let taken = smaller(*left, data.len());
                hash.update(&data[..taken]);
                *left -= taken as u64;
                self.close_block()?;
                Ok(taken)
            }
        }
    }

    /// Compares a complete block with its CID.
    fn close_block(&mut self) -> Result<(), ContentError> {
        let State::Block { left: 0, .. } = &self.state else {
            return Ok(());
        };
        let next = State::Length(varint::Reader::default());
        if let State::Block { hash, .. } = std::mem::replace(&mut self.state, next) {
            if !hash.matches() {
                return Err(ContentError::WrongHash);
            }
            self.blocks += 1;
        }
        Ok(())
    }
}

/// Parses the fields before a CID's digest, once they are complete.
fn read(bytes: &[u8]) -> Read {
    let mut rest = bytes;
    let mut number = || match varint::take(&mut rest) {
        Some(number) => Ok(number),
        // A varint has at most nine bytes.
        None if rest.len() < 9 && rest.iter().all(|byte| byte & 0x80 != 0) => Err(Read::More),
        None => Err(Read::Bad),
    };
    let fields = (|| {
        let first = number()?;
        // A CID of version 0 is a bare multihash.
        let (codec, hash) = match first {
            1 => (number()?, number()?),
            SHA2_256 => (DAG_PB, SHA2_256),
            _ => return Err(Read::Bad),
        };
        let digest_length = number()?;
        if first == SHA2_256 && digest_length != 32 {
            return Err(Read::Bad);
        }
        Ok((codec, hash, digest_length))
    })();
    match fields {
        Ok((codec, hash, digest_length)) => Read::Cid {
            codec,
            hash,
            digest_length,
            head: bytes.len() - rest.len(),
        },
        Err(read) => read,
    }
}

/// Describes a block that is not the requested one, as far as it is known.
fn name(codec: u64, hash: u64, digest: &[u8], length: u64) -> String {
    match Multihash::wrap(hash, digest) {
        Ok(multihash) if digest.len() as u64 == length => Cid::new_v1(codec, multihash).to_string(),
        _ => format!("with codec {codec:#x}, hash {hash:#x} and a digest of {length} bytes"),
    }
}

fn smaller(left: u64, there: usize) -> usize {
    usize::try_from(left).map_or(there, |left| left.min(there))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    use super::*;

    /// A CAR of blocks with their CIDs, and its root CID.
    fn car(blocks: &[&[u8]]) -> (Cid, Vec<u8>) {
        let cids: Vec<Cid> = blocks
            .iter()
            .map(|block| Cid::new_v1(0x55, Multihash::wrap(0x12, &Sha256::digest(block)).unwrap()))
            .collect();
        let mut bytes = b"\x11\xa2\x65roots\x80\x67version\x01".to_vec();
        for (cid, block) in cids.iter().zip(blocks) {
            let length = cid.encoded_len() + block.len();
            bytes.extend([length as u8 | 0x80, (length >> 7) as u8]);
            bytes.extend(cid.to_bytes());
            bytes.extend(*block);
        }
        (cids[0], bytes)
    }

    fn verdict<'a>(wanted: &Cid, pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<(), ContentError> {
        let mut check = CarCheck::new(wanted);
        pieces.into_iter().for_each(|piece| check.update(piece));
        check.finish()
    }

    #[test]
    fn errors_name_the_offset() {
        let (wanted, bytes) = car(&[&[1; 300]]);
        assert_eq!(verdict(&wanted, [&bytes[..]]), Ok(()));
        let end = bytes.len() as u64;
        let cut = |offset| {
            Err(ContentError::NoCar {
                offset,
                what: "is truncated",
            })
        };
        assert_eq!(verdict(&wanted, [&bytes[..10]]), cut(0));
        assert_eq!(verdict(&wanted, [&bytes[..100]]), cut(18));
        assert_eq!(verdict(&wanted, [&bytes[..], &[0x80]]), cut(end));
        let (other, _) = car(&[&[2; 300]]);
        let unexpected = ContentError::Unexpected {
            offset: 18,
            cid: wanted.to_string(),
        };
        assert_eq!(verdict(&other, [&bytes[..]]), Err(unexpected));
    }

    proptest! {
        /// verdict(pieces) = verdict(all at once)
        #[test]
        fn the_split_of_a_car_into_pieces_does_not_matter(
            blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 100..400), 1..4),
            damage: Option<(prop::sample::Index, u8)>,
            end: prop::sample::Index,
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
        ) {
            let blocks: Vec<&[u8]> = blocks.iter().map(Vec::as_slice).collect();
            let (wanted, mut bytes) = car(&blocks);
            if let Some((at, change)) = damage {
                let at = at.index(bytes.len());
                bytes[at] ^= change;
                bytes.truncate(end.index(bytes.len() + 1));
            }
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let whole = verdict(&wanted, [&bytes[..]]);
            prop_assert_eq!(&verdict(&wanted, cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]])), &whole);
            prop_assert_eq!(&verdict(&wanted, bytes.chunks(1)), &whole);
        }

        #[test]
        fn every_changed_byte_after_the_header_is_detected(block in prop::collection::vec(any::<u8>(), 100..400), at: prop::sample::Index, change in 1u8..) {
            let (wanted, mut bytes) = car(&[&block]);
            // Behind the header come two bytes of length and one of version; the codec does not matter.
            const CODEC: usize = 18 + 3;
            let at = 18 + at.index(bytes.len() - 18);
            let change = if at == CODEC { 0x80 } else { change };
            bytes[at] ^= change;
            prop_assert!(verdict(&wanted, [&bytes[..]]).is_err(), "byte {}", at);
        }

        #[test]
        fn nonsense_is_no_car(bytes: Vec<u8>, behind_a_header: bool) {
            let (wanted, whole) = car(&[&[1; 300]]);
            let head = if behind_a_header { &whole[..18] } else { &[] };
            prop_assert!(verdict(&wanted, [head, &bytes]).is_err());
        }
    }
}
