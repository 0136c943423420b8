//! Coordinating for ever: passes, figures, health.

use std::time::Duration;

use assize_daemon::{Status, Stop};

use super::{Coordinator, CoordinatorAlert, CoordinatorError, Metrics, Snapshot};
use crate::Clock;

/// How long the step that is under way may take once it is to end.
const LAST_STEP: Duration = Duration::from_secs(5);

/// Does passes until `stop` is set. What fails is logged and tried again; nothing is lost meanwhile. The step that is under
/// way is finished first, unless it takes long. A pass that leaves a grave alert ([`CoordinatorAlert::is_grave`]) does not
/// count as good.
///
/// # Errors
/// Those after which going on makes no sense: another process has taken the key over.
pub async fn run(
    coordinator: &mut Coordinator,
    pause: Duration,
    status: &Status<Metrics>,
    stop: &Stop,
) -> Result<(), CoordinatorError> {
    let mut told: Vec<CoordinatorAlert> = Vec::new();
    while !stop.is_set() {
        let passed = tokio::select! {
            passed = pass(coordinator, stop) => passed,
            () = given_up(stop) => break,
        };
        match passed {
            Ok(snapshot) => {
                let alerts = &snapshot.report.alerts;
                log_new(&told, alerts);
                status.figures().set(&snapshot);
                match alerts.iter().find(|alert| alert.is_grave()) {
                    Some(grave) => status.bad(grave),
                    None => status.good(),
                }
                told = snapshot.report.alerts;
            }
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => {
                status.bad(&error);
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

/// A node that does not answer keeps nobody from ending: a pass may be cut short anywhere, as by a crash.
async fn given_up(stop: &Stop) {
    stop.asked().await;
    tokio::time::sleep(LAST_STEP).await;
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
