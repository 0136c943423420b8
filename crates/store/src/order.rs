//! Several sources, queried in order.

use assize_measurement::unixfs::MAX_FILE_SIZE;
use assize_protocol::FileCid;

use crate::{Content, Source, StoreError};

/// Several sources, queried in order until one has the file.
pub struct InOrder(Vec<Box<dyn Source>>);

impl InOrder {
    /// Combines sources; the first is queried first.
    #[must_use]
    pub fn new(sources: Vec<Box<dyn Source>>) -> Self {
        Self(sources)
    }
}

impl Source for InOrder {
    fn open(&self, cid: &FileCid) -> Result<Content, StoreError> {
        self.open_within(cid, MAX_FILE_SIZE)
    }

    fn open_within(&self, cid: &FileCid, most: u64) -> Result<Content, StoreError> {
        let mut failures = Vec::new();
        for source in &self.0 {
            match source
                .open_within(cid, most)
                .and_then(|content| whole(&**source, cid, content))
            {
                Ok(content) => return Ok(content),
                Err(error) => failures.push(error),
            }
        }
        // The error of a single source is returned as it is.
        match failures.pop() {
            Some(only) if failures.is_empty() => Err(only),
            last => {
                failures.extend(last);
                Err(StoreError::Nowhere { cid: *cid, failures })
            }
        }
    }
}

/// A file may be damaged at its end. It is read twice, so that a damaged source is skipped before any bytes are
/// returned.
fn whole(source: &dyn Source, cid: &FileCid, content: Content) -> Result<Content, StoreError> {
    if content.is_checked() {
        return Ok(content);
    }
    content.check()?;
    source.open(cid)
}
