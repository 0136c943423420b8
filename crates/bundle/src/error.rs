//! Errors of bundles.

use thiserror::Error;

/// Why bytes are not a valid bundle. Each error names the file at fault.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The header is not that of a CARv1 with one root.
    #[error("not a bundle: the header is not that of a CARv1 with one root; create one with `assize bundle`")]
    Header,
    /// The list of files is damaged or not canonical.
    #[error("the bundle's manifest is not valid: {reason}; fetch the bundle again")]
    Manifest {
        /// The problem.
        reason: String,
    },
    /// A bundle of a later version.
    #[error(
        "the bundle has version {version}, this program reads version {}",
        crate::manifest::VERSION
    )]
    Version {
        /// The version found.
        version: u64,
    },
    /// A file that does not match the manifest.
    #[error("{name} is damaged in the bundle: {reason}; fetch the bundle again")]
    Damaged {
        /// The file.
        name: String,
        /// The block and the problem.
        reason: String,
    },
    /// Bytes after the last file.
    #[error("the bundle has trailing bytes after its last file; fetch it again")]
    Trailing,
    /// A missing file.
    #[error("the bundle does not contain {name}: create it again with `assize bundle`")]
    NoFile {
        /// The file.
        name: String,
    },
    /// An invalid or duplicate file name.
    #[error("{name:?} is not a valid file name in a bundle: {reason}")]
    Name {
        /// The name.
        name: String,
        /// The problem.
        reason: &'static str,
    },
    /// Too many files.
    #[error(
        "{count} files are too many for a bundle: the maximum is {}",
        crate::manifest::MAX_FILES
    )]
    TooManyFiles {
        /// Number of transactions.
        count: usize,
    },
}
