//! CARs of files larger than the memory: written as the content arrives, read back block by block.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

use assize_protocol::{Codec, FileCid};
use thiserror::Error;

use super::{CarError, put_header, root_of};
use crate::unixfs::{self, Builder, MAX_FILE_SIZE, Profile, UnixFsError, Walk};
use crate::varint;

/// Maximum number of blocks in a file: its chunks, the nodes above them, the root.
const MAX_BLOCKS: usize = {
    let chunks = (MAX_FILE_SIZE / (1 << 20)) as usize;
    chunks + chunks / 1024 + 1
};

/// Maximum length of a section: a chunk, or a node of 1024 links, and the CID before it.
const MAX_SECTION: u64 = (1 << 20) + 4096;

/// Packs the content that `produce` writes, byte for byte as [`pack`](super::pack) does. Returns the CID.
///
/// Memory: one chunk, the links of one node a level, and the CIDs written. `car` must be empty; it is left at its end.
///
/// ```
/// use std::io::{Cursor, Write};
///
/// use assize_measurement::car;
///
/// let mut packed = Cursor::new(Vec::new());
/// let root = car::pack_to(&mut packed, |content| {
///     for line in 0..1_000 {
///         writeln!(content, "line {line}")?;
///     }
///     Ok(())
/// })?;
/// let mut text = String::new();
/// std::io::Read::read_to_string(&mut car::Content::open(&root, packed)?, &mut text)?;
/// assert_eq!(text.lines().last(), Some("line 999"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Errors of `car` and of `produce`.
pub fn pack_to<W: Write + Seek + Send>(
    mut car: W,
    produce: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>,
) -> io::Result<FileCid> {
    // The root is known last; the header's length does not depend on it.
    write_header(&mut car, &unixfs::block_cid(Codec::Raw, &[]))?;
    let mut written = BTreeSet::new();
    let mut builder = Builder::new(Profile::default(), |cid: &FileCid, data: &[u8]| {
        if !written.insert(*cid) {
            return Ok(());
        }
        let mut length = Vec::with_capacity(10);
        varint::put(&mut length, (FileCid::LENGTH + data.len()) as u64);
        car.write_all(&length)?;
        car.write_all(&cid.to_bytes())?;
        car.write_all(data)
    });
    produce(&mut Unpacked(&mut builder))?;
    let root = builder.finish()?;
    car.rewind()?;
    write_header(&mut car, &root)?;
    car.seek(SeekFrom::End(0))?;
    Ok(root)
}

fn write_header(car: &mut impl Write, root: &FileCid) -> io::Result<()> {
    let mut header = Vec::new();
    put_header(&mut header, root);
    car.write_all(&header)
}

/// Receives the file's content.
struct Unpacked<'a, F>(&'a mut Builder<F>);

impl<F: FnMut(&FileCid, &[u8]) -> io::Result<()>> Write for Unpacked<'_, F> {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        self.0.write(content)?;
        Ok(content.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Why a CAR cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// It is not the CAR of the requested file.
    #[error(transparent)]
    Car(#[from] CarError),
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<UnixFsError> for ReadError {
    fn from(error: UnixFsError) -> Self {
        Self::Car(error.into())
    }
}

impl From<ReadError> for io::Error {
    /// The error of a [`Read`]; [`ReadError::from_io`] converts it back.
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(error) => error,
            ReadError::Car(error) => Self::new(io::ErrorKind::InvalidData, error),
        }
    }
}

impl ReadError {
    /// The error of a [`Content`], from the error of its [`Read`].
    #[must_use]
    pub fn from_io(error: io::Error) -> Self {
        match error.downcast::<CarError>() {
            Ok(error) => Self::Car(error),
            Err(error) => Self::Io(error),
        }
    }
}

/// The blocks of a CAR that is read on demand: only the index is in memory.
#[derive(Debug)]
pub struct Blocks<R> {
    car: BufReader<R>,
    root: FileCid,
    places: BTreeMap<FileCid, Place>,
}

/// Where a block is.
#[derive(Debug)]
struct Place {
    /// Offset of its first section, from the start of the CAR.
    offset: u64,
    /// Number of its bytes.
    data: u64,
    length: usize,
    /// How often it is in the CAR.
    there: usize,
    /// How often it was read.
    uses: usize,
}

