//! A file's content, as a stream.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};

use assize_measurement::car::{self, ReadError};

use crate::StoreError;

/// The content of a stored file, in memory that does not grow with the file.
///
/// Every block is checked before any of its bytes are given. That nothing is missing at the end is known when it has been
/// read to its end.
pub struct Content {
    reader: Box<dyn Read + Send>,
    checked: bool,
}

impl Content {
    /// The content of a file that is at hand and checked.
    #[must_use]
    pub fn of_bytes(content: Vec<u8>) -> Self {
        Self {
            reader: Box::new(io::Cursor::new(content)),
            checked: true,
        }
    }

    /// The content of a CAR of ours that has been read to its end before.
    pub(crate) fn checked(car: car::Content<File>) -> Self {
        Self {
            checked: true,
            ..Self::unchecked(car, StoreError::of_spool)
        }
    }

    /// The content of a CAR that is read as needed; `explain` says what it means if it is damaged.
    pub(crate) fn unchecked(
        car: car::Content<File>,
        explain: impl Fn(ReadError) -> StoreError + Send + 'static,
    ) -> Self {
        Self {
            reader: Box::new(Explained { car, explain }),
            checked: false,
        }
    }

    /// Whether all of it was read and found good before any of it is given.
    pub(crate) fn is_checked(&self) -> bool {
        self.checked
    }

    /// All of it.
    ///
    /// # Errors
    /// What reading fails with.
    pub fn into_vec(mut self) -> Result<Vec<u8>, StoreError> {
        let mut content = Vec::new();
        self.read_to_end(&mut content).map_err(StoreError::of_reading)?;
        Ok(content)
    }

    /// Reads to the end, so that it is known to be whole; its length in bytes.
    ///
    /// # Errors
    /// What reading fails with.
    pub fn check(mut self) -> Result<u64, StoreError> {
        io::copy(&mut self, &mut io::sink()).map_err(StoreError::of_reading)
    }
}

impl Read for Content {
    /// An error holds a [`StoreError`]; [`StoreError::of_reading`] gets it out.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content").finish_non_exhaustive()
    }
}

struct Explained<F> {
    car: car::Content<File>,
    explain: F,
}

impl<F: Fn(ReadError) -> StoreError> Read for Explained<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let explain = |error| io::Error::other((self.explain)(ReadError::from_io(error)));
        self.car.read(buffer).map_err(explain)
    }
}
