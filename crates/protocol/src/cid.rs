//! CIDs of the protocol's own files, and of payloads.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use cid::CidGeneric;

use crate::text::serde_as_text;

const RAW: u64 = 0x55;
const DAG_PB: u64 = 0x70;
const SHA2_256: u64 = 0x12;

/// Holds the longest digest of a payload.
type Cid = CidGeneric<{ PayloadCid::MAX_DIGEST }>;

/// Text or bytes that are not a valid CID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CidError {
    /// Not a CID.
    #[error("`{cid}` is not a CID: {reason}")]
    Malformed {
        /// The text, or the bytes in hexadecimal.
        cid: String,
        /// The CID library's message.
        reason: String,
    },
    /// A CID, but of another kind than those of the protocol's files.
    #[error("`{cid}` has {found}: a file of the protocol is CIDv1, raw or dag-pb, sha2-256")]
    NotAFile {
        /// The CID in its canonical form.
        cid: String,
        /// The part that differs, such as "version 0".
        found: String,
    },
}

/// The codec of the block that a [`FileCid`] names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Codec {
    /// The block is the content: multicodec `0x55`.
    Raw = 0x55,
    /// The block is a UnixFS node that links to others: multicodec `0x70`.
    DagPb = 0x70,
}

/// CID of a roster, a task list, a batch or a settlement document: CIDv1, sha2-256, raw or dag-pb.
///
/// On chain it is its binary form of 36 bytes; as text it is base32, `bafk…` or `bafy…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileCid {
    /// Codec of the root block.
    pub codec: Codec,
    /// SHA-256 of the root block.
    pub digest: [u8; 32],
}

impl FileCid {
    /// Length of the binary form, bytes.
    pub const LENGTH: usize = 36;

    /// The binary form: `0x01 ‖ codec ‖ 0x12 ‖ 0x20 ‖ digest`.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[..4].copy_from_slice(&[0x01, self.codec as u8, SHA2_256 as u8, 32]);
        bytes[4..].copy_from_slice(&self.digest);
        bytes
    }

    /// Reads the binary form.
    ///
    /// # Errors
    /// [`CidError`] if the bytes are not a CID, or are one of another kind.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CidError> {
        Self::of_cid(parse_binary(bytes)?)
    }

    /// Reads a CID of the same block in any spelling: any multibase, and version 0.
    ///
    /// # Errors
    /// [`CidError`] if the text is not a CID, or is one of another kind.
    pub fn of_any_spelling(text: &str) -> Result<Self, CidError> {
        let cid = parse_text(text)?;
        Self::of_cid(cid.into_v1().unwrap_or(cid))
    }

    fn of_cid(cid: Cid) -> Result<Self, CidError> {
        let refuse = |found: String| CidError::NotAFile {
            cid: cid.to_string(),
            found,
        };
        if cid.version() != cid::Version::V1 {
            return Err(refuse("version 0".into()));
        }
        let codec = match cid.codec() {
            RAW => Codec::Raw,
            DAG_PB => Codec::DagPb,
            other => return Err(refuse(alloc::format!("codec {other:#x}"))),
        };
        let hash = cid.hash();
        match <[u8; 32]>::try_from(hash.digest()) {
            Ok(digest) if hash.code() == SHA2_256 => Ok(Self { codec, digest }),
            _ => Err(refuse(alloc::format!(
                "multihash {:#x} of {} bytes",
                hash.code(),
                hash.size()
            ))),
        }
    }
}

/// CID of a payload that stations retrieve, of any codec and hash function, with a digest of at most
/// [`Self::MAX_DIGEST`] bytes.
///
/// A v0 and a v1 CID of the same block are different payloads. Text is parsed in any multibase and displayed in the canonical
/// form (`docs/protocol.md` §6.1); task lists accept no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PayloadCid(Cid);

impl PayloadCid {
    /// Length of the longest digest, bytes: that of the longest identity CIDs in use.
    pub const MAX_DIGEST: usize = 128;

    /// The binary form, as in the Merkle leaf of a task.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_bytes()
    }

    /// Reads the binary form.
    ///
    /// # Errors
    /// [`CidError::Malformed`] if the bytes are not a CID.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CidError> {
        parse_binary(bytes).map(Self)
    }
}

fn parse_binary(bytes: &[u8]) -> Result<Cid, CidError> {
    let refuse = |reason: String| CidError::Malformed {
        cid: alloy_primitives::hex::encode(bytes),
        reason,
    };
    let cid = Cid::try_from(bytes).map_err(|error| refuse(error.to_string()))?;
    // The library ignores trailing bytes and accepts varints that are longer than necessary.
    if cid.to_bytes() == bytes {
        Ok(cid)
    } else {
        Err(refuse("it has trailing bytes or an overlong varint".into()))
    }
}

fn parse_text(text: &str) -> Result<Cid, CidError> {
    let refuse = |reason: String| CidError::Malformed {
        cid: text.into(),
        reason,
    };
    // The library also parses a path that contains a CID.
    if text.contains('/') {
        return Err(refuse("it is a path; give only the CID".into()));
    }
    text.parse()
        .map_err(|error: cid::Error| refuse(error.to_string()))
}

impl fmt::Display for FileCid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // CIDv1 in lower-case base32: `b` before RFC 4648 without padding.
        f.write_str(&cid::multibase::encode(
            cid::multibase::Base::Base32Lower,
            self.to_bytes(),
        ))
    }
}

