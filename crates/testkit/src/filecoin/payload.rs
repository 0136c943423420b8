//! The payloads of providers.

use std::collections::BTreeMap;

use assize_measurement::unixfs::{self, Profile};
use assize_protocol::{Codec, FileCid, PayloadCid, ProviderId};
use axum::body::Bytes;

use super::{hash, hash64};

/// Digest of a block. Blocks are looked up by it, whatever version and codec a CID has.
pub(super) type Digest = [u8; 32];

/// A payload: the blocks of a file, identified by the root's CID.
#[derive(Debug, Clone)]
pub struct Payload {
    cid: PayloadCid,
    root: FileCid,
    blocks: Vec<(FileCid, Bytes)>,
    content: Bytes,
}

impl Payload {
    /// The `index`-th payload of a provider, 1 to 32 KiB. Of four, two are raw blocks, one is a dag-pb tree, and one is
    /// a dag-pb tree with a CIDv0.
    ///
    /// # Errors
    /// None: the CIDs are known to be valid.
    pub(super) fn derive(seed: u64, provider: ProviderId, index: u32) -> Option<Self> {
        let parts: [&[u8]; 3] = [b"payload", &provider.0.to_be_bytes(), &index.to_be_bytes()];
        let mut random = fastrand::Rng::with_seed(hash64(seed, &parts));
        let mut content = vec![0; random.usize(1 << 10..32 << 10)];
        random.fill(&mut content);
        match index % 4 {
            0 | 1 => Self::of_file(&content, Profile::default(), false),
            2 => Self::of_file(&content, Profile::new(1 << 10, 8)?, false),
            _ => Self::of_file(&content, Profile::new(1 << 10, 8)?, true),
        }
    }

    /// A payload in the protocol's own profile: `content` of up to 1 MiB is one raw block.
    #[must_use]
    pub fn new(content: &[u8]) -> Option<Self> {
        Self::of_file(content, Profile::default(), false)
    }

    fn of_file(content: &[u8], profile: Profile, version_0: bool) -> Option<Self> {
        let (root, blocks) = unixfs::build(content, profile);
        let bytes = root.to_bytes();
        let bytes = match version_0 && root.codec == Codec::DagPb {
            // A CIDv0 is the bare multihash.
            true => &bytes[2..],
            false => &bytes[..],
        };
        Some(Self {
            cid: PayloadCid::from_bytes(bytes).ok()?,
            root,
            blocks: blocks
                .into_iter()
                .map(|block| (block.cid, block.data.into()))
                .collect(),
            content: content.to_vec().into(),
        })
    }

    /// The CID in the task list.
    #[must_use]
    pub fn cid(&self) -> PayloadCid {
        self.cid
    }

    /// The file's content.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    pub(super) fn digest(&self) -> Digest {
        self.root.digest
    }

    /// Its distinct blocks, the root first.
    pub(super) fn blocks(&self) -> Vec<(FileCid, Bytes)> {
        let mut others = BTreeMap::new();
        let mut listed = Vec::new();
        for (cid, data) in self.blocks.iter().rev() {
            if others.insert(*cid, ()).is_none() {
                listed.push((*cid, data.clone()));
            }
        }
        listed
    }
}

/// A block that belongs to no payload.
pub(super) fn stray_block(seed: u64) -> (FileCid, Bytes) {
    let data = hash(seed, &[b"stray"]).to_vec();
    (unixfs::block_cid(Codec::Raw, &data), data.into())
}

/// Appends the header of a CARv1 with one root, given as a CID's bytes.
pub(super) fn put_header(car: &mut Vec<u8>, root: &[u8]) {
    let mut header = b"\xa2\x65roots\x81\xd8\x2a".to_vec();
    // A dag-cbor link is a byte string that begins with zero.
    let length = root.len() + 1;
    match u8::try_from(length) {
        Ok(short) if short < 24 => header.push(0x40 | short),
        _ => header.extend_from_slice(&[0x58, length as u8]),
    }
    header.push(0);
    header.extend_from_slice(root);
    header.extend_from_slice(b"\x67version\x01");
    put_section(car, &[&header]);
}

/// Appends a section of a CARv1.
pub(super) fn put_section(car: &mut Vec<u8>, parts: &[&[u8]]) {
    put_varint(car, parts.iter().map(|part| part.len() as u64).sum());
    parts.iter().for_each(|part| car.extend_from_slice(part));
}

/// Appends a number as unsigned LEB128.
pub(super) fn put_varint(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

#[cfg(test)]
mod tests {
    use assize_measurement::car;

    use super::*;

    #[test]
    fn payloads_are_files_of_every_kind() {
        let kinds: Vec<String> = (0..4)
            .map(|index| {
                let payload = Payload::derive(1, ProviderId(1_000), index).unwrap();
                payload.cid().to_string()[..4].to_owned()
            })
            .collect();
        assert_eq!(kinds[..3], ["bafk", "bafk", "bafy"]);
        assert_eq!(kinds[3][..2], *"Qm");
        let again = Payload::derive(1, ProviderId(1_000), 2).unwrap();
        assert_eq!(
            again.cid(),
            Payload::derive(1, ProviderId(1_000), 2).unwrap().cid()
        );
        assert_ne!(
            again.cid(),
            Payload::derive(2, ProviderId(1_000), 2).unwrap().cid()
        );
        assert_eq!(again.blocks()[0].0.digest, again.digest());
    }

    #[test]
    fn the_car_is_that_of_crate_measurement() {
        let payload = Payload::new(b"what providers store").unwrap();
        let (cid, packed) = car::pack(b"what providers store");
        let mut written = Vec::new();
        put_header(&mut written, &cid.to_bytes());
        put_section(&mut written, &[&cid.to_bytes(), payload.content()]);
        assert_eq!(written, packed);
    }
}