impl<R: Read + Seek> Blocks<R> {
    /// Indexes the sections of the CAR of `root`, without reading the blocks.
    ///
    /// # Errors
    /// [`ReadError`] if it is not a CAR, or the CAR of another file.
    pub fn open(root: &FileCid, mut car: R) -> Result<Self, ReadError> {
        let end = car.seek(SeekFrom::End(0))?;
        car.rewind()?;
        let mut sections = Sections {
            car: BufReader::new(car),
            at: 0,
            end,
            root: *root,
        };
        sections.expect_header()?;
        let mut places = BTreeMap::<FileCid, Place>::new();
        let mut count = 0;
        while let Some((cid, place)) = sections.next()? {
            count += 1;
            if count > MAX_BLOCKS {
                return Err(CarError::TooManyBlocks { root: *root }.into());
            }
            match places.entry(cid) {
                Entry::Occupied(mut known) => known.get_mut().there += 1,
                Entry::Vacant(new) => drop(new.insert(place)),
            }
        }
        Ok(Self {
            car: sections.car,
            root: *root,
            places,
        })
    }

    /// The CIDs of the blocks, ascending. [`Blocks::read`] checks the blocks against them.
    pub fn cids(&self) -> impl Iterator<Item = &FileCid> {
        self.places.keys()
    }

    /// Reads a block into `block`, and checks it against its CID.
    ///
    /// # Errors
    /// [`ReadError`], also if it is missing.
    pub fn read(&mut self, cid: &FileCid, block: &mut Vec<u8>) -> Result<(), ReadError> {
        let place = self.places.get_mut(cid).ok_or(UnixFsError::Missing(*cid))?;
        place.uses += 1;
        self.car.seek(SeekFrom::Start(place.data))?;
        block.resize(place.length, 0);
        self.car.read_exact(block)?;
        if unixfs::block_cid(cid.codec, block) != *cid {
            let (cid, offset) = (*cid, place.offset as usize);
            return Err(CarError::WrongHash { cid, offset }.into());
        }
        Ok(())
    }

    /// Rejects blocks that were not read, or that occur more often than they were read.
    fn expect_no_others(&self) -> Result<(), CarError> {
        for (&cid, place) in &self.places {
            let offset = place.offset as usize;
            if place.uses == 0 {
                let root = self.root;
                return Err(CarError::Foreign { root, cid, offset });
            }
            if place.there > place.uses {
                return Err(CarError::Repeated { cid, offset });
            }
        }
        Ok(())
    }
}

/// The content of a file, read from its CAR. Accepts the same CARs as [`unpack`](super::unpack), with memory that does not
/// depend on the file's size.
///
/// Every block is checked against its CID and its place before any of its bytes are returned. Only at the end of the content
/// is it known that the CAR is complete and has no other blocks.
#[derive(Debug)]
pub struct Content<R> {
    blocks: Blocks<R>,
    walk: Walk,
    /// The last block; its bytes from `given` on have not been returned yet.
    block: Vec<u8>,
    given: usize,
}

impl<R: Read + Seek> Content<R> {
    /// Indexes the sections of the CAR of `root`, without reading the blocks.
    ///
    /// # Errors
    /// [`ReadError`] if it is not a CAR, or the CAR of another file.
    pub fn open(root: &FileCid, car: R) -> Result<Self, ReadError> {
        Ok(Self {
            blocks: Blocks::open(root, car)?,
            walk: Walk::new(root, Profile::default()),
            block: Vec::new(),
            given: 0,
        })
    }

    /// The content of the next chunk; `None` at the end.
    fn next_chunk(&mut self) -> Result<bool, ReadError> {
        while let Some(cid) = self.walk.wanted() {
            self.blocks.read(&cid, &mut self.block)?;
            let content = self.walk.take_checked(&self.block)?.len();
            self.given = self.block.len() - content;
            if content > 0 {
                return Ok(true);
            }
        }
        self.blocks.expect_no_others()?;
        Ok(false)
    }
}

