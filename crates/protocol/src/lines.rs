//! The root that names a batch (`docs/protocol.md` §8.2, §9.1).

use alloy_primitives::B256;
use sha2::{Digest, Sha256};

use crate::{leaf, positional};

/// The root over the lines of a file that come one after another.
///
/// ```
/// use assize_protocol::LinesRoot;
///
/// let mut lines = LinesRoot::default();
/// lines.push(b"one");
/// lines.push(b"two");
/// let file = b"one\ntwo\n";
/// assert_eq!((lines.count(), lines.root()), (2, LinesRoot::of(file).root()));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinesRoot(positional::RootOf);

impl LinesRoot {
    /// Of all lines of a file.
    #[must_use]
    pub fn of(file: &[u8]) -> Self {
        let mut lines = Self::default();
        lines_of(file).for_each(|line| lines.push(line));
        lines
    }

    /// Adds the next line, given without its line feed.
    ///
    /// # Panics
    /// Beyond 2³² − 1 lines.
    pub fn push(&mut self, line: &[u8]) {
        self.0.push(line_leaf(line));
    }

    /// Adds the next line, given by the SHA-256 of its bytes without the line feed.
    ///
    /// # Panics
    /// Beyond 2³² − 1 lines.
    pub fn push_digest(&mut self, digest: B256) {
        self.0.push(leaf::of_words(&[digest]));
    }

    /// Lines so far.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.0.count()
    }

    /// The root; zero without lines.
    #[must_use]
    pub fn root(&self) -> B256 {
        self.0.root()
    }
}

/// The leaf of a line, given without its line feed.
#[must_use]
pub fn line_leaf(line: &[u8]) -> B256 {
    leaf::of_words(&[B256::new(Sha256::digest(line).into())])
}

/// The lines of a file, without their line feeds. Lines are what line feeds end; a last one without a line feed is a line too.
pub fn lines_of(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    file.split_inclusive(|&byte| byte == b'\n')
        .map(|line| line.strip_suffix(b"\n").unwrap_or(line))
}
