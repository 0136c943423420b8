//! Splits Spark's files into chunks of whole lines, for parallel parsing.

use std::io::{self, Read};

use memchr::{memchr, memrchr};

/// Approximate size of a chunk in bytes: small enough to stay in a core's cache between reading and parsing, and longer than any
/// line that is parsed.
const CHUNK: usize = 1 << 20;

/// Maximum length of a legacy list, bytes: 100 000 rows are about 82 MB.
pub const MAX_LIST: usize = 128 << 20;

/// A chunk of a file; its bytes are in the buffer given to [`Chunks::next_into`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// File number, from 0.
    pub file: usize,
    /// The kind of its bytes.
    pub kind: ChunkKind,
}

/// The kind of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkKind {
    /// Whole lines; the last line of a file may lack its end.
    Lines,
    /// Spark's legacy format: the whole file, one line that begins as a list.
    List,
    /// A line that is too long to parse; without bytes.
    TooLong {
        /// Its length.
        bytes: u64,
    },
}

/// Splits files into chunks, with memory that depends neither on the files nor on the length of a line; only legacy lists, up to
/// [`MAX_LIST`], are read completely.
#[derive(Debug)]
pub struct Chunks<I, R> {
    files: I,
    open: Option<Open<R>>,
    opened: usize,
}

#[derive(Debug)]
struct Open<R> {
    reader: R,
    file: usize,
    /// Read already, but part of the next chunk.
    carry: Vec<u8>,
    is_new: bool,
    is_over: bool,
}

impl<I, R> Chunks<I, R>
where
    I: Iterator<Item = io::Result<R>>,
    R: Read,
{
    /// Reads one file after the other; each is opened when it is needed.
    pub fn new(files: impl IntoIterator<IntoIter = I>) -> Self {
        Self {
            files: files.into_iter(),
            open: None,
            opened: 0,
        }
    }

    /// The next chunk; `None` at the end of the last file.
    ///
    /// # Errors
    /// A file cannot be opened or read; the error contains its number.
    pub fn next_into(&mut self, buffer: &mut Vec<u8>) -> Result<Option<Chunk>, (usize, io::Error)> {
        loop {
            if self.open.is_none() {
                let Some(reader) = self.files.next() else {
                    return Ok(None);
                };
                let file = self.opened;
                self.opened += 1;
                self.open = Some(Open {
                    reader: reader.map_err(|error| (file, error))?,
                    file,
                    carry: Vec::new(),
                    is_new: true,
                    is_over: false,
                });
            }
            let Some(open) = &mut self.open else { continue };
            let file = open.file;
            match open.next_into(buffer).map_err(|error| (file, error))? {
                Some(kind) => return Ok(Some(Chunk { file, kind })),
                None => self.open = None,
            }
        }
    }
}

impl<R: Read> Open<R> {
    fn next_into(&mut self, buffer: &mut Vec<u8>) -> io::Result<Option<ChunkKind>> {
        buffer.clear();
        buffer.append(&mut self.carry);
        self.fill(buffer, CHUNK)?;
        if std::mem::take(&mut self.is_new) && buffer.trim_ascii_start().starts_with(b"[") {
            self.fill(buffer, MAX_LIST)?;
            if self.is_over && !buffer.trim_ascii().contains(&b'\n') {
                return Ok(Some(ChunkKind::List));
            }
        }
        if self.is_over {
            return Ok((!buffer.is_empty()).then_some(ChunkKind::Lines));
        }
        match memrchr(b'\n', buffer) {
            Some(end) => {
                self.carry.extend_from_slice(&buffer[end + 1..]);
                buffer.truncate(end + 1);
                Ok(Some(ChunkKind::Lines))
            }
            None => self.pass_over(buffer).map(Some),
        }
    }

    /// Reads until the buffer has `size` bytes or the file ends.
    fn fill(&mut self, buffer: &mut Vec<u8>, size: usize) -> io::Result<()> {
        let missing = size.saturating_sub(buffer.len());
        if !self.is_over && missing > 0 {
            let read = self.reader.by_ref().take(missing as u64).read_to_end(buffer)?;
            self.is_over = read < missing;
        }
        Ok(())
    }