impl<R: Read + Seek> Read for Content<R> {
    /// Errors of the CAR are [`io::ErrorKind::InvalidData`]; [`ReadError::from_io`] returns them.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.block.len() && !self.next_chunk()? {
            return Ok(0);
        }
        let count = buffer.len().min(self.block.len() - self.given);
        buffer[..count].copy_from_slice(&self.block[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

/// The sections of a CAR, whose blocks are skipped.
struct Sections<R> {
    car: BufReader<R>,
    at: u64,
    end: u64,
    root: FileCid,
}

impl<R: Read + Seek> Sections<R> {
    fn expect_header(&mut self) -> Result<(), ReadError> {
        let root = self.root;
        let no_header = || CarError::Header { root };
        let length = self
            .varint()?
            .filter(|length| *length <= 256 && *length <= self.end - self.at);
        let mut header = vec![0; length.ok_or_else(no_header)? as usize];
        self.take(&mut header)?;
        match root_of(&header) {
            None => Err(no_header().into()),
            Some(found) if found != root => Err(CarError::OtherRoot { root, found }.into()),
            Some(_) => Ok(()),
        }
    }

    fn next(&mut self) -> Result<Option<(FileCid, Place)>, ReadError> {
        let (root, offset) = (self.root, self.at);
        if offset == self.end {
            return Ok(None);
        }
        let cut = || CarError::Cut {
            root,
            offset: offset as usize,
        };
        let length = self.varint()?.ok_or_else(cut)?;
        let minimum = FileCid::LENGTH as u64;
        if length < minimum || length > MAX_SECTION || length > self.end - self.at {
            return Err(cut().into());
        }
        let mut cid = [0; FileCid::LENGTH];
        self.take(&mut cid)?;
        let cid = FileCid::from_bytes(&cid).map_err(|source| CarError::Cid {
            root,
            offset: offset as usize,
            source,
        })?;
        let length = length - minimum;
        let place = Place {
            offset,
            data: self.at,
            length: length as usize,
            there: 1,
            uses: 0,
        };
        self.car.seek_relative(length as i64)?;
        self.at += length;
        Ok(Some((cid, place)))
    }

    fn take(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.car.read_exact(buffer)?;
        self.at += buffer.len() as u64;
        Ok(())
    }

    /// A number in its shortest form; `None` at the end.
    fn varint(&mut self) -> io::Result<Option<u64>> {
        let mut bytes = Vec::with_capacity(10);
        while self.at < self.end && bytes.len() < 10 {
            let mut byte = [0];
            self.take(&mut byte)?;
            bytes.push(byte[0]);
            if byte[0] & 0x80 == 0 {
                break;
            }
        }
        Ok(varint::take(&mut &bytes[..]))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;
    use crate::car::tests::content;
    use crate::car::{pack, put_block, unpack};

    fn read(root: &FileCid, car: &[u8]) -> Result<Vec<u8>, String> {
        let mut content = Vec::new();
        Content::open(root, Cursor::new(car))
            .map_err(|error| error.to_string())?
            .read_to_end(&mut content)
            .map_err(|error| ReadError::from_io(error).to_string())?;
        Ok(content)
    }

    #[test]
    fn streams_are_packed_and_read_as_memory_is() {
        for size in [0, 1, 1 << 20, (1 << 20) + 1, 3_500_000] {
            let content = content(size);
            let (root, car) = pack(&content);
            let mut packed = Cursor::new(Vec::new());
            let streamed = pack_to(&mut packed, |to| {
                content.chunks(70_000).try_for_each(|piece| to.write_all(piece))
            });
            assert_eq!(streamed.unwrap(), root, "{size}");
            assert_eq!(packed.position(), car.len() as u64);
            assert_eq!(packed.into_inner(), car, "{size}");
            assert_eq!(read(&root, &car), Ok(content), "{size}");
        }
    }

    #[test]
    fn equal_chunks_are_written_once_and_read_as_often_as_the_file_has_them() {
        let content = vec![7; 5 << 20];
        let mut packed = Cursor::new(Vec::new());
        let root = pack_to(&mut packed, |to| to.write_all(&content)).unwrap();
        let car = packed.into_inner();
        assert!(car.len() < 2 << 20);
        assert_eq!(read(&root, &car), Ok(content));
    }

    #[test]
    fn a_producer_that_fails_ends_the_packing() {
        let failed = pack_to(Cursor::new(Vec::new()), |_| Err(io::Error::other("no more rows")));
        assert_eq!(failed.unwrap_err().to_string(), "no more rows");
    }

    #[test]
    fn more_blocks_than_any_file_has_are_not_indexed() {
        let (root, mut car) = pack(b"x");
        for number in 0..MAX_BLOCKS as u32 {
            let data = number.to_be_bytes();
            put_block(&mut car, &unixfs::block_cid(Codec::Raw, &data), &data);
        }
        let error = read(&root, &car).unwrap_err();
        assert!(error.contains("more blocks than any file"), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// The two readers accept the same CARs; of several faults, they may report different ones.
        #[test]
        fn damage_is_seen_as_in_memory(at: prop::sample::Index, change in 1u8.., cut: prop::sample::Index, cuts: bool) {
            let original = content((1 << 20) + 500);
            let (root, mut car) = pack(&original);
            match cuts {
                true => car.truncate(cut.index(car.len())),
                false => {
                    let at = at.index(car.len());
                    car[at] ^= change;
                }
            }
            prop_assert_eq!(read(&root, &car).is_ok(), unpack(&root, &car).is_ok());
            prop_assert!(read(&root, &car).is_err());
        }

        #[test]
        fn nonsense_does_not_panic(bytes: Vec<u8>, behind_a_header: bool) {
            let (root, car) = pack(b"x");
            let head = if behind_a_header { &car[..59] } else { &[] };
            prop_assert!(read(&root, &[head, &bytes].concat()).is_err());
        }
    }
}
