//! What can be wrong with a bundle.

use thiserror::Error;

/// Why bytes are not a bundle, or lack something. Each names the file at fault.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BundleError {
    /// It does not begin as a CARv1 of one root does.
    #[error(
        "this is no bundle: it does not begin with the header of a CARv1 with one root; make one with `assize bundle`"
    )]
    Header,
    /// The list of files is damaged.
    #[error("the bundle's manifest is damaged: {reason}; get the bundle again")]
    Manifest {
        /// What is wrong with it.
        reason: String,
    },
    /// A bundle of a later version.
    #[error(
        "the bundle is of version {version}, and this program reads version {}",
        crate::manifest::VERSION
    )]
    Version {
        /// The version found.
        version: u64,
    },
    /// A file that is not what the manifest says.
    #[error("{name} is damaged in the bundle: {reason}; get the bundle again")]
    Damaged {
        /// The file.
        name: String,
        /// Which block, and how.
        reason: String,
    },
    /// Bytes after the last file.
    #[error("the bundle goes on after its last file: get it again")]
    Trailing,
    /// A file that is not there.
    #[error("the bundle has no {name}: make it again with `assize bundle`")]
    NoFile {
        /// The file wanted.
        name: String,
    },
    /// A name that no file can have, or that two have.
    #[error("{name:?} cannot be a file of a bundle: {reason}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// More files than a bundle may have.
    #[error(
        "a bundle of {count} files is too large: {} are the most",
        crate::manifest::MAX_FILES
    )]
    TooManyFiles {
        /// How many.
        count: usize,
    },
}
