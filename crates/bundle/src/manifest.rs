//! The list of a bundle's files, its first block.

use std::collections::BTreeSet;

use assize_protocol::FileCid;
use serde::{Deserialize, Serialize};

use crate::{BundleError, File};

/// Version of the format.
pub(crate) const VERSION: u64 = 1;
/// Maximum number of files: those of a settlement of 512 rounds with 100 batches each.
pub(crate) const MAX_FILES: usize = 65_536;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    version: u64,
    pub files: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub name: String,
    pub cid: FileCid,
    pub size: u64,
}

impl Manifest {
    pub(crate) fn of(files: &[File]) -> Self {
        let entry = |file: &File| Entry {
            name: file.name.clone(),
            cid: file.cid,
            size: file.content.len() as u64,
        };
        Self {
            version: VERSION,
            files: files.iter().map(entry).collect(),
        }
    }

    /// Canonical JSON (`docs/protocol.md` §6.1), keys in the order of the fields.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        // Strings and numbers under string keys can always be serialized.
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u64,
        }
        let fault = |error: serde_json::Error| BundleError::Manifest {
            reason: error.to_string(),
        };
        let Versioned { version } = serde_json::from_slice(bytes).map_err(fault)?;
        if version != VERSION {
            return Err(BundleError::Version { version });
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(fault)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Names must be valid on every file system, and unique.
    pub(crate) fn check(&self) -> Result<(), BundleError> {
        if self.files.len() > MAX_FILES {
            return Err(BundleError::TooManyFiles {
                count: self.files.len(),
            });
        }
        let mut seen = BTreeSet::new();
        for Entry { name, .. } in &self.files {
            let refuse = |reason| {
                Err(BundleError::Name {
                    name: name.clone(),
                    reason,
                })
            };
            let plain = |part: &str| {
                !part.is_empty()
                    && !part.starts_with('.')
                    && part
                        .bytes()
                        .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'))
            };
            if !name.split('/').all(plain) {
                return refuse(
                    "a name consists of a-z, 0-9, - and dots, with / between parts that do not begin with a dot",
                );
            }
            if !seen.insert(name) {
                return refuse("it is listed twice");
            }
        }
        Ok(())
    }
}
