//! Evaluating for ever.

use std::time::Duration;

use assize_daemon::{Status, Stop};
use assize_outbox::OutboxError;

use crate::{Evaluator, EvaluatorError, Metrics, Pass};

/// Does passes until `stop` is set, and tells each to `watcher`. What fails is logged and tried again.
///
/// # Errors
/// Those after which going on makes no sense: another process has taken the key over.
pub async fn run(
    evaluator: &mut Evaluator,
    pause: Duration,
    status: &Status<Metrics>,
    stop: &Stop,
    mut watcher: impl FnMut(&Pass),
) -> Result<(), EvaluatorError> {
    while !stop.is_set() {
        match evaluator.pass().await {
            Ok(pass) => {
                watcher(&pass);
                status.figures().set(&pass);
                status.good();
            }
            Err(error @ EvaluatorError::Outbox(OutboxError::Fenced)) => return Err(error),
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
