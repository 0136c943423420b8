//! Everything needed to recompute a round, in one CAR file.
//!
//! A [`Bundle`] holds files by name and CID: the contracts' state (`facts.json`), both drand beacons of each round
//! (`beacons.json`) with their chain (`drand.json`), and every roster, task list, batch and settlement document that the facts name. With a bundle, a round can
//! be recomputed offline. Format: `docs/protocol.md` §12.1.
//!
//! The creator of a bundle is not trusted. Reading checks every byte against the CIDs in it. The caller checks that the files
//! belong to the round, and that the facts match the chain.
//!
//! ```
//! use assize_bundle::Bundle;
//!
//! let bundle = Bundle::new([("facts.json".into(), b"{}".to_vec())])?;
//! let (root, car) = bundle.to_car();
//! assert_eq!(Bundle::from_car(&car)?.root(), root);
//! # Ok::<(), assize_bundle::BundleError>(())
//! ```

mod error;
mod manifest;

use std::collections::BTreeMap;

use assize_measurement::car::{self, Section, Sections};
use assize_measurement::unixfs::{self, Profile, UnixFsError, Walk};
use assize_protocol::{Codec, FileCid};

pub use error::BundleError;
use manifest::{Entry, Manifest};

/// A reader's memory is bounded by this multiple of the bundle's size (`docs/protocol.md` §12.1): a repeated block is in the
/// bundle once, and in its file as often as it is repeated.
const MAX_EXPANSION: u64 = 16;

/// The contracts' state.
pub const FACTS: &str = "facts.json";
/// The drand beacons of the rounds, as a JSON array.
pub const BEACONS: &str = "beacons.json";
/// The drand chain of the beacons.
pub const DRAND: &str = "drand.json";

/// One file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name in the bundle, such as `rounds/1/roster.ndjson`.
    pub name: String,
    /// Its CID (UnixFS profile `unixfs-v1-2025`).
    pub cid: FileCid,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// Files with distinct names and contents, in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    files: Vec<File>,
    by_cid: BTreeMap<FileCid, usize>,
}

