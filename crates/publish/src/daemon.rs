//! Publishing for ever: passes, figures, health.

use std::time::Duration;

use assize_daemon::{Status, Stop};
use assize_outbox::{Clock, SystemClock};
use assize_store::Store;

use crate::metrics::Snapshot;
use crate::{Metrics, PublishError, Publisher};

/// How a daemon goes about it.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Pause between two passes.
    pub pause: Duration,
    /// Seconds for which the measurements of batches that are final are kept in the table.
    pub keep: u64,
}

/// Does passes until `stop` is set. What fails is logged and tried again; nothing is lost meanwhile. The step that is
/// under way is finished first.
///
/// # Errors
/// Those after which going on makes no sense: another process has taken the key over.
pub async fn run(
    publisher: &mut Publisher,
    store: &dyn Store,
    options: &Options,
    status: &Status<Metrics>,
    stop: &Stop,
) -> Result<(), PublishError> {
    while !stop.is_set() {
        match pass(publisher, store, options, stop).await {
            Ok(snapshot) => {
                status.figures().set(&snapshot);
                status.good();
            }
            Err(error @ PublishError::Outbox(assize_outbox::OutboxError::Fenced)) => return Err(error),
            Err(error) => {
                status.bad(&error);
                match error.is_transient() {
                    true => tracing::warn!(%error, "a pass failed; trying again"),
                    false => tracing::error!(%error, "a pass failed; trying again"),
                }
            }
        }
        stop.wait(options.pause).await;
    }
    Ok(())
}

async fn pass(
    publisher: &mut Publisher,
    store: &dyn Store,
    options: &Options,
    stop: &Stop,
) -> Result<Snapshot, PublishError> {
    let report = publisher.pass(store, &|| stop.is_set()).await?;
    let now = SystemClock.now();
    publisher.ingest().prune(now.saturating_sub(options.keep))?;
    let (totals, stats) = publisher.figures()?;
    let outbox = publisher.outbox();
    let wallet = outbox.client().balance(outbox.signer().address()).await?;
    Ok(Snapshot {
        report,
        totals,
        stats,
        wallet,
        now,
    })
}
