//! A body as it comes: counted, hashed, decompressed, checked. Memory does not grow with it.

use std::io::{self, Write};

use cid::Cid;
use flate2::write::MultiGzDecoder;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::car::CarCheck;
use crate::hash::BlockHash;

/// Why a body is not the payload.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum ContentError {
    #[error("the payload's CID has hash function {0:#x}, which is not known here")]
    UnknownHash(u64),
    #[error("the block does not have the hash that its CID says")]
    WrongHash,
    #[error("the CAR is empty: it has a header, and not the block that was asked for")]
    Empty,
    #[error("the CAR has a block that was not asked for: at offset {offset}, {cid}")]
    Unexpected { offset: u64, cid: String },
    #[error("this is no CAR: the section at offset {offset} {what}")]
    NoCar { offset: u64, what: &'static str },
}

/// What a body should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Car,
    Raw,
}

/// A body that came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Whole {
    /// Bytes, decompressed.
    pub(crate) length: u64,
    /// Hex multihash of them.
    pub(crate) checksum: String,
    pub(crate) verdict: Result<(), ContentError>,
}

/// Why reading stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Over the cap.
    TooLarge,
    /// Not gzip, though it says so.
    Encoding(String),
}

/// Takes a body in.
#[derive(Debug)]
pub(crate) struct Intake {
    encoding: Encoding,
    /// Compressed bytes that came; an endless stream of empty gzip members has no length otherwise.
    came: u64,
    limit: u64,
}

#[derive(Debug)]
enum Encoding {
    Identity(Content),
    // The decoder hands on at most 32 KiB at once, so that a bomb is noticed before it is unfolded.
    Gzip(Box<MultiGzDecoder<Content>>),
}

impl Intake {
    pub(crate) fn new(wanted: &Cid, format: Format, gzip: bool, limit: u64) -> Self {
        let check = match format {
            Format::Car => Check::Car(Box::new(CarCheck::new(wanted))),
            Format::Raw => Check::Raw {
                function: wanted.hash().code(),
                hash: BlockHash::new(wanted.hash()).map(Box::new),
            },
        };
        let content = Content {
            length: 0,
            limit,
            too_large: false,
            sha256: Sha256::new(),
            check,
        };
        let encoding = if gzip {
            Encoding::Gzip(Box::new(MultiGzDecoder::new(content)))
        } else {
            Encoding::Identity(content)
        };
        Self {
            encoding,
            came: 0,
            limit,
        }
    }

    /// Bytes so far, decompressed; the last are counted by [`finish`](Self::finish).
    pub(crate) fn received(&self) -> u64 {
        self.content().length
    }

    /// Takes the next bytes.
    pub(crate) fn update(&mut self, data: &[u8]) -> Result<(), Stop> {
        self.came += data.len() as u64;
        let written = match &mut self.encoding {
            Encoding::Identity(content) => content.write_all(data),
            Encoding::Gzip(decoder) => decoder.write_all(data),
        };
        if self.content().too_large || self.came > self.limit {
            return Err(Stop::TooLarge);
        }
        written.map_err(|error| Stop::Encoding(error.to_string()))
    }

    /// All bytes, decompressed, and the verdict, when all has come.
    pub(crate) fn finish(self) -> (u64, Result<Whole, Stop>) {
        let mut decoder = match self.encoding {
            Encoding::Identity(content) => return (content.length, Ok(content.finish())),
            Encoding::Gzip(decoder) => decoder,
        };
        // The decoder holds the last bytes back until here.
        let ended = decoder.try_finish();
        let Content {
            length, too_large, ..
        } = *decoder.get_ref();
        let whole = match ended {
            _ if too_large => Err(Stop::TooLarge),
            Ok(()) => decoder
                .finish()
                .map(Content::finish)
                .map_err(|error| Stop::Encoding(error.to_string())),
            Err(error) => Err(Stop::Encoding(error.to_string())),
        };
        (length, whole)
    }

    fn content(&self) -> &Content {
        match &self.encoding {
            Encoding::Identity(content) => content,
            Encoding::Gzip(decoder) => decoder.get_ref(),
        }
    }
}

/// The body behind its encoding.
#[derive(Debug)]
struct Content {
    length: u64,
    limit: u64,
    too_large: bool,
    sha256: Sha256,
    check: Check,
}

#[derive(Debug)]
enum Check {
    Car(Box<CarCheck>),
    Raw {
        function: u64,
        hash: Option<Box<BlockHash>>,
    },
}

impl Write for Content {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.length + data.len() as u64 > self.limit {
            self.too_large = true;
            return Err(io::Error::other("over the size cap"));
        }
        self.length += data.len() as u64;
        self.sha256.update(data);
        match &mut self.check {
            Check::Car(check) => check.update(data),
            Check::Raw { hash: Some(hash), .. } => hash.update(data),
            Check::Raw { hash: None, .. } => {}
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Content {
    fn finish(self) -> Whole {
        let verdict = match self.check {
            Check::Car(check) => check.finish(),
            Check::Raw { hash: Some(hash), .. } if hash.clone().matches() => Ok(()),
            Check::Raw { hash: Some(_), .. } => Err(ContentError::WrongHash),
            Check::Raw { function, hash: None } => Err(ContentError::UnknownHash(function)),
        };
        // Multihash: function 0x12, 0x20 bytes.
        let checksum = format!("1220{}", const_hex::encode(self.sha256.finalize()));
        Whole {
            length: self.length,
            checksum,
            verdict,
        }
    }
}
