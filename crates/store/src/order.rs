//! One source after the other.

use assize_protocol::FileCid;

use crate::{Source, StoreError};

/// Several sources, asked in order until one has the file.
pub struct InOrder(Vec<Box<dyn Source>>);

impl InOrder {
    /// The sources, the first to be asked first.
    #[must_use]
    pub fn new(sources: Vec<Box<dyn Source>>) -> Self {
        Self(sources)
    }
}

impl Source for InOrder {
    fn get(&self, cid: &FileCid) -> Result<Vec<u8>, StoreError> {
        let mut failures = Vec::new();
        for source in &self.0 {
            match source.get(cid) {
                Ok(content) => return Ok(content),
                Err(error) => failures.push(error),
            }
        }
        // One source speaks for itself.
        match failures.pop() {
            Some(only) if failures.is_empty() => Err(only),
            last => {
                failures.extend(last);
                Err(StoreError::Nowhere { cid: *cid, failures })
            }
        }
    }
}
