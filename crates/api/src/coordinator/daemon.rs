//! Coordinating for ever: passes, figures, health.

use std::time::Duration;

use assize_daemon::Stop;

use super::{Coordinator, CoordinatorAlert, CoordinatorError, Snapshot};
use crate::Clock;

/// Told of every pass: how it went.
pub trait Audience {
    /// A pass succeeded.
    fn passed(&self, snapshot: &Snapshot);
    /// A pass failed, or rounds do not go on as they should.
    fn failed(&self, reason: &str);
}

/// Does passes until `stop` is set. What fails is logged and tried again; nothing is lost meanwhile. The step that is under
/// way is finished first.
///
/// # Errors
/// Those after which going on makes no sense: another process has taken the key over.
pub async fn run(
    coordinator: &mut Coordinator,
    pause: Duration,
    audience: &dyn Audience,
    stop: &Stop,
) -> Result<(), CoordinatorError> {
    let mut told: Vec<CoordinatorAlert> = Vec::new();
    while !stop.is_set() {
        match pass(coordinator, stop).await {
            Ok(snapshot) => {
                let alerts = &snapshot.report.alerts;
                log_new(&told, alerts);
                audience.passed(&snapshot);
                if let Some(grave) = alerts.iter().find(|alert| alert.is_grave()) {
                    audience.failed(&grave.to_string());
                }
                told = snapshot.report.alerts;
            }
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => {
                audience.failed(&error.to_string());
                match error.is_transient() {
                    true => tracing::warn!(%error, "a pass failed; trying again"),
                    false => tracing::error!(%error, "a pass failed; trying again"),
                }
            }
        }
        stop.wait(pause).await;
    }
    Ok(())
}

async fn pass(coordinator: &mut Coordinator, stop: &Stop) -> Result<Snapshot, CoordinatorError> {
    let report = coordinator.pass(&|| stop.is_set()).await?;
    let outbox = coordinator.outbox();
    Ok(Snapshot {
        report,
        stats: outbox.stats()?,
        wallet: outbox.client().balance(outbox.signer().address()).await?,
        now: Clock::system().now(),
    })
}

/// Each alert is logged once while it holds.
fn log_new(told: &[CoordinatorAlert], alerts: &[CoordinatorAlert]) {
    for alert in alerts {
        if !told.iter().any(|told| told.kind() == alert.kind()) {
            tracing::warn!(kind = alert.kind(), "{alert}");
        }
    }
}
