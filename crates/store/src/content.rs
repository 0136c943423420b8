//! A file's content, as a stream.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};

use assize_measurement::car::{self, ReadError};

use crate::StoreError;

/// The content of a stored file, as a stream in constant memory.
///
/// Every block is verified before any of its bytes are returned. Whether the file is complete is known only at its end.
pub struct Content {
    reader: Box<dyn Read + Send>,
    checked: bool,
}

impl Content {
    /// The content of a verified file in memory.
    #[must_use]
    pub fn of_bytes(content: Vec<u8>) -> Self {
        Self {
            reader: Box::new(io::Cursor::new(content)),
            checked: true,
        }
    }

    /// The content of a CAR that has already been read to its end and verified.
    pub(crate) fn checked(car: car::Content<File>) -> Self {
        Self {
            checked: true,
            ..Self::unchecked(car, StoreError::of_spool)
        }
    }

    /// The content of a CAR that is read on demand. `explain` describes damage.
    pub(crate) fn unchecked(
        car: car::Content<File>,
        explain: impl Fn(ReadError) -> StoreError + Send + 'static,
    ) -> Self {
        Self {
            reader: Box::new(Explained { car, explain }),
            checked: false,
        }
    }

    /// Whether all of it has already been read and verified.
    pub(crate) fn is_checked(&self) -> bool {
        self.checked
    }

    /// Reads to the end to verify that the file is complete. Returns its length in bytes.
    ///
    /// # Errors
    /// Any error of reading.
    pub fn check(mut self) -> Result<u64, StoreError> {
        io::copy(&mut self, &mut io::sink()).map_err(StoreError::of_reading)
    }
}

impl Read for Content {
    /// The error wraps a [`StoreError`]; [`StoreError::of_reading`] unwraps it.
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
