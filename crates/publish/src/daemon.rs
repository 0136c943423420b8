//! The publisher as a daemon.

use std::convert::Infallible;

use assize_outbox::parked;
use assize_service::{Clock, Daemon, Stop};
use assize_store::Store;

use crate::metrics::Snapshot;
use crate::{Metrics, PublishError, Publisher};

/// A publisher, its store, and how long published measurements are kept.
pub struct PublisherDaemon {
    publisher: Publisher,
    store: Box<dyn Store>,
    keep: u64,
}

impl PublisherDaemon {
    /// Keeps the measurements of final batches in the ingest table for `keep` seconds.
    #[must_use]
    pub fn new(publisher: Publisher, store: Box<dyn Store>, keep: u64) -> Self {
        Self {
            publisher,
            store,
            keep,
        }
    }
}

impl Daemon for PublisherDaemon {
    type Metrics = Metrics;
    type Alert = Infallible;
    type Error = PublishError;

    async fn pass(&mut self, metrics: &Metrics, stop: &Stop) -> Result<Vec<Infallible>, PublishError> {
        let Self {
            publisher,
            store,
            keep,
        } = self;
        let report = publisher.pass(&**store, &|| stop.is_set()).await?;
        let now = Clock::system().now();
        publisher.ingest().prune(now.saturating_sub(*keep))?;
        metrics.set(&Snapshot {
            totals: publisher.ingest().totals()?,
            queue: publisher.outbox().state(parked(&report.alerts)).await?,
            report,
            now,
        });
        Ok(Vec::new())
    }
}
