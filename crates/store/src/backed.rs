//! A store that reads what it lacks from elsewhere.

use std::sync::Arc;

use assize_protocol::FileCid;

use crate::{Content, InOrder, Produce, Source, Store, StoreError};

/// Writes to its store; reads from it, then from other sources, such as gateways. What is read there is not kept:
/// whoever keeps a file writes it once it knows that it is the right one.
pub struct Backed {
    store: Arc<dyn Store>,
    sources: InOrder,
}

impl Backed {
    /// Backs a store with sources, which are queried in order after it.
    #[must_use]
    pub fn new(store: Box<dyn Store>, sources: Vec<Box<dyn Source>>) -> Self {
        let store: Arc<dyn Store> = store.into();
        let own: Box<dyn Source> = Box::new(Shared(Arc::clone(&store)));
        let sources = InOrder::new([vec![own], sources].into_iter().flatten().collect());
        Self { store, sources }
    }
}

/// The store as one of the sources.
struct Shared(Arc<dyn Store>);

impl Source for Shared {
    fn open(&self, cid: &FileCid) -> Result<Content, StoreError> {
        self.0.open(cid)
    }

    fn open_within(&self, cid: &FileCid, most: u64) -> Result<Content, StoreError> {
        self.0.open_within(cid, most)
    }
}

impl Source for Backed {
    fn open(&self, cid: &FileCid) -> Result<Content, StoreError> {
        self.sources.open(cid)
    }

    fn open_within(&self, cid: &FileCid, most: u64) -> Result<Content, StoreError> {
        self.sources.open_within(cid, most)
    }
}

impl Store for Backed {
    fn put_with(&self, produce: Produce<'_>) -> Result<FileCid, StoreError> {
        self.store.put_with(produce)
    }

    fn has(&self, cid: &FileCid) -> Result<bool, StoreError> {
        self.store.has(cid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LocalStore;

    #[test]
    fn what_the_store_lacks_is_read_elsewhere_and_nothing_is_written_there() {
        let directory = tempfile::tempdir().unwrap();
        let open = |name: &str| LocalStore::open(directory.path().join(name)).unwrap();
        let (own, other) = (open("own"), open("other"));
        let elsewhere = other.put(b"elsewhere").unwrap();
        let backed = Backed::new(Box::new(own.clone()), vec![Box::new(other.clone())]);
        assert_eq!(backed.get(&elsewhere).unwrap(), b"elsewhere");
        assert!(!backed.has(&elsewhere).unwrap());
        let new = backed.put(b"new").unwrap();
        assert_eq!(backed.get(&new).unwrap(), b"new");
        assert_eq!(
            (own.cids().unwrap(), other.cids().unwrap()),
            (vec![new], vec![elsewhere])
        );
    }
}