impl fmt::Display for PayloadCid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for FileCid {
    type Err = CidError;

    fn from_str(text: &str) -> Result<Self, CidError> {
        Self::of_cid(parse_text(text)?)
    }
}

impl FromStr for PayloadCid {
    type Err = CidError;

    fn from_str(text: &str) -> Result<Self, CidError> {
        parse_text(text).map(Self)
    }
}

serde_as_text!(FileCid, PayloadCid);

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString};
    use alloc::vec;
    use alloc::vec::Vec;

    use super::{CidError, Codec, FileCid, PayloadCid};

    /// SHA-256 of the empty input, and its CID in kubo and npm `multiformats`.
    const EMPTY: &str = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";
    const V0: &str = "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n";
    const V0_AS_V1: &str = "bafybeihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";

    #[test]
    fn text_and_bytes_agree() {
        let cid: FileCid = EMPTY.parse().unwrap();
        assert_eq!(cid.codec, Codec::Raw);
        assert_eq!(cid.to_string(), EMPTY);
        assert_eq!(cid.to_bytes()[..5], [0x01, 0x55, 0x12, 0x20, 0xe3]);
        assert_eq!(FileCid::from_bytes(&cid.to_bytes()), Ok(cid));
        assert_eq!(
            serde_json::to_string(&cid).unwrap(),
            alloc::format!("\"{EMPTY}\"")
        );
    }

    #[test]
    fn payloads_keep_their_version() {
        let (v0, v1): (PayloadCid, PayloadCid) = (V0.parse().unwrap(), V0_AS_V1.parse().unwrap());
        assert_ne!(v0, v1);
        assert_eq!(v0.to_string(), V0);
        assert_eq!(v0.to_bytes(), v1.to_bytes()[2..]);
        assert_eq!(PayloadCid::from_bytes(&v0.to_bytes()), Ok(v0));
    }

    /// The root of a directory that its CID holds, with a digest of 112 bytes: boxo's limit for such is 128.
    const IDENTITY: &str = "bafyaa4asfyfcmalqudsaeiclsn2n56lmy7rolvh3hcmbb7lailbxpowb4quv6ggvqayqo7pj7mjaagejsbbrelqkeyaxbiheaiqp7e4gsn3ajlb533z2wp377int6fxiluov6il34itoaemeb5w5qeasaamk35b4bihaqaqyqcexuieaqbacbaejhi";

    #[test]
    fn payloads_have_digests_of_up_to_128_bytes() {
        let root: PayloadCid = IDENTITY.parse().unwrap();
        assert_eq!(root.to_string(), IDENTITY);
        let bytes = root.to_bytes();
        assert_eq!((bytes[..4].to_vec(), bytes.len()), (vec![1, 0x70, 0, 112], 116));
        for length in [65, 127, 128] {
            let bytes = [&[1, 0x55, 0][..], &varint(length), &vec![7; length]].concat();
            let cid = PayloadCid::from_bytes(&bytes).unwrap();
            assert_eq!(cid.to_bytes(), bytes);
            assert_eq!(cid.to_string().parse(), Ok(cid));
        }
        let bytes = [&[1, 0x55, 0][..], &varint(129), &[7; 129]].concat();
        assert!(PayloadCid::from_bytes(&bytes).is_err());
        let text = cid::multibase::encode(cid::multibase::Base::Base32Lower, bytes);
        assert!(text.parse::<PayloadCid>().is_err());
        // The length of 300 does not fit into a byte.
        let bytes = [&[1, 0x55, 0, 0xac, 2][..], &[7; 300]].concat();
        assert!(PayloadCid::from_bytes(&bytes).is_err());
    }

    fn varint(number: usize) -> Vec<u8> {
        match number {
            ..0x80 => vec![number as u8],
            _ => vec![number as u8 | 0x80, (number >> 7) as u8],
        }
    }

    #[test]
    fn other_kinds_are_not_files() {
        let error = V0.parse::<FileCid>().unwrap_err();
        assert!(
            matches!(&error, CidError::NotAFile { found, .. } if found == "version 0"),
            "{error}"
        );
        // dag-cbor
        let mut bytes = EMPTY.parse::<FileCid>().unwrap().to_bytes();
        bytes[1] = 0x71;
        assert!(matches!(
            FileCid::from_bytes(&bytes),
            Err(CidError::NotAFile { .. })
        ));
        // sha2-256 cut to 31 bytes
        let mut short = EMPTY.parse::<FileCid>().unwrap().to_bytes();
        short[3] = 31;
        assert!(matches!(
            FileCid::from_bytes(&short[..35]),
            Err(CidError::NotAFile { .. })
        ));
    }

    #[test]
    fn foreign_bytes_and_texts_are_rejected() {
        let mut long = EMPTY.parse::<FileCid>().unwrap().to_bytes().to_vec();
        long.push(0);
        assert!(matches!(
            FileCid::from_bytes(&long),
            Err(CidError::Malformed { .. })
        ));
        let path = String::from("/ipfs/") + EMPTY;
        for text in ["", "b", "bafk", path.as_str(), "hello"] {
            assert!(
                matches!(text.parse::<FileCid>(), Err(CidError::Malformed { .. })),
                "{text}"
            );
        }
    }
}