    /// Reads to the end of the line whose beginning is in the buffer.
    fn pass_over(&mut self, buffer: &mut Vec<u8>) -> io::Result<ChunkKind> {
        let mut bytes = 0;
        loop {
            if let Some(end) = memchr(b'\n', buffer) {
                bytes += end as u64;
                self.carry.extend_from_slice(&buffer[end + 1..]);
                break;
            }
            bytes += buffer.len() as u64;
            buffer.clear();
            if self.is_over {
                break;
            }
            self.fill(buffer, CHUNK)?;
        }
        buffer.clear();
        Ok(ChunkKind::TooLong { bytes })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every chunk with its bytes.
    fn pieces(files: &[&[u8]]) -> Vec<(Chunk, Vec<u8>)> {
        let mut chunks = Chunks::new(files.iter().map(|file| Ok(*file)));
        let mut buffer = Vec::new();
        let mut pieces = Vec::new();
        while let Some(chunk) = chunks.next_into(&mut buffer).unwrap() {
            pieces.push((chunk, buffer.clone()));
        }
        pieces
    }

    #[test]
    fn pieces_are_whole_lines() {
        let line = "x".repeat(999) + "\n";
        let file = line.repeat(3_000) + "last";
        let pieces = pieces(&[b"", file.as_bytes(), b"one\n"]);
        assert_eq!(
            pieces.iter().map(|(chunk, _)| chunk.file).collect::<Vec<_>>(),
            [1, 1, 1, 2]
        );
        assert!(
            pieces
                .iter()
                .take(2)
                .all(|(_, bytes)| bytes.ends_with(b"\n") && bytes.len() <= CHUNK)
        );
        let joined: Vec<u8> = pieces.into_iter().flat_map(|(_, bytes)| bytes).collect();
        assert_eq!(joined, (file + "one\n").into_bytes());
    }

    #[test]
    fn files_are_read_as_spark_read_them() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../tests/fixtures/parse_measurements.json")).unwrap();
        for case in vectors["cases"].as_array().unwrap() {
            let text = case["text"].as_str().unwrap();
            let rows = pieces(&[text.as_bytes()])
                .into_iter()
                .flat_map(|(chunk, bytes)| match chunk.kind {
                    ChunkKind::List => crate::parse_list(&bytes)
                        .unwrap()
                        .into_iter()
                        .map(|row| row.is_ok())
                        .collect(),
                    _ => bytes
                        .split(|byte| *byte == b'\n')
                        .map(|line| crate::Parser::Fast.parse(line).is_ok())
                        .collect::<Vec<_>>(),
                });
            let expected = case["expected"].as_array().unwrap();
            assert_eq!(rows.collect::<Vec<_>>(), vec![true; expected.len()], "{text}");
        }
    }

    #[test]
    fn endless_lines_are_passed_over() {
        let long = "x".repeat(3 * CHUNK + 7);
        let file = format!("a\n{long}\nb\n{long}");
        let pieces = pieces(&[file.as_bytes()]);
        let too_long = ChunkKind::TooLong {
            bytes: long.len() as u64,
        };
        let kinds: Vec<_> = pieces
            .iter()
            .map(|(chunk, bytes)| (chunk.kind, bytes.len()))
            .collect();
        assert_eq!(
            kinds,
            [
                (ChunkKind::Lines, 2),
                (too_long, 0),
                (ChunkKind::Lines, 2),
                (too_long, 0)
            ]
        );
    }

    #[test]
    fn a_list_is_sent_completely() {
        let list = format!(" [{}]\n\n", vec!["7"; CHUNK].join(","));
        let pieces = pieces(&[list.as_bytes(), b"[1]\n[2]\n"]);
        let kinds: Vec<_> = pieces
            .iter()
            .map(|(chunk, bytes)| (chunk.kind, bytes.len()))
            .collect();
        assert_eq!(kinds, [(ChunkKind::List, list.len()), (ChunkKind::Lines, 8)]);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let files = [Ok(&b"a\n"[..]), Err(io::ErrorKind::NotFound.into())];
        let mut chunks = Chunks::new(files);
        let mut buffer = Vec::new();
        assert!(chunks.next_into(&mut buffer).unwrap().is_some());
        let (file, error) = chunks.next_into(&mut buffer).unwrap_err();
        assert_eq!((file, error.kind()), (1, io::ErrorKind::NotFound));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn nothing_is_lost_between_pieces(lengths in proptest::collection::vec(0_usize..400_000, 0..12), last: bool) {
            let mut file: Vec<u8> = lengths.iter().flat_map(|length| [vec![b'x'; *length], vec![b'\n']].concat()).collect();
            if !last {
                file.pop();
            }
            let joined: Vec<u8> = pieces(&[&file]).into_iter().flat_map(|(_, bytes)| bytes).collect();
            prop_assert_eq!(joined, file);
        }
    }
}