impl Bundle {
    /// A bundle of the given files, in this order. Of files with the same content, the first one's name is kept.
    ///
    /// # Errors
    /// [`BundleError::Name`] if a name is invalid or listed twice; [`BundleError::TooManyFiles`].
    pub fn new(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Result<Self, BundleError> {
        let files = files.into_iter().map(|(name, content)| File {
            cid: unixfs::file_cid(&content),
            name,
            content,
        });
        let mut bundle = Self {
            files: Vec::new(),
            by_cid: BTreeMap::new(),
        };
        for file in files {
            if !bundle.by_cid.contains_key(&file.cid) {
                bundle.by_cid.insert(file.cid, bundle.files.len());
                bundle.files.push(file);
            }
        }
        bundle.manifest().check()?;
        Ok(bundle)
    }

    /// The files, in their order.
    #[must_use]
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// A file by its name.
    ///
    /// # Errors
    /// [`BundleError::NoFile`].
    pub fn file(&self, name: &str) -> Result<&File, BundleError> {
        let found = self.files.iter().find(|file| file.name == name);
        found.ok_or_else(|| BundleError::NoFile { name: name.into() })
    }

    /// A file by its CID.
    #[must_use]
    pub fn by_cid(&self, cid: &FileCid) -> Option<&File> {
        self.by_cid.get(cid).map(|&place| &self.files[place])
    }

    /// CID of the whole bundle: it determines every byte of every file.
    #[must_use]
    pub fn root(&self) -> FileCid {
        manifest_cid(&self.manifest().to_bytes())
    }

    /// Packs the bundle: its root, and the bytes of the CAR. The same files give the same bytes.
    #[must_use]
    pub fn to_car(&self) -> (FileCid, Vec<u8>) {
        let manifest = self.manifest().to_bytes();
        let root = manifest_cid(&manifest);
        let content: usize = self.files.iter().map(|file| file.content.len()).sum();
        let mut packed =
            Vec::with_capacity(content + content / 4096 + manifest.len() + 256 * self.files.len());
        car::put_header(&mut packed, &root);
        car::put_block(&mut packed, &root, &manifest);
        for file in &self.files {
            for (cid, data) in blocks(&file.content) {
                car::put_block(&mut packed, &cid, &data);
            }
        }
        (root, packed)
    }

    /// Unpacks a bundle; accepts exactly the bytes that [`Self::to_car`] writes.
    ///
    /// # Errors
    /// [`BundleError`] names the file that is damaged.
    pub fn from_car(packed: &[u8]) -> Result<Self, BundleError> {
        let mut sections = Sections::open(packed).ok_or(BundleError::Header)?;
        let root = sections.root();
        let damaged = |source| BundleError::Manifest {
            reason: format!("{source}"),
        };
        let manifest = sections.next().transpose().map_err(damaged)?;
        let manifest = match manifest {
            Some(Section { cid, data, .. }) if cid == root => Manifest::parse(data)?,
            _ => {
                return Err(BundleError::Manifest {
                    reason: format!("the header names block {root}, but another block is first"),
                });
            }
        };
        let sizes = manifest.files.iter().map(|entry| entry.size);
        let total = sizes.fold(0_u64, u64::saturating_add);
        if total > MAX_EXPANSION * packed.len() as u64 {
            return Err(BundleError::Manifest {
                reason: format!(
                    "its files have {total} bytes, more than {MAX_EXPANSION} times those of the bundle"
                ),
            });
        }
        let mut files = Vec::with_capacity(manifest.files.len());
        for entry in manifest.files {
            let content = read_file(&entry, &mut sections)?;
            files.push((entry.name, content));
        }
        if sections.next().is_some() {
            return Err(BundleError::Trailing);
        }
        let bundle = Self::new(files)?;
        match bundle.root() == root {
            true => Ok(bundle),
            false => Err(BundleError::Manifest {
                reason: "it is not in canonical form (docs/protocol.md §6.1)".into(),
            }),
        }
    }

    fn manifest(&self) -> Manifest {
        Manifest::of(&self.files)
    }
}

/// The manifest is one block, whatever its size.
fn manifest_cid(manifest: &[u8]) -> FileCid {
    unixfs::block_cid(Codec::Raw, manifest)
}

/// The blocks of a file in a bundle's order: children before their node, each once.
fn blocks(content: &[u8]) -> Vec<(FileCid, Vec<u8>)> {
    let mut written = std::collections::BTreeSet::new();
    let (_, blocks) = unixfs::build(content, Profile::default());
    let new = blocks.into_iter().filter(|block| written.insert(block.cid));
    new.map(|block| (block.cid, block.data)).collect()
}

/// Reads one file, whose blocks are contiguous and end with the root.
fn read_file(entry: &Entry, sections: &mut Sections<'_>) -> Result<Vec<u8>, BundleError> {
    let damaged = |reason: String| BundleError::Damaged {
        name: entry.name.clone(),
        reason,
    };
    let (mut found, mut order) = (BTreeMap::new(), Vec::new());
    loop {
        let Some(section) = sections.next() else {
            return Err(damaged("the bundle ends before its last block".into()));
        };
        let Section { cid, data, .. } = section.map_err(|error| damaged(error.to_string()))?;
        if found.insert(cid, data).is_some() {
            return Err(damaged(format!("block {cid} is repeated")));
        }
        order.push(cid);
        if cid == entry.cid {
            break;
        }
    }
    let get = |cid: &FileCid| found.get(cid).copied();
    let mut walk = Walk::new(&entry.cid, Profile::default());
    let mut content = Vec::new();
    while let Some(cid) = walk.wanted() {
        let block = get(&cid).ok_or_else(|| damaged(UnixFsError::Missing(cid).to_string()))?;
        content.extend_from_slice(walk.take(block).map_err(|error| damaged(error.to_string()))?);
        // Before the rest is expanded.
        if let Some(size) = walk.size().filter(|&size| size != entry.size) {
            return Err(damaged(format!(
                "it has {size} bytes, but the manifest says {}",
                entry.size
            )));
        }
    }
    // No other block is between them, and none is out of order.
    match blocks(&content).iter().map(|(cid, _)| cid).eq(&order) {
        true => Ok(content),
        false => Err(damaged(
            "its blocks are not those of its content, in their order".into(),
        )),
    }
}

#[cfg(test)]
mod tests;
