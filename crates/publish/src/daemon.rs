//! The publisher as a daemon.

use std::time::{Duration, Instant};

use assize_outbox::{QueueAlert, QueueState, parked};
use assize_service::{Clock, Daemon, Stop};
use assize_store::Store;

use crate::metrics::Snapshot;
use crate::{Metrics, PublishError, PublishReport, Publisher, PublisherAlert};

/// How long an idle publisher does not read the chain.
const IDLE: Duration = Duration::from_secs(300);

/// A publisher, its store, and how long published measurements are kept.
pub struct PublisherDaemon {
    publisher: Publisher,
    store: Box<dyn Store>,
    keep: u64,
    /// When the chain was read last.
    looked: Option<Instant>,
}

impl PublisherDaemon {
    /// Keeps the measurements of final batches in the ingest table for `keep` seconds.
    #[must_use]
    pub fn new(publisher: Publisher, store: Box<dyn Store>, keep: u64) -> Self {
        Self {
            publisher,
            store,
            keep,
            looked: None,
        }
    }
}

impl Daemon for PublisherDaemon {
    type Metrics = Metrics;
    type Alert = PublisherAlert;
    type Error = PublishError;

    async fn pass(&mut self, metrics: &Metrics, stop: &Stop) -> Result<Vec<PublisherAlert>, PublishError> {
        let Self {
            publisher,
            store,
            keep,
            looked,
        } = self;
        // Without anything to publish, the node is asked for the balance alone, and seldom.
        if looked.is_some_and(|at| at.elapsed() < IDLE) && publisher.is_idle()? {
            return Ok(Vec::new());
        }
        *looked = Some(Instant::now());
        let report = publisher.pass(&**store, &|| stop.is_set()).await?;
        let now = Clock::system().now();
        publisher.ingest().prune(now.saturating_sub(*keep))?;
        let queue = publisher.outbox().state(parked(&report.alerts)).await?;
        let alerts = alerts(&report, &queue);
        metrics.set(&Snapshot {
            totals: publisher.ingest().totals()?,
            queue,
            report,
            now,
            alerts: alerts.clone(),
        });
        Ok(alerts)
    }
}

/// What holds after a pass.
fn alerts(report: &PublishReport, queue: &QueueState) -> Vec<PublisherAlert> {
    let at_risk = report.at_risk.iter();
    let uncommitted = at_risk.map(|&(round, left)| PublisherAlert::Uncommitted { round, left });
    let queue = QueueAlert::of(queue).map(PublisherAlert::Queue);
    uncommitted.chain(queue).collect()
}
