//! Lines of a stream.

use std::io::{self, BufRead};

use alloy_primitives::B256;
use sha2::{Digest, Sha256};

use super::MAX_LINE;

/// Splits a stream into lines, with memory that depends neither on the stream's nor on a line's length.
///
/// ```
/// use assize_measurement::ndjson::{Line, LineReader, MAX_LINE};
///
/// let text = format!("one\n{}\n\nlast", "x".repeat(10_000_000));
/// let mut lines = LineReader::new(text.as_bytes());
/// assert_eq!(lines.next_line()?, Some((1, Line::Text(b"one"))));
/// assert_eq!(lines.next_line()?, Some((2, Line::TooLong { bytes: 10_000_000 })));
/// assert_eq!(lines.next_line()?, Some((4, Line::Text(b"last"))));
/// assert_eq!(lines.next_line()?, None);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct LineReader<R> {
    reader: R,
    number: u64,
    line: Vec<u8>,
}

/// A line without its line feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'a> {
    /// Its bytes, unchecked.
    Text(&'a [u8]),
    /// Longer than [`MAX_LINE`]: skipped.
    TooLong {
        /// Its length.
        bytes: u64,
    },
}

impl<'a> Line<'a> {
    pub(super) fn of(text: &'a [u8]) -> Self {
        match text.len() {
            0..=MAX_LINE => Self::Text(text),
            bytes => Self::TooLong { bytes: bytes as u64 },
        }
    }
}

impl<R: BufRead> LineReader<R> {
    /// Begins with the first line.
    pub fn new(reader: R) -> Self {
        Self {
            reader,
            number: 0,
            line: Vec::new(),
        }
    }

    /// The next line that is not blank, with its number, counted from 1; `None` at the end.
    ///
    /// # Errors
    /// Errors of the stream.
    pub fn next_line(&mut self) -> io::Result<Option<(u64, Line<'_>)>> {
        loop {
            let Some(bytes) = self.take_line(|_| ())? else {
                return Ok(None);
            };
            self.number += 1;
            if bytes > MAX_LINE as u64 {
                return Ok(Some((self.number, Line::TooLong { bytes })));
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok(Some((self.number, Line::Text(&self.line))));
            }
        }
    }

    /// The next line, blank or not, with the SHA-256 of all its bytes; `None` at the end.
    pub(super) fn next_with_digest(&mut self) -> io::Result<Option<(B256, Line<'_>)>> {
        let mut digest = Sha256::new();
        let Some(bytes) = self.take_line(|piece| digest.update(piece))? else {
            return Ok(None);
        };
        let line = match bytes > MAX_LINE as u64 {
            true => Line::TooLong { bytes },
            false => Line::Text(&self.line),
        };
        Ok(Some((B256::new(digest.finalize().into()), line)))
    }

    /// What has not been read yet.
    pub(super) fn into_inner(self) -> R {
        self.reader
    }

    /// The length of the line, of which at most [`MAX_LINE`] bytes and one more are kept. All of them go to `piece`.
    fn take_line(&mut self, mut piece: impl FnMut(&[u8])) -> io::Result<Option<u64>> {
        self.line.clear();
        let mut bytes = 0;
        let mut any = false;
        loop {
            let there = match self.reader.fill_buf() {
                Ok(there) => there,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if there.is_empty() {
                return Ok(any.then_some(bytes));
            }
            any = true;
            let end = there.iter().position(|byte| *byte == b'\n');
            let part = &there[..end.unwrap_or(there.len())];
            piece(part);
            let room = (MAX_LINE + 1).saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            bytes += part.len() as u64;
            let used = part.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some() {
                return Ok(Some(bytes));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lines_are_those_of_the_whole(text in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b' '), any::<u8>()], 0..200), buffer in 1usize..20) {
            let expected: Vec<_> = (1u64..)
                .zip(text.split(|byte| *byte == b'\n'))
                .filter(|(_, line)| !line.trim_ascii().is_empty())
                .map(|(number, line)| (number, line.to_vec()))
                .collect();
            let mut lines = LineReader::new(BufReader::with_capacity(buffer, &text[..]));
            let mut found = Vec::new();
            while let Some((number, line)) = lines.next_line().unwrap() {
                let Line::Text(line) = line else { panic!("too long") };
                found.push((number, line.to_vec()));
            }
            prop_assert_eq!(found, expected);
        }
    }
}
