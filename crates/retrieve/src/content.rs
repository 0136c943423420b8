//! Processes a body as a stream: counts, hashes, decompresses and checks it in constant memory.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::Cid;
use crate::car::CarCheck;
use crate::hash::BlockHash;

/// Why a body is not the payload.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum ContentError {
    #[error("the payload's CID has hash function {0:#x}, which is not supported")]
    UnknownHash(u64),
    #[error("the block's hash does not match its CID")]
    WrongHash,
    #[error("the CAR is empty: it has a header but not the requested block")]
    Empty,
    #[error("the CAR has a block that was not requested, at offset {offset}, {cid}")]
    Unexpected { offset: u64, cid: String },
    #[error("this is not a valid CAR: the section at offset {offset} {what}")]
    NoCar { offset: u64, what: &'static str },
}

/// The expected content of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Car,
    Raw,
}

/// A complete body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CompleteBody {
    /// Length in bytes, decompressed.
    pub(crate) length: u64,
    /// Hex multihash of the bytes.
    pub(crate) checksum: String,
    pub(crate) verdict: Result<(), ContentError>,
}

/// Why reading stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The body exceeds the size limit.
    TooLarge,
    /// The body is not gzip although `Content-Encoding` says so.
    Encoding(String),
}

/// Processes a body.
#[derive(Debug)]
pub(crate) struct BodyReader {
    encoding: Encoding,
    /// Compressed bytes received. They are counted too, because a stream of empty gzip members decompresses to nothing.
    compressed_bytes: u64,
    limit: u64,
}

#[derive(Debug)]
enum Encoding {
    Identity(Content),
    // The decoder emits at most 32 KiB at a time, so a decompression bomb is noticed early.
    Gzip(Box<MultiGzDecoder<Content>>),
}

impl BodyReader {
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
            compressed_bytes: 0,
            limit,
        }
    }

    /// Bytes so far, decompressed. The last ones are counted by [`finish`](Self::finish).
    pub(crate) fn received(&self) -> u64 {
        self.content().length
    }

    /// Processes the next bytes.
    pub(crate) fn update(&mut self, data: &[u8]) -> Result<(), Stop> {
        self.compressed_bytes += data.len() as u64;
        let written = match &mut self.encoding {
            Encoding::Identity(content) => content.write_all(data),
            Encoding::Gzip(decoder) => decoder.write_all(data),
        };
        if self.content().too_large || self.compressed_bytes > self.limit {
            return Err(Stop::TooLarge);
        }
        written.map_err(|error| Stop::Encoding(error.to_string()))
    }

    /// The length of the body, decompressed, and the verdict, once all bytes have been received.
    pub(crate) fn finish(self) -> (u64, Result<CompleteBody, Stop>) {
        let mut decoder = match self.encoding {
            Encoding::Identity(content) => return (content.length, Ok(content.finish())),
            Encoding::Gzip(decoder) => decoder,
        };
        // The decoder emits its last bytes only here.
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

/// The decoded body.
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
            return Err(io::Error::other("size limit exceeded"));
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
    fn finish(self) -> CompleteBody {
        let verdict = match self.check {
            Check::Car(check) => check.finish(),
            Check::Raw { hash: Some(hash), .. } if hash.clone().matches() => Ok(()),
            Check::Raw { hash: Some(_), .. } => Err(ContentError::WrongHash),
            Check::Raw { function, hash: None } => Err(ContentError::UnknownHash(function)),
        };
        // Multihash: function 0x12, 0x20 bytes.
        let checksum = format!("1220{}", const_hex::encode(self.sha256.finalize()));
        CompleteBody {
            length: self.length,
            checksum,
            verdict,
        }
    }
}
